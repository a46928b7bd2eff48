//! The IAM actions that each S3 operation needs, and on what.
//!
//! Source: the Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>.

use http::HeaderMap;
use s3s::dto::CopySource;

use crate::form::Form;

/// What an operation needs.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// The action on every resource.
    Service(&'static str),
    /// The action on the bucket.
    Bucket(&'static str),
    /// The action on the object.
    Object(&'static str),
    /// The first actions on the object, or the second ones where the request names a version.
    Version(&'static [&'static str], &'static [&'static str]),
    /// To write the object, and what the headers set on it.
    Write,
    /// To write the object from another one; headers may set something on the copy.
    Copy,
    /// To delete the object or a version, perhaps against a governance lock.
    Delete,
    /// To create the bucket, and what the headers set on it.
    CreateBucket,
    /// Told by the body: [`delete_entry`] for each of its entries.
    Body,
}

/// Every S3 operation that anybody may perform. One that is not here is denied to everybody:
/// form uploads (`PostObject`), directory buckets and Object Lambda.
const TABLE: &[(&str, Rule)] = &[
    (
        "AbortMultipartUpload",
        Rule::Object("s3:AbortMultipartUpload"),
    ),
    ("CompleteMultipartUpload", Rule::Object("s3:PutObject")),
    ("CopyObject", Rule::Copy),
    ("CreateBucket", Rule::CreateBucket),
    (
        "CreateBucketMetadataTableConfiguration",
        Rule::Bucket("s3:CreateBucketMetadataTableConfiguration"),
    ),
    ("CreateMultipartUpload", Rule::Write),
    ("DeleteBucket", Rule::Bucket("s3:DeleteBucket")),
    (
        "DeleteBucketAnalyticsConfiguration",
        Rule::Bucket("s3:PutAnalyticsConfiguration"),
    ),
    ("DeleteBucketCors", Rule::Bucket("s3:PutBucketCORS")),
    (
        "DeleteBucketEncryption",
        Rule::Bucket("s3:PutEncryptionConfiguration"),
    ),
    (
        "DeleteBucketIntelligentTieringConfiguration",
        Rule::Bucket("s3:PutIntelligentTieringConfiguration"),
    ),
    (
        "DeleteBucketInventoryConfiguration",
        Rule::Bucket("s3:PutInventoryConfiguration"),
    ),
    (
        "DeleteBucketLifecycle",
        Rule::Bucket("s3:PutLifecycleConfiguration"),
    ),
    (
        "DeleteBucketMetadataTableConfiguration",
        Rule::Bucket("s3:DeleteBucketMetadataTableConfiguration"),
    ),
    (
        "DeleteBucketMetricsConfiguration",
        Rule::Bucket("s3:PutMetricsConfiguration"),
    ),
    (
        "DeleteBucketOwnershipControls",
        Rule::Bucket("s3:PutBucketOwnershipControls"),
    ),
    ("DeleteBucketPolicy", Rule::Bucket("s3:DeleteBucketPolicy")),
    (
        "DeleteBucketReplication",
        Rule::Bucket("s3:PutReplicationConfiguration"),
    ),
    ("DeleteBucketTagging", Rule::Bucket("s3:PutBucketTagging")),
    (
        "DeleteBucketWebsite",
        Rule::Bucket("s3:DeleteBucketWebsite"),
    ),
    ("DeleteObject", Rule::Delete),
    (
        "DeleteObjectTagging",
        Rule::Version(
            &["s3:DeleteObjectTagging"],
            &["s3:DeleteObjectVersionTagging"],
        ),
    ),
    ("DeleteObjects", Rule::Body),
    (
        "DeletePublicAccessBlock",
        Rule::Bucket("s3:PutBucketPublicAccessBlock"),
    ),
    (
        "GetBucketAccelerateConfiguration",
        Rule::Bucket("s3:GetAccelerateConfiguration"),
    ),
    ("GetBucketAcl", Rule::Bucket("s3:GetBucketAcl")),
    (
        "GetBucketAnalyticsConfiguration",
        Rule::Bucket("s3:GetAnalyticsConfiguration"),
    ),
    ("GetBucketCors", Rule::Bucket("s3:GetBucketCORS")),
    (
        "GetBucketEncryption",
        Rule::Bucket("s3:GetEncryptionConfiguration"),
    ),
    (
        "GetBucketIntelligentTieringConfiguration",
        Rule::Bucket("s3:GetIntelligentTieringConfiguration"),
    ),
    (
        "GetBucketInventoryConfiguration",
        Rule::Bucket("s3:GetInventoryConfiguration"),
    ),
    (
        "GetBucketLifecycleConfiguration",
        Rule::Bucket("s3:GetLifecycleConfiguration"),
    ),
    ("GetBucketLocation", Rule::Bucket("s3:GetBucketLocation")),
    ("GetBucketLogging", Rule::Bucket("s3:GetBucketLogging")),
    (
        "GetBucketMetadataTableConfiguration",
        Rule::Bucket("s3:GetBucketMetadataTableConfiguration"),
    ),
    (
        "GetBucketMetricsConfiguration",
        Rule::Bucket("s3:GetMetricsConfiguration"),
    ),
    (
        "GetBucketNotificationConfiguration",
        Rule::Bucket("s3:GetBucketNotification"),
    ),
    (
        "GetBucketOwnershipControls",
        Rule::Bucket("s3:GetBucketOwnershipControls"),
    ),
    ("GetBucketPolicy", Rule::Bucket("s3:GetBucketPolicy")),
    (
        "GetBucketPolicyStatus",
        Rule::Bucket("s3:GetBucketPolicyStatus"),
    ),
    (
        "GetBucketReplication",
        Rule::Bucket("s3:GetReplicationConfiguration"),
    ),
    (
        "GetBucketRequestPayment",
        Rule::Bucket("s3:GetBucketRequestPayment"),
    ),
    ("GetBucketTagging", Rule::Bucket("s3:GetBucketTagging")),
    (
        "GetBucketVersioning",
        Rule::Bucket("s3:GetBucketVersioning"),
    ),
    ("GetBucketWebsite", Rule::Bucket("s3:GetBucketWebsite")),
    (
        "GetObject",
        Rule::Version(&["s3:GetObject"], &["s3:GetObjectVersion"]),
    ),
    (
        "GetObjectAcl",
        Rule::Version(&["s3:GetObjectAcl"], &["s3:GetObjectVersionAcl"]),
    ),
    (
        "GetObjectAttributes",
        Rule::Version(
            &["s3:GetObject", "s3:GetObjectAttributes"],
            &["s3:GetObjectVersion", "s3:GetObjectVersionAttributes"],
        ),
    ),
    ("GetObjectLegalHold", Rule::Object("s3:GetObjectLegalHold")),
    (
        "GetObjectLockConfiguration",
        Rule::Bucket("s3:GetBucketObjectLockConfiguration"),
    ),
    ("GetObjectRetention", Rule::Object("s3:GetObjectRetention")),
    (
        "GetObjectTagging",
        Rule::Version(&["s3:GetObjectTagging"], &["s3:GetObjectVersionTagging"]),
    ),
    ("GetObjectTorrent", Rule::Object("s3:GetObject")),
    (
        "GetPublicAccessBlock",
        Rule::Bucket("s3:GetBucketPublicAccessBlock"),
    ),
    ("HeadBucket", Rule::Bucket("s3:ListBucket")),
    (
        "HeadObject",
        Rule::Version(&["s3:GetObject"], &["s3:GetObjectVersion"]),
    ),
    (
        "ListBucketAnalyticsConfigurations",
        Rule::Bucket("s3:GetAnalyticsConfiguration"),
    ),
    (
        "ListBucketIntelligentTieringConfigurations",
        Rule::Bucket("s3:GetIntelligentTieringConfiguration"),
    ),
    (
        "ListBucketInventoryConfigurations",
        Rule::Bucket("s3:GetInventoryConfiguration"),
    ),
    (
        "ListBucketMetricsConfigurations",
        Rule::Bucket("s3:GetMetricsConfiguration"),
    ),
    ("ListBuckets", Rule::Service("s3:ListAllMyBuckets")),
    (
        "ListMultipartUploads",
        Rule::Bucket("s3:ListBucketMultipartUploads"),
    ),
    ("ListObjectVersions", Rule::Bucket("s3:ListBucketVersions")),
    ("ListObjects", Rule::Bucket("s3:ListBucket")),
    ("ListObjectsV2", Rule::Bucket("s3:ListBucket")),
    ("ListParts", Rule::Object("s3:ListMultipartUploadParts")),
    (
        "PutBucketAccelerateConfiguration",
        Rule::Bucket("s3:PutAccelerateConfiguration"),
    ),
    ("PutBucketAcl", Rule::Bucket("s3:PutBucketAcl")),
    (
        "PutBucketAnalyticsConfiguration",
        Rule::Bucket("s3:PutAnalyticsConfiguration"),
    ),
    ("PutBucketCors", Rule::Bucket("s3:PutBucketCORS")),
    (
        "PutBucketEncryption",
        Rule::Bucket("s3:PutEncryptionConfiguration"),
    ),
    (
        "PutBucketIntelligentTieringConfiguration",
        Rule::Bucket("s3:PutIntelligentTieringConfiguration"),
    ),
    (
        "PutBucketInventoryConfiguration",
        Rule::Bucket("s3:PutInventoryConfiguration"),
    ),
    (
        "PutBucketLifecycleConfiguration",
        Rule::Bucket("s3:PutLifecycleConfiguration"),
    ),
    ("PutBucketLogging", Rule::Bucket("s3:PutBucketLogging")),
    (
        "PutBucketMetricsConfiguration",
        Rule::Bucket("s3:PutMetricsConfiguration"),
    ),
    (
        "PutBucketNotificationConfiguration",
        Rule::Bucket("s3:PutBucketNotification"),
    ),
    (
        "PutBucketOwnershipControls",
        Rule::Bucket("s3:PutBucketOwnershipControls"),
    ),
    ("PutBucketPolicy", Rule::Bucket("s3:PutBucketPolicy")),
    (
        "PutBucketReplication",
        Rule::Bucket("s3:PutReplicationConfiguration"),
    ),
    (
        "PutBucketRequestPayment",
        Rule::Bucket("s3:PutBucketRequestPayment"),
    ),
    ("PutBucketTagging", Rule::Bucket("s3:PutBucketTagging")),
    (
        "PutBucketVersioning",
        Rule::Bucket("s3:PutBucketVersioning"),
    ),
    ("PutBucketWebsite", Rule::Bucket("s3:PutBucketWebsite")),
    ("PutObject", Rule::Write),
    (
        "PutObjectAcl",
        Rule::Version(&["s3:PutObjectAcl"], &["s3:PutObjectVersionAcl"]),
    ),
    ("PutObjectLegalHold", Rule::Object("s3:PutObjectLegalHold")),
    (
        "PutObjectLockConfiguration",
        Rule::Bucket("s3:PutBucketObjectLockConfiguration"),
    ),
    ("PutObjectRetention", Rule::Object("s3:PutObjectRetention")),
    (
        "PutObjectTagging",
        Rule::Version(&["s3:PutObjectTagging"], &["s3:PutObjectVersionTagging"]),
    ),
    (
        "PutPublicAccessBlock",
        Rule::Bucket("s3:PutBucketPublicAccessBlock"),
    ),
    ("RestoreObject", Rule::Object("s3:RestoreObject")),
    ("SelectObjectContent", Rule::Object("s3:GetObject")),
    ("UploadPart", Rule::Object("s3:PutObject")),
    ("UploadPartCopy", Rule::Copy),
];

