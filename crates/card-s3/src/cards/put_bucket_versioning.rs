//! `s3.put_bucket_versioning`: whether a bucket keeps versions.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, Example, Idempotency, InputError,
    Partial, Permissions, Resource,
};
use flowrun_connections::AwsS3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{client::S3, error::Call, fields::Problems};

/// Whether versions are kept, as S3 spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(crate) enum Versioning {
    /// Every write adds a version.
    Enabled,
    /// Writes replace the version without an id; older versions stay.
    Suspended,
}

/// Which bucket, and what of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The connection.
    connection: ConnectionRef<AwsS3>,
    /// The bucket.
    bucket: String,
    /// `Enabled`: every write adds a version. `Suspended`: writes replace the version without an
    /// id, and older versions stay.
    versioning: Versioning,
}

/// The state now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The bucket.
    bucket: String,
    /// `Enabled` or `Suspended`.
    versioning: Versioning,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PutBucketVersioning;

impl Card for PutBucketVersioning {
    type Input = Input;
    type Output = Output;
    type Plan = Input;

    const SPEC: CardSpec = CardSpec {
        name: "s3.put_bucket_versioning",
        title: "Set the versioning of a bucket",
        description: "Makes a bucket keep versions, or stop adding them.\n\n\
            A bucket that kept versions once never forgets the ones it has. S3 asks to wait 15 \
            minutes after the first `Enabled` before the bucket is written to. A bucket with \
            Object Lock cannot be `Suspended`.",
        effect: Effect::Write,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &["version", "history", "undelete", "suspend"],
        rules: &[],
    };

    fn check(input: Input) -> Result<Input, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.bucket("bucket", &input.bucket);
        problems.none_or(input)
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        permissions.need(
            input.connection("connection"),
            &["s3:PutBucketVersioning"],
            Resource::bucket(&input.at("bucket").text()),
        );
    }

    fn examples() -> &'static [Example] {
        &[Example {
            title: "Make a bucket that keeps versions",
            flow: r#"flow: versioned_bucket
connections: { admin: demo-admin }
cards:
  bucket:
    card: s3.create_bucket
    connection: admin
    with: { bucket: flowrun-versioning-example }
  versions:
    card: s3.put_bucket_versioning
    connection: admin
    with: { bucket: "{{ cards.bucket.bucket }}", versioning: Enabled }
outputs:
  versioning: "{{ cards.versions.versioning }}"
"#,
        }]
    }

    async fn run(&self, plan: &Input, ctx: &Ctx) -> Result<Output, CardError> {
        let s3 = S3::open(ctx, &plan.connection).await?;
        ctx.until_cancelled(put(&s3, plan)).await?;
        Ok(Output {
            bucket: plan.bucket.clone(),
            versioning: plan.versioning,
        })
    }
}

async fn put(s3: &S3, plan: &Input) -> Result<(), CardError> {
    let call = Call::bucket(
        "PutBucketVersioning",
        "s3:PutBucketVersioning",
        &plan.bucket,
    );
    let status = match plan.versioning {
        Versioning::Enabled => BucketVersioningStatus::Enabled,
        Versioning::Suspended => BucketVersioningStatus::Suspended,
    };
    let request = s3
        .client()
        .put_bucket_versioning()
        .bucket(&plan.bucket)
        .versioning_configuration(VersioningConfiguration::builder().status(status).build());
    Box::pin(request.send())
        .await
        .map_err(|error| s3.error(&call, error))?;
    Ok(())
}
