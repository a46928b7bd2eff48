//! Proofs against an STS on a loopback port that trusts in many ways.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_smithy_async::time::SharedTimeSource;
use flowrun_card::{ConnectionRef, Connections, RunIdentity, Scope, SessionRequest};

use super::*;
use crate::{
    AwsS3Definition, FILE_NAME, Records, SandboxPort, record_proof,
    testing::{Answer, FakeSandbox, FakeSts, Form, ManualTime, assumed, caller, refused},
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
  endpoint: sandbox
  base: sandbox
own:
  type: aws_s3
  role_arn: arn:aws:iam::111122223333:role/own
  trust: principal
  endpoint: sandbox
  base: sandbox
accepted:
  type: aws_s3
  role_arn: arn:aws:iam::111122223333:role/accepted
  external_id: canary-external-id
  accept_unsafe: the owner is away until May
  endpoint: sandbox
  base: sandbox
pending: { type: aws_s3, external_id: canary-external-id, endpoint: sandbox, base: sandbox }
plain: { type: aws_s3, endpoint: sandbox, base: sandbox }
";
const RUN: &str = "01K0ABCDEFGHJKMNPQRSTVWXYZ";
const EXPIRES: &str = "2027-01-15T09:00:00Z";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/vault/flowrun-test";
const OTHER: &str = "arn:aws:sts::444455556666:assumed-role/vault/flowrun-test";
const ME: &str = "arn:aws:iam::999988887777:user/me";

/// How the External ID of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Own,
    Nothing,
    Random,
}

fn sent(form: &Form) -> Sent {
    match form.get("ExternalId").map(String::as_str) {
        Some("canary-external-id") => Sent::Own,
        None => Sent::Nothing,
        Some(_) => Sent::Random,
    }
}

fn denied() -> Answer {
    refused(403, "AccessDenied", "canary-external-id is not the one.")
}

struct Bench {
    _folder: tempfile::TempDir,
    sts: FakeSts,
    store: ConnectionStore,
    time: ManualTime,
}

impl Bench {
    /// An STS that answers AssumeRole as the test says, and whose sessions are those of an ARN.
    fn new(session: &'static str, assume: impl Fn(Sent) -> Answer + Send + Sync + 'static) -> Self {
        let sts = FakeSts::start(move |form| match form["Action"].as_str() {
            "GetCallerIdentity" if form["authorization"].contains("=ASIA1/") => caller(session),
            "GetCallerIdentity" => caller(ME),
            _ => assume(sent(form)),
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), FILE).unwrap();
        let time = ManualTime::default();
        let store = ConnectionStore::open_at(
            crate::store::Files::of(folder.path(), None, None).unwrap(),
            Some(FakeSandbox::at(sts.url.clone()) as Arc<dyn SandboxPort>),
            SharedTimeSource::new(time.clone()),
        )
        .unwrap();
        Self {
            _folder: folder,
            sts,
            store,
            time,
        }
    }

    fn connection(&self, nickname: &str) -> &Connection {
        let mut all = self.store.list();
        all.find(|connection| connection.nickname == nickname)
            .unwrap()
    }

    async fn prove(&self, nickname: &str) -> Proof {
        self.store.prove(self.connection(nickname)).await.unwrap()
    }

    async fn open(&self, nickname: &str) -> Result<(), CardError> {
        self.open_in(nickname, RUN).await
    }

    async fn open_in(&self, nickname: &str, run_id: &str) -> Result<(), CardError> {
        let request = SessionRequest {
            connection: ConnectionRef::new("aws_s3", nickname),
            scope: Scope::whole(),
            run: RunIdentity {
                run_id: run_id.to_owned(),
                flow: "backup".to_owned(),
            },
        };
        self.store.session(request).await.map(drop)
    }
}

/// The verdict and the probes in a line.
fn line(proof: &Proof) -> String {
    let probes: Vec<_> = proof
        .probes
        .iter()
        .map(|probe| format!("{} {}", probe.kind.name(), probe.outcome.name()))
        .collect();
    let verdict = match &proof.verdict {
        Verdict::Unsafe { entered } => {
            let entered: Vec<_> = entered.iter().map(|kind| kind.name()).collect();
            format!("unsafe by {}", entered.join("+"))
        }
        Verdict::NotVerified { probe, failure } => {
            assert!(!failure.message.contains("canary"), "{failure}");
            format!("not verified at {}", probe.name())
        }
        other => other.health().name().to_owned(),
    };
    format!("{verdict}: {}", probes.join(", "))
}

