//! What goes wrong with connections in the world, each told whole: a role that is gone, credentials
//! whose time is over, a clock that is off, a bucket elsewhere, a session policy in the way.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
use flowrun_sandbox::Seed;
use flowrun_testkit::TestSandbox;
use insta::assert_snapshot;

use super::{
    needs::{ROLES, SEED},
    *,
};
use crate::common::Outcome;

/// A sandbox on the network, and a folder whose connections are there.
struct Served {
    folder: Folder,
    sandbox: TestSandbox,
    runtime: tokio::runtime::Runtime,
}

impl Served {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sandbox = runtime.block_on(TestSandbox::with_seed(Seed::parse(SEED).unwrap()));
        let folder = Folder::empty();
        folder.write("store.yaml", STORE);
        let served = Self {
            folder,
            sandbox,
            runtime,
        };
        served.at(&served.address());
        served
    }

    fn address(&self) -> String {
        let address = self.sandbox.endpoint().strip_prefix("http://");
        address.unwrap().to_owned()
    }

    /// Points the connections to this address.
    fn at(&self, address: &str) {
        let endpoint = format!("endpoint: 'http://{address}'");
        let roles = ROLES
            .replace("endpoint: sandbox", &endpoint)
            .replace("base: sandbox", "base: environment");
        self.folder.write("connections.yaml", roles);
    }

    fn flowrun(&self, arguments: &str) -> Outcome {
        let keys = self.sandbox.operator();
        self.flowrun_as(
            arguments,
            (keys.access_key_id(), keys.secret_access_key().expose(), ""),
        )
    }

    /// With this key, secret and session token.
    fn flowrun_as(&self, arguments: &str, base: (&str, &str, &str)) -> Outcome {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = self.folder.command(&arguments);
        command
            .env("AWS_ACCESS_KEY_ID", base.0)
            .env("AWS_SECRET_ACCESS_KEY", base.1)
            .env("AWS_REGION", "eu-central-1");
        if !base.2.is_empty() {
            command.env("AWS_SESSION_TOKEN", base.2);
        }
        self.folder.outcome(&command.output().unwrap())
    }
}

const STORE: &str = "flow: store
connections: { to: all }
cards:
  store: { card: s3.upload, connection: to, with: { bucket: vault, key: a.txt, text: a } }
";

/// Status, further header lines and body of an answer.
type Answer = (u16, &'static str, String);

/// A server before the sandbox: it answers some requests itself, by their first line, and its clock
/// is ahead. Its address; its threads end with the process.
fn before(
    target: String,
    ahead: Duration,
    answer: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (target, answer) = (target.clone(), std::sync::Arc::clone(&answer));
            std::thread::spawn(move || serve(client.unwrap(), &target, ahead, &*answer));
        }
    });
    address
}

/// Serves one request, and closes.
fn serve(
    mut client: TcpStream,
    target: &str,
    ahead: Duration,
    answer: &dyn Fn(&str) -> Option<Answer>,
) {
    let Some((head, body)) = request(&mut client) else {
        return;
    };
    let first = head.lines().next().unwrap();
    let response = match answer(first) {
        Some((status, headers, body)) => format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ndate: NOW\r\n{headers}content-length: \
             {}\r\n\r\n{body}",
            body.len()
        ),
        None => {
            let mut server = TcpStream::connect(target).unwrap();
            let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            server.write_all(head.as_bytes()).unwrap();
            server.write_all(&body).unwrap();
            let mut response = String::new();
            server.read_to_string(&mut response).unwrap();
            response
        }
    };
    let now = jiff::Timestamp::try_from(SystemTime::now() + ahead).unwrap();
    let now = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&now)
        .unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let lines = head.split("\r\n").map(|line| match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("date") => format!("date: {now}"),
        _ => line.to_owned(),
    });
    let head = lines.collect::<Vec<_>>().join("\r\n");
    write!(client, "{head}\r\n\r\n{body}").ok();
}

fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = client.read(&mut buffer).unwrap_or(0);
        bytes.extend_from_slice(&buffer[..read]);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end + 4].to_vec()).unwrap();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length = length.map_or(0, |(_, length)| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some((head, bytes.split_off(end + 4)));
            }
        }
        if read == 0 {
            return None;
        }
    }
}

