//! IAM as a client meets it, through the AWS SDKs: each of trust, session token and policy is
//! refused for its own reason, so that taking one enforcement away turns a test here red.

mod support;

use aws_sdk_s3::{error::ProvideErrorMetadata, primitives::ByteStream};
use flowrun_sandbox::{Sandbox, State};
use support::*;

#[tokio::test]
async fn only_the_right_external_id_opens_a_role() {
    let sandbox = start().await;
    let sts = sts(&sandbox, of_user(sandbox.operator()));
    let ask = |role: String, external_id: Option<&str>| {
        sts.assume_role()
            .role_arn(role)
            .role_session_name("run-1")
            .set_external_id(external_id.map(str::to_owned))
            .send()
    };
    let role = role_arn(CUSTOMER, "all");
    let assumed = ask(role.clone(), Some(EXTERNAL_ID)).await.unwrap();
    let user = assumed.assumed_role_user.unwrap();
    assert_eq!(
        user.arn(),
        "arn:aws:sts::222222222222:assumed-role/all/run-1"
    );
    assert!(
        assumed
            .credentials
            .unwrap()
            .access_key_id()
            .starts_with("ASIA")
    );

    for (role, external_id) in [
        (role.clone(), None),
        (role.clone(), Some("wrong-id")),
        (role.clone(), Some("other-id")),
        (role_arn(OTHER, "other"), Some(EXTERNAL_ID)),
        (role_arn(OTHER, "chained"), Some(EXTERNAL_ID)),
        (role_arn(CUSTOMER, "nobody"), Some(EXTERNAL_ID)),
        (role_arn("444444444444", "all"), Some(EXTERNAL_ID)),
    ] {
        let refused = ask(role.clone(), external_id).await.unwrap_err();
        let expect = format!(
            "User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: \
             sts:AssumeRole on resource: {role}"
        );
        assert_eq!(
            refused.code(),
            Some("AccessDenied"),
            "{role} {external_id:?}"
        );
        assert_eq!(refused.message(), Some(expect.as_str()), "{external_id:?}");
    }
}