#[tokio::test]
async fn each_trust_has_its_verdict() {
    use Sent::{Nothing, Own, Random};
    /// Who gets in, who gets an answer that is neither yes nor no, and whose the session is.
    type Case = (
        &'static [Sent],
        &'static [Sent],
        &'static str,
        &'static str,
        &'static str,
    );
    let cases: [Case; 13] = [
        (
            &[Own],
            &[],
            SESSION,
            "vault",
            "verified: own_id assumed, no_id denied, random_id denied, account same_account",
        ),
        (
            &[Own, Nothing, Random],
            &[],
            SESSION,
            "vault",
            "unsafe by no_id+random_id: own_id assumed, no_id assumed, random_id assumed",
        ),
        (
            &[Own, Random],
            &[],
            SESSION,
            "vault",
            "unsafe by random_id: own_id assumed, no_id denied, random_id assumed",
        ),
        (
            &[Own, Nothing],
            &[],
            SESSION,
            "vault",
            "unsafe by no_id: own_id assumed, no_id assumed, random_id denied",
        ),
        // It does not let us in, and lets in others.
        (
            &[Nothing],
            &[],
            SESSION,
            "vault",
            "unsafe by no_id: own_id denied, no_id assumed, random_id denied",
        ),
        (
            &[],
            &[],
            SESSION,
            "vault",
            "not verified at own_id: own_id denied, no_id denied, random_id denied",
        ),
        (
            &[],
            &[Own],
            SESSION,
            "vault",
            "not verified at own_id: own_id inconclusive",
        ),
        // A server in trouble has denied nothing.
        (
            &[Own],
            &[Nothing],
            SESSION,
            "vault",
            "not verified at no_id: own_id assumed, no_id inconclusive, random_id denied",
        ),
        (
            &[Own],
            &[Random],
            SESSION,
            "vault",
            "not verified at random_id: own_id assumed, no_id denied, random_id inconclusive",
        ),
        (
            &[Own, Random],
            &[Nothing],
            SESSION,
            "vault",
            "unsafe by random_id: own_id assumed, no_id inconclusive, random_id assumed",
        ),
        (
            &[Own],
            &[],
            OTHER,
            "vault",
            "not verified at account: own_id assumed, no_id denied, random_id denied, \
          account other_account",
        ),
        // A role without an External ID lets in whoever asks through us.
        (
            &[Nothing],
            &[],
            SESSION,
            "open",
            "unsafe by no_id: own_id assumed, no_id assumed, random_id denied",
        ),
        (
            &[Nothing],
            &[],
            SESSION,
            "own",
            "trusted_by_principal: own_id assumed, account same_account",
        ),
    ];
    for (entered, lost, session, nickname, expect) in cases {
        let bench = Bench::new(session, move |sent| {
            if entered.contains(&sent) {
                assumed("ASIA1", EXPIRES)
            } else if lost.contains(&sent) {
                refused(500, "InternalFailure", "no")
            } else {
                denied()
            }
        });
        assert_eq!(line(&bench.prove(nickname).await), expect);
    }
}

#[tokio::test]
async fn only_access_denied_is_a_denial() {
    for (status, code) in [
        (400, "ValidationError"),
        (400, "Throttling"),
        (403, "ExpiredToken"),
        (403, "InvalidClientTokenId"),
        (403, "SignatureDoesNotMatch"),
        (403, "RegionDisabledException"),
        (403, ""),
        (404, "AccessDeniedOrNot"),
        (503, "ServiceUnavailable"),
    ] {
        let bench = Bench::new(SESSION, move |sent| match sent {
            Sent::Own => assumed("ASIA1", EXPIRES),
            Sent::Nothing | Sent::Random => refused(status, code, "no"),
        });
        assert_eq!(
            line(&bench.prove("vault").await),
            "not verified at no_id: own_id assumed, no_id inconclusive, random_id inconclusive",
            "{code}"
        );
    }
}

