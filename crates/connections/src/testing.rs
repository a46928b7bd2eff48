//! Support for this crate's tests: time that stands still, an STS on a loopback port, and a sandbox
//! that is that STS.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_smithy_async::time::TimeSource;
use flowrun_card::{BoxFuture, Secret};

use crate::{Connection, Proof, SandboxEndpoint, SandboxPort, Verdict, record_proof};

/// Time that moves when a test says so.
#[derive(Clone, Debug)]
pub(crate) struct ManualTime(Arc<Mutex<SystemTime>>);

impl Default for ManualTime {
    fn default() -> Self {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Self(Arc::new(Mutex::new(start)))
    }
}

impl ManualTime {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl TimeSource for ManualTime {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

/// The form that a request sent, and its `Authorization` as `authorization`.
pub(crate) type Form = BTreeMap<String, String>;

/// Status, extra header lines and body of an answer.
pub(crate) type Answer = (u16, &'static str, String);

/// An STS that answers as the test says and remembers what it was asked.
pub(crate) struct FakeSts {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Form>>>,
}

impl FakeSts {
    pub(crate) fn start(answer: impl Fn(&Form) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Form>>>::default();
        let (remember, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (remember, answer) = (Arc::clone(&remember), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), &remember, answer.as_ref()));
            }
        });
        Self { url, asked }
    }

    /// How many requests came so far, of whatever kind.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The requests so far of an action.
    pub(crate) fn asked(&self, action: &str) -> Vec<Form> {
        let asked = self.asked.lock().unwrap();
        let is_action = |form: &&Form| form.get("Action").is_some_and(|found| found == action);
        asked.iter().filter(is_action).cloned().collect()
    }
}

fn serve(
    stream: TcpStream,
    remember: &Mutex<Vec<Form>>,
    answer: &(impl Fn(&Form) -> Answer + ?Sized),
) {
    let mut reader = BufReader::new(stream);
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = value.to_owned();
            }
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut form: Form = String::from_utf8(body)
        .unwrap()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), decode(value)))
        .collect();
    form.insert("authorization".to_owned(), authorization);
    remember.lock().unwrap().push(form.clone());
    let (status, headers, body) = answer(&form);
    write!(
        reader.into_inner(),
        "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
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

/// An answer to AssumeRole whose credentials expire at a time such as `2027-01-15T09:00:00Z`.
pub(crate) fn assumed(key: &str, expiration: &str) -> Answer {
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>canary-secret\
         </SecretAccessKey><SessionToken>canary-token</SessionToken><Expiration>{expiration}\
         </Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    (200, "", body)
}

/// An answer to GetCallerIdentity.
pub(crate) fn caller(arn: &str) -> Answer {
    let account = arn.split(':').nth(4).unwrap();
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Arn>{arn}</Arn><UserId>U</UserId>\
         <Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    (200, "", body)
}

/// An error as STS answers it.
pub(crate) fn refused(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>req-1</RequestId></ErrorResponse>"
    );
    (
        status,
        "x-amzn-requestid: req-1\r\nretry-after: 7\r\n",
        body,
    )
}

/// Records that a connection was found to be safe.
pub(crate) fn proven(connection: &Connection, when: SystemTime) {
    let proof = Proof {
        when: when.try_into().unwrap(),
        verdict: Verdict::Verified,
        probes: Vec::new(),
        identity: None,
        region: None,
        endpoint: None,
    };
    record_proof(connection, &proof).unwrap();
}

/// A sandbox at some URL, which counts how often it was started.
pub(crate) struct FakeSandbox {
    pub(crate) url: String,
    pub(crate) starts: Mutex<Vec<PathBuf>>,
    pub(crate) failures: Mutex<Vec<&'static str>>,
}

impl FakeSandbox {
    pub(crate) fn at(url: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            url: url.into(),
            starts: Mutex::default(),
            failures: Mutex::default(),
        })
    }
}

impl SandboxPort for FakeSandbox {
    fn start<'a>(&'a self, folder: &'a Path) -> BoxFuture<'a, Result<SandboxEndpoint, String>> {
        self.starts.lock().unwrap().push(folder.to_owned());
        let failure = self.failures.lock().unwrap().pop();
        Box::pin(async move {
            match failure {
                Some(reason) => Err(reason.to_owned()),
                None => Ok(SandboxEndpoint {
                    url: self.url.clone(),
                    access_key_id: "AKIASANDBOX".to_owned(),
                    secret_access_key: Secret::new("canary-base-secret"),
                    region: "us-east-1".to_owned(),
                }),
            }
        })
    }
}
