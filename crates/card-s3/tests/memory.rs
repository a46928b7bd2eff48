//! Memory while an object of many parts goes up, across and down. Alone in its process, because it
//! looks at the peak of the process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod support;

use serde_json::json;
use support::sandbox::Server;

const KIB_PER_MIB: u64 = 1_024;

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_never_stands_in_memory_as_a_whole() {
    const SIZE: u64 = 160 * 1_024 * 1_024;
    let server = Server::standard().await;
    let world = server.world();
    let file = std::fs::File::create(world.folder().join("big")).unwrap();
    file.set_len(SIZE).unwrap();
    let before = peak();
    let at = |key: &str| json!({ "connection": "admin", "bucket": "plain", "key": key });
    let mut input = at("a");
    input["file"] = json!("big");
    world.run("s3.upload", input).await.unwrap();
    let mut to = at("b");
    to["connection"] = json!("other");
    let input = json!({ "source": at("a"), "destination": to });
    world.run("s3.copy", input).await.unwrap();
    let mut input = at("b");
    input["to"] = json!("out");
    let got = world.run("s3.download", input).await.unwrap();
    assert_eq!(got["size"], SIZE);
    // The sandbox runs in this process too.
    let grown = (peak() - before) / KIB_PER_MIB;
    assert!(grown < 80, "{grown} MiB");
}
