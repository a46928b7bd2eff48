//! `s3.download`: an object into a file.

use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, Example, FileRef, Idempotency,
    InputError, Partial, Permissions, Secret,
};
use flowrun_connections::AwsS3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    client::S3,
    fields::Problems,
    permissions::READ,
    transfer::{
        customer_key::CustomerKey,
        object::{ObjectStream, Place},
        target::{Target, stays_below},
    },
};

/// Which object, and where to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The connection.
    connection: ConnectionRef<AwsS3>,
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
    /// The version; the current one if left out.
    version_id: Option<String>,
    /// The key that the object is encrypted with (SSE-C): 32 bytes in base64.
    sse_customer_key: Option<Secret>,
    /// The file, as a path below `folder`. It may be made of a key: it never leaves `folder`, so
    /// an absolute path, `..`, and a symbolic link that leads out are refused; so are `.` and `//`,
    /// because two keys must not become one file. Folders that are missing are made; a file that
    /// is there is replaced.
    to: String,
    /// The folder that `to` starts in: the flow file's own if left out. A relative path starts
    /// there too; `..` and absolute paths are fine here.
    folder: Option<String>,
}

/// The file, and what S3 says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The file.
    file: FileRef,
    /// Bytes.
    size: u64,
    /// The ETag, without quotes.
    etag: Option<String>,
    /// The version, in a bucket that keeps versions.
    version_id: Option<String>,
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Plan {
    connection: ConnectionRef<AwsS3>,
    place: Place,
    to: String,
    folder: String,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Download;

impl Card for Download {
    type Input = Input;
    type Output = Output;
    type Plan = Plan;

    const SPEC: CardSpec = CardSpec {
        name: "s3.download",
        title: "Download an object",
        description: "Stores the content of an object in a file, whole or not at all.\n\n\
            The bytes go to a temporary file beside the target (`.flowrun-` and 16 hexadecimal \
            digits), are checked against the object's length and checksum, are written through to \
            disk, and take the target's name then; on an error or a cancel the temporary file is \
            removed. The checksum is CRC-64/NVME, CRC-32C or CRC-32 of the whole object, else the \
            ETag where that is an MD5. Where a connection breaks, the download goes on behind the \
            last byte; if the object was replaced meanwhile, it fails with kind \
            `precondition_failed`.",
        effect: Effect::Write,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &["get", "read", "fetch", "save", "GetObject", "file"],
        rules: &[],
    };

    fn check(input: Input) -> Result<Plan, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.object(&input.bucket, &input.key, input.version_id.as_deref());
        if !stays_below(&input.to) {
            problems.add(
                "to",
                format!(
                    "`{}` is no path of a file below the folder, which has names with one `/` \
                     between them and no `.` or `..`; name another folder in `folder`",
                    input.to.escape_debug()
                ),
            );
        }
        if input.folder.as_deref() == Some("") {
            problems.add(
                "folder",
                "a folder is not empty; `.` is the flow file's own",
            );
        }
        let customer_key = CustomerKey::of(
            "sse_customer_key",
            input.sse_customer_key.as_ref(),
            &mut problems,
        );
        problems.none_or(Plan {
            connection: input.connection,
            place: Place {
                bucket: input.bucket,
                key: input.key,
                version_id: input.version_id,
                customer_key,
            },
            to: input.to,
            folder: input.folder.unwrap_or_default(),
        })
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        READ.need(input, permissions);
    }

    fn examples() -> &'static [Example] {
        &[Example {
            title: "Store a report and read it back into a file",
            flow: r#"flow: download_report
connections: { admin: demo-admin }
cards:
  bucket:
    card: s3.create_bucket
    connection: admin
    with: { bucket: flowrun-download-example }
  stored:
    card: s3.upload
    connection: admin
    after: [bucket]
    with: { bucket: flowrun-download-example, key: a.txt, text: "one report" }
  file:
    card: s3.download
    connection: admin
    with: { bucket: flowrun-download-example, key: "{{ cards.stored.key }}", to: out/report.txt }
outputs:
  name: "{{ cards.file.file.name }}"
  size: "{{ cards.file.size }}"
"#,
        }]
    }

    async fn run(&self, plan: &Plan, ctx: &Ctx) -> Result<Output, CardError> {
        let s3 = S3::open(ctx, &plan.connection).await?;
        let (target, output) = ctx.until_cancelled(download(ctx, &s3, plan)).await?;
        // Quick, and not to be left half done.
        let kept = target.keep().await;
        kept.map_err(|error| plan.place.placed(&s3, error))?;
        Ok(output)
    }
}

async fn download(ctx: &Ctx, s3: &S3, plan: &Plan) -> Result<(Target, Output), CardError> {
    let mut object = ObjectStream::open(ctx, s3, &plan.place).await?;
    let of_object = |error| plan.place.placed(s3, error);
    let folder = ctx.resolve(&plan.folder);
    let target = Target::create(ctx, &folder, &plan.to).await;
    let mut target = target.map_err(of_object)?;
    ctx.progress().set_total_bytes(object.length());
    while let Some(bytes) = object.chunk().await? {
        target.write(&bytes).await.map_err(of_object)?;
        ctx.progress().add_bytes(bytes.len() as u64);
    }
    let output = Output {
        file: FileRef::new(
            target.path(),
            object.length(),
            object.headers.content_type.clone(),
        ),
        size: object.length(),
        etag: object.etag(),
        version_id: object.version_id.clone(),
    };
    Ok((target, output))
}
