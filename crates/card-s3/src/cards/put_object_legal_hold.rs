//! `s3.put_object_legal_hold`: a version that nobody can delete, until the hold is lifted.

use aws_sdk_s3::types::{ObjectLockLegalHold, ObjectLockLegalHoldStatus};
use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, Example, Idempotency, InputError,
    Partial, Permissions,
};
use flowrun_connections::AwsS3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{client::S3, error::Call, fields::Problems, permissions::need};

/// Which version, and whether it is held.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The connection.
    connection: ConnectionRef<AwsS3>,
    /// The bucket; it must have Object Lock.
    bucket: String,
    /// The key.
    key: String,
    /// The version; the current one if left out.
    version_id: Option<String>,
    /// Whether the version is held: `true` puts it under legal hold, `false` lifts that.
    legal_hold: bool,
}

/// The state now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
    /// The version that was named; null where none was.
    version_id: Option<String>,
    /// Whether it is held.
    legal_hold: bool,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PutObjectLegalHold;

impl Card for PutObjectLegalHold {
    type Input = Input;
    type Output = Output;
    type Plan = Input;

    const SPEC: CardSpec = CardSpec {
        name: "s3.put_object_legal_hold",
        title: "Put an object under legal hold",
        description: "Puts a version of an object under legal hold, or lifts the hold.\n\n\
            While it is held, the version cannot be deleted or overwritten by anyone; newer \
            versions can still be added. The bucket must have Object Lock. Name the `version_id` \
            to hold exactly what an earlier card stored.",
        effect: Effect::Write,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &[
            "lock",
            "worm",
            "compliance",
            "protect",
            "immutable",
            "Object Lock",
        ],
        rules: &[],
    };

    fn check(input: Input) -> Result<Input, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.object(&input.bucket, &input.key, input.version_id.as_deref());
        problems.none_or(input)
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        need(input, &["s3:PutObjectLegalHold"], permissions);
    }

    fn examples() -> &'static [Example] {
        &[Example {
            title: "Store a report in the vault and hold it",
            flow: r#"flow: hold_report
connections: { vault: demo-vault }
cards:
  stored:
    card: s3.upload
    connection: vault
    with: { bucket: reports-vault, key: hold/a.txt, text: "one report" }
  held:
    card: s3.put_object_legal_hold
    connection: vault
    with:
      bucket: reports-vault
      key: hold/a.txt
      version_id: "{{ cards.stored.version_id }}"
      legal_hold: true
outputs:
  held: "{{ cards.held.legal_hold }}"
"#,
        }]
    }

    async fn run(&self, plan: &Input, ctx: &Ctx) -> Result<Output, CardError> {
        let s3 = S3::open(ctx, &plan.connection).await?;
        ctx.until_cancelled(put(&s3, plan)).await?;
        Ok(Output {
            bucket: plan.bucket.clone(),
            key: plan.key.clone(),
            version_id: plan.version_id.clone(),
            legal_hold: plan.legal_hold,
        })
    }
}

async fn put(s3: &S3, plan: &Input) -> Result<(), CardError> {
    let call = Call::object(
        "PutObjectLegalHold",
        "s3:PutObjectLegalHold",
        &plan.bucket,
        &plan.key,
        plan.version_id.as_deref(),
    );
    let status = if plan.legal_hold {
        ObjectLockLegalHoldStatus::On
    } else {
        ObjectLockLegalHoldStatus::Off
    };
    let request = s3
        .client()
        .put_object_legal_hold()
        .bucket(&plan.bucket)
        .key(&plan.key)
        .set_version_id(plan.version_id.clone())
        .legal_hold(ObjectLockLegalHold::builder().status(status).build());
    Box::pin(request.send())
        .await
        .map_err(|error| s3.error(&call, error))?;
    Ok(())
}
