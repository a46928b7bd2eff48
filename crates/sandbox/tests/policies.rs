//! Bucket policies, conditions and what a session says of itself, as a client meets them through the
//! AWS SDKs: each request works, or is refused with the reason in AWS's words.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

mod support;

use aws_sdk_s3::{
    error::ProvideErrorMetadata,
    primitives::ByteStream,
    types::{ObjectLockLegalHold, ObjectLockLegalHoldStatus},
};
use aws_sdk_sts::{
    operation::assume_role::{AssumeRoleOutput, builders::AssumeRoleFluentBuilder},
    types::Tag,
};
use flowrun_sandbox::{BucketOptions, Sandbox, Seed, State};
use support::*;

/// Allows nothing.
const NOTHING: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}"#;

async fn with(seed: Seed) -> Sandbox {
    Sandbox::start(seed, State::Memory).await.unwrap()
}

fn ask(sandbox: &Sandbox, role: &str) -> AssumeRoleFluentBuilder {
    sts(sandbox, of_user(sandbox.operator()))
        .assume_role()
        .role_arn(role)
        .role_session_name("run-1")
        .external_id(EXTERNAL_ID)
}

async fn client_of(sandbox: &Sandbox, asked: AssumeRoleFluentBuilder) -> aws_sdk_s3::Client {
    let keys = asked.send().await.unwrap().credentials.unwrap();
    s3(sandbox, of_session(&keys))
}

/// What GetObject of a key answers: nothing where it works, else why it is refused.
async fn get_of(client: &aws_sdk_s3::Client, bucket: &str, key: &str) -> String {
    match client.get_object().bucket(bucket).key(key).send().await {
        Ok(_) => String::new(),
        Err(error) => reason(error.message().unwrap_or_default()),
    }
}

/// The part of a refusal that says why.
fn reason(message: &str) -> String {
    let marks = [" because ", " with an explicit "];
    let starts = marks.iter().filter_map(|mark| message.find(mark)).min();
    let (_, reason) = message.split_at(starts.unwrap_or(0));
    reason.trim().to_owned()
}

#[tokio::test]
async fn a_bucket_policy_lets_in_and_keeps_out() {
    let no_session = "because no session policy allows the s3:GetObject action";
    let no_identity = "because no identity-based policy allows the s3:GetObject action";
    let no_resource = "because no resource-based policy allows the s3:GetObject action";
    let denied = "with an explicit deny in a resource-based policy";
    let account = "222222222222".to_owned();
    let role = |name: &str| role_arn(CUSTOMER, name);
    let session = |name: &str| format!("arn:aws:sts::{CUSTOMER}:assumed-role/{name}/run-1");
    // The account of the bucket, the principal, the effect; the role; whether its session policy
    // allows nothing; what it answers.
    for (owner, principal, effect, name, is_narrow, expect) in [
        (CUSTOMER, account.clone(), "Allow", "all", false, ""),
        (
            CUSTOMER,
            account.clone(),
            "Allow",
            "nothing",
            false,
            no_identity,
        ),
        (CUSTOMER, role("nothing"), "Allow", "nothing", false, ""),
        (
            CUSTOMER,
            role("nothing"),
            "Allow",
            "nothing",
            true,
            no_session,
        ),
        (CUSTOMER, session("nothing"), "Allow", "nothing", true, ""),
        (CUSTOMER, "*".to_owned(), "Allow", "nothing", true, ""),
        (
            CUSTOMER,
            role("all"),
            "Allow",
            "nothing",
            false,
            no_identity,
        ),
        (CUSTOMER, "*".to_owned(), "Deny", "all", false, denied),
        (CUSTOMER, role("all"), "Deny", "all", false, denied),
        (CUSTOMER, role("nothing"), "Deny", "all", false, ""),
        (OTHER, account.clone(), "Allow", "all", false, ""),
        (OTHER, role("all"), "Allow", "all", false, ""),
        (OTHER, session("all"), "Allow", "all", true, no_session),
        (
            OTHER,
            role("nothing"),
            "Allow",
            "nothing",
            false,
            no_identity,
        ),
        (OTHER, role("nothing"), "Allow", "all", false, no_resource),
        (OTHER, account.clone(), "Deny", "all", false, denied),
    ] {
        let bucket = policy(&format!(
            r#"{{"Effect": "{effect}", "Principal": {{"AWS": "{principal}"}},
                "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shared/*"}}"#
        ));
        let seed = seed()
            .bucket(owner, "shared", BucketOptions::default())
            .and_then(|seed| seed.bucket_policy(owner, "shared", &bucket))
            .and_then(|seed| seed.role(CUSTOMER, "nothing", &trust(EXTERNAL_ID), NOTHING, 3600))
            .and_then(|seed| {
                let all = policy(&allow(r#""s3:*""#, r#""*""#));
                seed.role(owner, "writer", &trust(EXTERNAL_ID), &all, 3600)
            })
            .unwrap();
        let sandbox = with(seed).await;
        client_of(&sandbox, ask(&sandbox, &role_arn(owner, "writer")))
            .await
            .put_object()
            .bucket("shared")
            .key("a")
            .body(ByteStream::from_static(b"data"))
            .send()
            .await
            .unwrap();
        let asked = ask(&sandbox, &role(name)).set_policy(is_narrow.then(|| NOTHING.to_owned()));
        let client = client_of(&sandbox, asked).await;
        assert_eq!(
            get_of(&client, "shared", "a").await,
            expect,
            "{owner} {effect} {principal}, {name} {is_narrow}"
        );
    }
}

