//! Whether the policies of roles and buckets name identities that there are: AWS refuses such a
//! policy, and a Deny for a name with a typing error would deny nobody.

use serde_json::Value;

use super::{Seed, SeedError};

impl Seed {
    /// Checks the principals of every policy; an account that the seed has not has no identity to
    /// miss. The policies are valid as such.
    pub(super) fn check_principals(&self) -> Result<(), SeedError> {
        for account in self.accounts.values() {
            for (name, role) in &account.roles {
                self.check_policy(&role.trust, || format!("the trust policy of role {name}"))?;
            }
            for (name, bucket) in &account.buckets {
                if let Some(policy) = &bucket.policy {
                    self.check_policy(policy, || format!("the policy of bucket {name}"))?;
                }
            }
        }
        Ok(())
    }

    fn check_policy(
        &self,
        policy: &Value,
        place: impl FnOnce() -> String,
    ) -> Result<(), SeedError> {
        let statements = match policy.get("Statement") {
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let names = statements
            .iter()
            .filter_map(|statement| statement.get("Principal")?.get("AWS"))
            .flat_map(|names| match names {
                Value::Array(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            });
        match names
            .filter_map(Value::as_str)
            .find(|name| self.lacks(name))
        {
            None => Ok(()),
            Some(name) => Err(SeedError::Policy {
                place: place(),
                message: format!("the account of the principal `{name}` has no such user or role"),
            }),
        }
    }

    fn lacks(&self, arn: &str) -> bool {
        let mut parts = arn.splitn(6, ':').skip(4);
        let (Some(account), Some(resource)) = (parts.next(), parts.next()) else {
            return false;
        };
        let Some(account) = self.accounts.get(account) else {
            return false;
        };
        match resource.split_once('/') {
            Some(("user", name)) => !account.users.contains_key(name),
            // The path of a role is no part of its name.
            Some(("role", path)) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                !account.roles.contains_key(name)
            }
            Some(("assumed-role", session)) => {
                let name = session.split('/').next().unwrap_or(session);
                !account.roles.contains_key(name)
            }
            _ => false,
        }
    }
}
