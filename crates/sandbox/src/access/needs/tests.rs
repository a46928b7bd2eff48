//! The table against the operations that `s3s` routes, and what requests need.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

/// Every operation that `s3s` 0.14 routes.
const OPERATIONS: [&str; 99] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateBucketMetadataTableConfiguration",
    "CreateMultipartUpload",
    "CreateSession",
    "DeleteBucket",
    "DeleteBucketAnalyticsConfiguration",
    "DeleteBucketCors",
    "DeleteBucketEncryption",
    "DeleteBucketIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration",
    "DeleteBucketLifecycle",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketMetricsConfiguration",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketReplication",
    "DeleteBucketTagging",
    "DeleteBucketWebsite",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjects",
    "DeletePublicAccessBlock",
    "GetBucketAccelerateConfiguration",
    "GetBucketAcl",
    "GetBucketAnalyticsConfiguration",
    "GetBucketCors",
    "GetBucketEncryption",
    "GetBucketIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration",
    "GetBucketLifecycleConfiguration",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataTableConfiguration",
    "GetBucketMetricsConfiguration",
    "GetBucketNotificationConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketReplication",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectLockConfiguration",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetPublicAccessBlock",
    "HeadBucket",
    "HeadObject",
    "ListBucketAnalyticsConfigurations",
    "ListBucketIntelligentTieringConfigurations",
    "ListBucketInventoryConfigurations",
    "ListBucketMetricsConfigurations",
    "ListBuckets",
    "ListDirectoryBuckets",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PostObject",
    "PutBucketAccelerateConfiguration",
    "PutBucketAcl",
    "PutBucketAnalyticsConfiguration",
    "PutBucketCors",
    "PutBucketEncryption",
    "PutBucketIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration",
    "PutBucketLifecycleConfiguration",
    "PutBucketLogging",
    "PutBucketMetricsConfiguration",
    "PutBucketNotificationConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketReplication",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectLockConfiguration",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutPublicAccessBlock",
    "RestoreObject",
    "SelectObjectContent",
    "UploadPart",
    "UploadPartCopy",
    "WriteGetObjectResponse",
];

/// Those that are denied to everybody.
const DENIED: [&str; 4] = [
    "CreateSession",
    "ListDirectoryBuckets",
    "PostObject",
    "WriteGetObjectResponse",
];

