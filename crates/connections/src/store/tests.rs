//! Sessions against an STS on a loopback port.

mod narrow;

use std::{
    sync::{
        atomic::{AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use aws_smithy_async::time::TimeSource as _;
use flowrun_card::{ConnectionRef, Retry, RunIdentity, Scope};

use super::*;
use crate::testing::{
    Answer, FakeSandbox, FakeSts, Form, ManualTime, assumed, caller, proven, refused,
};

const FILE: &str = "\
vault:
  type: aws_s3
  role_arn: arn:aws:iam::111122223333:role/vault
  external_id: canary-external-id
  endpoint: sandbox
  base: sandbox
open:
  type: aws_s3
  role_arn: arn:aws:iam::111122223333:role/open
  region: eu-central-1
  endpoint: sandbox
  base: sandbox
named:
  type: aws_s3
  role_arn: arn:aws:iam::111122223333:role/named
  external_id: canary-external-id
  source_identity: ada@example.com
  session_tags: { project: backups, by: '{flow} {run}' }
  endpoint: sandbox
  base: sandbox
plain: { type: aws_s3, endpoint: sandbox, base: sandbox }
pending: { type: aws_s3, external_id: ab, endpoint: sandbox, base: sandbox }
";
const RUN: &str = "01K0ABCDEFGHJKMNPQRSTVWXYZ";
const POLICY: &str = r#"{ "Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/ü*" } }"#;
/// An hour after [`ManualTime`] starts.
const IN_AN_HOUR: &str = "2027-01-15T09:00:00Z";
const ME: &str = "arn:aws:iam::999988887777:user/me";

struct Bench {
    folder: tempfile::TempDir,
    sts: FakeSts,
    sandbox: Arc<FakeSandbox>,
    store: Arc<ConnectionStore>,
    time: ManualTime,
}

impl Bench {
    fn new(answer: impl Fn(&Form) -> Answer + Send + Sync + 'static) -> Self {
        let sts = FakeSts::start(answer);
        Self::at(sts.url.clone(), sts)
    }

    fn at(url: String, sts: FakeSts) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), FILE).unwrap();
        Self::of(folder, url, sts)
    }

    /// The same with what its file says now.
    fn reopened(self) -> Self {
        Self::of(self.folder, self.sts.url.clone(), self.sts)
    }

    fn of(folder: tempfile::TempDir, url: String, sts: FakeSts) -> Self {
        let sandbox = FakeSandbox::at(url);
        let time = ManualTime::default();
        let store = ConnectionStore::open_at(
            crate::store::Files::of(folder.path(), None, None).unwrap(),
            Some(Arc::clone(&sandbox) as Arc<dyn SandboxPort>),
            SharedTimeSource::new(time.clone()),
        )
        .unwrap();
        for connection in store.list().filter(|known| !known.is_pending()) {
            proven(connection, time.now());
        }
        Self {
            folder,
            sts,
            sandbox,
            store: Arc::new(store),
            time,
        }
    }

    async fn session(&self, request: SessionRequest) -> Result<Arc<AwsSession>, CardError> {
        let session = self.store.session(request).await?;
        Ok(session.downcast().unwrap())
    }

    async fn failure(&self, nickname: &str) -> CardError {
        self.session(request(nickname)).await.unwrap_err()
    }
}

fn request(nickname: &str) -> SessionRequest {
    SessionRequest {
        connection: ConnectionRef::new("aws_s3", nickname),
        scope: Scope::whole(),
        run: RunIdentity {
            run_id: RUN.to_owned(),
            flow: "backup".to_owned(),
        },
    }
}

fn always(_: &Form) -> Answer {
    assumed("ASIA1", IN_AN_HOUR)
}

/// A session's access key now.
async fn key(session: &AwsSession) -> String {
    use aws_credential_types::provider::ProvideCredentials;
    let provider = session.config().credentials_provider().unwrap();
    let credentials = provider.provide_credentials().await.unwrap();
    credentials.access_key_id().to_owned()
}

/// What an AssumeRole sent of what matters.
fn sent(form: &Form) -> Vec<(&str, &str)> {
    form.iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .filter(|(key, _)| !["authorization", "Version", "Action"].contains(key))
        .collect()
}