fn refused(code: &str, message: &str) -> String {
    format!(
        "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>ABCDEFGH01234567\
         </RequestId></Error>"
    )
}

#[test]
fn a_role_that_is_gone_is_told_and_no_longer_used() {
    let folder = folder();
    folder.write("look.yaml", FLOW.replace("careless", "careful"));
    assert_eq!(folder.flowrun("connections test careful").code, Some(0));
    assert_eq!(folder.flowrun("look.yaml --quiet").code, Some(0));
    // Its owner deletes the role.
    folder.replace("sandbox.yaml", "      careful:", "      another:");
    assert_snapshot!(folder.flowrun("look.yaml --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 1 failed
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/careful
      card: list
      at: look.yaml:7:3
      code: AccessDenied
      connection: careful
      role_arn: arn:aws:iam::222222222222:role/careful
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role
    ");
    assert_snapshot!(folder.flowrun("connections test careful"), @"
    exit 4
    -- stdout
    careful
      ✗ denied with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/careful
      code: AccessDenied
      connection: careful
      role_arn: arn:aws:iam::222222222222:role/careful
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
    ");
    assert_snapshot!(folder.flowrun("connections list").stdout().lines().next().unwrap(), @"careful   aws_s3  222222222222  -  not verified  WHEN");
}

#[test]
fn base_credentials_whose_time_is_over_are_told() {
    let served = Served::start();
    let keys = served.sandbox.operator();
    let operator = aws_sdk_sts::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(served.sandbox.endpoint())
        .credentials_provider(Credentials::new(
            keys.access_key_id(),
            keys.secret_access_key().expose(),
            None,
            None,
            "operator",
        ))
        .build();
    let session = served.runtime.block_on(async {
        let sts = aws_sdk_sts::Client::from_conf(operator);
        let assumed = sts
            .assume_role()
            .role_arn("arn:aws:iam::222222222222:role/all")
            .external_id("all-id")
            .role_session_name("base")
            .send()
            .await
            .unwrap();
        assumed.credentials.unwrap()
    });
    served.sandbox.sandbox().expire_sessions();
    let with_session = |arguments: &str| {
        let base = (
            session.access_key_id.as_str(),
            session.secret_access_key.as_str(),
            session.session_token.as_str(),
        );
        served.flowrun_as(arguments, base)
    };
    assert_snapshot!(with_session("connections test few"), @"
    exit 4
    -- stdout
    few
      ? no clear answer with its External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the AWS credentials of the base `environment` have expired
      code: ExpiredToken
      connection: few
      request_id: REQUEST
      role_arn: arn:aws:iam::222222222222:role/few
    help: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for temporary credentials AWS_SESSION_TOKEN
    ");
    assert_snapshot!(with_session("connections test plain"), @"
    exit 4
    -- stderr
    error[connection]: the AWS credentials of the base `environment` have expired
      code: ExpiredToken
      connection: plain
      request_id: REQUEST
    help: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for temporary credentials AWS_SESSION_TOKEN
    ");
    assert_snapshot!(with_session("store.yaml --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 1 failed
    error[connection]: the AWS credentials of the base `environment` have expired
      card: store
      at: store.yaml:4:3
      code: ExpiredToken
      connection: all
      request_id: REQUEST
      role_arn: arn:aws:iam::222222222222:role/all
    help: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for temporary credentials AWS_SESSION_TOKEN
    ");
}

#[test]
fn a_clock_that_is_off_is_told_by_how_much() {
    let served = Served::start();
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    // As STS and S3 refuse what was signed too long ago.
    served.at(&before(served.address(), minutes(20), |first| {
        Some(match first.starts_with("POST / ") {
            true => (
                403,
                "",
                format!(
                    "<ErrorResponse>{}</ErrorResponse>",
                    refused(
                        "SignatureDoesNotMatch",
                        "Signature expired: 20261124T000000Z is now earlier than 20261124T001500Z"
                    )
                ),
            ),
            false => (
                403,
                "",
                refused(
                    "RequestTimeTooSkewed",
                    "The difference between the request time and the current time is too large.",
                ),
            ),
        })
    }));
    assert_snapshot!(served.flowrun("connections test all --flow store.yaml"), @"
    exit 4
    -- stdout
    all
      ? no clear answer with its External ID
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the clock of this machine is 20 minutes behind that of STS at http://127.0.0.1:PORT, which therefore refuses what is signed here
      code: SignatureDoesNotMatch
      connection: all
      role_arn: arn:aws:iam::222222222222:role/all
    help: set the clock, best by a time service such as NTP: AWS refuses requests that are signed more than five minutes off
    what the flows need is asked once the connection is proven
    ");
    assert_snapshot!(served.flowrun("connections test plain"), @"
    exit 4
    -- stderr
    error[connection]: the clock of this machine is 20 minutes behind that of STS at http://127.0.0.1:PORT, which therefore refuses what is signed here
      code: SignatureDoesNotMatch
      connection: plain
    help: set the clock, best by a time service such as NTP: AWS refuses requests that are signed more than five minutes off
    ");
    let plain = STORE.replace("to: all", "to: plain");
    served.folder.write("plain.yaml", &plain);
    assert_snapshot!(served.flowrun("plain.yaml --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 1 failed
    error[connection]: S3 refused PutObject: RequestTimeTooSkewed: The difference between the request time and the current time is too large
      card: store
      at: plain.yaml:4:3
      code: RequestTimeTooSkewed
      bucket: vault
      key: a.txt
      connection: plain
    help: the clock of this machine is 20 minutes behind that of S3; set the clock, best by a time service such as NTP: AWS refuses requests that are signed more than five minutes off
    ");
    // Far enough for the STS of AWS; here both still take what is signed.
    served.at(&before(served.address(), minutes(6), |_| None));
    assert_snapshot!(served.flowrun("connections test all --flow store.yaml"), @"
    exit 4
    -- stdout
    all
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/all/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    store.yaml
      ✓ s3:PutObject on arn:aws:s3:::vault/a.txt  request_id: REQUEST
      ✓ s3:AbortMultipartUpload on arn:aws:s3:::vault/a.txt  request_id: REQUEST
      ✗ the clock of this machine is 6 minutes behind that of S3
    -- stderr
    error[connection]: the clock of this machine is 6 minutes behind that of S3
      connection: all
      role_arn: arn:aws:iam::222222222222:role/all
    help: set the clock, best by a time service such as NTP: AWS refuses requests that are signed more than five minutes off
    ");
    // Not far enough for anybody.
    served.at(&before(served.address(), minutes(4), |_| None));
    let near = served.flowrun("connections test all --flow store.yaml");
    assert_eq!(near.code, Some(0), "{near}");
}

#[test]
fn a_bucket_elsewhere_is_told_with_the_region_to_write() {
    let served = Served::start();
    served.at(&before(served.address(), Duration::ZERO, |first| {
        first.starts_with("PUT /vault/").then(|| {
            let told = refused("PermanentRedirect", "Use another endpoint.");
            (301, "x-amz-bucket-region: eu-west-1\r\n", told)
        })
    }));
    assert_snapshot!(served.flowrun("connections test all --flow store.yaml"), @"
    exit 4
    -- stdout
    all
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/all/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    store.yaml
      ✗ s3:PutObject on arn:aws:s3:::vault/a.txt: the bucket is in eu-west-1, and the connection in eu-central-1
      ✗ s3:AbortMultipartUpload on arn:aws:s3:::vault/a.txt: the bucket is in eu-west-1, and the connection in eu-central-1
    -- stderr
    error[connection]: needs of the flows that are not met: 2 of 2
      connection: all
      role_arn: arn:aws:iam::222222222222:role/all
    help: write `region: eu-west-1` in the connection, which has one region: for buckets of several, make one for each
    ");
}

/// flowrun's session policy has all that is asked about, so that none of its own making is ever in
/// the way here. A server that reads one otherwise is.
#[test]
fn an_own_session_policy_in_the_way_is_told_from_the_role() {
    let served = Served::start();
    let count = AtomicUsize::new(0);
    served.at(&before(served.address(), Duration::ZERO, move |first| {
        let is_first =
            first.starts_with("PUT /vault/") && count.fetch_add(1, Ordering::SeqCst) == 0;
        is_first.then(|| {
            let message = "User: arn:aws:sts::222222222222:assumed-role/all/flowrun-store-test is \
                           not authorized to perform: s3:PutObject on resource: \
                           \"arn:aws:s3:::vault/a.txt\" because no session policy allows the \
                           s3:PutObject action";
            (403, "", refused("AccessDenied", message))
        })
    }));
    assert_snapshot!(served.flowrun("connections test all --flow store.yaml"), @"
    exit 4
    -- stdout
    all
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/all/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    store.yaml
      ✗ s3:PutObject on arn:aws:s3:::vault/a.txt: the session policy by which flowrun narrows the role leaves it out, and the role allows it
      ✓ s3:AbortMultipartUpload on arn:aws:s3:::vault/a.txt  request_id: REQUEST
    -- stderr
    error[permission_denied]: needs of the flows that are not met: 1 of 2
      connection: all
      role_arn: arn:aws:iam::222222222222:role/all
    help: `session_policy: off` in connection `all` uses the whole role, and `flowrun -v store.yaml` shows the session policy by which flowrun narrows it: that policy is wrong, please report it
    ");
}

#[test]
fn answers_that_tell_little_are_told_as_that_and_keys_are_named() {
    let served = Served::start();
    served.folder.write(
        "much.yaml",
        "flow: much
connections: { from: all }
cards:
  hidden: { card: s3.head_object, connection: from, with: { bucket: reports, key: a.txt } }
  sealed: { card: s3.head_object, connection: from, with: { bucket: vault, key: sealed.txt } }
  broken: { card: s3.head_object, connection: from, with: { bucket: vault, key: broken.txt } }
  bare: { card: s3.head_object, connection: from, with: { bucket: vault, key: bare.txt } }
",
    );
    served.at(&before(served.address(), Duration::ZERO, |first| {
        let denied = |message: &str| Some((403, "", refused("AccessDenied", message)));
        let path = first.split([' ', '?']).nth(1).unwrap();
        match path {
            "/reports/" | "/reports/a.txt" | "/vault/bare.txt" => denied("Access Denied"),
            "/vault/sealed.txt" => denied(
                "User: arn:aws:sts::222222222222:assumed-role/all/s is not authorized to perform: \
                 kms:Decrypt on resource: arn:aws:kms:eu-central-1:222222222222:key/1 because no \
                 resource-based policy allows the kms:Decrypt action",
            ),
            "/vault/broken.txt" => Some((500, "", refused("InternalError", "Try again."))),
            "/vault/" if first.contains("encryption") => {
                let key = "arn:aws:kms:eu-central-1:222222222222:key/2";
                let rules = format!(
                    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
                     <SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{key}</KMSMasterKeyID>\
                     </ApplyServerSideEncryptionByDefault></Rule>\
                     </ServerSideEncryptionConfiguration>"
                );
                Some((200, "", rules))
            }
            _ => None,
        }
    }));
    assert_snapshot!(served.flowrun("connections test all --flow much.yaml"), @"
    exit 4
    -- stdout
    all
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/all/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    much.yaml
      ? s3:GetObject on arn:aws:s3:::reports/a.txt: cannot be told: S3 denies it, as it does of an object that is not there where s3:ListBucket is not allowed
      ✗ s3:GetObject on arn:aws:s3:::vault/sealed.txt: the key policy does not allow kms:Decrypt on arn:aws:kms:eu-central-1:222222222222:key/1
      ? s3:GetObject on arn:aws:s3:::vault/broken.txt: no clear answer, S3 refused GetObject: InternalError: Try again
      ✗ s3:GetObject on arn:aws:s3:::vault/bare.txt: S3 denies it and does not say by which policy
      ? kms:Decrypt on arn:aws:kms:eu-central-1:222222222222:key/2: not asked, it would take an object that the key encrypts; both the key policy and the policy of the role have to allow it
    -- stderr
    error[unavailable]: S3 refused GetObject: InternalError: Try again
      code: InternalError
      bucket: vault
      key: broken.txt
      connection: all
    help: give the card a `retry`, and lower `max_parallel` if it goes on
    error[permission_denied]: needs of the flows that are not met: 3 of 4
      connection: all
      role_arn: arn:aws:iam::222222222222:role/all
    help: allow the use of the key arn:aws:kms:eu-central-1:222222222222:key/1 in its key policy and in the policy of the role, to which `--kms-key` of `flowrun policy` adds it; S3 does not say which policy is in the way: `flowrun policy much.yaml --for all` prints what the permission policy has to allow, and a bucket of another account has to allow it, too
    ");
}
