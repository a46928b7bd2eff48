//! `s3.upload_folder`: every file of a folder, under a prefix.

mod walk;

use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, ErrorKind, Example, Idempotency,
    InputError, Partial, Permissions, Resource,
};
use flowrun_connections::AwsS3;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    client::S3,
    fields::Problems,
    transfer::{
        part_retry::tried,
        sizes::Sizes,
        stop::Stop,
        upload::{Destination, Headers, upload},
    },
};
use walk::{Found, Tree};

/// Files on their way at once.
const MAX_PARALLEL: usize = 8;

/// Which folder, and where to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The connection.
    connection: ConnectionRef<AwsS3>,
    /// The folder. A relative path starts at the flow file's folder.
    folder: String,
    /// The bucket.
    bucket: String,
    /// What the keys start with, as it is: end it with `/` to put the files into a folder of that
    /// name. A key is the prefix and the file's path below the folder, with `/` between names.
    #[serde(default)]
    prefix: String,
}

/// A file that was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct UploadedFile {
    /// The key.
    key: String,
    /// The path below the folder.
    path: String,
    /// Bytes.
    size: u64,
    /// The ETag, without quotes.
    etag: Option<String>,
    /// The version, in a bucket that keeps versions.
    version_id: Option<String>,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The files, by path in the order of its bytes.
    uploaded: Vec<UploadedFile>,
    /// How many.
    count: u64,
    /// Bytes in all.
    bytes: u64,
    /// Paths that were left out: symbolic links, pipes, sockets and devices.
    skipped: Vec<String>,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UploadFolder;

impl Card for UploadFolder {
    type Input = Input;
    type Output = Output;
    type Plan = Input;

    const SPEC: CardSpec = CardSpec {
        name: "s3.upload_folder",
        title: "Upload a folder",
        description: "Stores every file of a folder and of the folders in it, eight at a time.\n\n\
            Symbolic links are not followed: they, pipes, sockets and devices are left out and \
            named in `skipped`; empty folders leave nothing. A name that is not UTF-8, a key over \
            1,024 bytes, or more than 1,000,000 files are an error before anything is stored. A \
            file that changes while it is read is an error of kind `integrity`. If the card fails \
            or is cancelled, files that were stored stay.",
        effect: Effect::Write,
        idempotency: Idempotency::NewVersion,
        since: "0.1.0",
        search_terms: &["directory", "sync", "put", "backup", "recursive", "tree"],
        rules: &[],
    };

    fn check(input: Input) -> Result<Input, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.bucket("bucket", &input.bucket);
        if input.folder.is_empty() {
            problems.add(
                "folder",
                "a folder is not empty; `.` is the flow file's own",
            );
        }
        problems.none_or(input)
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        permissions.need(
            input.connection("connection"),
            &["s3:PutObject", "s3:AbortMultipartUpload"],
            Resource::objects(&input.at("bucket").text(), &input.at("prefix").text()),
        );
    }

    fn examples() -> &'static [Example] {
        &[Example {
            title: "Store a folder under a day",
            flow: r#"flow: upload_reports
inputs:
  day: { type: date, default: "2026-11-23" }
connections: { source: demo-reports }
cards:
  stored:
    card: s3.upload_folder
    connection: source
    with: { folder: reports, bucket: reports, prefix: "daily/{{ inputs.day }}/" }
outputs:
  count: "{{ cards.stored.count }}"
"#,
        }]
    }

    async fn run(&self, plan: &Input, ctx: &Ctx) -> Result<Output, CardError> {
        let s3 = S3::open(ctx, &plan.connection).await?;
        let tree = ctx
            .until_cancelled(walk::walk(ctx.resolve(&plan.folder), plan.prefix.clone()))
            .await?;
        ctx.progress().set_total_bytes(tree.bytes);
        ctx.progress().set_total_items(tree.files.len() as u64);
        let stop = Stop::new();
        let uploads = stream::iter(&tree.files).map(|file| {
            let destination = Destination {
                s3: s3.clone(),
                bucket: plan.bucket.clone(),
                key: file.key.clone(),
                headers: Headers::default(),
                customer_key: None,
                if_none_match: false,
                mark: format!("upload_id {}", file.key),
                stop: stop.clone(),
            };
            one(ctx, &tree, file, destination)
        });
        let uploaded = all(uploads.boxed()).await?;
        Ok(Output {
            count: uploaded.len() as u64,
            bytes: uploaded
                .iter()
                .fold(0, |bytes, file| bytes.saturating_add(file.size)),
            uploaded,
            skipped: tree.skipped,
        })
    }
}

/// Awaits all uploads. After a failure, which stops the others, they are awaited too and not
/// dropped: a multipart upload must be aborted.
async fn all<F>(uploads: BoxStream<'_, F>) -> Result<Vec<UploadedFile>, CardError>
where
    F: Future<Output = Result<UploadedFile, CardError>> + Send,
{
    let mut ended = uploads.buffered(MAX_PARALLEL);
    let mut uploaded = Vec::new();
    let mut failed: Option<CardError> = None;
    while let Some(end) = ended.next().await {
        match end {
            Ok(file) => uploaded.push(file),
            Err(error) => {
                // What the stop ended says no more than that.
                if failed
                    .as_ref()
                    .is_none_or(|failed| failed.kind == ErrorKind::Cancelled)
                {
                    failed = Some(error);
                }
            }
        }
    }
    failed.map_or(Ok(uploaded), Err)
}

async fn one(
    ctx: &Ctx,
    tree: &Tree,
    file: &Found,
    destination: Destination,
) -> Result<UploadedFile, CardError> {
    let stored = tried(ctx, || async {
        destination.stop.check()?;
        let mut source = tree.open(file).await?;
        upload(ctx, &Sizes::STANDARD, &destination, &mut source).await
    })
    .await
    .inspect_err(|_| destination.stop.stop())
    .map_err(|error| match error.kind {
        ErrorKind::Cancelled => error,
        _ => error.context("path", &file.path),
    })?;
    ctx.progress().add_items(1);
    Ok(UploadedFile {
        key: file.key.clone(),
        path: file.path.clone(),
        size: stored.size,
        etag: stored.etag,
        version_id: stored.version_id,
    })
}
