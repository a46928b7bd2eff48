//! A role as a CloudFormation template.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{Policies, Role};

const HEADER: &str = "\
# One account:
#   aws cloudformation deploy --stack-name NAME --template-file FILE \\
#     --capabilities CAPABILITY_NAMED_IAM
# Many accounts, as a StackSet:
#   aws cloudformation create-stack-set --stack-set-name NAME --template-body file://FILE \\
#     --capabilities CAPABILITY_NAMED_IAM
#   aws cloudformation create-stack-instances --stack-set-name NAME --regions REGION \\
#     --accounts ACCOUNT";
const OVERRIDES: &str = " \\
#     --parameter-overrides ParameterKey=ExternalId,ParameterValue=EXTERNAL_ID
# Each account has an External ID of its own, so create its instance by itself.";

/// What no connection sends: an instance that was made without its own External ID lets nobody in.
const NO_EXTERNAL_ID: &str = "EACH-ACCOUNT-HAS-ITS-OWN";

/// A template with the role, in YAML, and how to use it for one account or many.
///
/// The name of the role is a parameter, and so is its External ID if it has one; while it is
/// rotated both stand in the text. The output `RoleArn` is what a connection asks for.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html>
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html>
pub fn cloudformation(role: &Role) -> String {
    let reference = |name: &str| json!({ "Ref": name });
    let mut parameters = Map::new();
    parameters.insert(
        "RoleName".to_owned(),
        json!({ "Type": "String", "Default": role.name }),
    );
    let mut resources = Map::new();
    let mut outputs = Map::new();
    let mut header = HEADER.to_owned();
    let (inline, managed): (&[_], &[_]) = match &role.policies {
        Policies::Inline(policies) => (policies, &[]),
        Policies::Managed(policies) => (&[], policies),
    };
    let inline = inline
        .iter()
        .map(|(name, policy)| json!({ "PolicyName": name, "PolicyDocument": policy.to_value() }));
    let its_name = match &role.trust {
        Some(trust) => {
            let mut trust = trust.to_value();
            if let Some(id) = take_external_id(&mut trust) {
                let id = match role.is_for_many {
                    true => json!(NO_EXTERNAL_ID),
                    false => json!(id),
                };
                parameters.insert(
                    "ExternalId".to_owned(),
                    json!({ "Type": "String", "Default": id, "MinLength": 2 }),
                );
                header.push_str(OVERRIDES);
            }
            let mut properties = json!({
                "RoleName": reference("RoleName"),
                "AssumeRolePolicyDocument": trust,
            });
            let policies: Vec<_> = inline.collect();
            if let (false, Value::Object(properties)) = (policies.is_empty(), &mut properties) {
                properties.insert("Policies".to_owned(), policies.into());
            }
            resources.insert(
                "Role".to_owned(),
                json!({ "Type": "AWS::IAM::Role", "Properties": properties }),
            );
            outputs.insert(
                "RoleArn".to_owned(),
                json!({ "Value": { "Fn::GetAtt": ["Role", "Arn"] } }),
            );
            reference("Role")
        }
        None => {
            for mut properties in inline {
                if let Value::Object(properties) = &mut properties {
                    properties.insert("RoleName".to_owned(), reference("RoleName"));
                }
                resources.insert(
                    "Policy".to_owned(),
                    json!({ "Type": "AWS::IAM::RolePolicy", "Properties": properties }),
                );
            }
            reference("RoleName")
        }
    };
    for (number, (name, policy)) in (1_usize..).zip(managed) {
        resources.insert(
            format!("Policy{number}"),
            json!({
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "ManagedPolicyName": name,
                    "Roles": [its_name],
                    "PolicyDocument": policy.to_value(),
                },
            }),
        );
    }
    let mut template = Map::new();
    template.insert("AWSTemplateFormatVersion".to_owned(), "2010-09-09".into());
    template.insert("Parameters".to_owned(), parameters.into());
    template.insert("Resources".to_owned(), resources.into());
    if !outputs.is_empty() {
        template.insert("Outputs".to_owned(), outputs.into());
    }
    header.push('\n');
    push_entries(&template, 0, &mut header);
    header
}

/// Puts the parameter in the place of the External ID, if there is exactly one.
fn take_external_id(trust: &mut Value) -> Option<String> {
    let statements = trust.get_mut("Statement")?.as_array_mut()?;
    statements.iter_mut().find_map(|statement| {
        let place = statement.pointer_mut("/Condition/StringEquals/sts:ExternalId")?;
        let id = place.as_str()?.to_owned();
        *place = json!({ "Ref": "ExternalId" });
        Some(id)
    })
}

/// Objects and lists as blocks, texts in double quotes, which YAML reads much as JSON does.
fn push_entries(map: &Map<String, Value>, depth: usize, out: &mut String) {
    for (key, value) in map {
        push_indent(depth, out);
        if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric()) {
            out.push_str(key);
        } else {
            push_text(key, out);
        }
        out.push(':');
        push_value(value, depth.saturating_add(1), out);
    }
}

fn push_value(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            push_entries(map, depth, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                push_indent(depth, out);
                out.push('-');
                let mut inner = String::new();
                push_value(item, depth.saturating_add(1), &mut inner);
                // The first entry of an object stands on the line of the dash.
                let start = inner.trim_start();
                out.push(' ');
                out.push_str(start);
            }
        }
        Value::String(text) => {
            out.push(' ');
            push_text(text, out);
            out.push('\n');
        }
        other => {
            out.push(' ');
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

fn push_indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// JSON's escapes, but for characters outside ASCII YAML's: it has no pairs of surrogates.
fn push_text(text: &str, out: &mut String) {
    for c in Value::from(text).to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            // Writing to a text does not fail.
            write!(out, "\\U{:08x}", u32::from(c)).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::tests::{role, shown, trust},
        *,
    };
    use crate::testing::policy;

    #[test]
    fn a_template_for_many_accounts_has_the_id_of_none() {
        let role = role(Some(trust(&["fr-1"])), &policy("[]"));
        assert!(cloudformation(&role).contains("fr-1"));
        let many = cloudformation(&role.for_many());
        assert!(
            !many.contains("fr-1") && many.contains(NO_EXTERNAL_ID),
            "{many}"
        );
    }

    #[test]
    fn a_role_in_cloudformation() {
        insta::assert_snapshot!(shown(cloudformation));
    }

    proptest! {
        #[test]
        fn yaml_is_read_as_what_was_written(text in "(\\PC|[\\x00-\\x20\u{7f}\u{85}\u{feff}\u{2028}🦀]){0,10}") {
            let value = json!({
                "plain": { "a:b": [text, { "key": "no", format!(":{text}"): text }], "n": 2, "t": true },
                "empty": {}, "none": [],
            });
            let mut written = String::new();
            push_entries(value.as_object().unwrap(), 0, &mut written);
            prop_assert_eq!(serde_yaml::from_str::<Value>(&written).unwrap(), value, "{}", written);
        }
    }
}
