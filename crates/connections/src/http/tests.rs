//! HTTP sessions against servers on loopback ports.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use aws_smithy_async::time::SharedTimeSource;
use flowrun_card::{ConnectionRef, Connections as _, RunIdentity, Scope, SessionRequest};

use super::*;
use crate::{FILE_NAME, Health, guard::Lookup, testing::ManualTime};

/// A request as it came.
#[derive(Clone, Debug, Default)]
struct Asked {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Status, extra header lines and body.
type Answer = (u16, String, String);

fn answer(status: u16, body: &str) -> Answer {
    (status, String::new(), body.to_owned())
}

/// A server that answers as the test says and remembers what it was asked.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), answer)
    }

    fn on(
        listener: TcpListener,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (remember, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (remember, answer) = (Arc::clone(&remember), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), &remember, answer.as_ref()));
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }
}

fn serve(
    stream: TcpStream,
    remember: &Mutex<Vec<Asked>>,
    answer: &(impl Fn(&Asked) -> Answer + ?Sized),
) {
    let mut reader = BufReader::new(stream);
    let mut asked = Asked::default();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            _ if asked.line.is_empty() => asked.line = line.to_owned(),
            Some((name, value)) => {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.parse().unwrap();
                }
                asked.headers.push((name.to_lowercase(), value.to_owned()));
            }
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    asked.body = String::from_utf8(body).unwrap();
    remember.lock().unwrap().push(asked.clone());
    let (status, headers, body) = answer(&asked);
    write!(
        reader.into_inner(),
        "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
}

struct Bench {
    folder: tempfile::TempDir,
    store: ConnectionStore,
    time: ManualTime,
}

impl Bench {
    /// A connection `api` whose secret `canary-secret` is in the file `secret`.
    fn new(rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::within(folder, rest)
    }

    fn within(folder: tempfile::TempDir, rest: &str) -> Self {
        let file = format!("api: {{ type: http, {rest} }}\n");
        std::fs::write(folder.path().join(FILE_NAME), file).unwrap();
        std::fs::write(folder.path().join("secret"), "canary-secret\n").unwrap();
        let time = ManualTime::default();
        let store = ConnectionStore::open_at(
            crate::store::Files::of(folder.path(), None, None).unwrap(),
            None,
            SharedTimeSource::new(time.clone()),
        );
        Self {
            folder,
            store: store.unwrap(),
            time,
        }
    }

    async fn session(&self) -> Result<Arc<HttpSession>, CardError> {
        let request = SessionRequest {
            connection: ConnectionRef::new("http", "api"),
            scope: Scope::whole(),
            run: RunIdentity {
                run_id: "1".to_owned(),
                flow: "f".to_owned(),
            },
        };
        let session = self.store.session(request).await?;
        Ok(session.downcast().unwrap())
    }

    async fn get(&self, path: &str) -> Result<u16, CardError> {
        let session = self.session().await?;
        let response = session.request(Method::GET, path)?.send().await?;
        Ok(response.status().as_u16())
    }

    async fn test(&self) -> Result<Proof, CardError> {
        let connection = self.store.list().next().unwrap();
        self.store.prove(connection).await
    }
}

#[tokio::test]
async fn each_way_sends_what_it_should() {
    const KEY: &str = "{ file: secret }";
    let server = Server::start(|_| answer(200, "ok"));
    let check = async |auth: &str, line: &str, header: (&str, Option<&str>)| {
        let bench = Bench::new(&format!("url: '{}/v1/', auth: {auth}", server.url));
        let session = bench.session().await.unwrap();
        let request = session.request(Method::POST, "/a b/ü").unwrap();
        let request = request.query("q", "x&y").body("content");
        for shown in [format!("{session:?}"), format!("{request:?}")] {
            assert!(!shown.contains("canary"), "{shown}");
        }
        let response = request.send().await.unwrap();
        assert!(!format!("{response:?}").contains("canary"));
        assert_eq!(response.bytes(2).await.unwrap(), "ok");
        let asked = server.asked().pop().unwrap();
        assert_eq!(asked.line, line);
        assert_eq!(asked.header(header.0), header.1, "{auth}");
        assert_eq!(asked.body, "content");
    };
    let plain = "POST /v1/a%20b/%C3%BC?q=x%26y HTTP/1.1";
    check("none", plain, ("authorization", None)).await;
    check(
        &format!("{{ basic: {{ username: ann, password: {KEY} }} }}"),
        plain,
        ("authorization", Some("Basic YW5uOmNhbmFyeS1zZWNyZXQ=")),
    )
    .await;
    check(
        &format!("{{ bearer: {{ token: {KEY} }} }}"),
        plain,
        ("authorization", Some("Bearer canary-secret")),
    )
    .await;
    check(
        &format!("{{ api_key: {{ header: X-Api-Key, value: {KEY} }} }}"),
        plain,
        ("x-api-key", Some("canary-secret")),
    )
    .await;
    check(
        &format!("{{ api_key: {{ query: key, value: {KEY} }} }}"),
        "POST /v1/a%20b/%C3%BC?q=x%26y&key=canary-secret HTTP/1.1",
        ("authorization", None),
    )
    .await;
}

