//! S3 and STS in one server that tells everything: each answer repeats what it was sent, and every
//! canary in every form.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::canaries::{
    ACCESS_TOKEN, BASE_KEY, BASE_TOKEN, Canary, FLOW_SECRET, INPUT, OF_RUNS, ROLE_KEY, ROLE_TOKEN,
    forms,
};

/// How much of what a server says an error repeats, in characters: S3's and STS's.
const SHOWN: [usize; 2] = [300, 500];

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// What it is asked.
    Well,
    /// STS does; S3 fails, and at last denies.
    NoS3,
    /// STS fails, and at last denies.
    NoSts,
}

/// A server that ends with the process.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
}

impl Server {
    pub(crate) const EXTERNAL_ID: &'static str = "flowrun-0123456789abcdef0123456789abcdef";

    /// How many requests it fails until it denies one.
    pub(crate) fn failures() -> usize {
        messages(&OF_RUNS).len()
    }

    pub(crate) fn start(mood: Mood) -> Self {
        // What it did not give nobody knows to hide.
        let known = match mood {
            Mood::NoSts => &[BASE_KEY, BASE_TOKEN, FLOW_SECRET, INPUT],
            _ => OF_RUNS.as_slice(),
        };
        Self::telling(mood, known)
    }

    /// One that tells these canaries.
    pub(crate) fn telling(mood: Mood, canaries: &[Canary]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let messages: Arc<[String]> = messages(canaries).into();
        let failed = Arc::new(AtomicUsize::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (messages, failed) = (Arc::clone(&messages), Arc::clone(&failed));
                std::thread::spawn(move || answer(stream.unwrap(), mood, &messages, &failed));
            }
        });
        Self { url }
    }
}

/// What it says when it fails: every canary in every form, each text short enough to be repeated as a
/// whole; and each canary where a text is cut.
fn messages(canaries: &[Canary]) -> Vec<String> {
    let mut messages = vec![String::new()];
    for (canary, secret) in canaries {
        for (form, text, _) in forms(secret) {
            let piece = format!("{canary} {form} [{text}] ");
            if messages.last().unwrap().len() + piece.len() > SHOWN[0] {
                messages.push(String::new());
            }
            messages.last_mut().unwrap().push_str(&piece);
        }
    }
    for (_, secret) in canaries {
        for shown in SHOWN {
            for left in [16, 32] {
                messages.push(format!("{}{secret}", "x".repeat(shown - left)));
            }
        }
    }
    messages
}

struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim_end().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut request = Self {
            head,
            body: Vec::new(),
        };
        let length = request.header("content-length");
        let length = length.map_or(0, |length| length.parse().unwrap());
        request.body.resize(length, 0);
        stream.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (written, value) = line.split_once(": ")?;
            written.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn line(&self) -> (&str, &str) {
        let mut words = self.head.split(' ');
        (words.next().unwrap(), words.next().unwrap())
    }
}

fn answer(stream: TcpStream, mood: Mood, messages: &[String], failed: &AtomicUsize) {
    let mut stream = BufReader::new(stream);
    let Some(request) = Request::read(&mut stream) else {
        return;
    };
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let (status, headers, body) = if form.contains("Action=GetCallerIdentity") {
        (200, String::new(), identity(&request))
    } else if form.contains("Action=AssumeRole") {
        let is_known = form.contains(&format!("ExternalId={}", Server::EXTERNAL_ID));
        match (mood, is_known) {
            (Mood::NoSts, _) => failure(&request, true, messages, failed),
            (_, true) => (200, String::new(), session()),
            (_, false) => denial(&request, true, &messages[0]),
        }
    } else if form.contains("grant_type=client_credentials") {
        token(&request, mood, &messages[0])
    } else if mood == Mood::NoS3 {
        failure(&request, false, messages, failed)
    } else {
        s3(&request)
    };
    // HEAD says how long the body would be, and has none.
    let (method, _) = request.line();
    let length = body.len();
    let body = if method == "HEAD" { "" } else { &body };
    let length = match headers.contains("content-length") {
        true => String::new(),
        false => format!("content-length: {length}\r\n"),
    };
    let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{length}{headers}\r\n{body}");
    stream.get_mut().write_all(answer.as_bytes()).ok();
}

type Answer = (u16, String, String);

/// The next of the failures; then it denies.
fn failure(request: &Request, is_sts: bool, messages: &[String], failed: &AtomicUsize) -> Answer {
    let at = failed.fetch_add(1, Relaxed);
    match messages.get(at) {
        Some(message) => refusal(request, is_sts, 500, "InternalError", message),
        None => denial(request, is_sts, messages.last().unwrap()),
    }
}

fn denial(request: &Request, is_sts: bool, message: &str) -> Answer {
    refusal(request, is_sts, 403, "AccessDenied", message)
}