#[tokio::test]
async fn probes_are_good_for_nothing_and_leave_their_request_ids() {
    let bench = Bench::new(SESSION, |sent| match sent {
        Sent::Own => assumed("ASIA1", EXPIRES),
        Sent::Nothing | Sent::Random => denied(),
    });
    let proof = bench.prove("vault").await;
    let asked = bench.sts.asked("AssumeRole");
    for form in &asked {
        assert_eq!(
            (
                form["Policy"].as_str(),
                form["DurationSeconds"].as_str(),
                form["RoleSessionName"].as_str()
            ),
            (
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#,
                "900",
                "flowrun-test"
            )
        );
    }
    let ids: Vec<_> = asked.iter().map(sent).collect();
    assert_eq!(ids, [Sent::Own, Sent::Nothing, Sent::Random]);
    assert!(crate::is_own_external_id(&asked[2]["ExternalId"]));
    assert_eq!(
        proof.identity,
        Some(Identity {
            arn: SESSION.to_owned(),
            account: "111122223333".to_owned()
        })
    );
    assert_eq!(proof.when.to_string(), "2027-01-15T08:00:00Z");
    assert_eq!(proof.probes[1].request_id.as_deref(), Some("req-1"));

    // Another proof asks with another random External ID.
    bench.prove("vault").await;
    let again = bench.sts.asked("AssumeRole");
    assert_ne!(asked[2]["ExternalId"], again[5]["ExternalId"]);
}

#[tokio::test]
async fn without_a_role_there_is_nothing_to_prove() {
    let bench = Bench::new(SESSION, |_| denied());
    let proof = bench.prove("plain").await;
    assert_eq!(line(&proof), "not_applicable: ");
    assert_eq!(proof.identity.unwrap().arn, ME);
    let pending = bench.store.prove(bench.connection("pending")).await;
    assert_eq!(
        pending.unwrap_err().message,
        "the connection `pending` is not finished: it has no role yet"
    );
    assert_eq!(bench.sts.asked("AssumeRole").len(), 0);
}

#[tokio::test]
async fn a_store_that_speaks_no_sts_is_no_failure() {
    for (status, code, is_fine) in [
        (400, "InvalidParameterValue", true),
        (405, "MethodNotAllowed", true),
        (501, "NotImplemented", true),
        (404, "", true),
        (403, "AccessDenied", false),
        (403, "SignatureDoesNotMatch", false),
        (403, "InvalidAccessKeyId", false),
        (503, "SlowDown", false),
    ] {
        let sts = FakeSts::start(move |_| refused(status, code, "no"));
        let folder = tempfile::tempdir().unwrap();
        let definition = AwsS3Definition {
            region: Some("us-east-1".to_owned()),
            endpoint: Endpoint::Url(sts.url.clone()),
            base: crate::Base::Environment,
            ..AwsS3Definition::default()
        };
        let connection = Connection::new("minio", folder.path().join(FILE_NAME), definition);
        let base = aws_types::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(
                aws_credential_types::Credentials::new("A", "B", None, None, "test"),
            ))
            .region(aws_types::region::Region::new("us-east-1"))
            .endpoint_url(&sts.url)
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .build();
        let told = Sts::new(&base, connection.aws().unwrap())
            .identity_if_told()
            .await;
        assert_eq!(told.is_ok(), is_fine, "{code}");
    }
}