#[tokio::test]
async fn fifty_callers_assume_the_role_once() {
    let (open_gate, gate) = mpsc::channel();
    let gate = Mutex::new(gate);
    let bench = Arc::new(Bench::new(move |_| {
        gate.lock().unwrap().recv().unwrap();
        assumed("ASIA1", IN_AN_HOUR)
    }));
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.session(request("vault")).await.unwrap() })
        })
        .collect();
    // On one thread each caller has run until it waits.
    tokio::task::yield_now().await;
    for _ in 0..50 {
        open_gate.send(()).unwrap();
    }
    let mut sessions = Vec::new();
    for caller in callers {
        sessions.push(caller.await.unwrap());
    }
    assert!(sessions.iter().all(|one| Arc::ptr_eq(one, &sessions[0])));
    assert_eq!(bench.sts.asked("AssumeRole").len(), 1);
    assert_eq!(*bench.sandbox.starts.lock().unwrap(), [bench.folder.path()]);
}

#[tokio::test]
async fn external_id_policy_duration_and_name_are_sent_as_configured() {
    let bench = Bench::new(always);
    let narrow = SessionRequest {
        scope: Scope::policy(POLICY),
        ..request("vault")
    };
    let session = bench.session(narrow).await.unwrap();
    bench.session(request("open")).await.unwrap();
    let asked = bench.sts.asked("AssumeRole");
    let name = "flowrun-backup-01K0ABCDEFGHJKMNPQRSTVWXYZ";
    assert_eq!(
        asked.iter().map(sent).collect::<Vec<_>>(),
        [
            vec![
                ("DurationSeconds", "3600"),
                ("ExternalId", "canary-external-id"),
                (
                    "Policy",
                    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/\u00fc*"}]}"#
                ),
                ("RoleArn", "arn:aws:iam::111122223333:role/vault"),
                ("RoleSessionName", name),
            ],
            vec![
                ("DurationSeconds", "3600"),
                ("RoleArn", "arn:aws:iam::111122223333:role/open"),
                ("RoleSessionName", name),
            ],
        ]
    );
    for (form, region) in asked.iter().zip(["us-east-1", "eu-central-1"]) {
        let start = "AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20270115/";
        let authorization = &form["authorization"];
        assert!(
            authorization.starts_with(&format!("{start}{region}/sts/aws4_request")),
            "{authorization}"
        );
    }
    assert_eq!(
        (session.nickname(), session.role_arn(), session.endpoint()),
        (
            "vault",
            Some("arn:aws:iam::111122223333:role/vault"),
            Some(bench.sts.url.as_str())
        )
    );
    let config = session.config();
    assert_eq!(config.retry_config().unwrap().max_attempts(), 1);
    assert_eq!(
        config.timeout_config().unwrap().connect_timeout(),
        Some(Duration::from_secs(5))
    );
    assert!(config.stalled_stream_protection().unwrap().is_enabled());
}

#[tokio::test]
async fn a_session_belongs_to_connection_scope_and_run_until_the_run_ends() {
    let bench = Bench::new(always);
    let other_run = SessionRequest {
        run: RunIdentity {
            run_id: "other".to_owned(),
            flow: "backup".to_owned(),
        },
        ..request("vault")
    };
    let narrow = SessionRequest {
        scope: Scope::policy(POLICY),
        ..request("vault")
    };
    let all = [request("vault"), request("open"), narrow, other_run.clone()];
    for (count, request) in (1..).zip(&all) {
        let first = bench.session(request.clone()).await.unwrap();
        let again = bench.session(request.clone()).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(bench.sts.asked("AssumeRole").len(), count);
    }
    bench.store.release(RUN);
    bench.session(other_run).await.unwrap();
    assert_eq!(bench.sts.asked("AssumeRole").len(), 4);
    bench.session(request("vault")).await.unwrap();
    assert_eq!(bench.sts.asked("AssumeRole").len(), 5);
}

#[tokio::test]
async fn a_session_is_renewed_before_it_expires() {
    let count = AtomicU32::new(0);
    let bench = Bench::new(move |_| match count.fetch_add(1, SeqCst) {
        0 => assumed("ASIA1", IN_AN_HOUR),
        1 => refused(403, "AccessDenied", "no"),
        _ => assumed("ASIA2", "2027-01-15T10:00:00Z"),
    });
    let session = bench.session(request("vault")).await.unwrap();
    assert_eq!(key(&session).await, "ASIA1");
    bench.time.advance(Duration::from_secs(3299));
    assert_eq!(key(&session).await, "ASIA1");
    assert_eq!(bench.sts.asked("AssumeRole").len(), 1);
    // Renewal is due and fails, so the old credentials serve on.
    bench.time.advance(Duration::from_secs(1));
    assert_eq!(key(&session).await, "ASIA1");
    assert_eq!(bench.sts.asked("AssumeRole").len(), 2);
    bench.time.advance(Duration::from_secs(30));
    assert_eq!(key(&session).await, "ASIA2");
    let asked = bench.sts.asked("AssumeRole");
    assert_eq!(sent(&asked[0]), sent(&asked[2]));
    // The session in the store is the renewed one.
    let again = bench.session(request("vault")).await.unwrap();
    assert!(Arc::ptr_eq(&session, &again));
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let count = AtomicU32::new(0);
    let bench = Bench::new(move |form| match count.fetch_add(1, SeqCst) {
        0 => refused(503, "ServiceUnavailable", "later"),
        _ => always(form),
    });
    let failure = bench.failure("vault").await;
    assert_eq!(failure.retry, Retry::Transient { after: None });
    bench.session(request("vault")).await.unwrap();
    assert_eq!(bench.sts.asked("AssumeRole").len(), 2);
}

