//! `s3.delete_object`: an object, or one of its versions.

use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, Example, Idempotency, InputError,
    Partial, Permissions,
};
use flowrun_connections::AwsS3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{client::S3, error::Call, fields::Problems, permissions::DELETE};

/// Which object.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The connection.
    connection: ConnectionRef<AwsS3>,
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
    /// Delete this version for good. Left out, a bucket that keeps versions keeps them all and
    /// hides the object behind a delete marker.
    version_id: Option<String>,
}

/// What is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Whether a delete marker was made, or the version that was deleted was one.
    delete_marker: bool,
    /// The version that was deleted, or that of the delete marker that was made.
    version_id: Option<String>,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeleteObject;

impl Card for DeleteObject {
    type Input = Input;
    type Output = Output;
    type Plan = Input;

    const SPEC: CardSpec = CardSpec {
        name: "s3.delete_object",
        title: "Delete an object",
        description: "Deletes an object, or one version of it for good.\n\n\
            An object that does not exist is no error, as in S3. A version under legal hold or \
            retention is refused by S3; governance retention is never bypassed.",
        effect: Effect::Destroy,
        // Each call without `version_id` adds a delete marker where versions are kept.
        idempotency: Idempotency::NewVersion,
        since: "0.1.0",
        search_terms: &["rm", "remove", "DeleteObject", "version", "marker"],
        rules: &[],
    };

    fn check(input: Input) -> Result<Input, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.object(&input.bucket, &input.key, input.version_id.as_deref());
        problems.none_or(input)
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        DELETE.need(input, permissions);
    }

    fn examples() -> &'static [Example] {
        &[Example {
            title: "Delete one version for good",
            flow: r#"flow: delete_version
connections: { admin: demo-admin }
cards:
  bucket:
    card: s3.create_bucket
    connection: admin
    with: { bucket: flowrun-delete-example }
  versions:
    card: s3.put_bucket_versioning
    connection: admin
    after: [bucket]
    with: { bucket: flowrun-delete-example, versioning: Enabled }
  stored:
    card: s3.upload
    connection: admin
    after: [versions]
    with: { bucket: flowrun-delete-example, key: a.txt, text: "one report" }
  deleted:
    card: s3.delete_object
    connection: admin
    with:
      bucket: flowrun-delete-example
      key: a.txt
      version_id: "{{ cards.stored.version_id }}"
outputs:
  deleted: "{{ cards.deleted.version_id }}"
"#,
        }]
    }

    async fn run(&self, plan: &Input, ctx: &Ctx) -> Result<Output, CardError> {
        let s3 = S3::open(ctx, &plan.connection).await?;
        ctx.until_cancelled(delete(&s3, plan)).await
    }
}

async fn delete(s3: &S3, plan: &Input) -> Result<Output, CardError> {
    let version_id = plan.version_id.as_deref();
    let action = DELETE.on(version_id);
    let call = Call::object("DeleteObject", action, &plan.bucket, &plan.key, version_id);
    let request = s3
        .client()
        .delete_object()
        .bucket(&plan.bucket)
        .key(&plan.key)
        .set_version_id(plan.version_id.clone());
    let answer = Box::pin(request.send())
        .await
        .map_err(|error| s3.error(&call, error))?;
    Ok(Output {
        delete_marker: answer.delete_marker() == Some(true),
        version_id: answer.version_id().map(str::to_owned),
    })
}
