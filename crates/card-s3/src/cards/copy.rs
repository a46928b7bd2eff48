//! `s3.copy`: one object to another place, under one connection or two.

use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, Example, Idempotency, InputError,
    Partial, Permissions, Secret,
};
use flowrun_connections::AwsS3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    client::S3,
    fields::Problems,
    permissions::{READ, need_upload},
    transfer::{
        customer_key::CustomerKey,
        object::{ObjectStream, Place},
        server_copy::server_copy,
        sizes::Sizes,
        source::Source,
        stop::Stop,
        upload::{Destination, Headers, Stored, upload},
    },
};

/// What to copy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct From {
    /// The connection that reads; the card's own if left out.
    connection: ConnectionRef<AwsS3>,
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
    /// The version; the current one if left out.
    version_id: Option<String>,
    /// The key that the object is encrypted with (SSE-C): 32 bytes in base64.
    sse_customer_key: Option<Secret>,
}

/// Where to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct To {
    /// The connection that writes; the card's own if left out.
    connection: ConnectionRef<AwsS3>,
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
    /// Encrypt the copy with this key (SSE-C): 32 bytes in base64. S3 does not keep it: without it
    /// the copy is lost. Left out, the copy is encrypted as the bucket says, also where the source has
    /// a key.
    sse_customer_key: Option<Secret>,
}

/// From where to where.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// What to copy.
    source: From,
    /// Where to.
    destination: To,
}

/// The copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The bucket of the copy.
    bucket: String,
    /// The key of the copy.
    key: String,
    /// The ETag of the copy, without quotes. It may differ from that of the source though the
    /// content is the same.
    etag: Option<String>,
    /// The version of the copy, in a bucket that keeps versions.
    version_id: Option<String>,
    /// Bytes.
    size: u64,
    /// The version that was copied, in a bucket that keeps versions.
    source_version_id: Option<String>,
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Plan {
    input: Input,
    source_key: Option<CustomerKey>,
    destination_key: Option<CustomerKey>,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copy;

impl Card for Copy {
    type Input = Input;
    type Output = Output;
    type Plan = Plan;

    const SPEC: CardSpec = CardSpec {
        name: "s3.copy",
        title: "Copy an object",
        description: "Copies an object to another bucket or key, also between two accounts.\n\n\
            Under one connection S3 copies by itself, in parts over 5 GiB. Under two, the content \
            is read with one and written with the other, in at most 24 MiB of memory (more for \
            objects over 78 GiB), checked against the source's checksum; neither connection needs \
            rights of the other. Content headers and user metadata are kept. Tags, storage class, \
            ACL, retention and legal hold are not, so that reading and writing objects is all that \
            the roles must allow. A source that is replaced while it is copied is an error of kind \
            `precondition_failed`, and nothing is stored then.",
        effect: Effect::Write,
        idempotency: Idempotency::NewVersion,
        since: "0.1.0",
        search_terms: &[
            "cp",
            "move",
            "backup",
            "cross-account",
            "CopyObject",
            "duplicate",
        ],
        rules: &[],
    };

    fn check(input: Input) -> Result<Plan, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.bucket("source.bucket", &input.source.bucket);
        problems.key("source.key", &input.source.key);
        problems.version_id("source.version_id", input.source.version_id.as_deref());
        problems.bucket("destination.bucket", &input.destination.bucket);
        problems.key("destination.key", &input.destination.key);
        let source_key = CustomerKey::of(
            "source.sse_customer_key",
            input.source.sse_customer_key.as_ref(),
            &mut problems,
        );
        let destination_key = CustomerKey::of(
            "destination.sse_customer_key",
            input.destination.sse_customer_key.as_ref(),
            &mut problems,
        );
        problems.none_or(Plan {
            input,
            source_key,
            destination_key,
        })
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        READ.need(&input.at("source"), permissions);
        need_upload(&input.at("destination"), permissions);
    }

    fn examples() -> &'static [Example] {
        &[
            Example {
                title: "Copy a report into the vault of another account",
                flow: r#"flow: copy_to_vault
connections: { source: demo-reports, vault: demo-vault }
cards:
  stored:
    card: s3.upload
    connection: source
    with: { bucket: reports, key: daily/copy/a.txt, text: "one report" }
  copied:
    card: s3.copy
    with:
      source:      { connection: source, bucket: reports, key: "{{ cards.stored.key }}" }
      destination: { connection: vault, bucket: reports-vault, key: copy/a.txt }
outputs:
  size: "{{ cards.copied.size }}"
"#,
            },
            Example {
                title: "Copy within one connection",
                flow: r#"flow: copy_within
connections: { source: demo-reports }
cards:
  stored:
    card: s3.upload
    connection: source
    with: { bucket: reports, key: daily/copy/b.txt, text: "one report" }
  copied:
    card: s3.copy
    connection: source
    with:
      source:      { bucket: reports, key: "{{ cards.stored.key }}" }
      destination: { bucket: reports, key: daily/copy/c.txt }
outputs:
  size: "{{ cards.copied.size }}"
"#,
            },
        ]
    }

    async fn run(&self, plan: &Plan, ctx: &Ctx) -> Result<Output, CardError> {
        let (stored, source_version_id) = copy(plan, ctx, &Sizes::STANDARD).await?;
        let plan = &plan.input;
        Ok(Output {
            bucket: plan.destination.bucket.clone(),
            key: plan.destination.key.clone(),
            etag: stored.etag,
            version_id: stored.version_id,
            size: stored.size,
            source_version_id,
        })
    }
}

async fn copy(
    plan: &Plan,
    ctx: &Ctx,
    sizes: &Sizes,
) -> Result<(Stored, Option<String>), CardError> {
    let Plan {
        input: plan,
        source_key,
        destination_key,
    } = plan;
    let source = Place {
        bucket: plan.source.bucket.clone(),
        key: plan.source.key.clone(),
        version_id: plan.source.version_id.clone(),
        customer_key: source_key.clone(),
    };
    let mut destination = Destination {
        s3: S3::open(ctx, &plan.destination.connection).await?,
        bucket: plan.destination.bucket.clone(),
        key: plan.destination.key.clone(),
        headers: Headers::default(),
        customer_key: destination_key.clone(),
        if_none_match: false,
        mark: "upload_id".to_owned(),
        stop: Stop::new(),
    };
    if plan.source.connection == plan.destination.connection {
        return server_copy(ctx, sizes, &source, &mut destination).await;
    }
    let s3 = S3::open(ctx, &plan.source.connection).await?;
    let mut object = ctx
        .until_cancelled(ObjectStream::open(ctx, &s3, &source))
        .await?;
    object.all_metadata()?;
    destination.headers = object.headers.clone();
    ctx.progress().set_total_bytes(object.size());
    let stored = upload(ctx, sizes, &destination, &mut object).await?;
    Ok((stored, object.version_id.clone()))
}