#[tokio::test]
async fn failures_say_what_to_check_and_no_secret() {
    let mut told = String::new();
    for (nickname, answer) in [
        (
            "vault",
            refused(
                403,
                "AccessDenied",
                "User canary-external-id is not authorized",
            ),
        ),
        ("open", refused(403, "AccessDenied", "not authorized")),
        ("vault", refused(400, "Throttling", "Rate exceeded")),
        ("vault", refused(500, "InternalFailure", "oops")),
        (
            "vault",
            refused(403, "ExpiredToken", "canary-token expired"),
        ),
        (
            "vault",
            refused(
                403,
                "SignatureDoesNotMatch",
                "canonical string canary-token",
            ),
        ),
        (
            "vault",
            refused(400, "PackedPolicyTooLarge", "Packed size 112%."),
        ),
        (
            "vault",
            refused(
                400,
                "ValidationError",
                "Value 'canary-external-id' at 'externalId'.",
            ),
        ),
        ("vault", refused(403, "RegionDisabledException", "off")),
        ("vault", refused(400, "Surprise", "canary-token")),
        ("vault", (200, "", "not xml".to_owned())),
    ] {
        let bench = Bench::new(move |form| match form["Action"].as_str() {
            "GetCallerIdentity" => caller(ME),
            _ => answer.clone(),
        });
        let failure = bench.failure(nickname).await;
        told.push_str(&tell(&failure).replace(&bench.sts.url, "URL"));
    }
    // The identity is best effort.
    let bench = Bench::new(|_| refused(403, "AccessDenied", "no"));
    told.push_str(&tell(&bench.failure("vault").await));
    // Nobody listens.
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let bench = Bench::at(url.clone(), FakeSts::start(always));
    told.push_str(&tell(&bench.failure("vault").await).replace(&url, "URL"));
    assert!(!told.contains("canary"), "{told}");
    insta::assert_snapshot!(told);
}

fn tell(failure: &CardError) -> String {
    format!(
        "{}: {failure}\n  code: {}, retry: {:?}\n  help: {}\n\n",
        failure.kind,
        failure.code.as_deref().unwrap_or("-"),
        failure.retry,
        failure.help.as_deref().unwrap_or("-"),
    )
}

#[tokio::test]
async fn without_a_role_the_base_credentials_are_used_whole_or_not_at_all() {
    let bench = Bench::new(always);
    let session = bench.session(request("plain")).await.unwrap();
    assert_eq!(key(&session).await, "AKIASANDBOX");
    assert_eq!(session.role_arn(), None);
    let narrow = SessionRequest {
        scope: Scope::policy(POLICY),
        ..request("plain")
    };
    let failure = bench.session(narrow).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "a session policy needs a role, and the connection has none (connection: plain)"
    );
    assert!(bench.sts.asked("AssumeRole").is_empty());
}

#[tokio::test]
async fn policies_that_sts_would_not_take_are_refused_before() {
    let bench = Bench::new(always);
    let long = POLICY.replace("ü", &"x".repeat(2_000));
    for (policy, message) in [
        (
            long.as_str(),
            "the session policy has 2111 characters, and STS takes at most 2048",
        ),
        (
            "{}",
            "the session policy cannot be used: Version: it must be \"2012-10-17\"",
        ),
    ] {
        let narrow = SessionRequest {
            scope: Scope::policy(policy),
            ..request("vault")
        };
        let failure = bench.session(narrow).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!("{message} (connection: vault)")
        );
    }
    assert!(bench.sts.asked("AssumeRole").is_empty());
}

#[tokio::test]
async fn the_sandbox_starts_when_it_is_needed_once_and_after_a_failure_again() {
    let bench = Bench::new(always);
    assert_eq!(
        bench.store.nicknames(),
        ["vault", "open", "named", "plain", "pending"]
    );
    assert!(bench.sandbox.starts.lock().unwrap().is_empty());
    bench
        .sandbox
        .failures
        .lock()
        .unwrap()
        .push("the disk is full");
    let folder = bench.folder.path().display();
    assert_eq!(
        bench.failure("vault").await.to_string(),
        format!("the sandbox of `{folder}` does not start: the disk is full (connection: vault)")
    );
    bench.session(request("vault")).await.unwrap();
    bench.session(request("plain")).await.unwrap();
    assert_eq!(bench.sandbox.starts.lock().unwrap().len(), 2);

    let none = ConnectionStore::open(bench.folder.path(), None, None).unwrap();
    let failure = none.session(request("vault")).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        format!(
            "the sandbox of `{folder}` does not start: this program has none (connection: vault)"
        )
    );
}

