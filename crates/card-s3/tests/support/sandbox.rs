//! A sandbox with buckets and roles, and connections that assume the roles.

use aws_credential_types::Credentials;
use flowrun_sandbox::{BucketOptions, Keys, Sandbox, Seed, State};

use super::{Sessions, World, config};

/// The customer's account.
pub(crate) const ACCOUNT: &str = "222222222222";

const TRUST: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::111111111111:user/flowrun" },
        "Action": "sts:AssumeRole"
    }]
}"#;

const EVERYTHING: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }]
}"#;

/// A seed with the buckets `plain`, `versioned` and `locked`, and the roles `admin` and `other`
/// that may do everything.
pub(crate) fn seed() -> Seed {
    let options = |versioning, object_lock| BucketOptions {
        versioning,
        object_lock,
    };
    let seed = Seed::new()
        .bucket(ACCOUNT, "plain", options(false, false))
        .and_then(|seed| seed.bucket(ACCOUNT, "versioned", options(true, false)))
        .and_then(|seed| seed.bucket(ACCOUNT, "locked", options(true, true)))
        .unwrap();
    role(role(seed, "admin", EVERYTHING), "other", EVERYTHING)
}

/// Adds a role of this policy.
pub(crate) fn role(seed: Seed, name: &str, policy: &str) -> Seed {
    seed.role(ACCOUNT, name, TRUST, policy, 3_600).unwrap()
}

fn credentials(keys: &Keys) -> Credentials {
    Credentials::new(
        keys.access_key_id(),
        keys.secret_access_key().expose(),
        None,
        None,
        "sandbox",
    )
}

/// A sandbox; it ends when this is dropped.
pub(crate) struct Server {
    sandbox: Sandbox,
    pub(crate) sessions: Sessions,
}

impl Server {
    /// Starts one, with a connection for each of these roles, of the role's name.
    pub(crate) async fn start(seed: Seed, roles: &[&str]) -> Self {
        let sandbox = Sandbox::start(seed, State::Memory).await.unwrap();
        let sessions = Sessions::default();
        let operator = config(sandbox.url(), credentials(sandbox.operator()));
        let sts = aws_sdk_sts::Client::new(&operator);
        for role in roles {
            let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
            let assumed = sts
                .assume_role()
                .role_arn(&role_arn)
                .role_session_name("test")
                .send()
                .await
                .unwrap();
            let assumed = assumed.credentials().unwrap();
            let credentials = Credentials::new(
                assumed.access_key_id(),
                assumed.secret_access_key(),
                Some(assumed.session_token().to_owned()),
                None,
                "assumed",
            );
            sessions.add(role, config(sandbox.url(), credentials), Some(role_arn));
        }
        Self { sandbox, sessions }
    }

    /// Starts one with the connections `admin` and `other`.
    pub(crate) async fn standard() -> Self {
        Self::start(seed(), &["admin", "other"]).await
    }

    /// Ends the sessions of all connections.
    pub(crate) fn expire_sessions(&self) {
        self.sandbox.expire_sessions();
    }

    /// A new world with its connections.
    pub(crate) fn world(&self) -> World {
        World::with(self.sessions.clone())
    }
}
