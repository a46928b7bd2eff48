//! Runs through the real binary: what is printed where, inputs, connections, and failures.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod common;

use common::Folder;
use insta::assert_snapshot;
use serde_json::Value as Json;

/// A flow that a run can be asked anything about without a connection.
const INPUTS: &str = r#"flow: inputs
inputs:
  count:   { type: integer, minimum: 1, default: 1 }
  ratio:   { type: number, default: 0.5 }
  sure:    { type: boolean, default: false }
  day:     { type: date, default: "2026-11-23" }
  tags:    { type: list, items: { type: string }, default: [] }
  person:  { type: object, properties: { name: { type: string, required: true } }, required: false }
  file:    { type: file, required: false }
  name:    { type: string }
cards:
  upper: { card: text.upper, with: { text: "{{ inputs.name }}" } }
outputs:
  name: "{{ cards.upper }}"
  count: "{{ inputs.count }}"
  ratio: "{{ inputs.ratio }}"
  sure: "{{ inputs.sure }}"
  day: "{{ inputs.day }}"
  tags: "{{ inputs.tags }}"
  person: "{{ inputs.person }}"
"#;

const MISSING: &str = r#"flow: missing
connections: { source: demo-reports }
cards:
  head:
    card: s3.head_object
    connection: source
    with: { bucket: reports, key: daily/none.txt }
  after:
    card: text.upper
    with: { text: "{{ default cards.head.etag 'none' }}" }
outputs: { text: "{{ cards.after }}" }
"#;

