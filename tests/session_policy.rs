//! Runs narrow the roles that they assume: what goes to STS, and what a run may then do. Through
//! the real binary, against a sandbox whose roles may do everything.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod common;

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use common::{Folder, Outcome};
use flowrun_sandbox::Seed;
use flowrun_testkit::TestSandbox;
use insta::assert_snapshot;
use regex::Regex;
use serde_json::Value as Json;

/// The flows of the checkout over a sandbox whose roles have `s3:*`, and a proxy before it that
/// keeps what clients send.
struct Served {
    folder: Folder,
    sandbox: TestSandbox,
    /// By connection.
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Served {
    /// One whose connections have these further keys.
    fn start(keys: &str) -> Self {
        let folder = Folder::of_flows();
        let seed = folder.read("sandbox.yaml");
        let wide = Regex::new(r"Action: (s3:\w+|\[s3:[^\]]+\])\n( +)Resource: \S+").unwrap();
        assert_eq!(wide.find_iter(&seed).count(), 3);
        let seed = wide.replace_all(&seed, "Action: s3:*\n${2}Resource: \"*\"");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sandbox = runtime.block_on(TestSandbox::with_seed(Seed::parse(&seed).unwrap()));
        let (address, sent) = record(sandbox.endpoint().strip_prefix("http://").unwrap());
        let connections = folder.read("connections.yaml").replace(
            "endpoint: sandbox\n  base: sandbox",
            &format!("endpoint: 'http://{address}'\n  base: environment{keys}"),
        );
        folder.write("connections.yaml", connections);
        Self {
            folder,
            sandbox,
            sent,
            _runtime: runtime,
        }
    }

    fn flowrun(&self, arguments: &str) -> Outcome {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let keys = self.sandbox.operator();
        let output = self
            .folder
            .command(&arguments)
            .env("AWS_ACCESS_KEY_ID", keys.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", keys.secret_access_key().expose())
            .output();
        self.folder.outcome(&output.unwrap())
    }

    /// The role and the session policy of each AssumeRole of runs so far, by role.
    fn assumed(&self) -> Vec<(String, Option<Json>)> {
        let mut assumed = Vec::new();
        for sent in self.sent.lock().unwrap().iter() {
            let sent = String::from_utf8_lossy(sent);
            for (head, body) in sent.split("\r\n\r\n").zip(sent.split("\r\n\r\n").skip(1)) {
                if !body.starts_with("Action=AssumeRole") {
                    continue;
                }
                let length = head
                    .lines()
                    .filter_map(|line| line.split_once(": "))
                    .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                    .map(|(_, length)| length.parse::<usize>().unwrap());
                let form: Vec<(String, String)> = body
                    .get(..length.unwrap())
                    .unwrap()
                    .split('&')
                    .map(|field| field.split_once('=').unwrap())
                    .map(|(name, value)| (name.to_owned(), decode(value)))
                    .collect();
                let field = |name: &str| {
                    let mut fields = form.iter();
                    fields
                        .find(|(field, _)| field == name)
                        .map(|(_, value)| value.clone())
                };
                // Its proof is no session of the run.
                if field("RoleSessionName").unwrap() == "flowrun-test" {
                    continue;
                }
                let policy = field("Policy").map(|policy| serde_json::from_str(&policy).unwrap());
                assumed.push((field("RoleArn").unwrap(), policy));
            }
        }
        assumed.sort_by(|(left, _), (right, _)| left.cmp(right));
        assumed
    }
}

/// A proxy to an address, and what clients send through it. Its threads end with the process.
fn record(target: &str) -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let sent = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let (target, keep) = (target.to_owned(), Arc::clone(&sent));
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let server = TcpStream::connect(&target).unwrap();
            let (back_from, back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || carry(back_from, back_to, |_| {}));
            let keep = Arc::clone(&keep);
            let index = {
                let mut sent = keep.lock().unwrap();
                sent.push(Vec::new());
                sent.len() - 1
            };
            thread::spawn(move || {
                carry(client, server, |bytes| {
                    keep.lock().unwrap()[index].extend_from_slice(bytes);
                });
            });
        }
    });
    (address, sent)
}

fn carry(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        // A read that fails, or a peer that is gone, ends the connection as a close does.
        let read = from.read(&mut buffer).unwrap_or(0);
        see(&buffer[..read]);
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            to.shutdown(Shutdown::Both).ok();
            return;
        }
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_role_that_may_do_everything_is_narrowed_to_the_flow() {
    let served = Served::start("");
    let run = served.flowrun("backup.yaml");
    assert_eq!(run.code, Some(0), "{run}");
    let mut told = String::new();
    for (role, policy) in served.assumed() {
        let policy = serde_json::to_string_pretty(&policy.unwrap()).unwrap();
        writeln!(told, "{role}\n{policy}").unwrap();
    }
    assert_snapshot!(told, @r#"
    arn:aws:iam::222222222222:role/demo-reports
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": [
            "s3:AbortMultipartUpload",
            "s3:PutObject"
          ],
          "Resource": "arn:aws:s3:::reports/daily/2026-11-23/*"
        },
        {
          "Effect": "Allow",
          "Action": [
            "s3:GetObject",
            "s3:GetObjectLegalHold",
            "s3:GetObjectRetention",
            "s3:GetObjectTagging"
          ],
          "Resource": "arn:aws:s3:::reports/*"
        },
        {
          "Effect": "Allow",
          "Action": "s3:ListBucket",
          "Resource": "arn:aws:s3:::reports"
        }
      ]
    }
    arn:aws:iam::333333333333:role/demo-vault
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": [
            "s3:AbortMultipartUpload",
            "s3:PutObject",
            "s3:PutObjectLegalHold"
          ],
          "Resource": "arn:aws:s3:::reports-vault/*"
        }
      ]
    }
    "#);
}