fn oauth(server: &Server, more: &str) -> Bench {
    Bench::new(&format!(
        "url: '{0}/api', auth: {{ oauth2_client_credentials: {{ token_url: '{0}/token', client_id: \
         'a:b', client_secret: {{ file: secret }}{more} }} }}",
        server.url
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_once_and_renewed() {
    let tokens = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        if asked.line.starts_with("POST /token ") {
            let number = tokens.fetch_add(1, SeqCst) + 1;
            return answer(
                200,
                &format!(
                    r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":600}}"#
                ),
            );
        }
        // The third token is taken back.
        let is_refused = asked.header("authorization") == Some("Bearer token-3");
        answer(if is_refused { 401 } else { 200 }, "")
    });
    let bench = oauth(&server, ", scope: 'a b', audience: 'https://x'");
    let session = bench.session().await.unwrap();
    let first = &server.asked()[0];
    assert_eq!(
        (first.header("authorization"), first.body.as_str()),
        (
            // `a%3Ab:canary-secret`
            Some("Basic YSUzQWI6Y2FuYXJ5LXNlY3JldA=="),
            "grant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Fx"
        )
    );
    let all = (0..20).map(|_| {
        let session = Arc::clone(&session);
        tokio::spawn(async move {
            let request = session.request(Method::GET, "").unwrap();
            request.send().await.unwrap().status().as_u16()
        })
    });
    let all: Vec<_> = all.collect();
    for one in all {
        assert_eq!(one.await.unwrap(), 200);
    }
    let last = || {
        let asked = server.asked();
        let token = asked.last().unwrap().header("authorization").unwrap();
        (token.to_owned(), asked.len())
    };
    assert_eq!(last(), ("Bearer token-1".to_owned(), 21));
    bench.time.advance(Duration::from_secs(539));
    bench.get("").await.unwrap();
    assert_eq!(last(), ("Bearer token-1".to_owned(), 22));
    // A minute before its end.
    bench.time.advance(Duration::from_secs(1));
    bench.get("").await.unwrap();
    assert_eq!(last(), ("Bearer token-2".to_owned(), 24));
    bench.time.advance(Duration::from_secs(540));
    let all = (0..10).map(|_| {
        let session = Arc::clone(&session);
        tokio::spawn(async move {
            let request = session.request(Method::GET, "").unwrap();
            request.send().await.unwrap().status().as_u16()
        })
    });
    let all: Vec<_> = all.collect();
    for one in all {
        assert_eq!(one.await.unwrap(), 200);
    }
    // The new one, refused; another one for all, taken.
    let told = bench.store.bases.secrets.redactor.data("canary-secret");
    assert_eq!(told, "***");
    let told = bench.store.bases.secrets.redactor.data("token-4");
    assert_eq!(told, "***");
    let asked = server.asked();
    let tokens = asked.iter().filter(|asked| asked.line.starts_with("POST "));
    assert_eq!((tokens.count(), last().0), (4, "Bearer token-4".to_owned()));
}

#[tokio::test]
async fn a_server_that_gives_no_token_is_told() {
    let check = async |status: u16, body: &'static str, expect: &str| {
        let server = Server::start(move |_| answer(status, body));
        let failure = oauth(&server, "").session().await.unwrap_err().to_string();
        assert_eq!(
            failure.replace(&server.url, "HERE"),
            format!("{expect} (connection: api)")
        );
    };
    check(
        400,
        r#"{"error":"invalid_client","error_description":"canary"}"#,
        "`HERE` gives no token (HTTP 400): invalid_client",
    )
    .await;
    check(
        401,
        r#"{"error":"Canary Secret"}"#,
        "`HERE` gives no token (HTTP 401)",
    )
    .await;
    check(503, "", "`HERE` gives no token (HTTP 503)").await;
    check(200, "<html>", "`HERE` answers without a token").await;
    check(
        200,
        r#"{"access_token":"canary","token_type":"mac"}"#,
        "`HERE` answers without a bearer token",
    )
    .await;
    let long = Server::start(|_| answer(200, &"x".repeat(64 * 1024 + 1)));
    let failure = oauth(&long, "").session().await.unwrap_err().to_string();
    assert!(
        failure.contains(" answers with more than 65536 bytes"),
        "{failure}"
    );
}