/// What a request says, as far as its permissions depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) operation: &'a str,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) query: &'a Form,
    pub(crate) headers: &'a HeaderMap,
}

/// An action that a request needs, on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) action: &'static str,
    /// The bucket whose owner decides; none where the account does, as for a bucket to come.
    pub(crate) bucket: Option<String>,
    /// What follows `arn:aws:s3:::`.
    pub(crate) resource: String,
}

impl Need {
    /// The action on a bucket that exists.
    pub(crate) fn on_bucket(action: &'static str, bucket: &str) -> Self {
        Self {
            action,
            bucket: Some(bucket.to_owned()),
            resource: bucket.to_owned(),
        }
    }

    fn on_object(action: &'static str, bucket: &str, key: &str) -> Self {
        Self {
            action,
            bucket: Some(bucket.to_owned()),
            resource: format!("{bucket}/{key}"),
        }
    }

    /// The ARN of the resource.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.resource)
    }
}

/// Why the needs of a request cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody may perform the operation.
    Unknown,
    /// The source of the copy cannot be read.
    CopySource,
}

/// Everything that a request needs; all of it has to be allowed.
pub(crate) fn needs(facts: &Facts<'_>) -> Result<Vec<Need>, Fault> {
    let rule = TABLE
        .iter()
        .find(|(operation, _)| *operation == facts.operation)
        .map(|(_, rule)| *rule)
        .ok_or(Fault::Unknown)?;
    let bucket = || facts.bucket.ok_or(Fault::Unknown);
    let object = |actions: &[&'static str]| {
        let (bucket, key) = facts.bucket.zip(facts.key).ok_or(Fault::Unknown)?;
        let need = |action: &&'static str| Need::on_object(action, bucket, key);
        Ok(actions.iter().map(need).collect::<Vec<_>>())
    };
    match rule {
        Rule::Service(action) => Ok(vec![Need {
            action,
            bucket: None,
            resource: "*".to_owned(),
        }]),
        Rule::Bucket(action) => Ok(vec![Need::on_bucket(action, bucket()?)]),
        Rule::Object(action) => object(&[action]),
        Rule::Version(current, version) => object(if facts.query.get("versionId").is_some() {
            version
        } else {
            current
        }),
        Rule::Write => object(&write_actions(facts.headers)),
        Rule::Copy => {
            let (source, key, version) = copy_source(facts.headers).ok_or(Fault::CopySource)?;
            let action = if version.is_some() {
                "s3:GetObjectVersion"
            } else {
                "s3:GetObject"
            };
            let mut needs = vec![Need::on_object(action, &source, &key)];
            needs.extend(object(&write_actions(facts.headers))?);
            Ok(needs)
        }
        Rule::Delete => object(&delete_actions(
            facts.query.get("versionId").is_some(),
            bypasses_governance(facts.headers),
        )),
        Rule::CreateBucket => {
            let bucket = bucket()?;
            let need = |action| Need {
                // No account has it yet, or the answer says that it exists.
                bucket: None,
                ..Need::on_bucket(action, bucket)
            };
            Ok(create_actions(facts.headers)
                .into_iter()
                .map(need)
                .collect())
        }
        Rule::Body => Ok(Vec::new()),
    }
}

