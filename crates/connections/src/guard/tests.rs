//! Which addresses pass, and that what is connected to is what was checked.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use super::*;

#[test]
fn addresses_are_sorted_however_they_are_written() {
    use Sort::*;
    let check = |text: &str, expect: Option<Sort>| {
        assert_eq!(sort_of(text.parse().unwrap()), expect, "{text}");
    };
    for (text, expect) in [
        ("1.1.1.1", None),
        ("52.216.0.1", None),
        ("9.255.255.255", None),
        ("11.0.0.0", None),
        ("172.15.255.255", None),
        ("172.32.0.0", None),
        ("192.167.255.255", None),
        ("192.169.0.0", None),
        ("100.63.255.255", None),
        ("100.128.0.0", None),
        ("169.253.255.255", None),
        ("169.255.0.0", None),
        ("223.255.255.255", None),
        ("0.0.0.0", Some(Unspecified)),
        ("0.0.0.1", Some(Reserved)),
        ("10.0.0.0", Some(Private)),
        ("10.255.255.255", Some(Private)),
        ("172.16.0.0", Some(Private)),
        ("172.31.255.255", Some(Private)),
        ("192.168.0.1", Some(Private)),
        ("127.0.0.1", Some(Loopback)),
        ("127.255.255.255", Some(Loopback)),
        ("100.64.0.0", Some(SharedByACarrier)),
        ("100.127.255.255", Some(SharedByACarrier)),
        ("100.100.100.200", Some(Metadata)),
        ("168.63.129.16", Some(Metadata)),
        ("169.254.169.254", Some(Metadata)),
        ("169.254.170.2", Some(Metadata)),
        ("169.254.170.23", Some(Metadata)),
        ("169.254.0.1", Some(LinkLocal)),
        ("192.0.0.1", Some(Reserved)),
        ("192.0.2.1", Some(Reserved)),
        ("192.88.99.1", Some(Reserved)),
        ("198.18.0.1", Some(Reserved)),
        ("198.51.100.1", Some(Reserved)),
        ("203.0.113.1", Some(Reserved)),
        ("224.0.0.1", Some(Multicast)),
        ("239.255.255.255", Some(Multicast)),
        ("240.0.0.1", Some(Reserved)),
        ("255.255.255.255", Some(Reserved)),
        ("2600:1f18::1", None),
        ("2a00:1450::1", None),
        ("::", Some(Unspecified)),
        ("::1", Some(Loopback)),
        ("fe80::1", Some(LinkLocal)),
        ("febf::1", Some(LinkLocal)),
        ("fec0::1", Some(Private)),
        ("fc00::1", Some(Private)),
        ("fdff::1", Some(Private)),
        ("fd00:ec2::254", Some(Metadata)),
        ("fd00:ec2::23", Some(Metadata)),
        ("fd20:ce::254", Some(Metadata)),
        ("ff02::1", Some(Multicast)),
        ("100::1", Some(Reserved)),
        ("2001::1", Some(Reserved)),
        ("2001:1ff::1", Some(Reserved)),
        ("2001:200::1", None),
        ("2001:db8::1", Some(Reserved)),
        ("3fff::1", Some(Reserved)),
        ("4000::1", Some(Reserved)),
        // IPv4 in IPv6.
        ("::ffff:8.8.8.8", None),
        ("::ffff:127.0.0.1", Some(Loopback)),
        ("::ffff:169.254.169.254", Some(Metadata)),
        ("::ffff:a9fe:a9fe", Some(Metadata)),
        ("::10.0.0.1", Some(Private)),
        ("::ffff:0:10.0.0.1", Some(Private)),
        ("64:ff9b::10.0.0.1", Some(Private)),
        ("64:ff9b::8.8.8.8", None),
        ("64:ff9b:1::8.8.8.8", Some(Private)),
        ("2002:7f00:1::", Some(Loopback)),
        ("2002:a9fe:a9fe::1", Some(Metadata)),
        ("2002:808:808::1", None),
    ] {
        check(text, expect);
    }
}

#[test]
fn entries_of_a_list_are_names_addresses_and_networks() {
    for (text, expect) in [
        ("minio.internal", Some("minio.internal")),
        ("MinIO.Internal.", Some("minio.internal")),
        ("10.1.2.3", Some("10.1.2.3")),
        ("10.1.0.0/16", Some("10.1.0.0/16")),
        ("fd00::/8", Some("fd00::/8")),
        ("::1", Some("::1")),
        ("10.1.0.0/33", None),
        ("10.1.0.0/0", None),
        ("10.1.0.0/+8", None),
        ("10.1.0.0/", None),
        ("host/8", None),
        ("127.1", None),
        ("2130706433", None),
        ("0x7f000001", None),
        ("http://host", None),
        ("*.internal", None),
        ("", None),
    ] {
        let found = Allowed::parse(text).ok();
        let shown = found.as_ref().map(ToString::to_string);
        assert_eq!(shown.as_deref(), expect, "{text}");
        if let Some(shown) = shown {
            assert_eq!(Allowed::parse(&shown).ok(), found, "{text}");
        }
    }
}

