//! A role as JSON, with the names that IAM has for its parts.

use serde_json::{Map, Value, json};

use super::{Policies, Role};
use crate::policy::ascii;

/// The role as indented JSON in ASCII: `RoleName`, `AssumeRolePolicyDocument`, and `Policies` or
/// `ManagedPolicies`, each with `PolicyName` and `PolicyDocument`.
pub fn json(role: &Role) -> String {
    let mut map = Map::new();
    map.insert("RoleName".to_owned(), role.name.as_str().into());
    if let Some(trust) = &role.trust {
        map.insert("AssumeRolePolicyDocument".to_owned(), trust.to_value());
    }
    let (key, policies) = match &role.policies {
        Policies::Inline(policies) => ("Policies", policies),
        Policies::Managed(policies) => ("ManagedPolicies", policies),
    };
    let policies: Vec<_> = policies
        .iter()
        .map(|(name, policy)| json!({ "PolicyName": name, "PolicyDocument": policy.to_value() }))
        .collect();
    if !policies.is_empty() {
        map.insert(key.to_owned(), policies.into());
    }
    let mut text = ascii(&format!("{:#}", Value::from(map)));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::{super::tests::shown, *};

    #[test]
    fn a_role_in_json() {
        insta::assert_snapshot!(shown(json));
    }
}
