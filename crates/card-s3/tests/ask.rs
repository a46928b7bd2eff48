//! Asking S3 what a session may do: each question is answered by the policies alone, changes
//! nothing, and an answer that tells nothing is no yes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod support;

use std::fmt::Write as _;

use flowrun_card::{Permission, Resource, Text};
use flowrun_card_s3::ask::{
    Answer as Said, Asked, Findings, Layer, MAX_QUESTIONS, Need, NotAsked, ask, default_keys,
};
use insta::assert_snapshot;
use serde_json::json;
use support::{
    sandbox::{Server, role, seed},
    scripted::{Answer, Scripted},
};

const ON_BUCKETS: [&str; 7] = [
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketVersioning",
    "s3:GetBucketTagging",
    "s3:GetEncryptionConfiguration",
];
const ON_OBJECTS: [&str; 13] = [
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectTagging",
    "s3:GetObjectVersionTagging",
    "s3:GetObjectAcl",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectVersionAttributes",
    "s3:GetObjectLegalHold",
    "s3:GetObjectRetention",
    "s3:PutObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
];

fn known(text: &str) -> Text {
    Text::Known(text.to_owned())
}

fn on_bucket(action: &'static str, bucket: &str) -> Need {
    Need {
        action,
        resource: Resource::bucket(&known(bucket)),
    }
}

fn on_objects(action: &'static str, bucket: &str, prefix: &str) -> Need {
    Need {
        action,
        resource: Resource::objects(&known(bucket), &known(prefix)),
    }
}

fn all(bucket: &str) -> Vec<Need> {
    let buckets = ON_BUCKETS.iter().map(|action| on_bucket(action, bucket));
    let objects = ON_OBJECTS
        .iter()
        .map(|action| on_objects(action, bucket, "daily/"));
    buckets.chain(objects).collect()
}

fn told(findings: &Findings) -> String {
    let mut text = String::new();
    for Asked { need, answer, .. } in &findings.asked {
        let words = match answer {
            Said::Allowed => "allowed".to_owned(),
            Said::Unclear(error) => format!("unclear: {}: {}", error.kind, error.message),
            other => format!("{other:?}"),
        };
        writeln!(text, "{} on {}: {words}", need.action, need.resource).unwrap();
    }
    if let Some(drift) = findings.drift {
        writeln!(text, "drift: {drift}").unwrap();
    }
    text
}

