//! What a request needs: the actions of its operation, on the resources that it names.

use http::HeaderMap;
use s3s::dto::CopySource;

use super::table::{Rule, TABLE};
use crate::form::Form;

/// What a request says, as far as its permissions depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) operation: &'a str,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) query: &'a Form,
    pub(crate) headers: &'a HeaderMap,
}

/// An action that a request needs, on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) action: &'static str,
    /// The bucket whose owner decides; none where the account does, as for a bucket to come.
    pub(crate) bucket: Option<String>,
    /// What follows `arn:aws:s3:::`.
    pub(crate) resource: String,
    /// The version of the object that the request names.
    pub(crate) version: Option<String>,
}

impl Need {
    /// The action on a bucket that exists.
    pub(crate) fn on_bucket(action: &'static str, bucket: &str) -> Self {
        Self {
            action,
            bucket: Some(bucket.to_owned()),
            resource: bucket.to_owned(),
            version: None,
        }
    }

    /// The action on an object, or on the version that is named.
    pub(crate) fn on_object(
        action: &'static str,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Self {
        Self {
            action,
            bucket: Some(bucket.to_owned()),
            resource: format!("{bucket}/{key}"),
            version: version.map(str::to_owned),
        }
    }

    /// The ARN of the resource.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.resource)
    }
}

/// Why the needs of a request cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody may perform the operation.
    Unknown,
    /// The source of the copy cannot be read.
    CopySource,
}

/// Everything that a request needs; all of it has to be allowed.
pub(crate) fn needs(facts: &Facts<'_>) -> Result<Vec<Need>, Fault> {
    let rule = TABLE
        .iter()
        .find(|(operation, _)| *operation == facts.operation)
        .map(|(_, rule)| *rule)
        .ok_or(Fault::Unknown)?;
    let bucket = || facts.bucket.ok_or(Fault::Unknown);
    let version = facts.query.get("versionId");
    let object = |actions: &[&'static str]| {
        let (bucket, key) = facts.bucket.zip(facts.key).ok_or(Fault::Unknown)?;
        let need = |action: &&'static str| Need::on_object(action, bucket, key, version);
        Ok(actions.iter().map(need).collect::<Vec<_>>())
    };
    match rule {
        Rule::Service(action) => Ok(vec![Need {
            action,
            bucket: None,
            resource: "*".to_owned(),
            version: None,
        }]),
        Rule::Bucket(action) => Ok(vec![Need::on_bucket(action, bucket()?)]),
        Rule::Object(action) => object(&[action]),
        Rule::Version(current, of_version) => object(if version.is_some() {
            of_version
        } else {
            current
        }),
        Rule::Write => object(&write_actions(facts.headers)),
        Rule::Copy => {
            let (source, key, version) = copy_source(facts.headers).ok_or(Fault::CopySource)?;
            let action = if version.is_some() {
                "s3:GetObjectVersion"
            } else {
                "s3:GetObject"
            };
            let mut needs = vec![Need::on_object(action, &source, &key, version.as_deref())];
            needs.extend(object(&write_actions(facts.headers))?);
            Ok(needs)
        }
        Rule::Delete => object(&delete_actions(
            version.is_some(),
            bypasses_governance(facts.headers),
        )),
        Rule::CreateBucket => {
            let bucket = bucket()?;
            let need = |action| Need {
                // No account has it yet, or the answer says that it exists.
                bucket: None,
                ..Need::on_bucket(action, bucket)
            };
            Ok(create_actions(facts.headers)
                .into_iter()
                .map(need)
                .collect())
        }
        Rule::Body => Ok(Vec::new()),
    }
}

/// What one entry of a `DeleteObjects` request needs.
pub(crate) fn delete_entry(
    bucket: &str,
    key: &str,
    version: Option<&str>,
    headers: &HeaderMap,
) -> Vec<Need> {
    delete_actions(version.is_some(), bypasses_governance(headers))
        .into_iter()
        .map(|action| Need::on_object(action, bucket, key, version))
        .collect()
}

/// The bucket whose listing decides whether a missing object may be told: that of the source for
/// a copy. Nothing but a copy has a source, whatever its headers say.
pub(crate) fn listed_bucket(facts: &Facts<'_>) -> Option<String> {
    match facts.operation {
        "CopyObject" | "UploadPartCopy" => copy_source(facts.headers).map(|(bucket, _, _)| bucket),
        _ => facts.bucket.map(str::to_owned),
    }
}

/// What a copy needs beside, where its source has tags that it takes along.
pub(crate) fn copied_tags(facts: &Facts<'_>) -> Vec<Need> {
    let (Some((source, key, version)), Some(bucket), Some(target)) =
        (copy_source(facts.headers), facts.bucket, facts.key)
    else {
        return Vec::new();
    };
    let get = if version.is_some() {
        "s3:GetObjectVersionTagging"
    } else {
        "s3:GetObjectTagging"
    };
    vec![
        Need::on_object(get, &source, &key, version.as_deref()),
        Need::on_object("s3:PutObjectTagging", bucket, target, None),
    ]
}

fn write_actions(headers: &HeaderMap) -> Vec<&'static str> {
    let mut actions = vec!["s3:PutObject"];
    let has = |name: &str| headers.contains_key(name);
    if has("x-amz-acl") || has_grant(headers) {
        actions.push("s3:PutObjectAcl");
    }
    if has("x-amz-tagging") {
        actions.push("s3:PutObjectTagging");
    }
    if has("x-amz-object-lock-mode") || has("x-amz-object-lock-retain-until-date") {
        actions.push("s3:PutObjectRetention");
    }
    if has("x-amz-object-lock-legal-hold") {
        actions.push("s3:PutObjectLegalHold");
    }
    actions
}

fn create_actions(headers: &HeaderMap) -> Vec<&'static str> {
    let mut actions = vec!["s3:CreateBucket"];
    if headers.get("x-amz-acl").is_some_and(|acl| acl != "private") || has_grant(headers) {
        actions.push("s3:PutBucketAcl");
    }
    if is_true(headers, "x-amz-bucket-object-lock-enabled") {
        actions.push("s3:PutBucketObjectLockConfiguration");
        actions.push("s3:PutBucketVersioning");
    }
    if headers.contains_key("x-amz-object-ownership") {
        actions.push("s3:PutBucketOwnershipControls");
    }
    actions
}

fn delete_actions(has_version: bool, bypasses: bool) -> Vec<&'static str> {
    let mut actions = vec![if has_version {
        "s3:DeleteObjectVersion"
    } else {
        "s3:DeleteObject"
    }];
    if bypasses {
        actions.push("s3:BypassGovernanceRetention");
    }
    actions
}

fn bypasses_governance(headers: &HeaderMap) -> bool {
    is_true(headers, "x-amz-bypass-governance-retention")
}

fn has_grant(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name.as_str().starts_with("x-amz-grant-"))
}

fn is_true(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .any(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Bucket, key and version of the source of a copy, where there is exactly one that can be read.
pub(super) fn copy_source(headers: &HeaderMap) -> Option<(String, String, Option<String>)> {
    let mut values = headers.get_all("x-amz-copy-source").iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    match CopySource::parse(value.to_str().ok()?).ok()? {
        CopySource::Bucket {
            bucket,
            key,
            version_id,
        } => Some((
            bucket.into(),
            key.into(),
            version_id.map(|version| version.into()),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