/// What one entry of a `DeleteObjects` request needs.
pub(crate) fn delete_entry(
    bucket: &str,
    key: &str,
    has_version: bool,
    headers: &HeaderMap,
) -> Vec<Need> {
    delete_actions(has_version, bypasses_governance(headers))
        .into_iter()
        .map(|action| Need::on_object(action, bucket, key))
        .collect()
}

/// The bucket whose listing decides whether a missing object may be told: that of the source for
/// a copy.
pub(crate) fn listed_bucket(facts: &Facts<'_>) -> Option<String> {
    match copy_source(facts.headers) {
        Some((bucket, _, _)) => Some(bucket),
        None => facts.bucket.map(str::to_owned),
    }
}

/// What a copy needs beside, where its source has tags that it takes along.
pub(crate) fn copied_tags(facts: &Facts<'_>) -> Vec<Need> {
    let (Some((source, key, version)), Some(bucket), Some(target)) =
        (copy_source(facts.headers), facts.bucket, facts.key)
    else {
        return Vec::new();
    };
    let get = if version.is_some() {
        "s3:GetObjectVersionTagging"
    } else {
        "s3:GetObjectTagging"
    };
    vec![
        Need::on_object(get, &source, &key),
        Need::on_object("s3:PutObjectTagging", bucket, target),
    ]
}

