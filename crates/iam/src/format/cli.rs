//! A role as commands of aws-cli.

use super::{Policies, Role};

/// The commands that make the role, for a POSIX shell: each runs if the one before succeeded.
///
/// <https://docs.aws.amazon.com/cli/latest/reference/iam/create-role.html>
pub fn cli(role: &Role) -> String {
    let name = quote(&role.name);
    let mut commands = Vec::new();
    if let Some(trust) = &role.trust {
        let document = quote(&format!("{trust:#}"));
        commands.push(format!(
            "aws iam create-role --role-name {name} --assume-role-policy-document {document}"
        ));
    }
    match &role.policies {
        Policies::Inline(policies) => {
            commands.extend(policies.iter().map(|(policy_name, policy)| {
                let (policy_name, document) = (quote(policy_name), quote(&format!("{policy:#}")));
                format!(
                    "aws iam put-role-policy --role-name {name} --policy-name {policy_name} \
                 --policy-document {document}"
                )
            }))
        }
        Policies::Managed(policies) => {
            for (policy_name, policy) in policies {
                let (policy_name, document) = (quote(policy_name), quote(&format!("{policy:#}")));
                commands.push(format!(
                    "policy_arn=$(aws iam create-policy --policy-name {policy_name} \
                     --policy-document {document} --query Policy.Arn --output text)"
                ));
                commands.push(format!(
                    "aws iam attach-role-policy --role-name {name} --policy-arn \"$policy_arn\""
                ));
            }
        }
    }
    let mut text = commands.join(" &&\n");
    text.push('\n');
    text
}

/// One word for a POSIX shell: within single quotes everything but they themselves is literal.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::shown, *};

    #[test]
    fn a_role_in_commands() {
        insta::assert_snapshot!(shown(cli));
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_hands_on_the_very_policies() {
        use std::process::Command;

        use super::super::tests::{awkward, long, role, trust};

        let run = |role: &Role| {
            let script = format!(
                "aws() {{ for word; do printf '%s\\0' \"$word\"; done >&2; echo arn; }}\n{}",
                cli(role)
            );
            let output = Command::new("sh").args(["-euc", &script]).output().unwrap();
            assert!(output.status.success());
            let said = String::from_utf8(output.stderr).unwrap();
            said.split_terminator('\0')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let trust = trust(&["fr-1"]);
        assert_eq!(
            run(&role(Some(trust.clone()), &awkward())),
            [
                "iam",
                "create-role",
                "--role-name",
                "Backup.Role",
                "--assume-role-policy-document",
                &format!("{trust:#}"),
                "iam",
                "put-role-policy",
                "--role-name",
                "Backup.Role",
                "--policy-name",
                "flowrun",
                "--policy-document",
                &format!("{:#}", awkward()),
            ]
        );
        let words = run(&role(None, &long(110)));
        assert_eq!(words.len(), 2 * (10 + 6));
        assert_eq!(
            words[10..16],
            [
                "iam",
                "attach-role-policy",
                "--role-name",
                "Backup.Role",
                "--policy-arn",
                "arn"
            ]
        );
    }
}