/// A sandbox, and a session of a role that may do everything under a condition, and that may read
/// under its account's number in any case.
async fn allowed_under(condition: &str) -> (Sandbox, aws_sdk_s3::Client) {
    let statement = format!(
        r#"{{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {condition}}}"#
    );
    let statements = [
        statement,
        allow(
            r#""s3:GetObject""#,
            r#""arn:aws:s3:::locked/${aws:PrincipalAccount}/*""#,
        ),
    ];
    let seed = seed()
        .bucket(
            CUSTOMER,
            "locked",
            BucketOptions {
                versioning: true,
                object_lock: true,
            },
        )
        .and_then(|seed| {
            let policy = policy(&statements.join(","));
            seed.role(CUSTOMER, "some", &trust(EXTERNAL_ID), &policy, 3600)
        })
        .unwrap();
    let sandbox = with(seed).await;
    for key in ["a", "222222222222/a"] {
        session(&sandbox, "all")
            .await
            .put_object()
            .bucket("locked")
            .key(key)
            .body(ByteStream::from_static(b"data"))
            .send()
            .await
            .unwrap();
    }
    let client = session(&sandbox, "some").await;
    (sandbox, client)
}

/// Status and code, or 200.
fn outcome<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, aws_sdk_s3::error::SdkError<E>>,
) -> u16 {
    match result {
        Ok(_) => 200,
        refused => refusal(refused).0,
    }
}

