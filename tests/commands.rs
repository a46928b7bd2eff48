//! The commands beside `run`: whole outputs of checking, drawing, reference and connections.

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

const WRONG: &str = r#"flow: wrong
connections: { source: demo-reports }
cards:
  copied:
    card: s3.upload
    connection: sauce
    with: { bucket: reports, key: "{{ inputs.kye }}", text: 100%, size: 1 }
"#;

#[test]
fn validate_says_that_flows_are_right() {
    let folder = Folder::of_flows();
    folder.write(
        "sub/other.yaml",
        "flow: other\ncards:\n  up: { card: text.upper, with: { text: a } }\n",
    );
    assert_snapshot!(folder.flowrun("validate backup.yaml sub/other.yaml"), @r"
    exit 0
    -- stdout
    backup.yaml: ok
    sub/other.yaml: ok
    ");
    for format in ["short", "json", "github"] {
        let outcome = folder.flowrun(&format!("validate backup.yaml --format {format}"));
        assert_eq!(outcome.to_string(), "exit 0");
    }
}

#[test]
fn what_is_wrong_with_a_connection_file_is_data_for_programs() {
    let folder = Folder::of_flows();
    folder.replace("connections.yaml", "role_arn:", "role_am:");
    let json = r#"
    exit 4
    -- stdout
    {"file":"FOLDER/connections.yaml","code":"connection-file","severity":"error","message":"demo-reports: `role_am` is not a key of a connection; did you mean `role_arn`?","primary":{"line":12,"column":3,"end_line":12,"end_column":3,"text":""},"secondary":[],"help":null}
    "#;
    for arguments in [
        "validate connections.yaml --format json",
        "validate backup.yaml --format json",
        "run backup.yaml --json",
        "policy backup.yaml --check role.json --json",
    ] {
        let outcome = folder.flowrun(arguments).to_string();
        let lines = json.trim().lines().map(str::trim);
        assert_eq!(outcome, lines.collect::<Vec<_>>().join("\n"), "{arguments}");
    }
    assert_snapshot!(folder.flowrun("validate connections.yaml --format short"), @"
    exit 4
    -- stdout
    FOLDER/connections.yaml:12:3: error[connection-file]: demo-reports: `role_am` is not a key of a connection; did you mean `role_arn`?
    ");
    assert_snapshot!(folder.flowrun("validate connections.yaml --format github"), @"
    exit 4
    -- stdout
    ::error file=FOLDER/connections.yaml,line=12,endLine=12,col=3,endColumn=3,title=connection-file::demo-reports: `role_am` is not a key of a connection; did you mean `role_arn`?
    ");
    folder.write("connections.yaml", [0xff]);
    assert_snapshot!(folder.flowrun("validate connections.yaml --format json"), @r#"
    exit 4
    -- stdout
    {"file":"FOLDER/connections.yaml","code":"connection-file","severity":"error","message":"the file is not UTF-8 text","primary":{"line":1,"column":1,"end_line":1,"end_column":1,"text":""},"secondary":[],"help":null}
    "#);
    assert_snapshot!(folder.flowrun("run backup.yaml --environment prod --json"), @r#"
    exit 4
    -- stdout
    {"file":"FOLDER/connections.prod.yaml","code":"connection-file","severity":"error","message":"the environment `prod` has no connections, because this file is not there","primary":{"line":1,"column":1,"end_line":1,"end_column":1,"text":""},"secondary":[],"help":"make its first connection: `flowrun connections new --environment prod`"}
    "#);
    folder.write("connections.yaml", "");
    folder.write(
        "broken.yaml",
        "flow: broken\ncards: { a: { card: text.uper } }\n",
    );
    assert_snapshot!(folder.flowrun("policy broken.yaml --check role.json --json"), @r#"
    exit 2
    -- stdout
    {"file":"broken.yaml","code":"unknown-card","severity":"error","message":"there is no card `text.uper`","primary":{"line":2,"column":21,"end_line":2,"end_column":30,"text":""},"secondary":[],"help":"did you mean `text.upper`?"}
    "#);
}

#[test]
fn validate_takes_folders_and_what_stands_beside_flows() {
    let folder = Folder::of_flows();
    folder.write(
        "sub/deep/other.yml",
        "flow: other\ncards:\n  up: { card: text.upper, with: { text: a } }\n",
    );
    folder.write("sub/data.yaml", "values: [1, 2]\n");
    folder.write(".hidden/broken.yaml", "flow: [\n");
    assert_snapshot!(folder.flowrun("validate ."), @"
    exit 0
    -- stdout
    backup.yaml: ok
    connections.yaml: ok
    sandbox.yaml: ok
    sub/deep/other.yml: ok
    ");
    assert_snapshot!(folder.flowrun("validate sub --format short"), @"exit 0");
    folder.replace("connections.yaml", "role_arn:", "role_am:");
    folder.replace("sandbox.yaml", "region:", "regoin:");
    assert_snapshot!(folder.flowrun("validate connections.yaml sandbox.yaml sub"), @"
    exit 2
    -- stderr
    error: FOLDER/connections.yaml:12:3: demo-reports: `role_am` is not a key of a connection; did you mean `role_arn`?
    error: sandbox.yaml: the seed cannot be read: unknown field `regoin`, expected one of `region`, `account`, `operator`, `administrator`, `accounts` at line 17 column 1
    error: FOLDER/connections.yaml:12:3: demo-reports: `role_am` is not a key of a connection; did you mean `role_arn`?
    ");
    folder.write("empty/data.yaml", "values: [1, 2]\n");
    assert_snapshot!(folder.flowrun("validate empty"), @"
    exit 2
    -- stderr
    error: there is no flow in `empty`
    help: a flow is a file that ends in `.yaml` and has a line that begins with `flow:`
    ");
    assert_snapshot!(folder.flowrun("validate empty/connections.yaml"), @"
    exit 2
    -- stderr
    error: cannot read `empty/connections.yaml`: no such file or directory
    ");
}

#[test]
fn validate_reports_every_error_in_each_format() {
    let folder = Folder::of_flows();
    folder.write("wrong.yaml", WRONG);
    assert_snapshot!(folder.flowrun("validate wrong.yaml"), @r#"
    exit 2
    -- stdout
    error[unknown-connection]: the flow has no connection `sauce`
     --> wrong.yaml:6:17
      |
    6 |     connection: sauce
      |                 ^^^^^
      |
      = help: did you mean `source`?

    error[unknown-name]: the flow has no input `kye`
     --> wrong.yaml:7:46
      |
    7 |     with: { bucket: reports, key: "{{ inputs.kye }}", text: 100%, size: 1 }
      |                                              ^^^
      |
      = help: declare it: `inputs: { kye: { type: string } }` at the top of the flow

    error[unknown-input]: `s3.upload` has no input `size`
     --> wrong.yaml:7:67
      |
    7 |     with: { bucket: reports, key: "{{ inputs.kye }}", text: 100%, size: 1 }
      |                                                                   ^^^^
      |
      = help: it has `connection`, `bucket`, `key`, `file`, `text`, `content`, `content_type`, `metadata`, `sse_customer_key`, `if_none_match`

    3 errors in wrong.yaml
    "#);
    assert_snapshot!(folder.flowrun("validate wrong.yaml --format short"), @r"
    exit 2
    -- stdout
    wrong.yaml:6:17: error[unknown-connection]: the flow has no connection `sauce`
    wrong.yaml:7:46: error[unknown-name]: the flow has no input `kye`
    wrong.yaml:7:67: error[unknown-input]: `s3.upload` has no input `size`
    ");
    assert_snapshot!(folder.flowrun("validate wrong.yaml --format json"), @r#"
    exit 2
    -- stdout
    {"file":"wrong.yaml","code":"unknown-connection","severity":"error","message":"the flow has no connection `sauce`","primary":{"line":6,"column":17,"end_line":6,"end_column":22,"text":""},"secondary":[],"help":"did you mean `source`?"}
    {"file":"wrong.yaml","code":"unknown-name","severity":"error","message":"the flow has no input `kye`","primary":{"line":7,"column":46,"end_line":7,"end_column":49,"text":""},"secondary":[],"help":"declare it: `inputs: { kye: { type: string } }` at the top of the flow"}
    {"file":"wrong.yaml","code":"unknown-input","severity":"error","message":"`s3.upload` has no input `size`","primary":{"line":7,"column":67,"end_line":7,"end_column":71,"text":""},"secondary":[],"help":"it has `connection`, `bucket`, `key`, `file`, `text`, `content`, `content_type`, `metadata`, `sse_customer_key`, `if_none_match`"}
    "#);
    assert_snapshot!(folder.flowrun("validate wrong.yaml --format github"), @"
    exit 2
    -- stdout
    ::error file=wrong.yaml,line=6,endLine=6,col=17,endColumn=22,title=unknown-connection::the flow has no connection `sauce`%0Ahelp: did you mean `source`?
    ::error file=wrong.yaml,line=7,endLine=7,col=46,endColumn=49,title=unknown-name::the flow has no input `kye`%0Ahelp: declare it: `inputs: { kye: { type: string } }` at the top of the flow
    ::error file=wrong.yaml,line=7,endLine=7,col=67,endColumn=71,title=unknown-input::`s3.upload` has no input `size`%0Ahelp: it has `connection`, `bucket`, `key`, `file`, `text`, `content`, `content_type`, `metadata`, `sse_customer_key`, `if_none_match`
    ");
}

#[test]
fn validate_goes_on_after_a_file_that_is_wrong() {
    let folder = Folder::of_flows();
    folder.write(
        "nowhere.yaml",
        "flow: nowhere
connections: { source: nowhere }
cards:
  head: { card: s3.head_object, connection: source, with: { bucket: reports, key: a } }
",
    );
    folder.write("wrong.yaml", "flow: wrong\n");
    assert_snapshot!(folder.flowrun("validate nowhere.yaml backup.yaml --format short"), @r"
    exit 4
    -- stdout
    nowhere.yaml:2:24: error[connection-not-found]: there is no connection `nowhere`
    ");
    assert_snapshot!(folder.flowrun("validate nowhere.yaml wrong.yaml none.yaml backup.yaml --format short"), @r"
    exit 2
    -- stdout
    nowhere.yaml:2:24: error[connection-not-found]: there is no connection `nowhere`
    wrong.yaml:1:1: error[missing-key]: the flow has no cards
    -- stderr
    error: cannot read `none.yaml`: no such file or directory
    ");
    assert_snapshot!(folder.flowrun("validate nowhere.yaml --connection source=demo-reports"), @r"
    exit 0
    -- stdout
    nowhere.yaml: ok
    ");
}

#[test]
fn graph_draws_the_demo() {
    let folder = Folder::of_flows();
    assert_snapshot!(folder.flowrun("graph backup.yaml"), @r#"
    exit 0
    -- stdout
    flowchart TD
      c0["seeded<br/>s3.upload_folder"]
      c1["found<br/>s3.list_objects"]
      subgraph c2["copied<br/>for each"]
        c3["copy<br/>s3.copy"]
        c4["hold<br/>s3.put_object_legal_hold"]
      end
      c5["report<br/>s3.upload"]
      c0 --> c1
      c1 --> c2
      c3 --> c4
      c2 --> c5
    "#);
    assert_snapshot!(folder.flowrun("graph backup.yaml --format dot"), @r#"
    exit 0
    -- stdout
    digraph "backup" {
      compound=true;
      node [shape=box, fontname="sans-serif"];
      c0 [label="seeded\ns3.upload_folder"];
      c1 [label="found\ns3.list_objects"];
      subgraph cluster_c2 {
        label="copied\nfor each";
        c3 [label="copy\ns3.copy"];
        c4 [label="hold\ns3.put_object_legal_hold"];
      }
      c5 [label="report\ns3.upload"];
      c0 -> c1;
      c1 -> c3 [lhead=cluster_c2];
      c3 -> c4;
      c3 -> c5 [ltail=cluster_c2];
    }
    "#);
    folder.write("wrong.yaml", "flow: wrong\n");
    assert_snapshot!(folder.flowrun("graph wrong.yaml"), @r"
    exit 2
    -- stderr
    error[missing-key]: the flow has no cards
     --> wrong.yaml:1:1
      |
    1 | flow: wrong
      | ^
      |
      = help: write `cards:`, and below it a card by its id

    1 error in wrong.yaml
    ");
}

#[test]
fn cards_lists_all_cards() {
    let folder = Folder::empty();
    let all = folder.flowrun("cards");
    assert_snapshot!(all, @r"
    exit 0
    -- stdout
    date.add                  Gives the moment that comes a duration later.
    date.difference           Counts the whole seconds, minutes, hours or days from one moment to another; what is left over is cut off.
    date.format               Writes a date or a datetime by a pattern.
    date.parse                Reads a date that is written by a pattern.
    date.subtract             Gives the moment that was a duration earlier.
    json.parse                Reads a JSON text.
    json.stringify            Writes a value as JSON on one line.
    list.filter               Keeps the items for which an expression over `it` is true, in their order.
    list.first                Gives the first item of a list, or null where the list is empty.
    list.join                 Writes the texts of a list one after the other, with a separator between them.
    list.last                 Gives the last item of a list, or null where the list is empty.
    list.length               Counts the items of a list.
    list.map                  Gives the list of what an expression over `it` yields for each item, in the items' order.
    list.slice                Takes the items from one position up to, and without, another.
    list.sort_by              Sorts a list by what an expression over `it` yields: numbers by value, datetimes and dates as instants, other texts by their characters' code points.
    list.sum                  Adds the numbers of a list.
    logic.if                  Gives one value where a condition is true, and another where it is false.
    number.add                Adds two numbers.
    number.divide             Divides the first number by the second.
    number.max                Gives the larger of two numbers, compared by value; the first where they are equal.
    number.min                Gives the smaller of two numbers, compared by value; the first where they are equal.
    number.multiply           Multiplies two numbers.
    number.round              Gives the nearest integer; halves go away from zero.
    number.subtract           Takes the second number from the first.
    s3.copy                   Copies an object to another bucket or key, also between two accounts.
    s3.create_bucket          Creates a bucket, or finds that it is there already.
    s3.delete_object          Deletes an object, or one version of it for good.
    s3.download               Stores the content of an object in a file, whole or not at all.
    s3.head_object            Reads what S3 says of an object without its content: size, ETag, checksums, metadata, lock.
    s3.list_objects           Lists the objects of a bucket under a prefix, all pages of them.
    s3.put_bucket_versioning  Makes a bucket keep versions, or stop adding them.
    s3.put_object_legal_hold  Puts a version of an object under legal hold, or lifts the hold.
    s3.upload                 Stores a file, a text, or a value as JSON under a key.
    s3.upload_folder          Stores every file of a folder and of the folders in it, eight at a time.
    text.lower                Writes a text in small letters, as Unicode maps them.
    text.replace              Puts another text in every place where a text stands.
    text.slice                Takes the characters from one position up to, and without, another.
    text.split                Cuts a text at each place where the separator stands and gives the list of pieces.
    text.trim                 Takes white space off both ends of a text: spaces, tabs, line ends and whatever else Unicode calls white space.
    text.upper                Writes a text in capital letters.
    yaml.parse                Reads one YAML document; an empty text is null.
    yaml.stringify            Writes a value as YAML 1.2, with a line end at the end.
    ");
    assert_snapshot!(folder.flowrun("cards bucket"), @r"
    exit 0
    -- stdout
    s3.copy                   Copies an object to another bucket or key, also between two accounts.
    s3.create_bucket          Creates a bucket, or finds that it is there already.
    s3.list_objects           Lists the objects of a bucket under a prefix, all pages of them.
    s3.put_bucket_versioning  Makes a bucket keep versions, or stop adding them.
    ");
    assert_snapshot!(folder.flowrun("cards nonsense"), @r"
    exit 2
    -- stderr
    error: no card speaks of `nonsense`
    help: `flowrun cards` lists all cards
    ");

    let json = folder.flowrun("cards --json");
    let list: Vec<Json> = serde_json::from_str(&json.stdout).unwrap();
    let names: Vec<&str> = list
        .iter()
        .map(|card| card["name"].as_str().unwrap())
        .collect();
    let listed: Vec<&str> = all
        .stdout
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(names, listed);
    for card in &list {
        let one = folder.flowrun(&format!("cards {} --json", card["name"].as_str().unwrap()));
        assert_eq!(&serde_json::from_str::<Json>(&one.stdout).unwrap(), card);
    }
}

#[test]
fn cards_shows_one_card() {
    let folder = Folder::empty();
    assert_snapshot!(folder.flowrun("cards s3.copy"), @r#"
    exit 0
    -- stdout
    s3.copy — Copy an object

    Copies an object to another bucket or key, also between two accounts.

    Under one connection S3 copies by itself, in parts over 5 GiB. Under two, the content is read with one and written with the other, in at most 24 MiB of memory (more for objects over 78 GiB), checked against the source's checksum; neither connection needs rights of the other. Content headers and user metadata are kept. Tags, storage class, ACL, retention and legal hold are not, so that reading and writing objects is all that the roles must allow. A source that is replaced while it is copied is an error of kind `precondition_failed`, and nothing is stored then.

    effect: write; running it again adds a version where versions are kept
    since: 0.1.0

    Inputs
      source                        an object                      required  What to copy.
      source.connection             a connection of kind `aws_s3`  The connection that reads; the card's own if left out.
      source.bucket                 a string                       required  The bucket.
      source.key                    a string                       required  The key.
      source.version_id             a string                       The version; the current one if left out.
      source.sse_customer_key       a secret                       The key that the object is encrypted with (SSE-C): 32 bytes in base64.
      destination                   an object                      required  Where to.
      destination.connection        a connection of kind `aws_s3`  The connection that writes; the card's own if left out.
      destination.bucket            a string                       required  The bucket.
      destination.key               a string                       required  The key.
      destination.sse_customer_key  a secret                       Encrypt the copy with this key (SSE-C): 32 bytes in base64. S3 does not keep it: without it the copy is lost. Left out, the copy is encrypted as the bucket says, also where the source has a key.

    Outputs
      bucket             a string    The bucket of the copy.
      key                a string    The key of the copy.
      etag               a string    may be null  The ETag of the copy, without quotes. It may differ from that of the source though the content is the same.
      version_id         a string    may be null  The version of the copy, in a bucket that keeps versions.
      size               an integer  Bytes.
      source_version_id  a string    may be null  The version that was copied, in a bucket that keeps versions.

    Permissions
      s3:AbortMultipartUpload on arn:aws:s3:::*/*
      s3:GetObject on arn:aws:s3:::*/*
      s3:GetObjectVersion on arn:aws:s3:::*/*
      s3:PutObject on arn:aws:s3:::*/*

    Example: Copy a report into the vault of another account

      flow: copy_to_vault
      connections: { source: demo-reports, vault: demo-vault }
      cards:
        stored:
          card: s3.upload
          connection: source
          with: { bucket: reports, key: daily/copy/a.txt, text: "one report" }
        copied:
          card: s3.copy
          with:
            source:      { connection: source, bucket: reports, key: "{{ cards.stored.key }}" }
            destination: { connection: vault, bucket: reports-vault, key: copy/a.txt }
      outputs:
        size: "{{ cards.copied.size }}"

    Example: Copy within one connection

      flow: copy_within
      connections: { source: demo-reports }
      cards:
        stored:
          card: s3.upload
          connection: source
          with: { bucket: reports, key: daily/copy/b.txt, text: "one report" }
        copied:
          card: s3.copy
          connection: source
          with:
            source:      { bucket: reports, key: "{{ cards.stored.key }}" }
            destination: { bucket: reports, key: daily/copy/c.txt }
      outputs:
        size: "{{ cards.copied.size }}"
    "#);
    assert_snapshot!(folder.flowrun("cards list.filter"), @r#"
    exit 0
    -- stdout
    list.filter — Filter

    Keeps the items for which an expression over `it` is true, in their order.

    effect: pure; a card, and a helper in expressions
    since: 0.1.0

    Inputs
      list   a list     required  The list.
      where  a boolean  required  Whether the item `it` stays.

    Output
      a list

    Examples
      {{ list.filter (json.parse '[1,5,3]') (gt it 2) }}  → [5,3]
      {{ list.filter (text.split 'a.csv,b.txt' ',') (ends_with it '.csv') }}  → ["a.csv"]
    "#);
}

#[test]
fn schema_is_json() {
    let outcome = Folder::empty().flowrun("schema");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let schema: Json = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert!(outcome.stdout.contains("\"s3.copy\""), "it knows the cards");
    assert_eq!(
        Folder::empty().flowrun("schema flow").stdout,
        outcome.stdout
    );
    let outcome = Folder::empty().flowrun("schema connections");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let schema: Json = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(schema["title"], "flowrun connections");
}

#[test]
fn connections_are_listed_shown_and_tested() {
    let folder = Folder::of_flows();
    assert_snapshot!(folder.flowrun("connections list"), @r"
    exit 0
    -- stdout
    demo-reports  aws_s3  222222222222  eu-central-1  not proven  Daily reports of a customer, to read and to seed
    demo-vault    aws_s3  333333333333  eu-central-1  not proven  The vault of another customer, to write to
    demo-admin    aws_s3  444444444444  eu-central-1  not proven  An account of one's own, to try what takes more rights
    ");
    assert_snapshot!(folder.flowrun("connections show demo-vault"), @r"
    exit 0
    -- stdout
    demo-vault
      description       The vault of another customer, to write to
      health            not proven
      type              aws_s3
      role ARN          arn:aws:iam::333333333333:role/demo-vault
      External ID       c3b8f1d4-6e29-4f0a-b7d5-90a1e4c8327f (not made by flowrun)
      region            eu-central-1
      endpoint          the sandbox of this folder
      base credentials  the sandbox
      defined in        FOLDER/connections.yaml
    ");
    assert_snapshot!(folder.flowrun("connections test demo-vault"), @r"
    exit 0
    -- stdout
    demo-vault
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::333333333333:assumed-role/demo-vault/flowrun-test
      account   333333333333
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    ");
    assert_snapshot!(folder.flowrun("connections show demo-vualt"), @r"
    exit 4
    -- stderr
    error: there is no connection `demo-vualt`
    help: did you mean `demo-vault`?
    ");
    assert_snapshot!(folder.flowrun("connections test nonsense"), @r"
    exit 4
    -- stderr
    error: there is no connection `nonsense`
    help: `flowrun connections list` lists those that there are
    ");
    folder.replace(
        "connections.yaml",
        "external_id: c3b8f1d4",
        "external_id: 00000000",
    );
    assert_snapshot!(folder.flowrun("connections test demo-vault"), @r"
    exit 4
    -- stdout
    demo-vault
      ✗ denied with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::333333333333:role/demo-vault
      code: AccessDenied
      connection: demo-vault
      role_arn: arn:aws:iam::333333333333:role/demo-vault
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
    ");
}

#[test]
fn connections_are_those_of_a_folder() {
    let folder = Folder::empty();
    assert_snapshot!(folder.flowrun("connections list"), @r"
    exit 0
    -- stderr
    error: there are no connections in this folder, in those above it, or in the user's own
    help: make one with `flowrun connections new`
    ");
    folder.write(
        "flows/connections.yaml",
        "own: { type: aws_s3, base: { profile: me } }\n",
    );
    assert_snapshot!(folder.flowrun("connections list"), @r"
    exit 0
    -- stderr
    error: there are no connections in this folder, in those above it, or in the user's own
    help: `--folder flows` sees some
    ");
    assert_snapshot!(folder.flowrun("connections list --folder flows"), @r"
    exit 0
    -- stdout
    own  aws_s3  -  -  no role
    ");
    assert_snapshot!(folder.flowrun("connections show own --folder flows"), @r"
    exit 0
    -- stdout
    own
      health            no role
      type              aws_s3
      endpoint          AWS
      base credentials  profile me
      defined in        FOLDER/flows/connections.yaml
    ");
    folder.write(
        ".config/flowrun/connections.yaml",
        "mine: { type: aws_s3, region: eu-west-1 }\n",
    );
    assert_snapshot!(folder.flowrun("connections list --folder flows"), @r"
    exit 0
    -- stdout
    own   aws_s3  -  -          no role
    mine  aws_s3  -  eu-west-1  no role
    ");
    folder.write("flows/connections.yaml", "own: { type: ftp }\n");
    assert_snapshot!(folder.flowrun("connections list --folder flows"), @r"
    exit 4
    -- stderr
    error: FOLDER/flows/connections.yaml:1:14: own.type: `ftp` is not a connection type; known: `aws_s3`, `http`
    ");
}

#[test]
fn help_and_version() {
    let folder = Folder::empty();
    assert_snapshot!(folder.flowrun("--help"), @"
    exit 0
    -- stdout
    Runs workflows of cards, written in YAML

    Usage: flowrun [OPTIONS] <FLOW>
           flowrun [OPTIONS] <COMMAND>

    Commands:
      run          Run a flow; `flowrun FLOW` is short for it
      validate     Check flows without running them
      graph        Draw a flow as text for Mermaid or Graphviz
      cards        List the cards, or show one: inputs, outputs, permissions, examples
      schema       Print the JSON Schema of flow files, or of connection files, for editors
      policy       Print the least IAM policy that flows need, or compare an existing one with it
      connections  Make, prove and manage connections
      sandbox      Serve the sandbox: S3 and STS on this machine, with IAM enforced
      help         Print this message or the help of the given subcommand(s)

    Options:
      -v, --verbose...          Say more about what happens: -v for decisions, -vv for details
          --environment <NAME>  Use the connections of `connections.NAME.yaml`, and no others [env:
                                FLOWRUN_ENVIRONMENT=]
      -h, --help                Print help
      -V, --version             Print version

    Examples:
      flowrun flows/backup.yaml                     run a flow
      flowrun flows/backup.yaml --input day=2026-11-23
      flowrun validate flows                        check flows without running them
      flowrun cards s3.copy                         what a card takes, gives and may do
      flowrun policy flows/backup.yaml              what its roles must allow, and nothing else
      flowrun connections list                      the connections that flows can name

    Exit codes: 0 done, 1 the run failed, 2 the flow or the call is invalid, 3 cancelled,
    4 a connection or credentials.
    ");
    assert_snapshot!(folder.flowrun("run --help"), @"
    exit 0
    -- stdout
    Run a flow; `flowrun FLOW` is short for it

    Usage: flowrun run [OPTIONS] <FLOW>

    Arguments:
      <FLOW>  The flow file

    Options:
      -i, --input <NAME=VALUE>           An input of the flow, read by its declared type; repeatable
      -v, --verbose...                   Say more about what happens: -v for decisions, -vv for details
          --environment <NAME>           Use the connections of `connections.NAME.yaml`, and no others
                                         [env: FLOWRUN_ENVIRONMENT=]
          --inputs <FILE>                A YAML or JSON file of inputs; `--input` wins over it
          --secret <NAME=SOURCE>         A secret, read from `env:VARIABLE` or `file:PATH`; repeatable
      -c, --connection <ALIAS=NICKNAME>  Use another connection for an alias of the flow; repeatable
          --json                         Print one JSON event a line on standard output, and nothing
                                         else
      -q, --quiet                        Print nothing but the outputs, and errors
      -h, --help                         Print help
    ");
    assert_snapshot!(folder.flowrun("sandbox --help"), @"
    exit 0
    -- stdout
    Serve the sandbox: S3 and STS on this machine, with IAM enforced

    Usage: flowrun sandbox [OPTIONS]

    Options:
          --listen <ADDRESS>    Where to listen: an address of this machine; port 0 takes a free one
                                [default: 127.0.0.1:0]
      -v, --verbose...          Say more about what happens: -v for decisions, -vv for details
          --environment <NAME>  Use the connections of `connections.NAME.yaml`, and no others [env:
                                FLOWRUN_ENVIRONMENT=]
          --state <FOLDER>      Where objects are kept; in memory and a temporary folder where not given
          --seed <FILE>         Accounts, roles and buckets to begin with; `sandbox.yaml` here or in
                                `flows/` where not given
      -h, --help                Print help
    ");
    let version = folder.flowrun("--version");
    assert_eq!(
        version.to_string(),
        format!("exit 0\n-- stdout\nflowrun {}", env!("CARGO_PKG_VERSION"))
    );
}
