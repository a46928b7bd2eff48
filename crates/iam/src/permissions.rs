//! The smallest policy that grants what cards need.

use std::iter;

use flowrun_card::{Permission, Piece, Resource};

use crate::{Pattern, Policy, Statement};

impl Policy {
    /// The policy that grants these permissions and nothing else, in a partition such as `aws`.
    ///
    /// It is [`merged`](Policy::merged): it depends on what is granted, not on the order or number
    /// of permissions. Literal text is escaped; what is not known becomes `*`. The connections of
    /// the permissions are not looked at: give those of one. Without permissions the policy has no
    /// statement, which AWS refuses.
    pub fn of_permissions(permissions: &[Permission], partition: &str) -> Policy {
        let statements = permissions
            .iter()
            .map(|permission| {
                let actions = permission.actions.iter();
                Statement::allow(
                    actions
                        .map(|action| Pattern::known_action(action))
                        .collect(),
                    vec![arn(&permission.resource, partition)],
                )
            })
            .collect();
        Policy { statements }.merged()
    }
}

pub(crate) fn arn(resource: &Resource, partition: &str) -> Pattern {
    let start = format!("arn:{partition}:{}:::", resource.service);
    let pieces = resource.pieces.iter().map(|piece| match piece {
        Piece::Literal(text) => Some(text.as_str()),
        Piece::Any(_) => None,
    });
    Pattern::of_pieces(iter::once(Some(start.as_str())).chain(pieces))
}

#[cfg(test)]
mod tests {
    use flowrun_card::{ConnectionRef, PartialConnection, Permissions, Text};
    use proptest::prelude::*;

    use super::*;
    use crate::{Conditions, Request, evaluate};

    fn known(text: &str) -> Text {
        Text::Known(text.to_owned())
    }

    fn need(permissions: &mut Permissions, actions: &[&'static str], resource: Resource) {
        let connection = ConnectionRef::new("aws_s3", "vault");
        permissions.need(
            Some(PartialConnection::Known(connection)),
            actions,
            resource,
        );
    }

    #[test]
    fn permissions_are_merged_escaped_and_in_order() {
        let mut permissions = Permissions::default();
        let bucket = known("reports");
        for (actions, resource) in [
            (
                &["s3:PutObject", "s3:GetObject"][..],
                Resource::object(&bucket, &known("b")),
            ),
            (&["s3:GetObject"], Resource::object(&bucket, &known("a*?$"))),
            (&["s3:GetObject"], Resource::object(&bucket, &known("a*?$"))),
            (&["s3:PutObject"], Resource::object(&bucket, &known("a*?$"))),
            (&["s3:ListBucket"], Resource::bucket(&bucket)),
            (&["s3:ListAllMyBuckets"], Resource::every("s3")),
            (
                &["s3:GetObject"],
                Resource::objects(&known("in"), &known("daily/")),
            ),
        ] {
            need(&mut permissions, actions, resource);
        }
        let mut list = permissions.into_vec();
        let policy = Policy::of_permissions(&list, "aws-cn");
        insta::assert_snapshot!(serde_json::to_string_pretty(&policy.to_value()).unwrap());
        list.reverse();
        assert_eq!(Policy::of_permissions(&list, "aws-cn"), policy);
        assert_eq!(Policy::parse(&policy.to_string()), Ok(policy));
    }

    proptest! {
        #[test]
        fn exactly_the_known_key_is_granted(
            key in "[ab*?$\\{\\}/ü]{1,6}",
            other in "[ab*?$\\{\\}/ü]{1,6}",
        ) {
            let mut permissions = Permissions::default();
            need(&mut permissions, &["s3:GetObject"], Resource::object(&known("in"), &known(&key)));
            let policy = Policy::of_permissions(&permissions.into_vec(), "aws");
            let policy = Policy::parse(&policy.to_string()).unwrap();
            let is_granted = |action, key: &str| {
                let request = Request {
                    action,
                    resource: &format!("arn:aws:s3:::in/{key}"),
                    conditions: &Conditions::new(),
                };
                evaluate([&policy], &request).is_allow()
            };
            prop_assert!(is_granted("s3:GetObject", &key));
            prop_assert!(!is_granted("s3:PutObject", &key));
            prop_assert_eq!(is_granted("s3:GetObject", &other), key == other);
        }
    }
}
