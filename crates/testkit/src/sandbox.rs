//! A sandbox for one test: a customer account with one role and some buckets.

use std::path::Path;

use flowrun_sandbox::{BucketOptions, Keys, Sandbox, Seed, State};

/// A sandbox in memory, with one customer account that has one role and some buckets.
///
/// The role trusts the sandbox's own account with [`TestSandbox::EXTERNAL_ID`]; the operator may
/// assume it. It ends when it is dropped.
#[derive(Debug)]
pub struct TestSandbox {
    sandbox: Sandbox,
}

impl TestSandbox {
    /// The customer's account.
    pub const ACCOUNT: &'static str = "222222222222";
    /// The ARN of the customer's role.
    pub const ROLE_ARN: &'static str = "arn:aws:iam::222222222222:role/test";
    /// The External ID that the role's trust policy asks for.
    pub const EXTERNAL_ID: &'static str = "test-external-id";

    /// Starts a sandbox whose role has this policy, as JSON, and whose buckets are these.
    ///
    /// # Panics
    ///
    /// Where it does not start: this is for tests.
    pub async fn start(policy: &str, buckets: &[(&str, BucketOptions)]) -> Self {
        Self::with_seed(Self::seed(policy, buckets)).await
    }

    /// Starts a sandbox with the seed of the example flows, `flows/sandbox.yaml`.
    ///
    /// # Panics
    ///
    /// Where it does not start: this is for tests.
    pub async fn demo() -> Self {
        Self::with_seed(Self::demo_seed()).await
    }

    /// Starts a sandbox with a seed.
    ///
    /// # Panics
    ///
    /// Where it does not start: this is for tests.
    #[expect(clippy::panic, reason = "a test that has no sandbox cannot go on")]
    pub async fn with_seed(seed: Seed) -> Self {
        match Sandbox::start(seed, State::Memory).await {
            Ok(sandbox) => Self { sandbox },
            Err(error) => panic!("the sandbox does not start: {error}"),
        }
    }

    /// The seed of [`TestSandbox::start`], to be extended.
    ///
    /// # Panics
    ///
    /// Where the policy or a bucket's name is not valid: this is for tests.
    #[expect(clippy::panic, reason = "a test with a wrong seed cannot go on")]
    pub fn seed(policy: &str, buckets: &[(&str, BucketOptions)]) -> Seed {
        let trust = format!(
            r#"{{
                "Version": "2012-10-17",
                "Statement": [{{
                    "Effect": "Allow",
                    "Principal": {{ "AWS": "arn:aws:iam::{}:root" }},
                    "Action": "sts:AssumeRole",
                    "Condition": {{ "StringEquals": {{ "sts:ExternalId": "{}" }} }}
                }}]
            }}"#,
            Seed::ACCOUNT,
            Self::EXTERNAL_ID
        );
        let seed = Seed::new().role(Self::ACCOUNT, "test", &trust, policy, 3600);
        let seed = buckets.iter().fold(seed, |seed, (name, options)| {
            seed.and_then(|seed| seed.bucket(Self::ACCOUNT, name, *options))
        });
        match seed {
            Ok(seed) => seed,
            Err(error) => panic!("the seed is not valid: {error}"),
        }
    }

    /// The seed of the example flows, `flows/sandbox.yaml` of the checkout.
    ///
    /// # Panics
    ///
    /// Where it cannot be read: this is for tests.
    #[expect(clippy::panic, reason = "a test without its seed cannot go on")]
    pub fn demo_seed() -> Seed {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../flows/sandbox.yaml");
        let seed = std::fs::read_to_string(&path).map(|text| Seed::parse(&text));
        match seed {
            Ok(Ok(seed)) => seed,
            Ok(Err(error)) => panic!("{}: {error}", path.display()),
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }

    /// Where it serves, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> &str {
        self.sandbox.url()
    }

    /// Its region.
    pub fn region(&self) -> &str {
        self.sandbox.region()
    }

    /// The keys of the user who may assume the role and do nothing else.
    pub fn operator(&self) -> &Keys {
        self.sandbox.operator()
    }

    /// The sandbox itself, for the rest of what it can.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_valid() {
        let policy = r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
        let buckets = [("bucket", BucketOptions::default())];
        assert_eq!(TestSandbox::seed(policy, &buckets).region(), "eu-central-1");
        assert_eq!(TestSandbox::demo_seed().region(), "eu-central-1");
    }
}
