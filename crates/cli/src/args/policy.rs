//! The arguments of `flowrun policy`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ByHand, pair};

#[derive(Debug, Args)]
pub(crate) struct Policy {
    /// Flow files, or folders of them
    #[arg(value_name = "FLOW", required = true)]
    pub(crate) flows: Vec<PathBuf>,
    /// An input of the flow; one that is not given counts as its default. Repeatable
    #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) inputs: Vec<(String, String)>,
    /// An input that may be anything, in place of its default; repeatable
    #[arg(long = "any", value_name = "NAME")]
    pub(crate) any: Vec<String>,
    /// Use another connection for an alias of the flow; repeatable
    #[arg(short, long = "connection", value_name = "ALIAS=NICKNAME", value_parser = pair)]
    pub(crate) connections: Vec<(String, String)>,
    /// Only the policy of this connection
    #[arg(long = "for", value_name = "NICKNAME")]
    pub(crate) only: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = PolicyFormat::Json, conflicts_with = "check")]
    pub(crate) format: PolicyFormat,
    /// The whole role: its trust policy, too
    #[arg(long)]
    pub(crate) trust: bool,
    #[command(flatten)]
    pub(crate) by: ByHand,
    /// Compare with the policy in this file, or `-` for standard input: what it lacks, and what it
    /// allows too much
    #[arg(long, value_name = "FILE", conflicts_with = "trust")]
    pub(crate) check: Option<PathBuf>,
    /// Print what was compared as JSON
    #[arg(long, requires = "check")]
    pub(crate) json: bool,
    /// A KMS key that encrypts the objects, to be used through S3; repeatable
    #[arg(long = "kms-key", value_name = "ARN", value_parser = kms_key)]
    pub(crate) kms_keys: Vec<String>,
    /// The name of the role, where the connection has none
    #[arg(long, value_name = "NAME")]
    pub(crate) role_name: Option<String>,
    /// The partition of AWS, where neither role nor region tells
    #[arg(long, value_name = "PARTITION", value_parser = ["aws", "aws-cn", "aws-us-gov"])]
    pub(crate) partition: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyFormat {
    /// The policy as JSON, to paste
    #[default]
    Json,
    /// Terraform or OpenTofu
    Terraform,
    /// A template of CloudFormation, for a StackSet, too
    Cloudformation,
    /// Commands of the AWS command line
    Cli,
}

/// KMS takes no alias where S3 uses the key.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html>
fn kms_key(text: &str) -> Result<String, String> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, _, service, region, account, key) = (next(), next(), next(), next(), next(), next());
    let is_key = (arn, service) == ("arn", "kms")
        && !region.is_empty()
        && account.len() == 12
        && key.strip_prefix("key/").is_some_and(|id| !id.is_empty())
        && !text.contains(['*', '?', '$']);
    if is_key {
        Ok(text.to_owned())
    } else {
        Err("a key is given as `arn:aws:kms:REGION:ACCOUNT:key/ID`, not by an alias".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_arns_of_keys() {
        for (text, expect) in [
            ("arn:aws:kms:eu-central-1:111122223333:key/1234abcd", true),
            ("arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1", true),
            ("arn:aws:kms:eu-central-1:111122223333:alias/a", false),
            ("arn:aws:kms:eu-central-1:111122223333:key/", false),
            ("arn:aws:kms:eu-central-1:111122223333:key/*", false),
            ("arn:aws:kms:eu-central-1:1111:key/1", false),
            ("arn:aws:s3:::a", false),
            ("1234abcd", false),
        ] {
            assert_eq!(kms_key(text).is_ok(), expect, "{text}");
        }
    }
}