#[tokio::test]
async fn the_callers_own_policy_has_to_allow_the_role_too() {
    let seed = seed()
        .user(
            "111111111111",
            "flowrun",
            &policy(&allow(r#""sts:GetCallerIdentity""#, r#""*""#)),
        )
        .unwrap();
    let sandbox = Sandbox::start(seed, State::Memory).await.unwrap();
    let refused = sts(&sandbox, of_user(sandbox.operator()))
        .assume_role()
        .role_arn(role_arn(CUSTOMER, "all"))
        .role_session_name("run-1")
        .external_id(EXTERNAL_ID)
        .send()
        .await;
    assert_eq!(
        message(refused),
        "User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: \
         sts:AssumeRole on resource: arn:aws:iam::222222222222:role/all because no \
         identity-based policy allows the sts:AssumeRole action"
    );
}

#[tokio::test]
async fn a_session_needs_its_own_token() {
    let sandbox = start().await;
    let role = role_arn(CUSTOMER, "all");
    let one = assume(&sandbox, &role, EXTERNAL_ID).await;
    let two = assume(&sandbox, &role, EXTERNAL_ID).await;
    let with = |token| credentials(one.access_key_id(), one.secret_access_key(), token);

    s3(&sandbox, with(Some(one.session_token())))
        .list_buckets()
        .send()
        .await
        .unwrap();
    for (token, in_s3, in_sts) in [
        (
            None,
            is(403, "InvalidAccessKeyId"),
            is(403, "InvalidClientTokenId"),
        ),
        (
            Some(two.session_token()),
            is(400, "InvalidToken"),
            is(403, "InvalidClientTokenId"),
        ),
        (
            Some("made-up"),
            is(400, "InvalidToken"),
            is(403, "InvalidClientTokenId"),
        ),
    ] {
        let result = s3(&sandbox, with(token)).list_buckets().send().await;
        assert_eq!(refusal(result), in_s3, "{token:?}");
        let result = sts(&sandbox, with(token))
            .get_caller_identity()
            .send()
            .await;
        assert_eq!(refusal(result), in_sts, "{token:?}");
    }
    // The key of a user has no token at all.
    let operator = sandbox.operator();
    let user = credentials(
        operator.access_key_id(),
        operator.secret_access_key().expose(),
        Some(one.session_token()),
    );
    let result = sts(&sandbox, user).get_caller_identity().send().await;
    assert_eq!(refusal(result), is(403, "InvalidClientTokenId"));
}

#[tokio::test]
async fn a_session_ends() {
    let sandbox = start().await;
    let keys = assume(&sandbox, &role_arn(CUSTOMER, "all"), EXTERNAL_ID).await;
    sandbox.expire_sessions();
    let result = s3(&sandbox, of_session(&keys)).list_buckets().send().await;
    assert_eq!(refusal(result), is(400, "ExpiredToken"));
    let result = sts(&sandbox, of_session(&keys))
        .get_caller_identity()
        .send()
        .await;
    assert_eq!(refusal(result), is(403, "ExpiredToken"));
    // A new one works.
    let client = session(&sandbox, "all").await;
    client.list_buckets().send().await.unwrap();
}

#[tokio::test]
async fn keys_and_secrets_are_checked() {
    let sandbox = start().await;
    let admin = sandbox.administrator();
    for (credentials, in_s3, in_sts) in [
        (
            credentials(admin.access_key_id(), "wrong", None),
            is(403, "SignatureDoesNotMatch"),
            is(403, "SignatureDoesNotMatch"),
        ),
        (
            credentials("AKIANOBODYHASTHISKEY", "wrong", None),
            is(403, "InvalidAccessKeyId"),
            is(403, "InvalidClientTokenId"),
        ),
    ] {
        let result = s3(&sandbox, credentials.clone())
            .list_buckets()
            .send()
            .await;
        assert_eq!(refusal(result), in_s3);
        let result = sts(&sandbox, credentials)
            .get_caller_identity()
            .send()
            .await;
        assert_eq!(refusal(result), in_sts);
    }
    let anonymous = get(&format!("{}/reports/in/a", sandbox.url())).await;
    assert!(anonymous.starts_with("HTTP/1.1 403"), "{anonymous}");
    assert!(
        anonymous.contains("<Code>AccessDenied</Code>"),
        "{anonymous}"
    );
}

#[tokio::test]
async fn everybody_may_ask_who_they_are() {
    let sandbox = start().await;
    let identity = sts(&sandbox, of_user(sandbox.operator()))
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    assert_eq!(
        identity.arn(),
        Some("arn:aws:iam::111111111111:user/flowrun")
    );
    assert_eq!(identity.account(), Some("111111111111"));
    let keys = assume(&sandbox, &role_arn(CUSTOMER, "reader"), EXTERNAL_ID).await;
    let identity = sts(&sandbox, of_session(&keys))
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    let arn = "arn:aws:sts::222222222222:assumed-role/reader/run-1";
    assert_eq!(identity.arn(), Some(arn));
    assert!(identity.user_id().unwrap().ends_with(":run-1"));
}

#[tokio::test]
async fn policies_allow_and_deny() {
    let sandbox = start().await;
    let reader = session(&sandbox, "reader").await;
    let put = |key: &str| {
        reader
            .put_object()
            .bucket("reports")
            .key(key)
            .body(ByteStream::from_static(b"data"))
            .send()
    };
    put("in/a").await.unwrap();
    assert_eq!(refusal(put("out/a").await), is(403, "AccessDenied"));
    reader
        .get_object()
        .bucket("reports")
        .key("in/a")
        .send()
        .await
        .unwrap();
    let refused = reader
        .get_object()
        .bucket("reports")
        .key("out/a")
        .send()
        .await;
    assert_eq!(
        message(refused),
        "User: arn:aws:sts::222222222222:assumed-role/reader/run-1 is not authorized to perform: \
         s3:GetObject on resource: \"arn:aws:s3:::reports/out/a\" because no identity-based \
         policy allows the s3:GetObject action"
    );
    let refused = reader
        .delete_object()
        .bucket("reports")
        .key("in/a")
        .send()
        .await;
    assert_eq!(refusal(refused), is(403, "AccessDenied"));
    let refused = reader.list_objects_v2().bucket("reports").send().await;
    assert_eq!(refusal(refused), is(403, "AccessDenied"));
    // A header that sets something more needs more.
    let refused = reader
        .put_object()
        .bucket("reports")
        .key("in/b")
        .object_lock_legal_hold_status(aws_sdk_s3::types::ObjectLockLegalHoldStatus::On)
        .body(ByteStream::from_static(b"data"))
        .send()
        .await;
    assert!(message(refused).contains("s3:PutObjectLegalHold"));

    let denied = session(&sandbox, "denied").await;
    denied
        .list_objects_v2()
        .bucket("reports")
        .send()
        .await
        .unwrap();
    let refused = denied
        .get_object()
        .bucket("reports")
        .key("in/a")
        .send()
        .await;
    assert_eq!(
        message(refused),
        "User: arn:aws:sts::222222222222:assumed-role/denied/run-1 is not authorized to perform: \
         s3:GetObject on resource: \"arn:aws:s3:::reports/in/a\" with an explicit deny in an \
         identity-based policy"
    );
}

#[tokio::test]
async fn a_session_policy_narrows() {
    let sandbox = start().await;
    let ask = |policy: String| {
        sts(&sandbox, of_user(sandbox.operator()))
            .assume_role()
            .role_arn(role_arn(CUSTOMER, "reader"))
            .role_session_name("run-1")
            .external_id(EXTERNAL_ID)
            .policy(policy)
            .send()
    };
    // More than the role may: what counts is what both allow.
    let narrow = policy(&allow(r#"["s3:GetObject", "s3:DeleteObject"]"#, r#""*""#));
    let keys = ask(narrow).await.unwrap().credentials.unwrap();
    let client = s3(&sandbox, of_session(&keys));
    session(&sandbox, "reader")
        .await
        .put_object()
        .bucket("reports")
        .key("in/a")
        .body(ByteStream::from_static(b"data"))
        .send()
        .await
        .unwrap();
    client
        .get_object()
        .bucket("reports")
        .key("in/a")
        .send()
        .await
        .unwrap();
    let refused = client
        .put_object()
        .bucket("reports")
        .key("in/a")
        .body(ByteStream::from_static(b"data"))
        .send()
        .await;
    assert_eq!(
        message(refused),
        "User: arn:aws:sts::222222222222:assumed-role/reader/run-1 is not authorized to perform: \
         s3:PutObject on resource: \"arn:aws:s3:::reports/in/a\" because no session policy \
         allows the s3:PutObject action"
    );
    let refused = client
        .delete_object()
        .bucket("reports")
        .key("in/a")
        .send()
        .await;
    assert!(message(refused).contains("because no identity-based policy allows"));

    assert_eq!(
        refusal(ask("{".to_owned()).await),
        is(400, "MalformedPolicyDocument")
    );
    assert_eq!(
        refusal(ask(" ".repeat(2049)).await),
        is(400, "ValidationError")
    );
}

#[tokio::test]
async fn durations_are_bounded() {
    let sandbox = start().await;
    let operator = sts(&sandbox, of_user(sandbox.operator()));
    let ask = |client: &aws_sdk_sts::Client, role: String, seconds: i32| {
        client
            .assume_role()
            .role_arn(role)
            .role_session_name("run-1")
            .external_id(EXTERNAL_ID)
            .duration_seconds(seconds)
            .send()
    };
    let role = || role_arn(CUSTOMER, "all");
    let assumed = ask(&operator, role(), 7200).await.unwrap();
    for seconds in [899, 7201, 43_201] {
        let refused = ask(&operator, role(), seconds).await;
        assert_eq!(refusal(refused), is(400, "ValidationError"), "{seconds}");
    }
    // A role that assumes a role does so for an hour at most.
    let chained = sts(&sandbox, of_session(&assumed.credentials.unwrap()));
    let role = || role_arn(OTHER, "chained");
    let refused = ask(&chained, role(), 3601).await;
    assert!(message(refused).contains("role chaining"));
    let assumed = ask(&chained, role(), 3600).await.unwrap();
    let client = s3(&sandbox, of_session(&assumed.credentials.unwrap()));
    client
        .list_objects_v2()
        .bucket("foreign")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn what_sts_does_not_know_it_refuses_in_its_own_form() {
    let sandbox = start().await;
    let refused = sts(&sandbox, of_user(sandbox.operator()))
        .get_session_token()
        .send()
        .await;
    assert_eq!(refusal(refused), is(501, "NotImplemented"));
    let anonymous = get(&format!("{}/?Action=GetCallerIdentity", sandbox.url())).await;
    assert!(anonymous.contains("<ErrorResponse"), "{anonymous}");
    assert!(
        anonymous.contains("MissingAuthenticationToken"),
        "{anonymous}"
    );
}
