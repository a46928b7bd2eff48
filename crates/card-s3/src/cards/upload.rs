//! `s3.upload`: one object from a file, a text or a value.

mod json;

use bytes::Bytes;
use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, Example, Idempotency, InputError,
    Partial, Permissions, Rule, Secret, Value,
};
use flowrun_connections::AwsS3;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    client::S3,
    fields::{FileInput, Problems},
    permissions::need_upload,
    transfer::{
        customer_key::CustomerKey,
        local::LocalFile,
        sizes::Sizes,
        source::{Memory, Source},
        stop::Stop,
        upload::{Destination, Headers, Stored, upload},
    },
};

/// What to store, and where.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The connection.
    connection: ConnectionRef<AwsS3>,
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
    /// Store this file: a path, or a file that another card gave. A relative path starts at the
    /// flow file's folder.
    file: Option<FileInput>,
    /// Store this text, as UTF-8.
    text: Option<String>,
    /// Store this value, as JSON in one line.
    content: Option<Value>,
    /// The media type. Left out, it is that of the file where known, `text/plain; charset=utf-8`
    /// for a text, `application/json` for a value.
    content_type: Option<String>,
    /// User metadata: names in lower case and ASCII values, 2 KB in all.
    metadata: Option<IndexMap<String, String>>,
    /// Encrypt the object with this key (SSE-C): 32 bytes in base64. S3 does not keep it: without it
    /// the object is lost.
    sse_customer_key: Option<Secret>,
    /// Store it only where the key has no object; otherwise fail with kind `precondition_failed`.
    /// Where the answer to an attempt is lost, the next one finds the object of the first.
    #[serde(default)]
    if_none_match: bool,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
    /// The ETag, without quotes. It is no checksum of the content.
    etag: Option<String>,
    /// The version, in a bucket that keeps versions.
    version_id: Option<String>,
    /// Bytes.
    size: u64,
    /// CRC-64/NVME of the content in base64, as S3 says it; null where the server has none.
    checksum_crc64nvme: Option<String>,
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Plan {
    input: Input,
    customer_key: Option<CustomerKey>,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upload;

impl Card for Upload {
    type Input = Input;
    type Output = Output;
    type Plan = Plan;

    const SPEC: CardSpec = CardSpec {
        name: "s3.upload",
        title: "Upload an object",
        description: "Stores a file, a text, or a value as JSON under a key.\n\n\
            The content travels with its CRC-64/NVME, which S3 checks. From 16 MiB on it goes in \
            parts, three at a time, which are removed if the card fails or is cancelled; the whole \
            takes 24 MiB of memory, more for files over 78 GiB. A file that changes while it is \
            read is an error of kind `integrity`, and nothing is stored then.",
        effect: Effect::Write,
        idempotency: Idempotency::NewVersion,
        since: "0.1.0",
        search_terms: &[
            "put",
            "write",
            "save",
            "store",
            "PutObject",
            "multipart",
            "json",
        ],
        rules: &[Rule::ExactlyOne(&["file", "text", "content"])],
    };

    fn check(input: Input) -> Result<Plan, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.bucket("bucket", &input.bucket);
        problems.key("key", &input.key);
        if let Some(metadata) = &input.metadata {
            problems.metadata("metadata", metadata);
        }
        let given = [
            input.file.is_some(),
            input.text.is_some(),
            input.content.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            problems.add(
                "",
                "exactly one of `file`, `text` and `content` must be given",
            );
        }
        let customer_key = CustomerKey::of(
            "sse_customer_key",
            input.sse_customer_key.as_ref(),
            &mut problems,
        );
        problems.none_or(Plan {
            input,
            customer_key,
        })
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        need_upload(input, permissions);
    }

    fn examples() -> &'static [Example] {
        &[
            Example {
                title: "Store a text",
                flow: r#"flow: upload_text
connections: { source: demo-reports }
cards:
  stored:
    card: s3.upload
    connection: source
    with: { bucket: reports, key: daily/upload/hello.txt, text: "hello world" }
outputs:
  etag: "{{ cards.stored.etag }}"
"#,
            },
            Example {
                title: "Store a value as JSON, with metadata",
                flow: r#"flow: upload_json
inputs:
  names: { type: list, items: { type: string }, default: [Ada, Grace] }
connections: { vault: demo-vault }
cards:
  stored:
    card: s3.upload
    connection: vault
    with:
      bucket: reports-vault
      key: upload/names.json
      content: "{{ inputs.names }}"
      metadata: { origin: flowrun }
outputs:
  size: "{{ cards.stored.size }}"
"#,
            },
        ]
    }

    async fn run(&self, plan: &Plan, ctx: &Ctx) -> Result<Output, CardError> {
        let customer_key = &plan.customer_key;
        let plan = &plan.input;
        let s3 = S3::open(ctx, &plan.connection).await?;
        let to = |content_type: Option<&str>| Destination {
            s3: s3.clone(),
            bucket: plan.bucket.clone(),
            key: plan.key.clone(),
            headers: Headers {
                content_type: plan
                    .content_type
                    .clone()
                    .or_else(|| content_type.map(str::to_owned)),
                metadata: plan.metadata.clone().into_iter().flatten().collect(),
                ..Headers::default()
            },
            customer_key: customer_key.clone(),
            if_none_match: plan.if_none_match,
            mark: "upload_id".to_owned(),
            stop: Stop::new(),
        };
        let stored = match (&plan.file, &plan.text, &plan.content) {
            (Some(file), ..) => {
                let (path, content_type) = match file {
                    FileInput::Path(path) => (ctx.resolve(path), None),
                    FileInput::File(file) => (file.path().to_owned(), file.media_type()),
                };
                let source = LocalFile::open(&path).await?;
                send(ctx, &to(content_type), source).await?
            }
            (_, Some(text), _) => {
                let source = Memory::new(Bytes::copy_from_slice(text.as_bytes()));
                send(ctx, &to(Some("text/plain; charset=utf-8")), source).await?
            }
            (_, _, content) => {
                let destination = to(Some("application/json"));
                let content = content.clone().unwrap_or_default();
                match json::write(ctx, content).await? {
                    json::Written::Memory(bytes) => {
                        send(ctx, &destination, Memory::new(bytes)).await?
                    }
                    json::Written::Scratch(scratch) => {
                        let source = LocalFile::open(scratch.path()).await?;
                        send(ctx, &destination, source).await?
                    }
                }
            }
        };
        Ok(Output {
            bucket: plan.bucket.clone(),
            key: plan.key.clone(),
            etag: stored.etag,
            version_id: stored.version_id,
            size: stored.size,
            checksum_crc64nvme: stored.checksum_crc64nvme,
        })
    }
}

async fn send<S: Source>(
    ctx: &Ctx,
    destination: &Destination,
    mut source: S,
) -> Result<Stored, CardError> {
    ctx.progress().set_total_bytes(source.size());
    upload(ctx, &Sizes::STANDARD, destination, &mut source).await
}
