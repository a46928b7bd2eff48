//! What S3 denied, and what to do about it.

use flowrun_card::Resource;

use super::Call;
use crate::client::S3;

impl Call {
    /// The permissions that may be missing: the one that the server's own text names, or all that
    /// the request needs, because a bare 403 does not tell which.
    fn denied(&self, server_text: &str) -> Vec<&(&'static str, Resource)> {
        let named: Vec<&(&'static str, Resource)> = self
            .needs
            .iter()
            .filter(|(action, _)| {
                server_text
                    .split(|c: char| c.is_whitespace())
                    .any(|word| word == *action)
            })
            .collect();
        if named.is_empty() {
            self.needs.iter().collect()
        } else {
            named
        }
    }

    /// Names the missing permissions.
    pub(super) fn missing(&self, server_text: &str) -> String {
        let mut text = String::new();
        for (index, (action, resource)) in self.denied(server_text).into_iter().enumerate() {
            let and = if index == 0 { "" } else { " and " };
            text.push_str(&format!("{and}{action} on {resource}"));
        }
        text
    }
}

impl S3 {
    /// What to do about a denial.
    pub(super) fn denial_help(&self, call: &Call, server_text: &str) -> String {
        let nickname = self.nickname();
        let who = match self.role_arn() {
            Some(role) => format!("the policy of role {role}"),
            None => format!("the identity behind connection `{nickname}`"),
        };
        let mut help = format!("grant it in {who}, and check that no bucket policy denies it");
        if call.operation.starts_with("Get") || call.operation.starts_with("Head") {
            help.push_str(
                "; S3 says the same of an object that does not exist where s3:ListBucket is not \
                 granted",
            );
        }
        let mut denied = call.denied(server_text).into_iter();
        if denied.any(|(action, resource)| self.leaves_out(action, resource)) {
            help.push_str(&format!(
                "; the session policy by which flowrun narrows the role leaves it out, too: `-v` \
                 shows that policy, and `session_policy: off` in connection `{nickname}` turns it \
                 off"
            ));
        }
        help.push_str(&format!(
            "; `flowrun connections test {nickname} --flow FLOW` asks S3 for all that a flow needs, \
             and `flowrun policy FLOW --check FILE` compares the policy with that"
        ));
        help
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_what_the_server_names_or_all_that_is_needed() {
        let call = Call::object("CopyObject", "s3:PutObject", "vault", "a", None).and_on(
            "s3:GetObject",
            "reports",
            "a",
        );
        let check = |text: &str, expect: &str| assert_eq!(call.missing(text), expect);
        check(
            "Access Denied",
            "s3:PutObject on arn:aws:s3:::vault/a and s3:GetObject on arn:aws:s3:::reports/a",
        );
        check(
            "User: x is not authorized to perform: s3:GetObject on resource: y",
            "s3:GetObject on arn:aws:s3:::reports/a",
        );
        // `s3:PutObjectTagging` is not `s3:PutObject`.
        check(
            "User: x is not authorized to perform: s3:PutObjectTagging on resource: y",
            "s3:PutObject on arn:aws:s3:::vault/a and s3:GetObject on arn:aws:s3:::reports/a",
        );
    }
}
