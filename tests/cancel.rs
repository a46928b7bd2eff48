//! A run that is interrupted in the middle of a transfer: exit code 3, and nothing half-done left.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod common;
mod proxy;

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use common::Folder;
use proxy::Proxy;
use serde_json::Value as Json;

const SIZE: u64 = 64 << 20;

const FLOW: &str = r#"flow: transfer
connections: { own: own }
cards:
  bucket: { card: s3.create_bucket, connection: own, with: { bucket: transfers } }
  stored:
    card: s3.upload
    connection: own
    after: [bucket]
    with: { bucket: transfers, key: big, file: big.bin }
"#;

const DOWNLOAD: &str = r#"flow: back
connections: { own: own }
cards:
  back:
    card: s3.download
    connection: own
    with: { bucket: transfers, key: big, to: out/big.bin }
"#;

/// `flowrun sandbox` as a process, and a proxy before it.
struct Served {
    folder: Folder,
    sandbox: Child,
    variables: Vec<(String, String)>,
    proxy: Proxy,
}

impl Served {
    fn start() -> Self {
        let folder = Folder::of_flows();
        let mut sandbox = folder
            .command(&["sandbox", "--state", "state"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(sandbox.stdout.take().unwrap()).lines();
        let variables: Vec<(String, String)> = (0..4)
            .map(|_| {
                let line = lines.next().unwrap().unwrap();
                let (name, value) = line
                    .strip_prefix("export ")
                    .unwrap()
                    .split_once('=')
                    .unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect();
        let (name, url) = &variables[0];
        assert_eq!(name, "AWS_ENDPOINT_URL");
        let proxy = Proxy::to(url.strip_prefix("http://").unwrap());
        folder.write(
            "connections.yaml",
            format!("own: {{ type: aws_s3, base: environment, region: eu-central-1, endpoint: \"http://{}\" }}\n", proxy.address),
        );
        folder.write("transfer.yaml", FLOW);
        folder.write("back.yaml", DOWNLOAD);
        File::create(folder.path().join("big.bin"))
            .unwrap()
            .set_len(SIZE)
            .unwrap();
        Self {
            folder,
            sandbox,
            variables,
            proxy,
        }
    }

    fn run(&self, flow: &str) -> Child {
        self.folder
            .command(&[flow, "--json"])
            .envs(self.variables[1..].iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Files below a folder that holds no folders.
    fn files(&self, name: &str) -> Vec<String> {
        fs::read_dir(self.folder.path().join(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// Asks the sandbox to end, and waits for it.
    fn end(&mut self) {
        signal("INT", &self.sandbox);
        assert_eq!(self.sandbox.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already where all went well.
        self.sandbox.kill().ok();
        self.sandbox.wait().ok();
    }
}

fn signal(name: &str, process: &Child) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), process.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Reads events until a card begins.
fn until_started(events: &mut impl Iterator<Item = Json>, address: &str) {
    events
        .find(|event| event["event"] == "card_started" && event["address"] == address)
        .unwrap();
}

fn events(stdout: ChildStdout) -> impl Iterator<Item = Json> {
    BufReader::new(stdout)
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

/// Interrupts a run in the middle of a card's transfer and checks how it says that it ended.
fn interrupt(served: &Served, flow: &str, card: &str, name: &str) {
    served.proxy.hold();
    let mut run = served.run(flow);
    let mut events = events(run.stdout.take().unwrap());
    until_started(&mut events, card);
    served.proxy.wait_until_held();
    // Parts are there, or the whole object that is read.
    assert_ne!(served.files("state/s3/blobs"), Vec::<String>::new());
    signal(name, &run);
    let last = events.last().unwrap();
    assert_eq!(last["event"], "run_ended");
    assert_eq!(last["status"], "cancelled", "{last}");
    assert_eq!(last["outputs"], Json::Null);
    assert_eq!(last["cards"]["cancelled"], 1, "{last}");
    let mut stderr = String::new();
    run.stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(
        stderr,
        "cancelling: cards have 30 s to clean up; once more ends the run at once\n"
    );
    assert_eq!(run.wait().unwrap().code(), Some(3));
}

#[test]
fn an_upload_leaves_no_parts() {
    let mut served = Served::start();
    interrupt(&served, "transfer.yaml", "stored", "INT");
    served.end();
    assert_eq!(served.files("state/s3/blobs"), Vec::<String>::new());
    assert_eq!(served.files("state/s3/temporary"), Vec::<String>::new());
}

#[test]
fn a_download_leaves_no_file() {
    let mut served = Served::start();
    let stored = served.run("transfer.yaml").wait_with_output().unwrap();
    assert_eq!(stored.status.code(), Some(0), "{stored:?}");
    interrupt(&served, "back.yaml", "back", "TERM");
    assert_eq!(served.files("out"), Vec::<String>::new());
    served.end();
}