#[tokio::test]
async fn redirects_stay_on_the_server() {
    let other = Server::start(|_| answer(200, ""));
    let to_other = format!("location: {}/x?secret=canary\r\n", other.url);
    let server = Server::start(move |asked| match asked.line.as_str() {
        "GET /here HTTP/1.1" => (302, "location: /there\r\n".to_owned(), String::new()),
        "GET /round HTTP/1.1" => (302, "location: /round\r\n".to_owned(), String::new()),
        "GET /other HTTP/1.1" => (307, to_other.clone(), String::new()),
        "GET /metadata HTTP/1.1" => (
            302,
            "location: http://169.254.169.254/latest\r\n".to_owned(),
            String::new(),
        ),
        "GET /file HTTP/1.1" => (
            302,
            "location: file:///etc/passwd\r\n".to_owned(),
            String::new(),
        ),
        _ => answer(200, ""),
    });
    let bench = Bench::new(&format!(
        "url: '{}', auth: {{ bearer: {{ token: {{ file: secret }} }} }}",
        server.url
    ));
    assert_eq!(bench.get("/here").await.unwrap(), 200);
    let there = server.asked().pop().unwrap();
    assert_eq!(there.line, "GET /there HTTP/1.1");
    assert_eq!(there.header("authorization"), Some("Bearer canary-secret"));
    let failure = async |path: &str| {
        let failure = bench.get(path).await.unwrap_err().to_string();
        let failure = failure.replace(&server.url, "HERE");
        failure.replace(&other.url, "THERE")
    };
    let start = "`HERE` gives no answer of its own: it redirects";
    let end = "and redirects are followed on the same server only (connection: api)";
    assert_eq!(
        failure("/other").await,
        format!("{start} to `THERE`, {end}")
    );
    assert_eq!(
        failure("/metadata").await,
        format!("{start} to `http://169.254.169.254`, {end}")
    );
    assert_eq!(
        failure("/round").await,
        format!("{start} more than 5 times (connection: api)")
    );
    // Not followed at all.
    assert_eq!(bench.get("/file").await.unwrap(), 302);
    assert_eq!(other.asked().len(), 0);
}

/// Says one address the first time and another one after that.
#[derive(Debug)]
struct Rebinding(AtomicUsize);