#[test]
fn the_demo_runs_and_runs_again() {
    let folder = Folder::of_flows();
    let first = folder.flowrun("backup.yaml");
    // The report names versions, which are random: its ETag is another one each time.
    let etag = first
        .stdout
        .rsplit_once("report: ")
        .unwrap()
        .1
        .trim()
        .to_owned();
    assert!(etag.len() == 32 && etag.chars().all(|c| c.is_ascii_hexdigit()));
    assert_snapshot!(first.to_string().replace(&etag, "ETAG"), @r"
    exit 0
    -- stdout
    copied: 3
    report: ETAG
    -- stderr
    run backup RUN
      ✓ seeded s3.upload_folder (3 items, 97 B, TIME)
      ✓ found s3.list_objects (3 items, TIME)
      ✓ copied (3 items, TIME)
      ✓ report s3.upload (265 B, TIME)
    succeeded in TIME: 9 succeeded
    ");

    let second = folder.flowrun("run backup.yaml");
    assert_eq!(second.code, Some(0), "{second}");
    assert_eq!(second.stderr(), first.stderr());
    assert!(second.stdout.starts_with("copied: 3\nreport: "), "{second}");

    let quiet = folder.flowrun("backup.yaml --quiet --input day=2026-11-24");
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    assert!(quiet.stdout.starts_with("copied: 3\nreport: "), "{quiet}");
}

#[test]
fn every_card_and_item_is_told_where_more_is_asked_for() {
    let folder = Folder::of_flows();
    folder.write(
        "loop.yaml",
        "flow: loop
inputs: { words: { type: list, items: { type: string }, default: [a, b] } }
cards:
  uppers:
    for_each: inputs.words
    max_parallel: 1
    card: text.upper
    with: { text: \"{{ item }}\" }
",
    );
    assert_snapshot!(folder.flowrun("loop.yaml"), @r"
    exit 0
    -- stderr
    run loop RUN
      ✓ uppers (2 items, TIME)
    succeeded in TIME: 2 succeeded
    ");
    assert_snapshot!(folder.flowrun("loop.yaml -v"), @r"
    exit 0
    -- stderr
    run loop RUN
      ✓ uppers[0] text.upper (TIME)
      ✓ uppers[1] text.upper (TIME)
      ✓ uppers (2 items, TIME)
    succeeded in TIME: 2 succeeded
    ");
}

#[test]
fn a_run_as_json_is_a_line_an_event() {
    let folder = Folder::of_flows();
    let outcome = folder.flowrun("backup.yaml --json");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let events: Vec<Json> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let first = &events[0];
    assert_eq!(first["event"], "run_started");
    assert_eq!(first["version"], 1);
    assert_eq!(first["flow"], "backup");
    let last = events.last().unwrap();
    assert_eq!(last["event"], "run_ended");
    assert_eq!(last["run_id"], first["run_id"]);
    assert_eq!(last["status"], "succeeded");
    assert_eq!(last["outputs"]["copied"], 3);
    assert_eq!(last["cards"]["succeeded"], 9);
    // Each attempt that began has ended, by its address.
    let addresses = |kind: &str| {
        let mut found: Vec<String> = events
            .iter()
            .filter(|event| event["event"] == kind)
            .map(|event| event["address"].as_str().unwrap().to_owned())
            .collect();
        found.sort();
        found
    };
    let started = addresses("card_started");
    assert_eq!(
        started,
        [
            "copied[0].copy",
            "copied[0].hold",
            "copied[1].copy",
            "copied[1].hold",
            "copied[2].copy",
            "copied[2].hold",
            "found",
            "report",
            "seeded"
        ]
    );
    let ended = addresses("card_ended");
    assert!(
        started.iter().all(|address| ended.contains(address)),
        "{ended:?}"
    );
    assert_eq!(addresses("loop_started"), ["copied"]);
}

#[test]
fn a_flow_that_cannot_run_is_told_as_json_too() {
    let folder = Folder::of_flows();
    folder.write(
        "wrong.yaml",
        "flow: wrong\ncards: { up: { card: text.uper } }\n",
    );
    assert_snapshot!(folder.flowrun("wrong.yaml --json"), @r#"
    exit 2
    -- stdout
    {"file":"wrong.yaml","code":"unknown-card","severity":"error","message":"there is no card `text.uper`","primary":{"line":2,"column":22,"end_line":2,"end_column":31,"text":""},"secondary":[],"help":"did you mean `text.upper`?"}
    "#);
}

#[test]
fn a_failed_card_fails_the_run() {
    let folder = Folder::of_flows();
    folder.write("missing.yaml", MISSING);
    assert_snapshot!(folder.flowrun("missing.yaml"), @r"
    exit 1
    -- stderr
    run missing RUN
      ✗ head failed s3.head_object (TIME)
      - after skipped
    failed after TIME: 1 failed, 1 skipped
    error[not_found]: the object does not exist
      card: head
      at: missing.yaml:4:3
      code: NotFound
      bucket: reports
      key: daily/none.txt
      connection: demo-reports
      request_id: REQUEST
    ");
    assert_snapshot!(folder.flowrun("missing.yaml --quiet"), @r"
    exit 1
    -- stderr
    failed after TIME: 1 failed, 1 skipped
    error[not_found]: the object does not exist
      card: head
      at: missing.yaml:4:3
      code: NotFound
      bucket: reports
      key: daily/none.txt
      connection: demo-reports
      request_id: REQUEST
    ");
    assert_snapshot!(folder.flowrun("missing.yaml --json"), @r#"
    exit 1
    -- stdout
    {"event":"run_started","version":1,"run_id":"RUN","flow":"missing","environment":null,"at":"WHEN"}
    {"event":"card_started","address":"head","card":"s3.head_object","attempt":1}
    {"event":"card_ended","address":"head","state":"failed","duration_ms":TIME,"items":0,"bytes":0,"requests":{"count":1,"latest":[{"service":"S3","operation":"HeadObject","status":404,"request_id":"REQUEST"}]},"error":{"kind":"not_found","message":"the object does not exist","code":"NotFound","card":"head","attempts":1,"context":{"bucket":"reports","key":"daily/none.txt","connection":"demo-reports","request_id":"REQUEST"}}}
    {"event":"card_ended","address":"after","state":"skipped","duration_ms":TIME}
    {"event":"run_ended","run_id":"RUN","flow":"missing","status":"failed","duration_ms":TIME,"cards":{"succeeded":0,"failed":1,"skipped":1,"cancelled":0},"sessions":[{"connection":"demo-reports","role_arn":"arn:aws:iam::222222222222:role/demo-reports","session_name":"flowrun-missing-RUN"}],"outputs":null,"error":{"kind":"not_found","message":"the object does not exist","code":"NotFound","card":"head","attempts":1,"context":{"bucket":"reports","key":"daily/none.txt","connection":"demo-reports","request_id":"REQUEST"}}}
    "#);
}

#[test]
fn a_denied_action_names_the_action_the_resource_and_the_connection() {
    let folder = Folder::of_flows();
    folder.write(
        "denied.yaml",
        r#"flow: denied
connections: { vault: demo-vault }
cards:
  stored:
    card: s3.upload
    connection: vault
    with: { bucket: reports-vault, key: a.txt, text: "one report" }
  back:
    card: s3.copy
    connection: vault
    with:
      source: { bucket: reports-vault, key: "{{ cards.stored.key }}" }
      destination: { bucket: reports-vault, key: b.txt }
"#,
    );
    assert_snapshot!(folder.flowrun("denied.yaml"), @"
    exit 1
    -- stderr
    run denied RUN
      ✓ stored s3.upload (10 B, TIME)
      ✗ back failed s3.copy (TIME)
    failed after TIME: 1 succeeded, 1 failed
    error[permission_denied]: connection `demo-vault` is not allowed s3:GetObject on arn:aws:s3:::reports-vault/a.txt
      card: back
      at: denied.yaml:8:3
      bucket: reports-vault
      key: a.txt
      connection: demo-vault
      request_id: REQUEST
    help: grant it in the policy of role arn:aws:iam::333333333333:role/demo-vault, and check that no bucket policy denies it; S3 says the same of an object that does not exist where s3:ListBucket is not granted; `flowrun connections test demo-vault --flow FLOW` asks S3 for all that a flow needs, and `flowrun policy FLOW --check FILE` compares the policy with that
    ");
}

#[test]
fn inputs_are_read_by_their_types() {
    let folder = Folder::empty();
    folder.write("inputs.yaml", INPUTS);
    folder.write("a file.txt", "hello");
    let good = folder.flowrun_with(&[
        "inputs.yaml",
        "-i",
        "name=ada=grace",
        "--input",
        "count=3",
        "--input",
        "ratio=2.5",
        "--input",
        "sure=true",
        "--input",
        "day=2026-02-28",
        "--input",
        r#"tags=["a","1"]"#,
        "--input",
        r#"person={"name":"Ada"}"#,
        "--input",
        "file=a file.txt",
    ]);
    assert_snapshot!(good, @r"
    exit 0
    -- stdout
    name: ADA=GRACE
    count: 3
    ratio: 2.5
    sure: true
    day: 2026-02-28
    tags:
    - a
    - '1'
    person:
      name: Ada
    -- stderr
    run inputs RUN
      ✓ upper text.upper (TIME)
    succeeded in TIME: 1 succeeded
    ");
    let wrong = folder.flowrun_with(&[
        "inputs.yaml",
        "-i",
        "name=1",
        "-i",
        "count=many",
        "-i",
        "ratio=half",
        "-i",
        "sure=yes",
        "-i",
        "tags=a",
        "-i",
        "person=Ada",
        "-i",
        "nmae=1",
        "-i",
        "zebra=1",
    ]);
    assert_snapshot!(wrong, @r#"
    exit 2
    -- stderr
    error: input `count`: expected an integer, found `many`
    help: write it as JSON, such as `42`
    error: input `ratio`: expected a number, found `half`
    help: write it as JSON, such as `4.2`
    error: input `sure`: expected a boolean, found `yes`
    help: write it as JSON, such as `true`
    error: input `tags`: expected a list of strings, found `a`
    help: write it as JSON, such as `["a","b"]`
    error: input `person`: expected an object, found `Ada`
    help: write it as JSON, such as `{"a":1}`
    error: input `nmae`: the flow has no such input
    help: did you mean `name`?
    error: input `zebra`: the flow has no such input
    "#);
    let unfit = folder.flowrun_with(&[
        "inputs.yaml",
        "-i",
        "count=0",
        "-i",
        "day=2026-02-30",
        "-i",
        "tags=[1]",
        "-i",
        "person={}",
        "-i",
        "file=none.txt",
    ]);
    assert_snapshot!(unfit, @"
    exit 2
    -- stderr
    error: input `count`: 0 is not at least 1
    error: input `day`: `2026-02-30` is no date
    error: input `person`: `name`: missing
    error: input `file`: cannot read `FOLDER/none.txt`: no such file or directory
    help: name a file that this user can read
    error: input `name`: missing
    help: add `--input name=VALUE`
    ");
    assert_snapshot!(folder.flowrun("inputs.yaml"), @"
    exit 2
    -- stderr
    error: input `name`: missing
    help: add `--input name=VALUE`
    ");
    assert_snapshot!(folder.flowrun("inputs.yaml --input name"), @r"
    exit 2
    -- stderr
    error: invalid value 'name' for '--input <NAME=VALUE>': write it as NAME=VALUE

    For more information, try '--help'.
    ");
    assert_snapshot!(folder.flowrun("inputs.yaml --input =1"), @r"
    exit 2
    -- stderr
    error: invalid value '=1' for '--input <NAME=VALUE>': write it as NAME=VALUE

    For more information, try '--help'.
    ");
}

#[test]
fn inputs_stand_in_a_file() {
    let folder = Folder::empty();
    folder.write("inputs.yaml", INPUTS);
    folder.write("given.yaml", "name: ada\ncount: 7\ntags: [x]\n");
    folder.write("given.json", r#"{"name": "grace", "sure": true}"#);
    folder.write("list.yaml", "- name\n");
    folder.write("other.yaml", "name: ada\nnmae: ada\ncount: none\n");
    assert_snapshot!(folder.flowrun("inputs.yaml --inputs given.yaml -i count=8"), @r"
    exit 0
    -- stdout
    name: ADA
    count: 8
    ratio: 0.5
    sure: false
    day: 2026-11-23
    tags:
    - x
    person: null
    -- stderr
    run inputs RUN
      ✓ upper text.upper (TIME)
    succeeded in TIME: 1 succeeded
    ");
    assert_snapshot!(folder.flowrun("inputs.yaml --inputs given.json"), @r"
    exit 0
    -- stdout
    name: GRACE
    count: 1
    ratio: 0.5
    sure: true
    day: 2026-11-23
    tags: []
    person: null
    -- stderr
    run inputs RUN
      ✓ upper text.upper (TIME)
    succeeded in TIME: 1 succeeded
    ");
    assert_snapshot!(folder.flowrun("inputs.yaml --inputs none.yaml"), @r"
    exit 2
    -- stderr
    error: inputs `none.yaml`: no such file or directory
    ");
    assert_snapshot!(folder.flowrun("inputs.yaml --inputs list.yaml"), @"
    exit 2
    -- stderr
    error: inputs `list.yaml`: expected an object of inputs, found a list
    ");
    assert_snapshot!(folder.flowrun("inputs.yaml --inputs other.yaml"), @"
    exit 2
    -- stderr
    error: input `count`: expected an integer, found a string
    error: input `nmae`: the flow has no such input
    help: did you mean `name`?
    ");
}

#[test]
fn another_connection_stands_for_an_alias() {
    let folder = Folder::of_flows();
    folder.write(
        "own.yaml",
        r#"flow: own
connections: { source: demo-reports }
cards:
  bucket: { card: s3.create_bucket, connection: source, with: { bucket: of-my-own } }
outputs: { bucket: "{{ cards.bucket.bucket }}" }
"#,
    );
    assert_snapshot!(folder.flowrun("own.yaml --connection source=demo-admin"), @r"
    exit 0
    -- stdout
    bucket: of-my-own
    -- stderr
    run own RUN
      ✓ bucket s3.create_bucket (TIME)
    succeeded in TIME: 1 succeeded
    ");
    assert_snapshot!(folder.flowrun("own.yaml"), @"
    exit 1
    -- stderr
    run own RUN
      ✗ bucket failed s3.create_bucket (TIME)
    failed after TIME: 1 failed
    error[permission_denied]: connection `demo-reports` is not allowed s3:CreateBucket on arn:aws:s3:::of-my-own
      card: bucket
      at: own.yaml:4:3
      code: AccessDenied
      bucket: of-my-own
      connection: demo-reports
      request_id: REQUEST
    help: grant it in the policy of role arn:aws:iam::222222222222:role/demo-reports, and check that no bucket policy denies it; `flowrun connections test demo-reports --flow FLOW` asks S3 for all that a flow needs, and `flowrun policy FLOW --check FILE` compares the policy with that
    ");
    assert_snapshot!(folder.flowrun("own.yaml --connection source=nowhere"), @"
    exit 4
    -- stderr
    error[connection-not-found]: there is no connection `nowhere`, which shall stand for `source`
     --> own.yaml:2:24
      |
    2 | connections: { source: demo-reports }
      |                        ^^^^^^^^^^^^
      |
      = help: `flowrun connections list` lists those that there are

    1 error in own.yaml
    to make it, and to show what its role has to trust and allow:
      flowrun connections new nowhere
      flowrun connections finish nowhere --role-arn ARN
    ");
    assert_snapshot!(folder.flowrun("own.yaml --connection source=demo-admn"), @"
    exit 4
    -- stderr
    error[connection-not-found]: there is no connection `demo-admn`, which shall stand for `source`
     --> own.yaml:2:24
      |
    2 | connections: { source: demo-reports }
      |                        ^^^^^^^^^^^^
      |
      = help: did you mean `demo-admin`?

    1 error in own.yaml
    to make it, and to show what its role has to trust and allow:
      flowrun connections new demo-admn
      flowrun connections finish demo-admn --role-arn ARN
    ");
    assert_snapshot!(folder.flowrun("own.yaml --connection sauce=demo-admin"), @r"
    exit 2
    -- stderr
    error[unknown-connection]: the flow has no connection `sauce` for `demo-admin` to stand for
     --> own.yaml:1:7
      |
    1 | flow: own
      |       ^^^
      |
      = help: did you mean `source`?

    1 error in own.yaml
    ");
}

#[test]
fn a_wrong_external_id_is_refused() {
    let folder = Folder::of_flows();
    folder.write("missing.yaml", MISSING);
    folder.replace(
        "connections.yaml",
        "external_id: 5f0c6a2e",
        "external_id: 00000000",
    );
    assert_snapshot!(folder.flowrun("missing.yaml"), @"
    exit 4
    -- stderr
    run missing RUN
      ✗ head failed s3.head_object (TIME)
      - after skipped
    failed after TIME: 1 failed, 1 skipped
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/demo-reports
      card: head
      at: missing.yaml:4:3
      code: AccessDenied
      connection: demo-reports
      role_arn: arn:aws:iam::222222222222:role/demo-reports
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
    ");
}

#[test]
fn connections_that_cannot_be_read_are_refused() {
    let folder = Folder::of_flows();
    folder.write(
        "connections.yaml",
        "demo-reports: { type: aws_s3, secret_access_key: hidden }\n",
    );
    assert_snapshot!(folder.flowrun("backup.yaml"), @"
    exit 4
    -- stderr
    error: FOLDER/connections.yaml:1:50: demo-reports.secret_access_key: `secret_access_key` is a secret and does not stand here as it is; say where it is: `secret_access_key: { env: NAME }` or `secret_access_key: { file: PATH }`
    ");
    std::fs::remove_file(folder.path().join("connections.yaml")).unwrap();
    assert_snapshot!(folder.flowrun("backup.yaml"), @"
    exit 4
    -- stderr
    error[connection-not-found]: there is no connection `demo-reports`
     --> backup.yaml:9:11
      |
    9 |   source: demo-reports
      |           ^^^^^^^^^^^^
      |
      = help: `flowrun connections list` lists those that there are

    error[connection-not-found]: there is no connection `demo-vault`
      --> backup.yaml:10:11
       |
    10 |   vault:  demo-vault
       |           ^^^^^^^^^^
       |
       = help: `flowrun connections list` lists those that there are

    2 errors in backup.yaml
    to make it, and to show what its role has to trust and allow:
      flowrun connections new demo-reports --flow backup.yaml
      flowrun connections finish demo-reports --role-arn ARN
      flowrun connections new demo-vault --flow backup.yaml
      flowrun connections finish demo-vault --role-arn ARN
    ");
}

#[test]
fn the_sandbox_says_why_it_does_not_start() {
    let folder = Folder::of_flows();
    folder.write("missing.yaml", MISSING);
    // A file where the folder of its state should be: as good as a read-only disk, also for root.
    folder.write(".flowrun", "");
    assert_snapshot!(folder.flowrun("missing.yaml"), @"
    exit 4
    -- stderr
    run missing RUN
      ✗ head failed s3.head_object (TIME)
      - after skipped
    failed after TIME: 1 failed, 1 skipped
    error[connection]: the sandbox of `FOLDER` does not start: cannot create FOLDER/.flowrun/sandbox (a file stands where a folder should be): use another folder, one that can be read and written
      card: head
      at: missing.yaml:4:3
      connection: demo-reports
    ");
    std::fs::remove_file(folder.path().join("sandbox.yaml")).unwrap();
    assert_snapshot!(folder.flowrun("missing.yaml"), @r"
    exit 4
    -- stderr
    run missing RUN
      ✗ head failed s3.head_object (TIME)
      - after skipped
    failed after TIME: 1 failed, 1 skipped
    error[connection]: the sandbox of `FOLDER` does not start: cannot read the sandbox's seed `FOLDER/sandbox.yaml`: no such file or directory
      card: head
      at: missing.yaml:4:3
      connection: demo-reports
    ");
}

#[test]
fn colours_are_for_terminals() {
    let folder = Folder::empty();
    folder.write("inputs.yaml", INPUTS);
    folder.write("bad.yaml", "flow: bad\n");
    for flow in ["inputs.yaml", "bad.yaml"] {
        let arguments = [flow, "-i", "name=ada"];
        let plain = folder.flowrun_with(&arguments).to_string();
        let run = |variable: &str| {
            let mut command = folder.command(&arguments);
            command.env(variable, "1").output().unwrap()
        };
        assert_eq!(folder.outcome(&run("NO_COLOR")).to_string(), plain);
        let forced = String::from_utf8(run("CLICOLOR_FORCE").stderr).unwrap();
        assert!(forced.contains('\u{1b}'), "{forced}");
    }
}
