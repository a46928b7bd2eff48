//! The connections of a run: each session is asked for with what the cards of the flow need under
//! its connection, and nothing more.

use std::{any::Any, sync::Arc};

use flowrun_card::{
    BoxFuture, CardError, ConnectionInfo, ConnectionRef, Connections, Permission, Scope,
    SessionRequest,
};

use super::{evaluate::Globals, outlook};
use crate::plan::Plan;

/// A store whose sessions are those of one run. What a session of the whole connection would be is
/// one of the permissions that the checked plan has for it; a card that asks for less gets that.
pub(super) struct Narrowed {
    store: Arc<dyn Connections>,
    scopes: Vec<(ConnectionRef, Scope)>,
    /// Under a connection that no card of the plan needs, nothing may be done.
    nothing: Scope,
}

impl Narrowed {
    /// Sessions of the store, narrowed to what the plan needs with these inputs and connections.
    pub(super) fn new(store: Arc<dyn Connections>, plan: &Plan, globals: &Globals) -> Self {
        let scopes = plan
            .needs(&outlook::of_globals(globals))
            .into_iter()
            .filter_map(|needed| {
                let connection = ConnectionRef::new(&*needed.kind, needed.nickname?.to_string());
                let permissions = needed.permissions.into_iter();
                let permissions: Arc<[Permission]> =
                    permissions.map(|needed| needed.permission).collect();
                Some((connection, Scope::permissions(permissions)))
            })
            .collect();
        Self {
            store,
            scopes,
            nothing: Scope::permissions([]),
        }
    }
}

impl Connections for Narrowed {
    fn info(&self, nickname: &str) -> Option<ConnectionInfo> {
        self.store.info(nickname)
    }

    fn nicknames(&self) -> Vec<String> {
        self.store.nicknames()
    }

    fn session(
        &self,
        mut request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        if request.scope == Scope::whole() {
            let mut scopes = self.scopes.iter();
            request.scope = scopes
                .find(|(connection, _)| *connection == request.connection)
                .map_or_else(|| self.nothing.clone(), |(_, scope)| scope.clone());
        }
        self.store.session(request)
    }

    fn release(&self, run_id: &str) {
        self.store.release(run_id);
    }
}