/// A role that may do one thing, and another that may do everything else.
#[tokio::test]
async fn each_question_is_about_its_action_alone() {
    for (index, need) in all("locked").iter().enumerate() {
        let mut actions = vec![need.action];
        // S3 asks for both.
        if let Some(object) = need.action.strip_suffix("Attributes") {
            actions.push(if object == "s3:GetObject" {
                "s3:GetObject"
            } else {
                "s3:GetObjectVersion"
            });
        }
        let policy = |effect: &str, actions: &[&str]| {
            json!({ "Version": "2012-10-17", "Statement": [
                { "Effect": effect, "Action": actions, "Resource": "*" },
                { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*" },
            ]})
        };
        let mut others = policy("Deny", &[need.action]);
        others["Statement"][1]["Action"] = json!("s3:*");
        let seed = role(
            role(seed(), "one", &policy("Allow", &actions).to_string()),
            "rest",
            &others.to_string(),
        );
        let server = Server::start(seed, &["one", "rest"]).await;
        let asked = async |role: &str| {
            let needs = std::slice::from_ref(need);
            let mut findings = ask(&server.sessions.get(role), needs, None).await;
            findings.asked.remove(0)
        };
        let allowed = asked("one").await;
        let is_implemented = match &allowed.answer {
            Said::Unclear(error) => error.code.as_deref() != Some("NotImplemented"),
            _ => true,
        };
        if is_implemented {
            assert!(
                matches!(allowed.answer, Said::Allowed),
                "{index} {allowed:?}"
            );
        }
        let denied = asked("rest").await;
        let Said::Denied(denial) = &denied.answer else {
            panic!("{denied:?}");
        };
        assert_eq!(
            (&denial.layer, denial.is_explicit, &denial.instead),
            (&Some(Layer::Identity), true, &None),
            "{}",
            need.action
        );
        assert!(denied.request_id.is_some());
    }
}

#[tokio::test]
async fn questions_change_nothing_whatever_the_server_answers() {
    let server = Scripted::start(|_, _| Answer::error(404, "NoSuchKey")).await;
    let mut needs = all("in");
    for action in [
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:PutObjectLegalHold",
        "s3:PutObjectTagging",
        "s3:RestoreObject",
    ] {
        needs.push(on_objects(action, "in", ""));
    }
    for action in [
        "s3:CreateBucket",
        "s3:PutBucketVersioning",
        "s3:DeleteBucket",
    ] {
        needs.push(on_bucket(action, "in"));
    }
    let findings = ask(&server.world.sessions.get("it"), &needs, None).await;
    let asked: Vec<String> = server
        .requests()
        .iter()
        .map(|request| format!("{} ({} bytes)", request.line(), request.body.len()))
        .collect();
    assert_snapshot!(asked.join("\n"), @"
    GET /in/?list-type=2&max-keys=1 (0 bytes)
    GET /in/?versions&max-keys=1 (0 bytes)
    GET /in/?uploads&max-uploads=1 (0 bytes)
    GET /in/?object-lock (0 bytes)
    GET /in/?versioning (0 bytes)
    GET /in/?tagging (0 bytes)
    GET /in/?encryption (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?versionId=null (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?tagging (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?tagging&versionId=null (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?acl (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?acl&versionId=null (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?attributes (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?attributes&versionId=null (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?legal-hold (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?retention (0 bytes)
    PUT /in/daily/flowrun-asks-whether-it-may?partNumber=1&uploadId=flowrun-asks-whether-it-may (0 bytes)
    DELETE /in/daily/flowrun-asks-whether-it-may?uploadId=flowrun-asks-whether-it-may (0 bytes)
    GET /in/daily/flowrun-asks-whether-it-may?max-parts=1&uploadId=flowrun-asks-whether-it-may (0 bytes)
    ");
    let unasked = findings.asked[20..].iter();
    for Asked { need, answer, .. } in unasked {
        assert!(
            matches!(answer, Said::NotAsked(NotAsked::Doing)),
            "{} {answer:?}",
            need.action
        );
    }
}

#[tokio::test]
async fn what_tells_nothing_is_no_yes() {
    let needs = [
        on_objects("s3:GetObject", "in", ""),
        on_objects("s3:PutObject", "in", ""),
    ];
    let with = |answer: Answer| async {
        let server = Scripted::start(move |_, _| answer.clone()).await;
        let findings = ask(&server.world.sessions.get("it"), &needs, None).await;
        format!(
            "{} requests\n{}\n",
            server.requests().len(),
            told(&findings)
        )
    };
    let said = |message: &str| {
        Answer::new(
            403,
            format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>"),
        )
    };
    let mut text = String::new();
    for answer in [
        // A missing object looks the same.
        Answer::error(403, "AccessDenied"),
        said(
            "User: x is not authorized to perform: s3:ListBucket on resource: \"arn:aws:s3:::in\" \
             because no identity-based policy allows the s3:ListBucket action",
        ),
        said(
            "User: x is not authorized to perform: kms:Decrypt on resource: \
             arn:aws:kms:eu-west-1:111122223333:key/1 because no resource-based policy allows the \
             kms:Decrypt action",
        ),
        // Asked once for the whole bucket.
        Answer::error(404, "NoSuchBucket"),
        Answer::error(301, "PermanentRedirect").header("x-amz-bucket-region", "eu-west-1"),
        Answer::error(400, "AuthorizationHeaderMalformed")
            .header("x-amz-bucket-region", "us-east-1"),
        Answer::error(301, "PermanentRedirect"),
        // Allowed, for S3 judges first.
        Answer::error(416, "InvalidRange"),
        Answer::error(403, "InvalidObjectState"),
        Answer::error(500, "InternalError"),
        Answer::new(404, "<html>no such page</html>"),
        Answer::error(403, "InvalidAccessKeyId"),
        Answer::error(400, "InvalidRequest"),
        Answer::error(404, "NoSuchKey").header("date", "Wed, 01 Jan 2025 00:00:00 GMT"),
    ] {
        text.push_str(&with(answer).await);
    }
    let text = undated(&text);
    assert_snapshot!(text, @r#"
    3 requests
    s3:GetObject on arn:aws:s3:::in/*: NotAsked(Hidden)
    s3:PutObject on arn:aws:s3:::in/*: Denied(Denial { layer: None, is_explicit: false, instead: None })

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: allowed
    s3:PutObject on arn:aws:s3:::in/*: Denied(Denial { layer: Some(Identity), is_explicit: false, instead: Some(("s3:ListBucket", "arn:aws:s3:::in")) })

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: Denied(Denial { layer: Some(Resource), is_explicit: false, instead: Some(("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/1")) })
    s3:PutObject on arn:aws:s3:::in/*: Denied(Denial { layer: Some(Resource), is_explicit: false, instead: Some(("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/1")) })

    1 requests
    s3:GetObject on arn:aws:s3:::in/*: NoBucket
    s3:PutObject on arn:aws:s3:::in/*: NoBucket

    1 requests
    s3:GetObject on arn:aws:s3:::in/*: Elsewhere("eu-west-1")
    s3:PutObject on arn:aws:s3:::in/*: Elsewhere("eu-west-1")

    1 requests
    s3:GetObject on arn:aws:s3:::in/*: Elsewhere("us-east-1")
    s3:PutObject on arn:aws:s3:::in/*: Elsewhere("us-east-1")

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: unclear: connection: S3 refused GetObject: PermanentRedirect: Said so
    s3:PutObject on arn:aws:s3:::in/*: unclear: connection: S3 refused UploadPart: PermanentRedirect: Said so

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: allowed
    s3:PutObject on arn:aws:s3:::in/*: allowed

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: allowed
    s3:PutObject on arn:aws:s3:::in/*: allowed

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: unclear: unavailable: S3 refused GetObject: InternalError: Said so
    s3:PutObject on arn:aws:s3:::in/*: unclear: unavailable: S3 refused UploadPart: InternalError: Said so

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: unclear: not_found: the object does not exist
    s3:PutObject on arn:aws:s3:::in/*: unclear: not_found: the object does not exist

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: unclear: connection: S3 refused GetObject: InvalidAccessKeyId: Said so
    s3:PutObject on arn:aws:s3:::in/*: unclear: connection: S3 refused UploadPart: InvalidAccessKeyId: Said so

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: allowed
    s3:PutObject on arn:aws:s3:::in/*: unclear: invalid_input: S3 refused UploadPart: InvalidRequest: Said so

    2 requests
    s3:GetObject on arn:aws:s3:::in/*: allowed
    s3:PutObject on arn:aws:s3:::in/*: allowed
    drift: N hours ahead of
    "#);
}

/// The drift grows by the day; its unit does not.
fn undated(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix("drift: ") {
        Some(drift) => format!("drift: N {}", drift.split_once(' ').unwrap().1),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn no_more_is_asked_than_the_bound() {
    let server = Scripted::start(|_, _| Answer::error(404, "NoSuchKey")).await;
    let needs: Vec<Need> = (0..MAX_QUESTIONS + 2)
        .map(|number| on_objects("s3:GetObject", "in", &number.to_string()))
        .collect();
    let findings = ask(&server.world.sessions.get("it"), &needs, None).await;
    assert_eq!(server.requests().len(), MAX_QUESTIONS);
    let last: Vec<bool> = findings.asked[MAX_QUESTIONS - 1..]
        .iter()
        .map(|asked| matches!(asked.answer, Said::NotAsked(NotAsked::TooMany)))
        .collect();
    assert_eq!(last, [false, true, true]);
}

#[tokio::test]
async fn an_owner_is_asked_for_and_a_key_is_read_where_the_bucket_names_one() {
    let server = Scripted::start(|request, _| {
        if request.target.contains("encryption") {
            return match request.target.starts_with("/plain") {
                true => Answer::error(403, "AccessDenied"),
                false => Answer::new(
                    200,
                    "<ServerSideEncryptionConfiguration><Rule>\
                     <ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
                     <KMSMasterKeyID>arn:aws:kms:eu-central-1:222222222222:key/1</KMSMasterKeyID>\
                     </ApplyServerSideEncryptionByDefault></Rule>\
                     </ServerSideEncryptionConfiguration>",
                ),
            };
        }
        match request.header("x-amz-expected-bucket-owner") {
            Some("222222222222") if request.target.starts_with("/theirs") => {
                Answer::error(403, "AccessDenied")
            }
            _ => Answer::error(404, "NoSuchUpload"),
        }
    })
    .await;
    let session = server.world.sessions.get("it");
    let needs = [
        on_objects("s3:PutObject", "ours", ""),
        on_objects("s3:PutObject", "theirs", ""),
    ];
    let findings = ask(&session, &needs, Some("222222222222")).await;
    assert_eq!(findings.foreign, ["theirs"]);
    assert!(
        findings
            .asked
            .iter()
            .all(|asked| matches!(asked.answer, Said::Allowed))
    );
    assert_eq!(
        default_keys(&session, &["plain", "sealed"]).await,
        [(
            "sealed".to_owned(),
            "arn:aws:kms:eu-central-1:222222222222:key/1".to_owned()
        )]
    );
}

#[test]
fn each_need_is_asked_about_once() {
    let permission = |actions: &[&'static str], key: &str| Permission {
        connection: None,
        actions: actions.to_vec(),
        resource: Resource::object(&known("in"), &known(key)),
    };
    let needs = Need::of(&[
        permission(&["s3:GetObject", "s3:PutObject"], "a"),
        permission(&["s3:GetObject"], "a"),
        permission(&["s3:GetObject"], "b"),
    ]);
    let told: Vec<String> = needs
        .iter()
        .map(|need| format!("{} {}", need.action, need.resource))
        .collect();
    assert_eq!(
        told,
        [
            "s3:GetObject arn:aws:s3:::in/a",
            "s3:PutObject arn:aws:s3:::in/a",
            "s3:GetObject arn:aws:s3:::in/b"
        ]
    );
}
