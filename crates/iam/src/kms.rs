//! The use of KMS keys through S3: in the name of whoever reads or writes an encrypted object.

use flowrun_card::Permission;
use serde_json::json;

use crate::{Policy, PolicyError};

/// Reading the content of an object.
const READS: [&str; 2] = ["s3:GetObject", "s3:GetObjectVersion"];
/// Writing the content of an object.
const WRITES: [&str; 1] = ["s3:PutObject"];

/// What reading and writing encrypted objects needs on their keys: nothing where nothing reads or
/// writes an object.
///
/// Reading needs `kms:Decrypt`. Writing needs `kms:GenerateDataKey`, and `kms:Decrypt` because the
/// parts of an upload are read when they become one object.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuAndPermissions.html>
pub fn key_actions(needed: &[Permission]) -> &'static [&'static str] {
    let some = |actions: &[&str]| {
        let mut all = needed.iter().flat_map(|permission| &permission.actions);
        all.any(|action| actions.contains(action))
    };
    match (some(&READS), some(&WRITES)) {
        (false, false) => &[],
        (true, false) => &["kms:Decrypt"],
        (_, true) => &["kms:Decrypt", "kms:GenerateDataKey"],
    }
}

impl Policy {
    /// The use of these keys that the permissions need, through S3 only; `None` where nothing
    /// reads or writes an object, or there is no key. A key is the ARN of a key, or `*`: KMS takes
    /// no alias here.
    ///
    /// Which use that is, [`key_actions`] tells.
    ///
    /// # Errors
    /// Where a key is no ARN that a policy takes.
    pub fn of_keys(
        needed: &[Permission],
        keys: &[&str],
        partition: &str,
    ) -> Result<Option<Policy>, PolicyError> {
        let actions = match key_actions(needed) {
            [] => return Ok(None),
            _ if keys.is_empty() => return Ok(None),
            [one] => json!(one),
            some => json!(some),
        };
        let resource = match keys {
            [one] => json!(one),
            some => json!(some),
        };
        let s3 = match partition {
            "aws-cn" => "s3.*.amazonaws.com.cn",
            _ => "s3.*.amazonaws.com",
        };
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Action": actions,
                "Resource": resource,
                "Condition": { "StringLike": { "kms:ViaService": s3 } },
            },
        });
        Policy::from_value(&policy).map(Some)
    }

    /// This policy, and after it the other one.
    #[must_use]
    pub fn and(mut self, other: Policy) -> Policy {
        self.statements.extend(other.statements);
        self
    }
}

#[cfg(test)]
mod tests {
    use flowrun_card::{Resource, Text};

    use super::*;

    #[test]
    fn keys_are_used_as_objects_are() {
        let key = "arn:aws:kms:eu-central-1:111122223333:key/1";
        let check = |actions: &[&'static str], keys: &[&str], partition, expect: Option<&str>| {
            let needed = [Permission {
                connection: None,
                actions: actions.to_vec(),
                resource: Resource::bucket(&Text::Known("a".to_owned())),
            }];
            let policy = Policy::of_keys(&needed, keys, partition).unwrap();
            let policy = policy.map(|policy| policy.to_string());
            let expect = expect.map(|statement| {
                format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
            });
            assert_eq!(policy, expect);
        };
        check(
            &["s3:ListBucket", "s3:GetObject"],
            &[key],
            "aws",
            Some(
                r#"{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-central-1:111122223333:key/1","Condition":{"StringLike":{"kms:ViaService":"s3.*.amazonaws.com"}}}"#,
            ),
        );
        check(
            &["s3:PutObject"],
            &["*"],
            "aws-cn",
            Some(
                r#"{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*","Condition":{"StringLike":{"kms:ViaService":"s3.*.amazonaws.com.cn"}}}"#,
            ),
        );
        check(&["s3:PutObject"], &[], "aws", None);
        check(&["s3:ListBucket", "s3:DeleteObject"], &[key], "aws", None);
    }
}
