//! A role in Terraform's language.

use super::{Policies, Role};

/// The resources of the role, to be put into a configuration that uses the provider
/// `hashicorp/aws`. Several roles fit into one, if their names differ in more than punctuation.
///
/// <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/iam_role>
pub fn terraform(role: &Role) -> String {
    let name = &role.name;
    let label = label(name);
    let mut blocks = Vec::new();
    let of_role = match &role.trust {
        Some(trust) => {
            blocks.push(format!(
                "resource \"aws_iam_role\" \"{label}\" {{\n  name               = \"{name}\"\n  \
                 assume_role_policy = {}}}\n",
                heredoc(&format!("{trust:#}"))
            ));
            format!("aws_iam_role.{label}.name")
        }
        None => format!("\"{name}\""),
    };
    match &role.policies {
        Policies::Inline(policies) => {
            blocks.extend(policies.iter().map(|(policy_name, policy)| {
                format!(
                    "resource \"aws_iam_role_policy\" \"{label}\" {{\n  name   = \
                     \"{policy_name}\"\n  role   = {of_role}\n  policy = {}}}\n",
                    heredoc(&format!("{policy:#}"))
                )
            }));
        }
        Policies::Managed(policies) => {
            for (number, (policy_name, policy)) in (1_usize..).zip(policies) {
                blocks.push(format!(
                    "resource \"aws_iam_policy\" \"{label}_{number}\" {{\n  name   = \
                     \"{policy_name}\"\n  policy = {}}}\n",
                    heredoc(&format!("{policy:#}"))
                ));
                blocks.push(format!(
                    "resource \"aws_iam_role_policy_attachment\" \"{label}_{number}\" {{\n  role    \
                     \x20  = {of_role}\n  policy_arn = aws_iam_policy.{label}_{number}.arn\n}}\n"
                ));
            }
        }
    }
    if role.trust.is_some() {
        blocks.push(format!(
            "output \"{label}_arn\" {{\n  value = aws_iam_role.{label}.arn\n}}\n"
        ));
    }
    blocks.join("\n")
}

/// An identifier: letters, digits, `_` and `-`, a letter or `_` first.
fn label(name: &str) -> String {
    let is_fine = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let label: String = name
        .chars()
        .map(|c| {
            if is_fine(&c) {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    if label.starts_with(|c: char| c.is_ascii_alphabetic()) {
        label
    } else {
        format!("role_{label}")
    }
}

/// JSON in a heredoc, where a backslash is a backslash; `${` and `%{` open a template and are
/// escaped by doubling. Such a sign before another one is written as JSON's escape, as it would
/// be taken for the doubling.
/// <https://developer.hashicorp.com/terraform/language/expressions/strings>
fn heredoc(json: &str) -> String {
    let mut text = "<<-JSON\n".to_owned();
    for line in json.lines() {
        text.push_str("    ");
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            match (c, rest.peek()) {
                ('$' | '%', Some('{')) => text.extend([c, c]),
                ('$', Some('$')) => text.push_str("\\u0024"),
                ('%', Some('%')) => text.push_str("\\u0025"),
                _ => text.push(c),
            }
        }
        text.push('\n');
    }
    text.push_str("  JSON\n");
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::tests::shown, *};
    use crate::{Pattern, Policy, Statement};

    #[test]
    fn a_role_in_terraform() {
        insta::assert_snapshot!(shown(terraform));
    }

    #[test]
    fn a_label_is_an_identifier() {
        for (name, expect) in [
            ("Backup", "backup"),
            ("a.b@c-d", "a_b_c-d"),
            ("1a", "role_1a"),
            ("_", "role__"),
        ] {
            assert_eq!(label(name), expect);
        }
    }

    /// What a template stands for; refuses what opens one, and what might be read in two ways.
    fn read_template(text: &str) -> Option<String> {
        let mut read = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let doubled = rest.starts_with("$${") || rest.starts_with("%%{");
            let is_bad = ["${", "%{", "$$", "%%"]
                .iter()
                .any(|start| rest.starts_with(start));
            if is_bad && !doubled {
                return None;
            }
            read.push(c);
            rest = rest.get(if doubled { 2 } else { c.len_utf8() }..)?;
        }
        Some(read)
    }

    proptest! {
        #[test]
        fn the_text_of_a_heredoc_is_the_policy(key in "[$%\\{\\}*?a\\\\\"ü]{0,12}") {
            let arn = format!("arn:aws:s3:::in/{key}");
            let patterns = vec![Pattern::of_pieces([Some(arn.as_str())])];
            let statement = Statement::allow(vec![Pattern::known_action("s3:GetObject")], patterns);
            let policy = Policy { statements: vec![statement] };
            let text = heredoc(&format!("{policy:#}"));
            let body = text.strip_prefix("<<-JSON\n").unwrap().strip_suffix("  JSON\n").unwrap();
            let read = read_template(body).unwrap();
            prop_assert_eq!(Policy::parse(&read), Ok(policy));
        }
    }
}
