//! The connections of a run: each session is asked for with what the cards of the flow need under
//! its connection, and nothing more.

use std::{any::Any, collections::HashMap, sync::Arc};

use flowrun_card::{
    BoxFuture, CardError, ConnectionInfo, ConnectionRef, Connections, Permission, Scope,
    SessionInfo, SessionRequest,
};

use super::{evaluate::Globals, outlook};
use crate::{
    machine::CardId,
    plan::{CardPermission, Plan},
};

/// The most cards of a connection that get sessions of their own where one session cannot hold all
/// that they need. With more of them one wider session serves all: each session is a request to
/// the identity provider, and a session that is kept.
const MAX_CARD_SESSIONS: usize = 64;

/// What the sessions of one run may do. What a session of the whole connection would be is one of
/// the permissions that the checked plan has for it; a card that asks for less gets that.
pub(super) struct Narrowed {
    store: Arc<dyn Connections>,
    connections: Vec<(ConnectionRef, Scopes)>,
    /// Under a connection that no card of the plan needs, nothing may be done.
    nothing: Scope,
}

/// The scopes of a connection's sessions.
enum Scopes {
    /// All cards have one session.
    Shared(Scope),
    /// Each card has its own; another card nothing.
    ByCard(HashMap<CardId, Scope>),
}

impl Narrowed {
    /// Sessions of the store, narrowed to what the plan needs with these inputs and connections.
    pub(super) fn new(store: Arc<dyn Connections>, plan: &Plan, globals: &Globals) -> Self {
        let connections = plan
            .needs(&outlook::of_globals(globals))
            .into_iter()
            .filter_map(|needed| {
                let connection = ConnectionRef::new(&*needed.kind, needed.nickname?.to_string());
                let scopes = Scopes::of(&*store, &connection, needed.permissions);
                Some((connection, scopes))
            })
            .collect();
        Self {
            store,
            connections,
            nothing: Scope::permissions([]),
        }
    }

    /// The connections as a card of the plan sees them.
    pub(super) fn of_card(self: &Arc<Self>, card: CardId) -> Arc<dyn Connections> {
        Arc::new(OfCard {
            narrowed: Arc::clone(self),
            card,
        })
    }

    fn scope(&self, connection: &ConnectionRef, card: CardId) -> &Scope {
        let mut connections = self.connections.iter();
        match connections.find(|(known, _)| known == connection) {
            Some((_, Scopes::Shared(scope))) => scope,
            Some((_, Scopes::ByCard(scopes))) => scopes.get(&card).unwrap_or(&self.nothing),
            None => &self.nothing,
        }
    }
}

/// The scopes of the sessions that a run opens for one connection of its flow, each with what it is
/// needed for as its permissions: one, or where one session cannot hold it all, one a card.
pub fn session_scopes(
    store: &dyn Connections,
    connection: &ConnectionRef,
    needed: &[CardPermission],
) -> Vec<Scope> {
    match Scopes::of(store, connection, needed.to_vec()) {
        Scopes::Shared(scope) => vec![scope],
        Scopes::ByCard(mut scopes) => {
            let cards = needed.iter().map(|needed| needed.id);
            cards.filter_map(|card| scopes.remove(&card)).collect()
        }
    }
}

impl Scopes {
    fn of(
        store: &dyn Connections,
        connection: &ConnectionRef,
        needed: Vec<CardPermission>,
    ) -> Self {
        let permissions = needed.iter().map(|needed| needed.permission.clone());
        let all: Arc<[Permission]> = permissions.collect();
        let mut by_card = HashMap::<CardId, Vec<Permission>>::new();
        for needed in needed {
            by_card
                .entry(needed.id)
                .or_default()
                .push(needed.permission);
        }
        let is_few = (2..=MAX_CARD_SESSIONS).contains(&by_card.len());
        if !is_few || store.holds(connection, &all) {
            return Scopes::Shared(Scope::permissions(all));
        }
        let scopes = by_card
            .into_iter()
            .map(|(card, permissions)| (card, Scope::permissions(permissions)));
        Scopes::ByCard(scopes.collect())
    }
}

/// What one card of the plan sees.
struct OfCard {
    narrowed: Arc<Narrowed>,
    card: CardId,
}

impl Connections for OfCard {
    fn info(&self, nickname: &str) -> Option<ConnectionInfo> {
        self.narrowed.store.info(nickname)
    }

    fn nicknames(&self) -> Vec<String> {
        self.narrowed.store.nicknames()
    }

    fn members(&self, set: &str) -> Option<Vec<String>> {
        self.narrowed.store.members(set)
    }

    fn sets(&self) -> Vec<String> {
        self.narrowed.store.sets()
    }

    fn session(
        &self,
        mut request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        if request.scope == Scope::whole() {
            request.scope = self.narrowed.scope(&request.connection, self.card).clone();
        }
        self.narrowed.store.session(request)
    }

    fn sessions(&self, run_id: &str) -> Vec<SessionInfo> {
        self.narrowed.store.sessions(run_id)
    }

    fn release(&self, run_id: &str) {
        self.narrowed.store.release(run_id);
    }
}
