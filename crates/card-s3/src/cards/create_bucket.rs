//! `s3.create_bucket`: a bucket of one's own.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectLockEnabled};
use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, ErrorKind, Example, Idempotency,
    InputError, Partial, Permissions, Resource,
};
use flowrun_connections::AwsS3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{client::S3, error::Call, fields::Problems};

/// The one region that S3 takes only unnamed.
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
const UNNAMED_REGION: &str = "us-east-1";

/// Which bucket.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The connection.
    connection: ConnectionRef<AwsS3>,
    /// The name, unique in the world.
    bucket: String,
    /// The region; that of the connection if left out.
    region: Option<String>,
    /// Whether the bucket has Object Lock, which cannot be taken away again and brings versioning
    /// with it.
    #[serde(default)]
    object_lock_enabled: bool,
}

/// The bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The name.
    bucket: String,
    /// Whether this call asked for Object Lock, and the bucket has it.
    object_lock_enabled: bool,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CreateBucket;

impl Card for CreateBucket {
    type Input = Input;
    type Output = Output;
    type Plan = Input;

    const SPEC: CardSpec = CardSpec {
        name: "s3.create_bucket",
        title: "Create a bucket",
        description: "Creates a bucket, or finds that it is there already.\n\n\
            A bucket that the account owns already is success and stays as it is, in whatever \
            region; with `object_lock_enabled` it must have Object Lock, or the card fails with \
            kind `already_exists`. So does a bucket of somebody else.",
        effect: Effect::Write,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &["mb", "make", "new", "CreateBucket", "Object Lock"],
        rules: &[],
    };

    fn check(input: Input) -> Result<Input, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.bucket("bucket", &input.bucket);
        if let Some(problem) = name_problem(&input.bucket) {
            problems.add("bucket", problem);
        }
        if input.region.as_deref() == Some("") {
            problems.add(
                "region",
                "a region is not empty; leave it out for the connection's",
            );
        }
        problems.none_or(input)
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        let mut actions = vec!["s3:CreateBucket"];
        if input.at("object_lock_enabled").may_be_true() {
            actions.extend(LOCK_ACTIONS);
            actions.push("s3:GetBucketObjectLockConfiguration");
        }
        permissions.need(
            input.connection("connection"),
            &actions,
            Resource::bucket(&input.at("bucket").text()),
        );
    }

    fn examples() -> &'static [Example] {
        &[Example {
            title: "Make sure that a bucket is there",
            flow: r#"flow: make_bucket
connections: { admin: demo-admin }
cards:
  bucket:
    card: s3.create_bucket
    connection: admin
    with: { bucket: flowrun-create-example }
outputs:
  bucket: "{{ cards.bucket.bucket }}"
"#,
        }]
    }

    async fn run(&self, plan: &Input, ctx: &Ctx) -> Result<Output, CardError> {
        let s3 = S3::open(ctx, &plan.connection).await?;
        ctx.until_cancelled(create(&s3, plan)).await?;
        if plan.object_lock_enabled {
            ctx.until_cancelled(has_object_lock(&s3, plan)).await?;
        }
        Ok(Output {
            bucket: plan.bucket.clone(),
            object_lock_enabled: plan.object_lock_enabled,
        })
    }
}

/// What CreateBucket needs besides for a bucket with Object Lock.
const LOCK_ACTIONS: [&str; 2] = [
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketVersioning",
];

/// What keeps a name from being one of a new bucket; the characters are checked already.
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn name_problem(bucket: &str) -> Option<&'static str> {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = bucket.as_bytes();
    if bytes.len() > 63 {
        Some("the name of a new bucket has at most 63 characters")
    } else if bytes
        .iter()
        .any(|byte| byte.is_ascii_uppercase() || *byte == b'_')
    {
        Some("the name of a new bucket has lower-case letters, digits, `.` and `-` only")
    } else if !edge(bytes.first()) || !edge(bytes.last()) || bucket.contains("..") {
        Some(
            "the name of a bucket starts and ends with a letter or digit and has no two dots in a row",
        )
    } else {
        None
    }
}

async fn create(s3: &S3, plan: &Input) -> Result<(), CardError> {
    let mut call = Call::bucket("CreateBucket", "s3:CreateBucket", &plan.bucket);
    if plan.object_lock_enabled {
        for action in LOCK_ACTIONS {
            call = call.and(action);
        }
    }
    let region = plan.region.as_deref().or_else(|| s3.region());
    let configuration = region
        .filter(|region| *region != UNNAMED_REGION)
        .map(|region| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
    let request = s3
        .client()
        .create_bucket()
        .bucket(&plan.bucket)
        .set_create_bucket_configuration(configuration)
        .set_object_lock_enabled_for_bucket(plan.object_lock_enabled.then_some(true));
    match Box::pin(request.send()).await {
        Ok(_) => Ok(()),
        Err(error) => match s3.error(&call, error) {
            error if error.code.as_deref() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            error if error.kind == ErrorKind::AlreadyExists => {
                Err(error.help("choose another name: somebody else has this one"))
            }
            error => Err(error),
        },
    }
}

/// Asked even after a bucket was created: in us-east-1, S3 says so of one that was there too.
async fn has_object_lock(s3: &S3, plan: &Input) -> Result<(), CardError> {
    let call = Call::bucket(
        "GetObjectLockConfiguration",
        "s3:GetBucketObjectLockConfiguration",
        &plan.bucket,
    );
    let request = s3
        .client()
        .get_object_lock_configuration()
        .bucket(&plan.bucket);
    let enabled = match Box::pin(request.send()).await {
        Ok(answer) => answer
            .object_lock_configuration()
            .and_then(|configuration| configuration.object_lock_enabled())
            .is_some_and(|enabled| *enabled == ObjectLockEnabled::Enabled),
        Err(error) => match s3.error(&call, error) {
            error if error.code.as_deref() == Some("ObjectLockConfigurationNotFoundError") => false,
            error => return Err(error),
        },
    };
    if enabled {
        return Ok(());
    }
    Err(CardError::new(
        ErrorKind::AlreadyExists,
        "the bucket exists already, without Object Lock",
    )
    .context("bucket", &plan.bucket)
    .context("connection", s3.nickname())
    .help("choose another name, or enable Object Lock on the bucket"))
}
