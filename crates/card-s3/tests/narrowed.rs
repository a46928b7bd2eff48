//! Cards under a role session that is narrowed to something: what is denied because of that says
//! so, and what is denied for another reason does not.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod support;

use std::{any::Any, path::Path, sync::Arc};

use flowrun_card::{
    BoxFuture, CardError, ConnectionInfo, Connections, ErrorKind, Permissions, Resource, Scope,
    Secret, SessionRequest, Text,
};
use flowrun_connections::{ConnectionStore, SandboxEndpoint, SandboxPort};
use flowrun_sandbox::{Sandbox, State};
use serde_json::{Value as Json, json};
use support::{
    World,
    sandbox::{ACCOUNT, role, seed},
};

struct Running(Sandbox);

impl SandboxPort for Running {
    fn start<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, Result<SandboxEndpoint, String>> {
        let operator = self.0.operator();
        let endpoint = SandboxEndpoint {
            url: self.0.url().to_owned(),
            access_key_id: operator.access_key_id().to_owned(),
            secret_access_key: Secret::new(operator.secret_access_key().expose()),
            region: self.0.region().to_owned(),
        };
        Box::pin(std::future::ready(Ok(endpoint)))
    }
}

/// Sessions of a store, narrowed to the same whatever the card is.
struct Narrowed(ConnectionStore, Scope);

impl Connections for Narrowed {
    fn info(&self, nickname: &str) -> Option<ConnectionInfo> {
        self.0.info(nickname)
    }

    fn nicknames(&self) -> Vec<String> {
        self.0.nicknames()
    }

    fn session(
        &self,
        mut request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        request.scope = self.1.clone();
        self.0.session(request)
    }
}

#[tokio::test]
async fn a_denial_by_the_session_policy_is_told() {
    let reader = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }],
    });
    let seed = role(seed(), "reader", &reader.to_string());
    let port = Arc::new(Running(Sandbox::start(seed, State::Memory).await.unwrap()));
    let folder = tempfile::tempdir().unwrap();
    let connections: String = ["admin", "reader"]
        .map(|role| {
            format!(
                "{role}: {{ type: aws_s3, trust: principal, role_arn: 'arn:aws:iam::{ACCOUNT}:role/{role}', \
                 endpoint: sandbox, base: sandbox }}\n"
            )
        })
        .concat();
    std::fs::write(folder.path().join("connections.yaml"), connections).unwrap();

    let world = World::new();
    let run = async |card: &str, input: Json, needed: &[(&'static str, &str)]| {
        let mut permissions = Permissions::default();
        for (action, key) in needed {
            let text = |text: &str| Text::Known(text.to_owned());
            permissions.need(
                None,
                &[*action],
                Resource::object(&text("plain"), &text(key)),
            );
        }
        let port = Arc::clone(&port) as Arc<dyn SandboxPort>;
        let store = ConnectionStore::open(folder.path(), None, Some(port)).unwrap();
        let scope = Scope::permissions(permissions.into_vec());
        world
            .run_with(card, input, Arc::new(Narrowed(store, scope)))
            .await
    };
    let upload = |connection: &str| json!({ "connection": connection, "bucket": "plain", "key": "k", "text": "abc" });
    let head = |key: &str| json!({ "connection": "admin", "bucket": "plain", "key": key });
    let own = "the session policy by which flowrun narrows the role leaves it out, too";
    for (card, input, needed, kind, is_own) in [
        // The whole role may, this session may not.
        (
            "s3.upload",
            upload("admin"),
            &[("s3:PutObject", "other")][..],
            ErrorKind::PermissionDenied,
            true,
        ),
        (
            "s3.head_object",
            head("k"),
            &[("s3:GetObject", "other")],
            ErrorKind::PermissionDenied,
            true,
        ),
        (
            "s3.head_object",
            head("k"),
            &[],
            ErrorKind::PermissionDenied,
            true,
        ),
        // This session may, the role may not.
        (
            "s3.upload",
            upload("reader"),
            &[("s3:PutObject", "k")],
            ErrorKind::PermissionDenied,
            false,
        ),
        // Neither: what is missing is missing twice.
        (
            "s3.upload",
            upload("reader"),
            &[("s3:GetObject", "k")],
            ErrorKind::PermissionDenied,
            true,
        ),
        // A narrowed session is still told of an object that does not exist.
        (
            "s3.head_object",
            head("none"),
            &[("s3:GetObject", "none")],
            ErrorKind::NotFound,
            false,
        ),
    ] {
        let error = run(card, input.clone(), needed).await.unwrap_err();
        let help = error.help.clone().unwrap_or_default();
        assert_eq!(
            (error.kind, help.contains(own)),
            (kind, is_own),
            "{card} {input} {needed:?}: {error}: {help}"
        );
    }
    let allowed = [("s3:PutObject", "k")];
    run("s3.upload", upload("admin"), &allowed).await.unwrap();
}
