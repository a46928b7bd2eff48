//! Seeds that are read, and what is wrong with others, in whole messages.

use super::*;

const HEAD: &str = "region: eu-central-1
account: \"111111111111\"
operator: a
administrator: a
accounts:
  \"111111111111\":
    users: { a: {} }
";

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (tail, expect) in [
        (
            "    teams: {}\n",
            "the seed cannot be read: accounts.111111111111: unknown field `teams`, expected \
             one of `users`, `roles`, `buckets` at line 8 column 5",
        ),
        (
            "    buckets: { reports: {}, reports: {} }\n",
            "the seed cannot be read: accounts.111111111111.buckets: duplicate entry with key \
             \"reports\" at line 8 column 14",
        ),
        (
            "    buckets: { Reports: {} }\n",
            "a bucket of the seed is `Reports`, and a bucket's name is 3 to 63 lower case \
             letters, digits, dots and hyphens",
        ),
        (
            "  \"2222\": {}\n",
            "an account of the seed is `2222`, and an account is 12 digits",
        ),
        (
            "    buckets: { one: {} }\n  \"222222222222\":\n    buckets: { one: {} }\n",
            "a bucket of the seed is `one`, and another account has it already",
        ),
        (
            "    roles: { r: { trust: {}, policy: {}, max_session_duration: 60 } }\n",
            "max_session_duration of role r of the seed is `60`, and a role's sessions last \
             at most 3600 to 43200 seconds",
        ),
    ] {
        let error = Seed::parse(&format!("{HEAD}{tail}")).unwrap_err();
        assert_eq!(error.to_string(), expect);
    }
    let long = " ".repeat(Seed::MAX_BYTES + 1);
    assert!(matches!(Seed::parse(&long), Err(SeedError::TooLong { .. })));
}

#[test]
fn a_policy_that_iam_refuses_is_refused() {
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps",
        "Action": "*", "Resource": "*"}]}"#;
    for error in [
        Seed::new().user("111111111111", "u", policy).unwrap_err(),
        Seed::new().user("111111111111", "u", "{").unwrap_err(),
        Seed::new()
            .role("222222222222", "r", policy, policy, 3600)
            .unwrap_err(),
    ] {
        assert!(matches!(error, SeedError::Policy { .. }), "{error}");
    }
}

