//! What is allowed, in which form, and what never is.

use std::fmt::Write as _;

use flowrun_card::{Permissions, Text};
use proptest::prelude::*;

use super::*;
use crate::{AwsS3Definition, Connection};

fn known(text: &str) -> Text {
    Text::Known(text.to_owned())
}

fn object(bucket: &str, key: &str) -> Resource {
    Resource::object(&known(bucket), &known(key))
}

/// Everything of a bucket.
fn objects(bucket: &str) -> Resource {
    Resource::objects(&known(bucket), &known(""))
}

fn permissions(needed: &[(&[&'static str], Resource)]) -> Vec<Permission> {
    let mut permissions = Permissions::default();
    for (actions, resource) in needed {
        permissions.need(None, actions, resource.clone());
    }
    permissions.into_vec()
}

fn connection(role_arn: &str, endpoint: Endpoint) -> Connection {
    let definition = AwsS3Definition {
        role_arn: Some(RoleArn::parse(role_arn).unwrap()),
        endpoint,
        ..AwsS3Definition::default()
    };
    Connection::new("vault", "connections.yaml", definition)
}

fn on_aws() -> Connection {
    connection("arn:aws:iam::111122223333:role/vault", Endpoint::Aws)
}

fn elsewhere() -> Connection {
    connection("arn:aws:iam::111122223333:role/vault", Endpoint::Sandbox)
}

fn narrow(needed: &[Permission], connection: &Connection) -> Result<SessionPolicy, CardError> {
    let scope = Scope::permissions(needed);
    SessionPolicy::of(&scope, connection.aws().unwrap()).map(Option::unwrap)
}

#[test]
fn a_policy_has_what_is_needed_and_what_s3_needs_beside() {
    let china = connection("arn:aws-cn:iam::111122223333:role/vault", Endpoint::Aws);
    let read = permissions(&[(&["s3:GetObject"], object("in", "a*"))]);
    let read_anything = permissions(&[(
        &["s3:GetObject", "s3:GetObjectVersion"],
        Resource::object(&Text::Unknown(Default::default()), &known("a")),
    )]);
    let write = permissions(&[(&["s3:PutObject", "s3:AbortMultipartUpload"], objects("out"))]);
    let both = [read.clone(), write.clone()].concat();
    let neither = permissions(&[
        (&["s3:ListBucket"], Resource::bucket(&known("in"))),
        (&["s3:DeleteObject"], object("in", "a")),
    ]);
    let mut told = String::new();
    for (title, needed, connection) in [
        ("read", &read, on_aws()),
        ("read elsewhere than on AWS", &read, elsewhere()),
        ("read any bucket", &read_anything, elsewhere()),
        ("write", &write, on_aws()),
        ("both in China", &both, china),
        ("neither", &neither, on_aws()),
        ("nothing", &Vec::new(), on_aws()),
    ] {
        let document = narrow(needed, &connection).unwrap().document();
        let document = document.replace("{\"Effect", "\n  {\"Effect");
        writeln!(told, "{title}: {document}").unwrap();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn only_a_role_is_narrowed_and_only_if_the_connection_does_not_say_off() {
    let read = Scope::permissions(permissions(&[(&["s3:GetObject"], object("in", "a"))]));
    let document = Scope::policy(NOTHING);
    let without_role = Connection::new("keys", "connections.yaml", AwsS3Definition::default());
    let mut off = on_aws();
    off.aws_mut().unwrap().session_policy = false;
    let is_narrowed = |scope: &Scope, connection: &Connection| {
        let policy = SessionPolicy::of(scope, connection.aws().unwrap());
        policy
            .map(|policy| policy.is_some())
            .map_err(|error| error.to_string())
    };
    let refused = "a session policy needs a role, and the connection has none (connection: keys)";
    for (scope, connection, expect) in [
        (&read, &on_aws(), Ok(true)),
        (&read, &off, Ok(false)),
        (&read, &without_role, Ok(false)),
        (&Scope::whole(), &on_aws(), Ok(false)),
        // What a card asks for in words holds whatever the connection says.
        (&document, &on_aws(), Ok(true)),
        (&document, &off, Ok(true)),
        (&document, &without_role, Err(refused.to_owned())),
    ] {
        assert_eq!(
            is_narrowed(scope, connection),
            expect,
            "{scope:?} {connection:?}"
        );
    }
}

/// Steps taken one after the other, as STS asks for them.
#[test]
fn a_policy_becomes_wider_step_by_step_and_never_goes() {
    let keys = |bucket: &str, count: usize| -> Vec<Permission> {
        let keys = (0..count).map(|key| object(bucket, &format!("daily/2026-11-{key:02}/report")));
        let needed: Vec<(&[&'static str], Resource)> = keys
            .map(|key| (&["s3:GetObject", "s3:GetObjectVersion"][..], key))
            .collect();
        permissions(&needed)
    };
    let few = [keys("in", 3), keys("other", 2)].concat();
    let policy = narrow(&few, &elsewhere()).unwrap();
    let mut told = String::new();
    let mut before = usize::MAX;
    loop {
        let document = policy.document();
        assert!(document.len() < before);
        before = document.len();
        writeln!(told, "{:?}: {document}", policy.fitted().rung).unwrap();
        if !policy.widen() {
            break;
        }
    }
    insta::assert_snapshot!(told);
    assert!(!policy.widen(), "the last one stays");

    // Too long from the start.
    let rung =
        |needed: &[Permission]| narrow(needed, &elsewhere()).map(|policy| policy.fitted().rung);
    assert_eq!(rung(&keys("in", 20)).unwrap(), Rung::Exact);
    assert_eq!(rung(&keys("in", 90)).unwrap(), Rung::Prefixes);
    // More than are looked at in one go, and among them one that covers the rest.
    let many = keys("in", 1_000);
    assert_eq!(rung(&many).unwrap(), Rung::Prefixes);
    let all = permissions(&[(&["s3:GetObject", "s3:GetObjectVersion"], objects("in"))]);
    assert_eq!(
        narrow(&[many, all.clone()].concat(), &elsewhere())
            .unwrap()
            .document(),
        narrow(&all, &elsewhere()).unwrap().document()
    );
    let buckets = |count: usize| -> Vec<Permission> {
        (0..count)
            .flat_map(|bucket| keys(&format!("a-customer-s-bucket-number-{bucket}"), 2))
            .collect()
    };
    assert_eq!(rung(&buckets(19)).unwrap(), Rung::Buckets);
    let error = rung(&buckets(40)).unwrap_err();
    insta::assert_snapshot!(format!(
        "{error}\n{}",
        error.help.as_deref().unwrap_or_default()
    ));
    // A card's own policy is as narrow as it asked for.
    let given = SessionPolicy::of(&Scope::policy(NOTHING), on_aws().aws().unwrap())
        .unwrap()
        .unwrap();
    assert!(!given.widen());
    assert_eq!(given.document(), NOTHING);
}

#[test]
fn what_is_left_out_is_known() {
    let needed = permissions(&[
        (&["s3:GetObject"], object("in", "a")),
        (&["s3:PutObject"], objects("out")),
    ]);
    let policy = narrow(&needed, &on_aws()).unwrap();
    let china = connection("arn:aws-cn:iam::111122223333:role/vault", Endpoint::Aws);
    let unknown = Resource::object(&known("in"), &Text::Unknown(Default::default()));
    for (action, resource, expect) in [
        ("s3:GetObject", object("in", "a"), false),
        ("s3:GetObject", object("in", "b"), true),
        ("s3:GetObject", object("in", "*"), true),
        ("s3:GetObject", unknown, false),
        ("s3:GetObjectVersion", object("in", "a"), true),
        ("s3:PutObject", object("out", "x/y"), false),
        ("s3:PutObject", object("in", "a"), true),
        ("s3:ListBucket", Resource::bucket(&known("in")), false),
        ("s3:ListBucket", Resource::bucket(&known("out")), true),
    ] {
        assert_eq!(
            policy.leaves_out(action, &resource),
            expect,
            "{action} {resource}"
        );
        let policy = narrow(&needed, &china).unwrap();
        assert_eq!(
            policy.leaves_out(action, &resource),
            expect,
            "{action} {resource}"
        );
    }
}

#[test]
fn debug_shows_no_policy() {
    let policy = narrow(
        &permissions(&[(&["s3:GetObject"], object("in", "a"))]),
        &on_aws(),
    );
    assert_eq!(
        format!("{:?}", policy.unwrap()),
        "SessionPolicy { nickname: \"vault\", rung: Exact, .. }"
    );
}

fn resources() -> impl Strategy<Value = (String, String, bool)> {
    ("[a-c]{1,2}", "[ab*?$ü/]{1,40}", any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is needed is allowed on every step, the document is one that STS takes, and no
    /// action is allowed that is not of what is needed or of what S3 needs beside.
    #[test]
    fn every_step_allows_what_is_needed(
        needed in proptest::collection::vec(
            (
                proptest::sample::subsequence(
                    vec!["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"],
                    1..3,
                ),
                resources(),
            ),
            1..160,
        ),
    ) {
        let listed: Vec<Permission> = needed
            .iter()
            .flat_map(|(actions, (bucket, key, is_prefix))| {
                let (bucket, key) = (known(bucket), known(key));
                let resource = match is_prefix {
                    true => Resource::objects(&bucket, &key),
                    false => Resource::object(&bucket, &key),
                };
                permissions(&[(actions.as_slice(), resource)])
            })
            .collect();
        let policy = narrow(&listed, &on_aws()).unwrap();
        loop {
            let document = policy.document();
            prop_assert!(document.len() <= SESSION_POLICY_CHARS && document.is_ascii());
            for (actions, (bucket, key, is_prefix)) in &needed {
                for action in actions {
                    let more = if *is_prefix { "/x" } else { "" };
                    let resource = object(bucket, &format!("{key}{more}"));
                    prop_assert!(!policy.leaves_out(action, &resource), "{action} {resource}");
                }
                prop_assert!(policy.leaves_out("s3:DeleteBucket", &Resource::bucket(&known(bucket))));
                prop_assert!(policy.leaves_out("s3:PutObjectAcl", &object(bucket, key)));
                prop_assert!(policy.leaves_out("s3:GetObject", &object("elsewhere", key)));
            }
            if !policy.widen() {
                break;
            }
        }
    }
}