/// Answers one time after the other as it was told, and then always as the last time.
#[derive(Debug)]
struct Script {
    answers: Mutex<Vec<Vec<&'static str>>>,
    asked: AtomicUsize,
}

impl Lookup for Script {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        };
        Box::pin(async move { Ok(answer.iter().map(|text| text.parse().unwrap()).collect()) })
    }
}

fn script(answers: &[&[&'static str]]) -> Arc<Script> {
    Arc::new(Script {
        answers: Mutex::new(answers.iter().map(|answer| answer.to_vec()).collect()),
        asked: AtomicUsize::new(0),
    })
}

fn list(allow: &[&str]) -> Vec<Allowed> {
    allow
        .iter()
        .map(|entry| Allowed::parse(entry).unwrap())
        .collect()
}

#[tokio::test]
async fn names_pass_by_all_of_their_addresses_or_where_they_are_listed() {
    let passes = async |url: &str, name: &str, addresses: &[&'static str], allow: &[&str]| {
        let guard = Guard::new(&[url], &list(allow), script(&[addresses]));
        guard.resolve(name).await.is_ok()
    };
    let url = "https://s3.example.com";
    for (name, addresses, allow, expect) in [
        ("s3.example.com", &["52.216.0.1"][..], &[][..], true),
        ("s3.example.com", &["10.0.0.1"], &[], false),
        // One bad address spoils the name.
        ("s3.example.com", &["52.216.0.1", "10.0.0.1"], &[], false),
        ("s3.example.com", &[], &[], false),
        ("s3.example.com", &["10.0.0.1"], &["10.0.0.0/8"], true),
        (
            "s3.example.com",
            &["::ffff:10.0.0.1"],
            &["10.0.0.0/8"],
            true,
        ),
        ("s3.example.com", &["11.0.0.1"], &["10.0.0.0/8"], true),
        ("s3.example.com", &["192.168.0.1"], &["10.0.0.0/8"], false),
        ("s3.example.com", &["10.0.0.1"], &["s3.example.com"], true),
        ("S3.Example.com.", &["10.0.0.1"], &["s3.example.com"], true),
        ("b.s3.example.com", &["10.0.0.1"], &["s3.example.com"], true),
        ("bs3.example.com", &["10.0.0.1"], &["s3.example.com"], false),
        // A name does not open the way to metadata; only the address does.
        (
            "s3.example.com",
            &["169.254.169.254"],
            &["s3.example.com"],
            false,
        ),
        (
            "s3.example.com",
            &["fd00:ec2::254"],
            &["s3.example.com"],
            false,
        ),
        (
            "s3.example.com",
            &["169.254.169.254"],
            &["169.254.169.254"],
            true,
        ),
        // The URL says another name.
        ("localhost", &["127.0.0.1"], &[], false),
    ] {
        assert_eq!(
            passes(url, name, addresses, allow).await,
            expect,
            "{name} {addresses:?} {allow:?}"
        );
    }
    let local = "http://LocalHost:9000";
    assert!(passes(local, "localhost", &["127.0.0.1", "::1"], &[]).await);
    assert!(!passes(local, "localhost", &["10.0.0.1"], &[]).await);
    assert!(!passes(local, "other", &["127.0.0.1"], &[]).await);
}

#[test]
fn an_address_in_the_url_passes_unless_nobody_means_it() {
    for (url, allow, expect) in [
        ("http://127.0.0.1:9000", &[][..], None),
        ("http://10.0.0.1", &[], None),
        ("http://[fd12::1]:9000", &[], None),
        ("https://s3.example.com", &[], None),
        (
            "http://169.254.169.254/latest",
            &[],
            Some(
                "`169.254.169.254` is the metadata service of a cloud, which only `allow: \
                 [169.254.169.254]` lets requests go to",
            ),
        ),
        ("http://169.254.169.254", &["169.254.0.0/16"], None),
        (
            "http://[::ffff:a9fe:a9fe]:80",
            &[],
            Some(
                "`::ffff:169.254.169.254` is the metadata service of a cloud, which only `allow: \
                 [::ffff:169.254.169.254]` lets requests go to",
            ),
        ),
        (
            "http://0.0.0.0:80",
            &["10.0.0.0/8"],
            Some(
                "`0.0.0.0` is the address of no machine, which only `allow: [0.0.0.0]` lets \
                 requests go to",
            ),
        ),
    ] {
        let found = check_literal(url, &list(allow)).err();
        assert_eq!(found.as_deref(), expect, "{url}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let guard = Guard::new(&["https://s3.example.com"], &[], script(&[&["10.0.0.1"]]));
    let failure = guard.resolve("s3.example.com").await.unwrap_err();
    assert_eq!(
        (failure.to_string().as_str(), failure.help.as_deref()),
        (
            "the name `s3.example.com` leads to `10.0.0.1`, which is a private address",
            Some("if the connection shall go there, list it: `allow: [s3.example.com]`")
        )
    );
}