#[tokio::test]
async fn what_is_no_connection_of_the_kind_is_told() {
    let bench = Bench::new(always);
    assert_eq!(
        bench.failure("volt").await.to_string(),
        "there is no connection `volt`"
    );
    let wrong = SessionRequest {
        connection: ConnectionRef::new("sftp", "vault"),
        ..request("vault")
    };
    assert_eq!(
        bench.session(wrong).await.unwrap_err().to_string(),
        "the connection `vault` is of kind `aws_s3`, and `sftp` is asked for"
    );
}

#[tokio::test]
async fn a_pending_connection_never_falls_back_to_its_base() {
    let bench = Bench::new(always);
    let failure = bench.failure("pending").await;
    let folder = bench.folder.path().display();
    assert_eq!(
        (failure.to_string(), failure.help.unwrap()),
        (
            "the connection `pending` is not finished: it has no role yet (connection: pending)"
                .to_owned(),
            format!("run `flowrun connections finish pending --role-arn ARN --folder {folder}`")
        )
    );
    assert_eq!(bench.sts.count(), 0);
}

#[test]
fn the_file_near_the_flow_hides_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let (flows, user) = (folder.path().join("flows"), folder.path().join("user"));
    let near = "a: { type: aws_s3, region: eu-west-1 }\n";
    let far = "b: { type: aws_s3 }\na: { type: aws_s3, region: us-east-1 }\n";
    for (folder, text) in [(&flows, near), (&user, far)] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join(FILE_NAME), text).unwrap();
    }
    let list = |flows: &Path, user: Option<&Path>| {
        let store = ConnectionStore::open(flows, user, None).unwrap();
        let list = store.list().map(|connection| {
            let file = connection.file.strip_prefix(folder.path()).unwrap();
            format!("{} in {}", connection.nickname, file.display())
        });
        list.collect::<Vec<_>>()
    };
    assert_eq!(
        list(&flows, Some(&user)),
        ["a in flows/connections.yaml", "b in user/connections.yaml"]
    );
    assert_eq!(list(&flows, None), ["a in flows/connections.yaml"]);
    assert_eq!(
        list(folder.path(), Some(&user)),
        ["b in user/connections.yaml", "a in user/connections.yaml"]
    );
    assert!(list(folder.path(), Some(&folder.path().join("none"))).is_empty());
    let store = ConnectionStore::open(&flows, None, None).unwrap();
    let kind = store.info("a").map(|info| info.kind);
    assert_eq!((kind.as_deref(), store.info("b")), (Some("aws_s3"), None));
    assert_eq!(
        format!("{store:?}"),
        "ConnectionStore { connections: [\"a\"], .. }"
    );
}

/// The fields of a form by which sessions are attributed.
fn attribution(form: &Form) -> Vec<(String, String)> {
    let mut found: Vec<_> = form
        .iter()
        .filter(|(name, _)| *name == "SourceIdentity" || name.starts_with("Tags."))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn sessions_are_attributed_as_the_connection_says() {
    let bench = Bench::new(|form| match form.get("ExternalId").map(String::as_str) {
        Some("canary-external-id") => always(form),
        _ => refused(403, "AccessDenied", "no"),
    });
    bench.session(request("named")).await.unwrap();
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    };
    let expect = |by: &str| {
        pairs(&[
            ("SourceIdentity", "ada@example.com"),
            ("Tags.member.1.Key", "project"),
            ("Tags.member.1.Value", "backups"),
            ("Tags.member.2.Key", "by"),
            ("Tags.member.2.Value", by),
        ])
    };
    let by = format!("backup {RUN}");
    assert_eq!(attribution(&bench.sts.asked("AssumeRole")[0]), expect(&by));

    // A probe that must be denied asks for as little as it can: it is let in rather.
    let named = bench
        .store
        .list()
        .find(|one| one.nickname == "named")
        .unwrap();
    bench.store.prove(named).await.unwrap();
    let asked = bench.sts.asked("AssumeRole");
    let probes: Vec<_> = asked[1..].iter().map(attribution).collect();
    let by = "flowrun-test flowrun-test";
    assert_eq!(probes, [expect(by), Vec::new(), Vec::new()]);
}