fn write_actions(headers: &HeaderMap) -> Vec<&'static str> {
    let mut actions = vec!["s3:PutObject"];
    let has = |name: &str| headers.contains_key(name);
    if has("x-amz-acl") || has_grant(headers) {
        actions.push("s3:PutObjectAcl");
    }
    if has("x-amz-tagging") {
        actions.push("s3:PutObjectTagging");
    }
    if has("x-amz-object-lock-mode") || has("x-amz-object-lock-retain-until-date") {
        actions.push("s3:PutObjectRetention");
    }
    if has("x-amz-object-lock-legal-hold") {
        actions.push("s3:PutObjectLegalHold");
    }
    actions
}

fn create_actions(headers: &HeaderMap) -> Vec<&'static str> {
    let mut actions = vec!["s3:CreateBucket"];
    if headers.get("x-amz-acl").is_some_and(|acl| acl != "private") || has_grant(headers) {
        actions.push("s3:PutBucketAcl");
    }
    if is_true(headers, "x-amz-bucket-object-lock-enabled") {
        actions.push("s3:PutBucketObjectLockConfiguration");
        actions.push("s3:PutBucketVersioning");
    }
    if headers.contains_key("x-amz-object-ownership") {
        actions.push("s3:PutBucketOwnershipControls");
    }
    actions
}

fn delete_actions(has_version: bool, bypasses: bool) -> Vec<&'static str> {
    let mut actions = vec![if has_version {
        "s3:DeleteObjectVersion"
    } else {
        "s3:DeleteObject"
    }];
    if bypasses {
        actions.push("s3:BypassGovernanceRetention");
    }
    actions
}

fn bypasses_governance(headers: &HeaderMap) -> bool {
    is_true(headers, "x-amz-bypass-governance-retention")
}

fn has_grant(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name.as_str().starts_with("x-amz-grant-"))
}

fn is_true(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .any(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Bucket, key and version of the source of a copy, where there is exactly one that can be read.
fn copy_source(headers: &HeaderMap) -> Option<(String, String, Option<String>)> {
    let mut values = headers.get_all("x-amz-copy-source").iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    match CopySource::parse(value.to_str().ok()?).ok()? {
        CopySource::Bucket {
            bucket,
            key,
            version_id,
        } => Some((
            bucket.into(),
            key.into(),
            version_id.map(|version| version.into()),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