#[test]
fn the_inputs_of_the_run_decide() {
    let served = Served::start("");
    served.folder.write(
        "read.yaml",
        "flow: read
inputs: { key: { type: string, default: daily/x.txt } }
connections: { source: demo-reports }
cards:
  head: { card: s3.head_object, connection: source, with: { bucket: reports, key: '{{ inputs.key }}' } }
",
    );
    // What is not there is told as that: the narrowed session may list the bucket.
    let run = served.flowrun("read.yaml --input key=daily/*.txt -v");
    assert_snapshot!(run, @r#"
    exit 1
    -- stderr
    run read RUN
    WHEN  INFO card{run_id=RUN card="s3.head_object" address="head" attempt=1}: flowrun_connections::gate: the connection was proven before its use connection=demo-reports verdict="verified"
    WHEN  INFO card{run_id=RUN card="s3.head_object" address="head" attempt=1}: flowrun_connections::narrow: session policy connection=demo-reports step="exact" policy={"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectLegalHold","s3:GetObjectRetention","s3:GetObjectTagging"],"Resource":"arn:aws:s3:::reports/daily/${*}.txt"},{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::reports"}]}
    WHEN  INFO card{run_id=RUN card="s3.head_object" address="head" attempt=1}: flowrun_connections::sts: role assumed role=arn:aws:iam::222222222222:role/demo-reports session=flowrun-read-RUN request_id=REQUEST
      ✗ head failed s3.head_object (TIME)
    failed after TIME: 1 failed
    error[not_found]: the object does not exist
      card: head
      at: read.yaml:5:3
      code: NotFound
      bucket: reports
      key: daily/*.txt
      connection: demo-reports
      request_id: REQUEST
    "#);
    let policy = served.assumed()[0].1.clone().unwrap();
    assert_eq!(
        policy["Statement"][0]["Resource"],
        "arn:aws:s3:::reports/daily/${*}.txt"
    );
}

#[test]
fn a_connection_can_turn_it_off() {
    let served = Served::start("\n  session_policy: off");
    let run = served.flowrun("backup.yaml");
    assert_eq!(run.code, Some(0), "{run}");
    let assumed = served.assumed();
    assert_eq!(assumed.len(), 2);
    assert!(
        assumed.iter().all(|(_, policy)| policy.is_none()),
        "{assumed:?}"
    );
    let show = served.flowrun("connections show demo-vault");
    assert!(
        show.stdout
            .contains("session policy    off: runs use the whole role"),
        "{show}"
    );
}

/// Cards that read as many buckets, each another one.
fn wide(count: usize) -> String {
    let mut flow =
        "flow: wide\nconnections: { source: demo-reports }\nmax_parallel: 4\ncards:\n".to_owned();
    for number in 0..count {
        writeln!(
            flow,
            "  c{number}: {{ card: s3.list_objects, connection: source, with: {{ bucket: \
             a-bucket-with-a-name-that-leaves-no-room-for-others-{number:02} }} }}"
        )
        .unwrap();
    }
    flow
}

#[test]
fn cards_have_sessions_of_their_own_where_one_cannot_hold_them_all() {
    let served = Served::start("");
    served.folder.write("wide.yaml", wide(40));
    let run = served.flowrun("wide.yaml");
    // None of the buckets is there: the flow fails by that.
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("error[not_found]"), "{run}");
    let assumed = served.assumed();
    assert!((1..=40).contains(&assumed.len()), "{assumed:?}");
    for (_, policy) in &assumed {
        let policy = policy.as_ref().unwrap().to_string();
        assert_eq!(policy.matches("a-bucket-with").count(), 1, "{policy}");
    }
}

#[test]
fn a_flow_that_needs_too_much_is_refused_and_never_runs_under_the_whole_role() {
    let served = Served::start("");
    served.folder.write("wide.yaml", wide(65));
    let run = served.flowrun("wide.yaml");
    assert_eq!(run.code, Some(4), "{run}");
    for part in [
        "error[connection]: the session policy for what the flow needs has ",
        " characters or more even with whole buckets, and STS takes at most 2048",
        "help: split the flow, so that a run uses fewer buckets under connection `demo-reports`",
    ] {
        assert!(run.stderr.contains(part), "{run}");
    }
    assert_eq!(served.assumed(), []);
}

/// The role of these examples may do everything: what they need is what their cards say.
#[test]
fn the_flows_of_all_cards_run_with_what_their_cards_say() {
    let served = Served::start("");
    let mut registry = flowrun_card::Registry::new();
    flowrun_card_s3::register(&mut registry).unwrap();
    let mut count = 0;
    for entry in registry.iter() {
        let flowrun_card::Entry::Card { card, .. } = entry else {
            continue;
        };
        for example in card.examples() {
            count += 1;
            served.folder.write("example.yaml", example.flow);
            let run = served.flowrun("example.yaml");
            assert_eq!(run.code, Some(0), "{}: {run}", card.spec().name);
        }
    }
    let assumed = served.assumed();
    assert!(assumed.len() >= count, "{} of {count}", assumed.len());
    assert!(
        assumed.iter().all(|(_, policy)| policy.is_some()),
        "{assumed:?}"
    );
    fs::remove_file(served.folder.path().join("example.yaml")).unwrap();
}