fn ask(
    operation: &str,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<Vec<String>, Fault> {
    let query = Form::parse(query).unwrap();
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    let facts = Facts {
        operation,
        bucket: Some("b"),
        key: Some("k"),
        query: &query,
        headers: &headers,
    };
    let told = |need: Need| format!("{} {}", need.action, need.resource);
    needs(&facts).map(|needs| needs.into_iter().map(told).collect())
}

#[test]
fn every_operation_has_an_entry_or_is_denied() {
    let source = [("x-amz-copy-source", "from/it")];
    let mut told = String::new();
    for operation in OPERATIONS {
        let plain = ask(operation, "", &source);
        if DENIED.contains(&operation) {
            assert_eq!(plain, Err(Fault::Unknown), "{operation}");
            continue;
        }
        let plain = plain.unwrap();
        let version = ask(operation, "versionId=v", &source).unwrap();
        if ["DeleteObjects", "PutObjectLegalHold"].contains(&operation) {
            assert_eq!(plain, Vec::<String>::new());
            continue;
        }
        assert!(!plain.is_empty(), "{operation} needs nothing");
        write!(told, "{operation}: {}", plain.join(", ")).unwrap();
        if version != plain {
            write!(told, "; of a version: {}", version.join(", ")).unwrap();
        }
        told.push('\n');
    }
    assert_eq!(ask("GetObjectAnnotation", "", &[]), Err(Fault::Unknown));
    for (operation, _) in TABLE {
        assert!(
            OPERATIONS.contains(operation),
            "{operation} is no operation"
        );
    }
    insta::assert_snapshot!("needs", told);
}

#[test]
fn headers_need_their_own_actions() {
    let put = "s3:PutObject b/k";
    let get = "s3:GetObject from/a b";
    for (operation, query, headers, expect) in [
        (
            "PutObject",
            "",
            vec![("x-amz-acl", "private")],
            vec![put, "s3:PutObjectAcl b/k"],
        ),
        (
            "PutObject",
            "",
            vec![("x-amz-grant-read", "id=1")],
            vec![put, "s3:PutObjectAcl b/k"],
        ),
        (
            "PutObject",
            "",
            vec![
                ("x-amz-tagging", "a=b"),
                ("x-amz-object-lock-legal-hold", "ON"),
            ],
            vec![put, "s3:PutObjectTagging b/k", "s3:PutObjectLegalHold b/k"],
        ),
        (
            "CreateMultipartUpload",
            "uploads",
            vec![("x-amz-object-lock-mode", "GOVERNANCE")],
            vec![put, "s3:PutObjectRetention b/k"],
        ),
        (
            "CreateMultipartUpload",
            "uploads",
            vec![(
                "x-amz-object-lock-retain-until-date",
                "2030-01-01T00:00:00Z",
            )],
            vec![put, "s3:PutObjectRetention b/k"],
        ),
        (
            "CopyObject",
            "",
            vec![
                ("x-amz-copy-source", "/from/a%20b"),
                ("x-amz-object-lock-legal-hold", "OFF"),
            ],
            vec![get, put, "s3:PutObjectLegalHold b/k"],
        ),
        (
            "UploadPartCopy",
            "partNumber=1&uploadId=u",
            vec![("x-amz-copy-source", "from/a%20b?versionId=v")],
            vec!["s3:GetObjectVersion from/a b", put],
        ),
        (
            "DeleteObject",
            "versionId=v",
            vec![("x-amz-bypass-governance-retention", "true")],
            vec![
                "s3:DeleteObjectVersion b/k",
                "s3:BypassGovernanceRetention b/k",
            ],
        ),
        (
            "DeleteObject",
            "",
            vec![("x-amz-bypass-governance-retention", "false")],
            vec!["s3:DeleteObject b/k"],
        ),
        (
            "CreateBucket",
            "",
            vec![("x-amz-acl", "private")],
            vec!["s3:CreateBucket b"],
        ),
        (
            "CreateBucket",
            "",
            vec![
                ("x-amz-acl", "public-read"),
                ("x-amz-bucket-object-lock-enabled", "True"),
                ("x-amz-object-ownership", "ObjectWriter"),
            ],
            vec![
                "s3:CreateBucket b",
                "s3:PutBucketAcl b",
                "s3:PutBucketObjectLockConfiguration b",
                "s3:PutBucketVersioning b",
                "s3:PutBucketOwnershipControls b",
            ],
        ),
    ] {
        let got = ask(operation, query, &headers).unwrap();
        assert_eq!(got, expect, "{operation} {headers:?}");
    }
}

#[test]
fn a_copy_source_that_cannot_be_read_is_refused() {
    for headers in [
        vec![],
        vec![("x-amz-copy-source", "nothing")],
        vec![
            ("x-amz-copy-source", "a-bucket/k"),
            ("x-amz-copy-source", "other/k"),
        ],
        vec![(
            "x-amz-copy-source",
            "arn:aws:s3:eu-central-1:111122223333:accesspoint/name/object/k",
        )],
    ] {
        assert_eq!(
            ask("CopyObject", "", &headers),
            Err(Fault::CopySource),
            "{headers:?}"
        );
    }
}

#[test]
fn entries_of_a_body_are_told_one_by_one() {
    let told = |version| {
        delete_entry("b", "k", version, &HeaderMap::new())
            .into_iter()
            .map(|need| format!("{} {}", need.action, need.arn()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(None), ["s3:DeleteObject arn:aws:s3:::b/k"]);
    assert_eq!(told(Some("v")), ["s3:DeleteObjectVersion arn:aws:s3:::b/k"]);
}

/// Whoever reads an object of a bucket that they may not list, and names one that they may as the
/// source of a copy, does not learn which keys exist.
#[test]
fn a_source_counts_for_copies_alone() {
    let query = Form::default();
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("x-amz-copy-source"),
        HeaderValue::from_static("from/a"),
    )]);
    for (operation, expect) in [
        ("GetObject", "b"),
        ("HeadObject", "b"),
        ("CopyObject", "from"),
        ("UploadPartCopy", "from"),
    ] {
        let facts = Facts {
            operation,
            bucket: Some("b"),
            key: Some("k"),
            query: &query,
            headers: &headers,
        };
        assert_eq!(
            listed_bucket(&facts).as_deref(),
            Some(expect),
            "{operation}"
        );
    }
}

#[test]
fn each_need_knows_its_own_version() {
    let query = Form::default();
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("x-amz-copy-source"),
        HeaderValue::from_static("from/a?versionId=v"),
    )]);
    let facts = Facts {
        operation: "CopyObject",
        bucket: Some("b"),
        key: Some("k"),
        query: &query,
        headers: &headers,
    };
    let versions = |needs: Vec<Need>| {
        needs
            .into_iter()
            .map(|need| need.version)
            .collect::<Vec<_>>()
    };
    let v = Some("v".to_owned());
    assert_eq!(versions(needs(&facts).unwrap()), [v.clone(), None]);
    assert_eq!(versions(delete_entry("b", "k", Some("v"), &headers)), [v]);
    assert_eq!(versions(delete_entry("b", "k", None, &headers)), [None]);
}
