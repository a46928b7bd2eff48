//! Which IAM actions each S3 operation needs.
//!
//! Source: the Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>.

/// What an operation needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
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
    /// Told by the body.
    Body,
}

/// Every S3 operation that anybody may perform. One that is not here is denied to everybody:
/// form uploads (`PostObject`), directory buckets and Object Lambda.
pub(super) const TABLE: &[(&str, Rule)] = &[
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
    ("PutObjectLegalHold", Rule::Body),
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