/// An error that repeats the request, in XML, JSON and headers.
fn refusal(request: &Request, is_sts: bool, status: u16, code: &str, message: &str) -> Answer {
    let sent = serde_json::to_string(&request.head).unwrap();
    let headers = format!(
        "content-type: application/xml\r\nx-amz-request-id: 4442587FB7D0A2F9\r\nx-amz-id-2: {message}\r\n\
         x-echo: {sent}\r\n"
    );
    let inner = format!(
        "<Code>{code}</Code><Message>{}</Message><Sent>{}</Sent><Json>{}</Json>",
        escape(message),
        escape(&request.head),
        escape(&sent)
    );
    let body = match is_sts {
        true => format!(
            r#"<ErrorResponse xmlns="{STS}"><Error><Type>Sender</Type>{inner}</Error><RequestId>{message}</RequestId></ErrorResponse>"#,
            message = escape(message)
        ),
        false => format!("<Error>{inner}<RequestId>4442587FB7D0A2F9</RequestId></Error>"),
    };
    (status, headers, body)
}

const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Who asks: the user with the access key, or the role.
fn identity(request: &Request) -> String {
    let is_role = request.head.contains("Credential=ASIA");
    let (arn, account) = match is_role {
        true => (
            "arn:aws:sts::222222222222:assumed-role/echo/flowrun",
            "222222222222",
        ),
        false => ("arn:aws:iam::111111111111:user/flowrun", "111111111111"),
    };
    format!(
        r#"<GetCallerIdentityResponse xmlns="{STS}"><GetCallerIdentityResult><Arn>{arn}</Arn><UserId>AIDAIOSFODNN7EXAMPLE</UserId><Account>{account}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"#
    )
}

/// The credentials of the role.
fn session() -> String {
    let [(_, key), (_, token)] = [ROLE_KEY, ROLE_TOKEN];
    format!(
        r#"<AssumeRoleResponse xmlns="{STS}"><AssumeRoleResult><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::222222222222:assumed-role/echo/flowrun</Arn><AssumedRoleId>AROAIOSFODNN7EXAMPLE:flowrun</AssumedRoleId></AssumedRoleUser></AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>"#,
        escape(key),
        escape(token)
    )
}

/// The token of OAuth 2, or why there is none.
fn token(request: &Request, mood: Mood, message: &str) -> Answer {
    let sent = format!(
        "{} {}",
        request.head,
        String::from_utf8_lossy(&request.body)
    );
    let headers = "content-type: application/json\r\n".to_owned();
    match mood {
        Mood::Well => {
            let token = serde_json::json!({
                "access_token": ACCESS_TOKEN.1, "token_type": "Bearer", "expires_in": 3600, "scope": message
            });
            (200, headers, token.to_string())
        }
        _ => {
            let error = serde_json::json!({ "error": message, "error_description": sent });
            (400, headers, error.to_string())
        }
    }
}

/// S3, as far as cards look at what it answers; everything that it may choose is a canary.
fn s3(request: &Request) -> Answer {
    let (method, target) = request.line();
    let path = target.split('?').next().unwrap();
    let is_object = path.trim_matches('/').contains('/');
    let [(_, key), (_, token)] = [ROLE_KEY, ROLE_TOKEN];
    let percent = &forms(token)[1].1;
    let mut headers = format!(
        "x-amz-request-id: 4442587FB7D0A2F9\r\nx-amz-version-id: {percent}\r\nlast-modified: Tue, 24 \
         Nov 2026 10:00:00 GMT\r\n"
    );
    if method != "GET" || is_object {
        headers.push_str(&format!("etag: \"{key}\"\r\n"));
    }
    let mut body = String::new();
    let status = match method {
        "DELETE" => 204,
        "HEAD" | "GET" if is_object => {
            for (at, value) in every_form().enumerate() {
                headers.push_str(&format!("x-amz-meta-{at}: {value}\r\n"));
            }
            body.push_str("one");
            200
        }
        "GET" => {
            let contents: String = every_form()
                .map(|key| {
                    format!(
                        "<Contents><Key>{}</Key><Size>1</Size><LastModified>2026-11-24T10:00:00Z</LastModified><ETag>{}</ETag></Contents>",
                        escape(&key),
                        escape(key.as_str())
                    )
                })
                .collect();
            body = format!(
                "<ListBucketResult><Name>leaks</Name><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
            );
            200
        }
        _ if request.header("x-amz-copy-source").is_some() => {
            body = format!(
                "<CopyObjectResult><ETag>{}</ETag><LastModified>2026-11-24T10:00:00Z</LastModified></CopyObjectResult>",
                escape(token)
            );
            200
        }
        _ => 200,
    };
    (status, headers, body)
}

fn every_form() -> impl Iterator<Item = String> {
    let of = |(_, secret): Canary| forms(secret).into_iter().map(|(_, text, _)| text);
    OF_RUNS.into_iter().flat_map(of)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