impl Lookup for Rebinding {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let address = match self.0.fetch_add(1, SeqCst) {
            0 => "127.0.0.1",
            _ => "127.0.0.2",
        };
        Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_gains_nothing() {
    let server = Server::start(|_| answer(200, ""));
    let place = ("127.0.0.2", server.port());
    let decoy = Server::on(TcpListener::bind(place).unwrap(), |_| answer(200, ""));
    let mut bench = Bench::new(&format!(
        "url: 'http://api.test:{}', allow: [127.0.0.1]",
        server.port()
    ));
    let lookup = Arc::new(Rebinding(AtomicUsize::new(0)));
    bench.store.bases.lookup = Arc::clone(&lookup) as Arc<dyn Lookup>;
    assert_eq!(bench.get("/a").await.unwrap(), 200);
    let failure = bench.get("/b").await.unwrap_err();
    assert_eq!(
        (failure.to_string().as_str(), failure.help.as_deref()),
        (
            "the name `api.test` leads to `127.0.0.2`, which is this machine itself (connection: \
             api)",
            Some("if the connection shall go there, list it: `allow: [api.test]`")
        )
    );
    // What was connected to was looked up once, and the rest was not connected to.
    assert_eq!(lookup.0.load(SeqCst), 2);
    assert_eq!((server.asked().len(), decoy.asked().len()), (1, 0));
}

#[tokio::test]
async fn s3_and_sts_at_a_url_are_guarded_like_that() {
    let server = Server::start(|_| answer(404, ""));
    let place = ("127.0.0.2", server.port());
    let decoy = Server::on(TcpListener::bind(place).unwrap(), |_| answer(404, ""));
    let folder = tempfile::tempdir().unwrap();
    let file = format!(
        "s3: {{ type: aws_s3, endpoint: 'http://s3.test:{}', region: us-east-1, allow: [127.0.0.1], \
         access_key_id: AKIA, secret_access_key: {{ file: secret }} }}",
        server.port()
    );
    std::fs::write(folder.path().join(FILE_NAME), file).unwrap();
    std::fs::write(folder.path().join("secret"), "canary").unwrap();
    let mut store = ConnectionStore::open(folder.path(), None, None).unwrap();
    store.bases.lookup = Arc::new(Rebinding(AtomicUsize::new(0)));
    let connection = store.list().next().unwrap();
    store.prove(connection).await.unwrap();
    let failure = store.prove(connection).await.unwrap_err().to_string();
    assert_eq!(
        failure,
        "the name `s3.test` leads to `127.0.0.2`, which is this machine itself (connection: s3)"
    );
    assert_eq!((server.asked().len(), decoy.asked().len()), (1, 0));
}

#[tokio::test]
async fn paths_stay_below_the_url() {
    let server = Server::start(|_| answer(200, ""));
    let bench = Bench::new(&format!("url: '{}/v1'", server.url));
    let session = bench.session().await.unwrap();
    let url = |path: &str| {
        let request = session.request(Method::GET, path);
        request.ok().map(|request| format!("{request:?}"))
    };
    let shown = |path: &str| {
        Some(format!(
            "HttpRequest {{ method: GET, path: \"{path}\", .. }}"
        ))
    };
    for (path, expect) in [
        ("", shown("/v1")),
        ("/", shown("/v1/")),
        ("a", shown("/v1/a")),
        ("/a/../b", shown("/v1/b")),
        ("//evil.example.com/x", shown("/v1/evil.example.com/x")),
        (
            "http://evil.example.com",
            shown("/v1/http://evil.example.com"),
        ),
        ("..", None),
        ("../v2", None),
        ("/%2e%2e/v2", None),
        ("../v1x", None),
        ("a?b=c", None),
        ("a#b", None),
        ("..\\v2", None),
    ] {
        assert_eq!(url(path), expect, "{path}");
    }
}

#[tokio::test]
async fn a_test_tells_whether_the_server_answers() {
    let check = async |status: u16, health: Health, expect: Option<&str>| {
        let server = Server::start(move |asked| {
            let is_test = asked.line == "GET /v1/health HTTP/1.1";
            answer(if is_test { status } else { 500 }, "")
        });
        let bench = Bench::new(&format!("url: '{}/v1', test_path: /health", server.url));
        let proof = bench.test().await.unwrap();
        assert_eq!(proof.verdict.health(), health, "{status}");
        let failure = match proof.verdict {
            crate::Verdict::NotVerified { failure, .. } => Some(failure.to_string()),
            _ => None,
        };
        let failure = failure.map(|failure| failure.replace(&server.url, "HERE"));
        assert_eq!(failure.as_deref(), expect);
    };
    check(200, Health::Works, None).await;
    check(304, Health::Works, None).await;
    for status in [401, 403] {
        let expect =
            format!("`HERE/v1/health` does not let us in (HTTP {status}) (connection: api)");
        check(status, Health::NotVerified, Some(&expect)).await;
    }
    for status in [404, 500] {
        let expect = format!("`HERE/v1/health` answers with HTTP {status} (connection: api)");
        check(status, Health::NotVerified, Some(&expect)).await;
    }
    let bench = Bench::new("url: 'http://127.0.0.1:9'");
    let crate::Verdict::NotVerified { failure, .. } = bench.test().await.unwrap().verdict else {
        panic!("nobody is there");
    };
    assert_eq!(
        failure.to_string(),
        "`http://127.0.0.1:9` cannot be reached: connection refused (connection: api)"
    );
}

mod certificates {
    //! Mutual TLS, and servers whose authority only their file names.

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
    };
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// A certificate and its key in PEM.
    fn issued(authority: &CertifiedIssuer<'_, KeyPair>, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// A server with a certificate of an authority, that asks for one of it. Its URL.
    async fn start(authority: &CertifiedIssuer<'_, KeyPair>) -> String {
        let (certificate, key) = issued(authority, "127.0.0.1");
        let roots = authorities_of(authority);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut request = [0; 4096];
                    if stream
                        .read(&mut request)
                        .await
                        .is_ok_and(|length| length > 0)
                    {
                        let answer = b"HTTP/1.1 204 X\r\nconnection: close\r\n\r\n";
                        stream.write_all(answer).await.ok();
                        stream.shutdown().await.ok();
                    }
                });
            }
        });
        url
    }

    fn authorities_of(authority: &CertifiedIssuer<'_, KeyPair>) -> rustls::RootCertStore {
        crate::tls::authorities(authority.pem().as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn both_sides_show_a_certificate() {
        let authority = authority();
        let url = start(&authority).await;
        let check = async |rest: &str| {
            let folder = tempfile::tempdir().unwrap();
            let write = |name: &str, text: &str| {
                std::fs::write(folder.path().join(name), text).unwrap();
            };
            let (certificate, key) = issued(&authority, "me");
            write("ca.pem", &authority.pem());
            write("other-ca.pem", &super::certificates::authority().pem());
            write("me.pem", &certificate);
            write("me.key", &key);
            write("other.key", &issued(&authority, "other").1);
            write("text", "no certificate");
            write(
                "broken.pem",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            );
            let bench = Bench::within(folder, &format!("url: '{url}', {rest}"));
            let place = bench.folder.path().display().to_string();
            let answered = bench.get("").await;
            answered.map_err(|failure| {
                let text = failure.to_string();
                text.replace(&place, "FOLDER").replace(&url, "HERE")
            })
        };
        let ours = "certificate: me.pem, private_key: { file: me.key }";
        assert_eq!(check(&format!("ca: ca.pem, {ours}")).await, Ok(204));
        let refused = |text: &str| Err(format!("{text} (connection: api)"));
        let failure = check(&format!("ca: other-ca.pem, {ours}"))
            .await
            .unwrap_err();
        assert!(
            failure.starts_with("`HERE` cannot be reached: invalid peer certificate"),
            "{failure}"
        );
        let failure = check("ca: ca.pem").await.unwrap_err();
        assert!(
            failure.starts_with("`HERE` cannot be reached: "),
            "{failure}"
        );
        for (rest, expect) in [
            (
                "ca: none.pem",
                "the file `FOLDER/none.pem` of `ca` cannot be read: no such file or directory",
            ),
            (
                "ca: text",
                "the file `FOLDER/text` of `ca` holds no certificate",
            ),
            (
                "ca: broken.pem",
                "the file `FOLDER/broken.pem` of `ca` holds a certificate that cannot be read",
            ),
            (
                "ca: ca.pem, certificate: text, private_key: { file: me.key }",
                "the file `FOLDER/text` of `certificate` holds no certificate",
            ),
            (
                "ca: ca.pem, certificate: me.pem, private_key: { file: secret }",
                "the connection `api` has a `private_key` that is no key in PEM",
            ),
            (
                "ca: ca.pem, certificate: me.pem, private_key: { file: other.key }",
                "the connection `api` has a `private_key` that is not that of its `certificate`",
            ),
        ] {
            assert_eq!(check(rest).await, refused(expect), "{rest}");
        }
    }

    #[tokio::test]
    async fn an_s3_server_may_have_an_authority_of_its_own() {
        let authority = authority();
        // It asks for a certificate, which the kind has none of: that the failure is of that sort
        // shows that its own was taken.
        let url = start(&authority).await;
        let failure = async |ca: &str| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
            std::fs::write(
                folder.path().join("other.pem"),
                super::certificates::authority().pem(),
            )
            .unwrap();
            std::fs::write(folder.path().join("secret"), "canary").unwrap();
            let file = format!(
                "s3: {{ type: aws_s3, endpoint: '{url}', region: us-east-1, ca: {ca}, \
                 access_key_id: AKIA, secret_access_key: {{ file: secret }} }}"
            );
            std::fs::write(folder.path().join(FILE_NAME), file).unwrap();
            let store = ConnectionStore::open(folder.path(), None, None).unwrap();
            let connection = store.list().next().unwrap();
            store.prove(connection).await.unwrap_err().to_string()
        };
        let other = failure("other.pem").await;
        assert!(other.contains("invalid peer certificate"), "{other}");
        let own = failure("ca.pem").await;
        assert!(!own.contains("invalid peer certificate"), "{own}");
    }
}