#[tokio::test]
async fn a_role_is_proven_before_its_first_session_and_every_thirty_days() {
    let careless = Arc::new(Mutex::new(true));
    let trust = Arc::clone(&careless);
    let bench = Bench::new(SESSION, move |sent| match sent {
        Sent::Nothing | Sent::Random if !*trust.lock().unwrap() => denied(),
        _ => assumed("ASIA1", EXPIRES),
    });
    let health = |nickname| {
        let connection = bench.connection(nickname);
        let records = Records::read(&connection.file).unwrap();
        let record = records.of(connection);
        record.map(|record| (record.health, record.when.to_string()))
    };
    // The requests that were made since the last look: of three probes, none was for a session.
    let mut seen = 0;
    let mut requests = || {
        let count = bench.sts.count() - seen;
        seen += count;
        count
    };
    let refusal = bench.open("vault").await.unwrap_err();
    assert_eq!(requests(), 3);
    let folder = bench.connection("vault").file.parent().unwrap().display();
    assert_eq!(
        (refusal.kind, refusal.to_string(), refusal.help.unwrap()),
        (
            ErrorKind::Connection,
            "the role is unsafe: others than this connection can assume it (connection: vault, \
             role_arn: arn:aws:iam::111122223333:role/vault)"
                .to_owned(),
            format!(
                "ask the role's owner for a trust policy with the External ID and run `flowrun \
                 connections test vault --folder {folder}`; or say in the connection why it is \
                 used all the same: `accept_unsafe: SENTENCE`"
            )
        )
    );
    let start = "2027-01-15T08:00:00Z".to_owned();
    assert_eq!(health("vault"), Some((Health::Unsafe, start.clone())));
    bench.open("vault").await.unwrap_err();
    assert_eq!(requests(), 0);
    bench.open("accepted").await.unwrap();
    assert_eq!(
        (requests(), health("accepted").unwrap().0),
        (4, Health::Unsafe)
    );

    // The owner mends it, and `flowrun connections test` sees that.
    *careless.lock().unwrap() = false;
    let proof = bench.prove("vault").await;
    record_proof(bench.connection("vault"), &proof).unwrap();
    assert_eq!(
        (requests(), health("vault")),
        (4, Some((Health::Verified, start)))
    );
    bench.open("vault").await.unwrap();
    assert_eq!(requests(), 1);

    bench.time.advance(Duration::from_secs(30 * 24 * 60 * 60));
    bench.store.release(RUN);
    *careless.lock().unwrap() = true;
    bench.open("vault").await.unwrap_err();
    let later = "2027-02-14T08:00:00Z".to_owned();
    assert_eq!(
        (requests(), health("vault")),
        (3, Some((Health::Unsafe, later)))
    );

    // What was recorded by a clock that was wrong says nothing, and neither does what is not known.
    *careless.lock().unwrap() = false;
    let proof = bench.prove("vault").await;
    let failure = CardError::new(ErrorKind::Connection, "no answer");
    let verdict = Verdict::NotVerified {
        probe: ProbeKind::OwnId,
        failure,
    };
    let when = proof.when + Duration::from_secs(60);
    for unknown in [
        Proof {
            when,
            ..proof.clone()
        },
        Proof { verdict, ..proof },
    ] {
        record_proof(bench.connection("vault"), &unknown).unwrap();
        bench.store.release(RUN);
        requests();
        // In a store that has proven nothing yet.
        bench.store.proof_flight("vault").forget(|_| true);
        bench.open("vault").await.unwrap();
        let (probes, account, session) = (3, 1, 1);
        assert_eq!(requests(), probes + account + session);
    }

    // A record that cannot be read might say that it is unsafe.
    let path = bench.connection("vault").file.with_file_name(".flowrun");
    std::fs::write(path.join("connections.json"), "torn").unwrap();
    bench.store.release(RUN);
    let refusal = bench.open("vault").await.unwrap_err();
    assert!(
        refusal
            .message
            .contains("the record of proofs cannot be used"),
        "{refusal}"
    );
}

#[tokio::test]
async fn callers_that_ask_together_prove_a_role_once() {
    let bench = Arc::new(Bench::new(SESSION, |sent| match sent {
        Sent::Own => assumed("ASIA1", EXPIRES),
        _ => denied(),
    }));
    // Nothing can be remembered here, so it is for as long as the store is open.
    let file = bench.connection("vault").file.clone();
    std::fs::write(file.with_file_name(".flowrun"), "a file, not a folder").unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for run in 0..20 {
        let bench = Arc::clone(&bench);
        callers.spawn(async move { bench.open_in("vault", &format!("RUN{run}")).await });
    }
    while let Some(opened) = callers.join_next().await {
        opened.unwrap().unwrap();
    }
    let probes = 3;
    assert_eq!(bench.sts.asked("AssumeRole").len(), probes + 20);
    assert_eq!(bench.sts.asked("GetCallerIdentity").len(), 1);
}

#[tokio::test]
async fn a_role_that_is_not_verified_opens_no_session_and_is_asked_again() {
    let bench = Bench::new(SESSION, |sent| match sent {
        Sent::Own => assumed("ASIA1", EXPIRES),
        _ => refused(400, "InvalidAction", "what is that?"),
    });
    for round in 1..=2 {
        let failure = bench.open("vault").await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Connection, "{failure}");
        let own = |form: &&Form| sent(form) == Sent::Own;
        let asked = bench.sts.asked("AssumeRole");
        assert_eq!(asked.iter().filter(own).count(), round, "{failure}");
        // No session is longer than a probe's, or may do anything.
        assert!(asked.iter().all(|form| form["Policy"].contains("Deny")));
    }
    let connection = bench.connection("vault");
    assert_eq!(
        Records::read(&connection.file).unwrap().of(connection),
        None
    );
}
