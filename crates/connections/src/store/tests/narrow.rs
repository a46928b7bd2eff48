//! What is sent to STS of a session that is narrowed to permissions.

use flowrun_card::{Permission, Resource, Text};

use super::*;

fn read(key: &str) -> Permission {
    let text = |text: &str| Text::Known(text.to_owned());
    Permission {
        connection: None,
        actions: vec!["s3:GetObject"],
        resource: Resource::object(&text("in"), &text(key)),
    }
}

fn reading(nickname: &str, keys: &[&str]) -> SessionRequest {
    let needed: Vec<Permission> = keys.iter().map(|key| read(key)).collect();
    SessionRequest {
        scope: Scope::permissions(needed),
        ..request(nickname)
    }
}

/// The policies that were sent so far; none where a request had none.
fn policies(bench: &Bench) -> Vec<Option<String>> {
    let asked = bench.sts.asked("AssumeRole");
    asked
        .iter()
        .map(|form| form.get("Policy").cloned())
        .collect()
}

/// The resources of the first statement, which is about objects.
fn objects(policy: &Option<String>) -> serde_json::Value {
    let policy: serde_json::Value = serde_json::from_str(policy.as_deref().unwrap()).unwrap();
    policy["Statement"][0]["Resource"].clone()
}

#[tokio::test]
async fn a_session_is_as_narrow_as_it_is_asked_for() {
    let bench = Bench::new(always);
    let session = bench.session(reading("vault", &["a"])).await.unwrap();
    let again = bench.session(reading("vault", &["a"])).await.unwrap();
    assert!(
        Arc::ptr_eq(&session, &again),
        "the same permissions, the same session"
    );
    let other = bench.session(reading("vault", &["b"])).await.unwrap();
    assert!(!Arc::ptr_eq(&session, &other));
    let expect = |key: &str| {
        Some(format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectLegalHold","s3:GetObjectRetention","s3:GetObjectTagging"],"Resource":"arn:aws:s3:::in/{key}"}},{{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::in"}}]}}"#
        ))
    };
    assert_eq!(policies(&bench), [expect("a"), expect("b")]);
    let (a, b) = (read("a").resource, read("b").resource);
    let left_out = |session: &AwsSession| {
        [&a, &b].map(|resource| session.leaves_out("s3:GetObject", resource))
    };
    assert_eq!(
        (left_out(&session), left_out(&other)),
        ([false, true], [true, false])
    );
    // One that is not narrowed leaves nothing out.
    let whole = bench.session(request("vault")).await.unwrap();
    assert_eq!(left_out(&whole), [false, false]);
    assert_eq!(policies(&bench).last(), Some(&None));
}

#[tokio::test]
async fn what_cannot_or_shall_not_be_narrowed_is_whole() {
    let bench = Bench::new(always);
    let file = FILE.replace("  region: eu-central-1\n", "  session_policy: off\n");
    std::fs::write(bench.folder.path().join(FILE_NAME), file).unwrap();
    let bench = Bench::reopened(bench);
    bench.session(reading("open", &["a"])).await.unwrap();
    let session = bench.session(reading("plain", &["a"])).await.unwrap();
    assert_eq!(session.role_arn(), None);
    assert_eq!(policies(&bench), [None]);
}

#[tokio::test]
async fn one_that_sts_finds_too_large_becomes_wider_and_stays_so() {
    let count = AtomicU32::new(0);
    let bench = Bench::new(move |form| match count.fetch_add(1, SeqCst) {
        0 | 1 => refused(400, "PackedPolicyTooLarge", "Packed size 112%."),
        2 => always(form),
        _ => assumed("ASIA2", "2027-01-15T10:00:00Z"),
    });
    let session = bench
        .session(reading("vault", &["x/a", "x/b"]))
        .await
        .unwrap();
    assert_eq!(key(&session).await, "ASIA1");
    bench.time.advance(Duration::from_secs(3300));
    assert_eq!(key(&session).await, "ASIA2");
    let sent: Vec<_> = policies(&bench).iter().map(objects).collect();
    let keys = serde_json::json!(["arn:aws:s3:::in/x/a", "arn:aws:s3:::in/x/b"]);
    let (prefix, bucket) = ("arn:aws:s3:::in/x/*", "arn:aws:s3:::in/*");
    assert_eq!(sent, [keys, prefix.into(), bucket.into(), bucket.into()]);
}

#[tokio::test]
async fn one_that_stays_too_large_is_refused_and_never_left_out() {
    let bench = Bench::new(|_| refused(400, "PackedPolicyTooLarge", "Packed size 112%."));
    let failure = bench.session(reading("vault", &["x/a", "x/b"])).await;
    let failure = failure.unwrap_err();
    assert_eq!(
        failure.message,
        "the session policy is too large for STS: Packed size 112%"
    );
    let sent = policies(&bench);
    // Keys, their prefix, the bucket, and actions with a wildcard.
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(Option::is_some), "{sent:?}");
}
