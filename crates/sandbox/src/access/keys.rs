//! The condition keys that the sandbox sets, in one place: a policy that asks for another one is
//! refused before it is used, because a Deny on a key that is never there would deny nothing.

use flowrun_iam::{Conditions, Statement};

use super::needs::{Facts, copy_source};
use crate::identity::Identity;

/// What every request has.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
const OF_CALLER: [&str; 11] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:SecureTransport",
    "aws:SourceIdentity",
    "aws:SourceIp",
    "aws:ViaAWSService",
    "aws:userid",
    "aws:username",
];
/// What requests of S3 have beside, but for those of the tables below.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys>
const OF_RESOURCE: [&str; 4] = [
    "aws:ResourceAccount",
    "s3:ResourceAccount",
    "s3:VersionId",
    COPY_SOURCE,
];
const COPY_SOURCE: &str = "s3:x-amz-copy-source";
pub(super) const LEGAL_HOLD: &str = "s3:object-lock-legal-hold";
/// What a listing has, by its parameter.
const OF_LISTING: [(&str, &str); 3] = [
    ("prefix", "s3:prefix"),
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
];
/// What writing has, by its header.
const OF_WRITING: [(&str, &str); 8] = [
    ("if-match", "s3:if-match"),
    ("if-none-match", "s3:if-none-match"),
    ("x-amz-acl", "s3:x-amz-acl"),
    ("x-amz-metadata-directive", "s3:x-amz-metadata-directive"),
    ("x-amz-object-lock-legal-hold", LEGAL_HOLD),
    ("x-amz-object-lock-mode", "s3:object-lock-mode"),
    (
        "x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption",
    ),
    ("x-amz-storage-class", "s3:x-amz-storage-class"),
];
/// The actions that the headers of writing belong to.
const WRITING: [&str; 6] = [
    "s3:CreateBucket",
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
    "s3:PutObjectTagging",
];
/// What assuming a role has beside.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>
const OF_ROLES: [&str; 4] = [
    "aws:TagKeys",
    "sts:ExternalId",
    "sts:RoleSessionName",
    "sts:SourceIdentity",
];
/// Keys that end in a name of their own. No request of S3 or STS has a key of KMS, on AWS neither.
const FAMILIES: [&str; 3] = ["aws:PrincipalTag/", "aws:RequestTag/", "kms:"];

/// The first condition key of the statements that the sandbox does not set.
pub(crate) fn unknown(statements: &[Statement]) -> Option<&str> {
    let listing = OF_LISTING.iter().map(|(_, key)| *key);
    let writing = OF_WRITING.iter().map(|(_, key)| *key);
    let known: Vec<_> = [&OF_CALLER[..], &OF_RESOURCE, &OF_ROLES]
        .concat()
        .into_iter()
        .chain(listing.chain(writing))
        .collect();
    let is_known = |key: &str| {
        let in_family = |family: &&str| {
            key.split_at_checked(family.len())
                .is_some_and(|(start, name)| start.eq_ignore_ascii_case(family) && !name.is_empty())
        };
        known.iter().any(|one| one.eq_ignore_ascii_case(key)) || FAMILIES.iter().any(in_family)
    };
    statements
        .iter()
        .flat_map(|statement| &statement.conditions)
        .map(|condition| condition.key.as_str())
        .find(|key| !is_known(key))
}

/// What every request of this caller has.
pub(crate) fn of_caller(identity: &Identity, region: &str) -> Conditions {
    let kind = if identity.is_session {
        "AssumedRole"
    } else {
        "User"
    };
    let mut conditions = Conditions::new()
        .with("aws:PrincipalAccount", &identity.account)
        .with("aws:PrincipalArn", &identity.principal_arn)
        .with("aws:PrincipalIsAWSService", "false")
        .with("aws:PrincipalType", kind)
        .with("aws:RequestedRegion", region)
        .with("aws:SecureTransport", "false")
        .with("aws:SourceIp", "127.0.0.1")
        .with("aws:ViaAWSService", "false")
        .with("aws:userid", &identity.unique_id);
    if let Some(name) = &identity.username {
        conditions.set("aws:username", name);
    }
    if let Some(source) = &identity.source_identity {
        conditions.set("aws:SourceIdentity", source);
    }
    for (key, value) in &identity.tags {
        conditions.set(&format!("aws:PrincipalTag/{key}"), value);
    }
    conditions
}

/// What a listing has beside.
pub(super) fn set_listing(conditions: &mut Conditions, facts: &Facts<'_>) {
    if facts.operation.starts_with("ListObject") {
        for (parameter, key) in OF_LISTING {
            if let Some(value) = facts.query.get(parameter) {
                conditions.set(key, value);
            }
        }
    }
}

/// What writing by this request has beside, by key.
pub(super) fn of_writing(facts: &Facts<'_>) -> Vec<(&'static str, String)> {
    let header = |name: &str| facts.headers.get(name)?.to_str().ok();
    let mut written: Vec<_> = OF_WRITING
        .iter()
        .filter_map(|(name, key)| Some((*key, header(name)?.to_owned())))
        .collect();
    if let Some((bucket, key, _)) = copy_source(facts.headers) {
        written.push((COPY_SOURCE, format!("{bucket}/{key}")));
    }
    written
}

/// Whether an action is one that the headers of writing belong to.
pub(super) fn is_writing(action: &str) -> bool {
    WRITING.contains(&action)
}

/// What an action on a bucket or an object has beside.
pub(super) fn set_resource(
    conditions: &mut Conditions,
    owner: Option<&str>,
    version: Option<&str>,
) {
    if let Some(owner) = owner {
        conditions.set("aws:ResourceAccount", owner);
        conditions.set("s3:ResourceAccount", owner);
    }
    if let Some(version) = version {
        conditions.set("s3:VersionId", version);
    }
}

#[cfg(test)]
mod tests {
    use flowrun_iam::Policy;

    use super::*;

    #[test]
    fn a_key_is_known_or_told() {
        let unknown_of = |key: &str| {
            let policy = Policy::parse(&format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny", "Action": "*",
                    "Resource": "*", "Condition": {{"StringLike": {{"{key}": "*"}}}}}}]}}"#
            ))
            .unwrap();
            unknown(policy.statements()).map(str::to_owned)
        };
        for key in [
            "AWS:SOURCEIP",
            "s3:prefix",
            "s3:versionid",
            "s3:x-amz-copy-source",
            "s3:object-lock-mode",
            "sts:ExternalId",
            "aws:TagKeys",
            "aws:requesttag/team",
            "kms:ViaService",
        ] {
            assert_eq!(unknown_of(key), None);
        }
        for key in [
            "aws:MultiFactorAuthPresent",
            "aws:RequestTag/",
            "aws:PrincipalOrgID",
            "s3:ExistingObjectTag/team",
            "s3:x-amz-grant-read",
        ] {
            assert_eq!(unknown_of(key).as_deref(), Some(key));
        }
    }
}
