//! Environments: other connections for the same flow.

use insta::assert_snapshot;

use super::*;

const PROD: &str = "\
source:
  type: aws_s3
  role_arn: arn:aws:iam::222222222222:role/careful
  external_id: careful-id
  endpoint: sandbox
  base: sandbox
";

#[test]
fn the_connections_of_an_environment_take_the_place_of_all_others() {
    let folder = folder();
    folder.replace("connections.yaml", "\nplain:", "\nsource:");
    folder.write(
        "look.yaml",
        FLOW.replace("source: careless", "source: source"),
    );
    folder.write(".config/flowrun/connections.yaml", CONNECTIONS);
    assert_snapshot!(folder.flowrun("look.yaml --environment prod"), @"
    exit 4
    -- stderr
    error: FOLDER/connections.prod.yaml: the environment `prod` has no connections, because this file is not there
    help: make its first connection: `flowrun connections new --environment prod`
    ");
    folder.write("connections.prod.yaml", PROD);
    assert_snapshot!(folder.flowrun("look.yaml --environment prod"), @"
    exit 0
    -- stderr
    run look in prod RUN
      ✓ list s3.list_objects (TIME)
    succeeded in TIME: 1 succeeded
    ");
    let json = folder
        .flowrun("run look.yaml --environment prod --json")
        .stdout();
    assert_snapshot!(json.lines().next().unwrap(), @r#"{"event":"run_started","version":1,"run_id":"RUN","flow":"look","environment":"prod","at":"WHEN"}"#);
    assert_snapshot!(folder.flowrun("connections list --environment prod"), @"
    exit 0
    -- stdout
    source  aws_s3  222222222222  -  verified  WHEN
    -- stderr
    environment prod
    ");

    // Neither the file beside it nor the user's own is looked at.
    folder.replace("look.yaml", "source: source", "source: careful");
    assert_snapshot!(folder.flowrun("look.yaml --environment prod --quiet"), @"
    exit 4
    -- stderr
    error[connection-not-found]: there is no connection `careful`
     --> look.yaml:4:11
      |
    4 |   source: careful
      |           ^^^^^^^
      |
      = help: `flowrun connections list` lists those that there are

    1 error in look.yaml
    to make it, and to show what its role has to trust and allow:
      flowrun connections new careful --flow look.yaml --environment prod
      flowrun connections finish careful --role-arn ARN --environment prod
    ");
    assert_snapshot!(folder.flowrun("validate look.yaml"), @"
    exit 0
    -- stdout
    look.yaml: ok
    ");
    let by_variable = folder
        .command(&["validate", "look.yaml"])
        .env("FLOWRUN_ENVIRONMENT", "prod")
        .output()
        .unwrap();
    assert_eq!(folder.outcome(&by_variable).code, Some(4));
    assert_snapshot!(folder.flowrun("validate look.yaml --environment Prod"), @"
    exit 2
    -- stderr
    error: invalid value 'Prod' for '--environment <NAME>': `Prod` is not the name of an environment, which has up to 32 small letters, digits and `-`

    For more information, try '--help'.
    ");

    folder.replace("connections.prod.yaml", "aws_s3", "aws_s4");
    assert_snapshot!(folder.flowrun("validate ."), @"
    exit 4
    -- stdout
    connections.yaml: ok
    look.yaml: ok
    sandbox.yaml: ok
    -- stderr
    error: FOLDER/connections.prod.yaml:2:9: source.type: `aws_s4` is not a connection type; did you mean `aws_s3`?
    ");
}

#[test]
fn what_is_proven_in_an_environment_is_of_that_alone() {
    let folder = folder();
    let made = folder.flowrun(
        "connections new careful --environment prod --endpoint sandbox --account-id 111111111111",
    );
    assert_snapshot!(made.stderr(), @"
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the trust policy of the role:
    `careful` is saved as pending; once the role has that trust policy:
      flowrun connections finish careful --role-arn ARN --environment prod
    ");
    folder.write("connections.prod.yaml", PROD.replace("source", "careful"));
    assert_eq!(
        folder
            .flowrun("connections test careful --environment prod")
            .code,
        Some(0)
    );
    assert_snapshot!(folder.flowrun("connections list --environment prod").stdout(), @"careful  aws_s3  222222222222  -  verified  WHEN");
    assert_snapshot!(folder.flowrun("connections list").stdout(), @"
    careful   aws_s3  222222222222  -  not proven
    careless  aws_s3  222222222222  -  not proven
    wide      aws_s3  222222222222  -  not proven
    own       aws_s3  222222222222  -  not proven
    plain     aws_s3  -             -  no role
    ");
    assert_snapshot!(folder.flowrun("connections list --json --environment prod").stdout(), @r#"
    [
      {
        "nickname": "careful",
        "type": "aws_s3",
        "description": null,
        "role_arn": "arn:aws:iam::222222222222:role/careful",
        "account": "222222222222",
        "region": null,
        "health": "verified",
        "accept_unsafe": null,
        "proven_at": "WHEN",
        "environment": "prod",
        "file": "FOLDER/connections.prod.yaml"
      }
    ]
    "#);

    // A refusal names the command that helps there.
    folder.write(
        "connections.prod.yaml",
        "careful: { type: aws_s3, external_id: some-id }\n",
    );
    let look = FLOW.replace("source: careless", "source: careful");
    folder.write("flows/look.yaml", look);
    assert_snapshot!(folder.flowrun("flows/look.yaml --environment prod --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 1 failed
    error[connection]: the connection `careful` is not finished: it has no role yet
      card: list
      at: flows/look.yaml:7:3
      connection: careful
    help: run `flowrun connections finish careful --role-arn ARN --folder FOLDER --environment prod`
    ");
}