#[tokio::test]
async fn conditions_look_at_what_the_request_says() {
    let (_sandbox, client) =
        allowed_under(r#"{"StringLike": {"s3:prefix": "daily/*"}, "NumericLessThanEquals": {"s3:max-keys": "10"}}"#)
            .await;
    let list = |prefix: &str, most: i32| {
        client
            .list_objects_v2()
            .bucket("locked")
            .prefix(prefix)
            .max_keys(most)
            .send()
    };
    assert_eq!(outcome(list("daily/x", 10).await), 200);
    assert_eq!(outcome(list("daily/x", 11).await), 403);
    assert_eq!(outcome(list("other/", 10).await), 403);
    // No listing, so that its parameters are no condition keys.
    let refused = client
        .head_bucket()
        .bucket("locked")
        .customize()
        .mutate_request(|request| {
            let uri = format!("{}?prefix=daily/x&max-keys=1", request.uri());
            request.set_uri(uri).unwrap();
        })
        .send()
        .await;
    assert_eq!(outcome(refused), 403);
    // The other statement has the account of who asks in its resource.
    assert_eq!(get_of(&client, "locked", "222222222222/a").await, "");
    let no = "because no identity-based policy allows the s3:GetObject action";
    assert_eq!(get_of(&client, "locked", "a").await, no);
}

#[tokio::test]
async fn a_legal_hold_and_a_copy_are_told_apart_by_conditions() {
    let (_sandbox, client) =
        allowed_under(r#"{"StringEquals": {"s3:object-lock-legal-hold": "ON"}}"#).await;
    let hold = |status: ObjectLockLegalHoldStatus| {
        let hold = ObjectLockLegalHold::builder().status(status).build();
        client
            .put_object_legal_hold()
            .bucket("locked")
            .key("a")
            .legal_hold(hold)
            .send()
    };
    assert_eq!(outcome(hold(ObjectLockLegalHoldStatus::On).await), 200);
    let refused = hold(ObjectLockLegalHoldStatus::Off).await;
    assert_eq!(
        message(refused),
        "User: arn:aws:sts::222222222222:assumed-role/some/run-1 is not authorized to perform: \
         s3:PutObjectLegalHold on resource: \"arn:aws:s3:::locked/a\" because no identity-based \
         policy allows the s3:PutObjectLegalHold action"
    );

    let (_sandbox, client) =
        allowed_under(r#"{"StringLikeIfExists": {"s3:x-amz-copy-source": "locked/2*"}}"#).await;
    let copy = |source: &str| {
        client
            .copy_object()
            .bucket("locked")
            .key("b")
            .copy_source(source)
            .send()
    };
    assert_eq!(outcome(copy("locked/222222222222/a").await), 200);
    assert_eq!(outcome(copy("/locked/%32%32%32222222222/a").await), 200);
    assert_eq!(outcome(copy("locked/a").await), 403);
}

/// A role whose trust policy and permissions have these actions and conditions.
fn trusting(actions: &str, condition: &str, permissions: &str) -> Seed {
    let trust = policy(&format!(
        r#"{{"Effect": "Allow", "Principal": {{"AWS": "111111111111"}},
            "Action": {actions}, "Condition": {condition}}}"#
    ));
    let operator = policy(&allow(r#""sts:*""#, r#""*""#));
    seed()
        .role(CUSTOMER, "told", &trust, permissions, 3600)
        .and_then(|seed| seed.user("111111111111", "flowrun", &operator))
        .unwrap()
}

const ASSUME: &str = r#""sts:AssumeRole""#;
const ASSUME_AND_MORE: &str = r#"["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]"#;

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

#[allow(deprecated, reason = "the new number is that of the whole token")]
fn packed_size(assumed: &AssumeRoleOutput) -> Option<i32> {
    assumed.packed_policy_size()
}

#[tokio::test]
async fn tags_and_source_identity_need_both_sides_and_stay() {
    let told = role_arn(CUSTOMER, "told");
    let refused = |action: &str| {
        format!(
            "User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: {action} \
             on resource: {told}"
        )
    };
    let with_both = |sandbox: &Sandbox| {
        ask(sandbox, &told)
            .source_identity("ann")
            .tags(tag("team", "audit"))
    };
    // The trust policy has to allow each by itself.
    let everything = policy(&allow(r#""s3:*""#, r#""*""#));
    let sandbox = with(trusting(ASSUME, "{}", &everything)).await;
    let result = ask(&sandbox, &told).source_identity("ann").send().await;
    assert_eq!(message(result), refused("sts:SetSourceIdentity"));
    let result = ask(&sandbox, &told).tags(tag("a", "b")).send().await;
    assert_eq!(message(result), refused("sts:TagSession"));
    // And so has the caller's own account.
    let only_assumes = policy(&allow(ASSUME, r#""*""#));
    let seed = trusting(ASSUME_AND_MORE, "{}", &everything);
    let seed = seed.user("111111111111", "flowrun", &only_assumes).unwrap();
    let sandbox = with(seed).await;
    let result = ask(&sandbox, &told).tags(tag("a", "b")).send().await;
    assert_eq!(
        message(result),
        format!(
            "{} because no identity-based policy allows the sts:TagSession action",
            refused("sts:TagSession")
        )
    );

    // What was said is there for the conditions of the role, and of the session later.
    let condition = r#"{
        "StringEquals": {"aws:RequestTag/team": "audit", "sts:SourceIdentity": "ann"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}"#;
    let own = policy(
        r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals":
            {"aws:PrincipalTag/team": "audit", "aws:SourceIdentity": "ann"}}}"#,
    );
    let sandbox = with(trusting(ASSUME_AND_MORE, condition, &own)).await;
    for asked in [
        with_both(&sandbox).tags(tag("more", "x")),
        ask(&sandbox, &told).source_identity("ann"),
        ask(&sandbox, &told).tags(tag("team", "audit")),
        ask(&sandbox, &told)
            .source_identity("bob")
            .tags(tag("team", "audit")),
    ] {
        let result = asked.send().await;
        assert_eq!(message(result), refused("sts:AssumeRole"));
    }
    let assumed = with_both(&sandbox).send().await.unwrap();
    assert_eq!(assumed.source_identity(), Some("ann"));
    assert_eq!(packed_size(&assumed), Some(1));
    let client = s3(&sandbox, of_session(&assumed.credentials.unwrap()));
    client
        .list_objects_v2()
        .bucket("reports")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_source_identity_goes_along_when_a_role_assumes_a_role() {
    let chained = |actions: &str| {
        let trust = policy(&format!(
            r#"{{"Effect": "Allow", "Principal": {{"AWS": "{}"}}, "Action": {actions}}}"#,
            role_arn(CUSTOMER, "told")
        ));
        let all = policy(&allow(r#""*""#, r#""*""#));
        trusting(ASSUME_AND_MORE, "{}", &all)
            .role(OTHER, "chained", &trust, &all, 3600)
            .unwrap()
    };
    for (actions, says, expect) in [
        (ASSUME_AND_MORE, None, Ok("ann")),
        (ASSUME_AND_MORE, Some("ann"), Ok("ann")),
        (ASSUME_AND_MORE, Some("bob"), Err("sts:SetSourceIdentity")),
        (ASSUME, None, Err("sts:SetSourceIdentity")),
    ] {
        let sandbox = with(chained(actions)).await;
        let first = ask(&sandbox, &role_arn(CUSTOMER, "told"))
            .source_identity("ann")
            .send()
            .await
            .unwrap();
        let second = sts(&sandbox, of_session(&first.credentials.unwrap()))
            .assume_role()
            .role_arn(role_arn(OTHER, "chained"))
            .role_session_name("run-2")
            .set_source_identity(says.map(str::to_owned))
            .send()
            .await;
        match expect {
            Ok(source) => assert_eq!(second.unwrap().source_identity(), Some(source)),
            Err(action) => assert_eq!(
                message(second),
                format!(
                    "User: arn:aws:sts::222222222222:assumed-role/told/run-1 is not authorized to \
                     perform: {action} on resource: arn:aws:iam::333333333333:role/chained"
                )
            ),
        }
    }
}

#[tokio::test]
async fn a_session_policy_is_one_that_the_sandbox_can_judge_and_has_room() {
    let everything = policy(&allow(r#""s3:*""#, r#""*""#));
    let sandbox = with(trusting(ASSUME_AND_MORE, "{}", &everything)).await;
    let told = role_arn(CUSTOMER, "told");
    let strange = r#"{"Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}"#;
    let refused = ask(&sandbox, &told).policy(policy(strange)).send().await;
    assert_eq!(
        message(refused),
        "the sandbox does not implement the condition key aws:MultiFactorAuthPresent of the \
         session policy"
    );

    // 2,048 bytes in all, with white space that does not count.
    let start = policy(&allow(r#""s3:*""#, r#""arn:aws:s3:::""#));
    let start: serde_json::Value = serde_json::from_str(&start).unwrap();
    let start = start.to_string();
    let of_length = |length: usize| {
        let bucket = "b".repeat(length - start.len());
        start.replace(":::", &format!(":::{bucket}"))
    };
    let tagged = |length: usize| {
        ask(&sandbox, &told)
            .policy(of_length(length).replacen(':', ": ", 1))
            .tags(tag(&"k".repeat(128), &"v".repeat(256)))
            .send()
    };
    let fits = tagged(2048 - 384).await.unwrap();
    assert_eq!(packed_size(&fits), Some(100));
    let refused = tagged(2048 - 384 + 1).await;
    assert_eq!(
        refused.as_ref().unwrap_err().code(),
        Some("PackedPolicyTooLarge")
    );
    assert_eq!(
        message(refused),
        "Packed policy consumes 101% of allotted space, please use smaller policy."
    );
}

#[tokio::test]
async fn a_role_that_names_a_user_of_its_account_needs_no_policy_of_the_user() {
    let trust_of = |principal: &str| {
        policy(&format!(
            r#"{{"Effect": "Allow", "Principal": {{"AWS": "{principal}"}},
                "Action": "sts:AssumeRole"}}"#
        ))
    };
    let home = Seed::ACCOUNT;
    for (principal, expect) in [
        ("arn:aws:iam::111111111111:user/flowrun", ""),
        (
            "arn:aws:iam::111111111111:root",
            "because no identity-based policy allows the sts:AssumeRole action",
        ),
    ] {
        let seed = Seed::new()
            .user(home, "flowrun", NOTHING)
            .and_then(|seed| seed.role(home, "own", &trust_of(principal), NOTHING, 3600))
            .unwrap();
        let sandbox = with(seed).await;
        let result = ask(&sandbox, &role_arn(home, "own")).send().await;
        let told = result
            .err()
            .map(|error| reason(error.message().unwrap_or_default()));
        assert_eq!(told.unwrap_or_default(), expect, "{principal}");
    }
}