#[test]
fn a_policy_that_the_sandbox_cannot_judge_is_refused_by_name() {
    let statement = |more: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny",
                "Action": "s3:*", {more}}}]}}"#
        )
    };
    let key = r#""Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}"#;
    let never = "the sandbox never sets the condition key `aws:MultiFactorAuthPresent`, so that \
                 the condition would not do what it says";
    let of_identity = statement(&format!(r#""Resource": "*", {key}"#));
    let of_trust = statement(&format!(r#""Principal": "*", {key}"#));
    let allows = statement(r#""Resource": "*""#);
    let of_bucket =
        |resource: &str| format!(r#""Principal": "*", "Resource": "arn:aws:s3:::{resource}""#);
    let bucket = |policy: &str| {
        Seed::new()
            .bucket(Seed::ACCOUNT, "reports", BucketOptions::default())?
            .bucket_policy(Seed::ACCOUNT, "reports", policy)
    };
    for (result, expect) in [
        (
            Seed::new().user(Seed::ACCOUNT, "u", &of_identity),
            format!(
                "the policy of arn:aws:iam::111111111111:user/u of the seed is not a valid policy: {never}"
            ),
        ),
        (
            Seed::new().role(Seed::ACCOUNT, "r", &of_trust, &allows, 3600),
            format!(
                "the trust policy of arn:aws:iam::111111111111:role/r of the seed is not a valid policy: {never}"
            ),
        ),
        (
            bucket(&statement(&format!(r#"{}, {key}"#, of_bucket("reports")))),
            format!("the policy of bucket reports of the seed is not a valid policy: {never}"),
        ),
        (
            bucket(&statement(&of_bucket("reports-2/*"))),
            "the policy of bucket reports of the seed is not a valid policy: the resource \
             `arn:aws:s3:::reports-2/*` is neither the bucket, `arn:aws:s3:::reports`, nor in it"
                .to_owned(),
        ),
        (
            bucket(&statement(r#""NotPrincipal": "*", "Resource": "*""#)),
            "the policy of bucket reports of the seed is not a valid policy: statement 1: the \
             key `NotPrincipal` is not supported here, only `Sid`, `Effect`, `Principal`, \
             `Action`, `NotAction`, `Resource`, `NotResource`, `Condition` are"
                .to_owned(),
        ),
        (
            Seed::new().bucket_policy(Seed::ACCOUNT, "reports", &allows),
            "a bucket of the seed is `reports`, and the account has no such bucket".to_owned(),
        ),
    ] {
        assert_eq!(result.unwrap_err().to_string(), expect);
    }
    bucket(&statement(&of_bucket("reports/*"))).unwrap();
}

#[test]
fn whom_a_policy_names_has_to_be_there() {
    let seed = |kind: &str, principal: &str| {
        let statement = format!(
            "{{ Effect: Deny, Principal: {{ AWS: [\"*\", \"{principal}\"] }}, Action: \"s3:*\""
        );
        let version = "Version: \"2012-10-17\"";
        let allows = "Statement: { Effect: Allow, Action: \"*\", Resource: \"*\" }";
        let trust = match kind {
            "trust" => format!("{{ {version}, Statement: {statement} }} }}"),
            _ => format!("{{ {version}, Statement: [] }}"),
        };
        let bucket = match kind {
            "bucket" => format!(
                "policy: {{ {version}, Statement: {statement}, Resource: \"arn:aws:s3:::b-1\" }} }}"
            ),
            _ => String::new(),
        };
        Seed::parse(&format!(
            "{HEAD}    roles: {{ r: {{ trust: {trust}, policy: {{ {version}, {allows} }} }} }}\n    \
             buckets: {{ b-1: {{ {bucket} }} }}\n"
        ))
    };
    for principal in [
        "arn:aws:iam::111111111111:user/a",
        "arn:aws:iam::111111111111:role/r",
        "arn:aws:iam::111111111111:role/path/r",
        "arn:aws:sts::111111111111:assumed-role/r/run-1",
        "arn:aws:iam::111111111111:root",
        "arn:aws:iam::999999999999:user/b",
        "999999999999",
    ] {
        seed("trust", principal).unwrap();
        seed("bucket", principal).unwrap();
    }
    for principal in [
        "arn:aws:iam::111111111111:user/b",
        "arn:aws:iam::111111111111:role/a",
        "arn:aws:sts::111111111111:assumed-role/a/r",
    ] {
        for (kind, place) in [
            ("trust", "the trust policy of role r"),
            ("bucket", "the policy of bucket b-1"),
        ] {
            assert_eq!(
                seed(kind, principal).unwrap_err().to_string(),
                format!(
                    "{place} of the seed is not a valid policy: the account of the principal \
                     `{principal}` has no such user or role"
                )
            );
        }
    }
}

#[test]
fn the_operator_has_to_be_a_user() {
    let error = Seed::parse(&HEAD.replace("operator: a", "operator: b")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "operator of the seed is `b`, and the account has no such user"
    );
}

#[test]
fn seeds_are_told_apart() {
    let seed = Seed::parse(HEAD).unwrap();
    assert_eq!(seed.fingerprint(), Seed::parse(HEAD).unwrap().fingerprint());
    let options = BucketOptions::default();
    let other = seed.clone().bucket("111111111111", "reports", options);
    let other = other.unwrap();
    assert_ne!(seed.fingerprint(), other.fingerprint());
    let policy = "{ Version: \"2012-10-17\", Statement: [] }";
    let buckets = format!("{HEAD}    buckets: {{ reports: {{ policy: {policy} }} }}\n");
    let third = Seed::parse(&buckets).unwrap();
    assert_ne!(other.fingerprint(), third.fingerprint());
}

#[test]
fn the_seed_of_the_documentation_is_valid() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sandbox.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (_, rest) = document.split_once("```yaml\n").unwrap();
    let (yaml, rest) = rest.split_once("```\n").unwrap();
    let seed = Seed::parse(yaml).unwrap();
    assert!(
        seed.accounts()["222222222222"].buckets["reports"]
            .policy
            .is_some()
    );
    assert!(!rest.contains("```yaml"), "one block is checked");
}

#[test]
fn the_example_seed_is_valid() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../flows/sandbox.yaml");
    let seed = Seed::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(seed.region(), "eu-central-1");
    assert_eq!(seed.accounts().len(), 4);
}
