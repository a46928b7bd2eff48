//! `connections edit`, `rename`, `delete` and `used-by`.

use insta::assert_snapshot;

use super::*;

#[test]
fn connections_are_managed_and_the_rest_of_the_file_stays() {
    let folder = folder();
    folder.write("flows/look.yaml", FLOW);
    folder.write(
        "flows/broken.yaml",
        "flow: broken\ncards:\n  a: [ careless\n",
    );
    folder.write("flows/other.yaml", FLOW.replace("careless", "careful"));
    assert_snapshot!(folder.flowrun("connections used-by careless"), @"
    exit 0
    -- stdout
    flows/broken.yaml:3
    flows/look.yaml:4
    ");
    assert_snapshot!(folder.flowrun("connections used-by plain"), @"
    exit 0
    -- stderr
    error: no flow under `.` names `plain`
    ");
    assert_snapshot!(folder.flowrun("connections used-by nobody"), @"
    exit 4
    -- stderr
    error: there is no connection `nobody`
    help: `flowrun connections list` lists those that there are
    ");
    assert_snapshot!(folder.flowrun("connections delete careless"), @"
    exit 2
    -- stderr
    error: flows name the connection `careless`:
      flows/broken.yaml:3
      flows/look.yaml:4
    help: change them first, or delete it all the same with `--force`
    ");
    assert_eq!(folder.read("connections.yaml"), CONNECTIONS);
    assert_snapshot!(folder.flowrun("connections delete careless --force"), @"
    exit 0
    -- stderr
    ✓ `careless` is deleted
    the role `arn:aws:iam::222222222222:role/careless` still trusts us: its owner ends that by deleting it or its trust policy
    ");
    assert_snapshot!(folder.flowrun("connections delete plain"), @"
    exit 0
    -- stderr
    ✓ `plain` is deleted
    ");

    assert_eq!(folder.flowrun("connections test careful").code, Some(0));
    assert_snapshot!(folder.flowrun("connections rename careful wide"), @"
    exit 2
    -- stderr
    error: FOLDER/connections.yaml: there is a connection `wide` already
    ");
    assert_snapshot!(folder.flowrun("connections rename careful prudent"), @"
    exit 0
    -- stderr
    ✓ `careful` is `prudent` now
    warning: flows still name `careful`:
      flows/other.yaml:4
    ");
    // It is the same role: what was proven of it still is.
    assert!(
        folder
            .flowrun("connections list")
            .stdout
            .starts_with("prudent  aws_s3  222222222222  -  verified")
    );
    assert_snapshot!(folder.flowrun("connections edit prudent"), @"
    exit 2
    -- stderr
    error: there is nothing to change
    help: `flowrun connections edit --help` lists what can be
    ");
    assert_snapshot!(folder.flowrun("connections edit prudent --region eu-west-1 --description reports"), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    ");
    assert_snapshot!(folder.flowrun("connections edit prudent --role-arn arn:aws:iam::222222222222:role/wide"), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    prove it anew: flowrun connections test prudent
    ");
    assert_snapshot!(folder.read("connections.yaml"), @"
    # Ours, by hand.
    prudent:          # asks for its ID
      type: aws_s3
      description: reports
      role_arn: arn:aws:iam::222222222222:role/wide
      external_id: careful-id
      region: eu-west-1
      endpoint: sandbox
      base: sandbox

    wide:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/wide
      external_id: flowrun-mine
      endpoint: sandbox
      base: sandbox
    own:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/own
      trust: principal
      endpoint: sandbox
      base: sandbox
    ");
}

#[test]
fn what_was_accepted_of_one_role_says_nothing_of_another() {
    let folder = folder();
    folder.flowrun("connections test careless");
    let accepted = folder.flowrun_with(&[
        "connections",
        "edit",
        "careless",
        "--accept-unsafe",
        "Our own test account, and nothing in it.",
    ]);
    assert_eq!(accepted.code, Some(0), "{accepted}");
    assert!(folder.read("connections.yaml").contains("accept_unsafe"));
    folder.flowrun("connections edit careless --description other");
    assert!(folder.read("connections.yaml").contains("accept_unsafe"));
    let moved =
        folder.flowrun("connections edit careless --role-arn arn:aws:iam::222222222222:role/wide");
    assert_eq!(moved.code, Some(0), "{moved}");
    assert!(!folder.read("connections.yaml").contains("accept_unsafe"));
}

#[test]
fn flows_beside_the_file_count_from_a_folder_below_it() {
    let folder = folder();
    folder.write("flows/look.yaml", FLOW);
    folder.write("other/readme", "");
    assert_snapshot!(folder.flowrun("connections used-by careless --folder other"), @"
    exit 0
    -- stdout
    FOLDER/flows/look.yaml:4
    ");
    let refused = folder.flowrun("connections delete careless --folder other");
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(folder.read("connections.yaml").contains("careless"));
}

#[test]
fn a_folder_without_connections_is_told() {
    assert_snapshot!(Folder::empty().flowrun("connections test vault"), @"
    exit 4
    -- stderr
    error: there is no connection `vault`
    help: there is none here; `--folder FOLDER` names the folder of the flows that use it
    ");
}