#[test]
fn what_a_file_says_is_read_and_written_whole() {
    let path = Path::new("/flows/connections.yaml");
    let mut told = String::new();
    for rest in [
        "url: 'https://api.example.com/v1/'",
        "url: 'https://api.example.com', auth: none, test_path: /health",
        "url: 'https://h', auth: { basic: { password: { env: P }, username: 'a, b' } }",
        "url: 'https://h', auth: { bearer: { token: { sealed: YWJj } } }",
        "url: 'https://h', auth: { api_key: { header: X-Key, value: { file: 'a b' } } }",
        "url: 'https://h', auth: { api_key: { query: key, value: { env: K } } }, allow: [10.0.0.0/8]",
        "url: 'https://h', auth: { oauth2_client_credentials: { token_url: 'https://t/x', \
         client_id: me, client_secret: { env: S }, scope: 'a b', audience: c } }",
        "url: 'https://h', certificate: me.pem, private_key: { file: me.key }, ca: ca.pem",
    ] {
        let text = format!("a: {{ {rest}, type: http }}\n");
        let all = crate::file::entries::parse(&text, path).unwrap();
        for (key, value) in all[0].definition.fields() {
            if let Some(value) = value {
                told += &format!("{key}: {value}\n");
            }
        }
        told += "\n";
        // Written anew, it says the same.
        let mut again = "a:\n  type: http\n".to_owned();
        for (key, value) in all[0].definition.fields() {
            if let Some(value) = value {
                again += &format!("  {key}: {value}\n");
            }
        }
        assert_eq!(crate::file::entries::parse(&again, path).unwrap(), all);
    }
    for rest in [
        "auth: none",
        "url: 'ftp://h'",
        "url: 'https://me:canary@h'",
        "url: sandbox",
        "url: 'http://h', auth: { bearer: { token: { env: T } } }",
        "url: 'https://h', auth: canary",
        "url: 'https://h', auth: 271828",
        "url: 'https://h', auth: { bearer: canary }",
        "url: 'https://h', auth: { bearer: 271828 }",
        "url: 'https://h', auth: { bearer: { token: canary } }",
        "url: 'https://h', auth: { bearer: {} }",
        "url: 'https://h', auth: { baerer: {} }",
        "url: 'https://h', auth: {}",
        "url: 'https://h', auth: { bearer: { token: { env: T } }, none: {} }",
        "url: 'https://h', auth: { basic: { username: 'a:b', password: { env: P } } }",
        "url: 'https://h', auth: { basic: { password: { env: P } } }",
        "url: 'https://h', auth: { basic: { user: ann } }",
        "url: 'https://h', auth: { api_key: { value: { env: K } } }",
        "url: 'https://h', auth: { api_key: { header: a, query: b, value: { env: K } } }",
        "url: 'https://h', auth: { api_key: { header: 'a b', value: { env: K } } }",
        "url: 'https://h', auth: { oauth2_client_credentials: { token_url: 'http://t', client_id: \
         me, client_secret: { env: S } } }",
        "url: 'https://h', auth: { oauth2_client_credentials: { token_url: \
         'https://169.254.169.254', client_id: me, client_secret: { env: S } } }",
        "url: 'https://h', certificate: me.pem",
        "url: 'http://h', ca: ca.pem",
        "url: 'https://h', test_path: health",
        "url: 'https://h', region: eu-west-1",
    ] {
        let text = format!("a: {{ type: http, {rest} }}\n");
        let error = crate::file::entries::parse(&text, path)
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("canary") && !error.contains("271828"),
            "{error}"
        );
        told += &format!("{rest}\n=> {error}\n\n");
    }
    insta::assert_snapshot!(told);
}
