//! What flows need of a connection, asked of S3 without changing anything, and what is missing.

mod tell;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use flowrun_card::{
    CardError, ConnectionKind as _, ConnectionRef, Connections as _, ErrorKind, Permission,
    RunIdentity, Scope, SessionRequest,
};
use flowrun_card_s3::ask::{
    Answer, Asked, Findings, Need, ask, bucket_of, default_key_permission, default_keys,
};
use flowrun_connections::{AwsS3, AwsSession, ClockDrift, Connection, Endpoint, Proof};
use flowrun_engine::session_scopes;
use flowrun_iam::key_actions;

use super::Asker;
use crate::{
    commands::policy::{Flows, Needed, OfFlow, Request},
    context::Context,
    exit::Exit,
    render,
};

/// The run that asks, by which its sessions are called in the audit trail.
const RUN: &str = "test";

/// What is to be asked about.
pub(super) struct Asking {
    flows: Option<Flows>,
    needed: Vec<Needed>,
    /// The flows as they were named.
    named: Vec<PathBuf>,
}

impl Asking {
    /// Reads the flows, which use the connection of that name, or members of that set; where none
    /// is named nothing will be asked.
    pub(super) fn read(
        context: &Context,
        name: &str,
        named: &[PathBuf],
        connections: &[&Connection],
    ) -> Result<Self, Exit> {
        let mut asking = Self {
            flows: None,
            needed: Vec::new(),
            named: named.to_vec(),
        };
        if named.is_empty() {
            return Ok(asking);
        }
        if let Some(other) = connections.iter().find(|one| one.aws().is_none()) {
            let message = format!(
                "`--flow` asks S3, and the connection `{}` is of type `{}`",
                other.nickname,
                other.kind().name
            );
            render::error(&message, None);
            return Err(Exit::Invalid);
        }
        let request = Request {
            flows: named,
            ..Request::default()
        };
        let flows = Flows::read(context, &request)?;
        asking.needed = flows.needed()?;
        let mut is_used = false;
        for connection in connections {
            let nickname = connection.nickname.as_str();
            for one in asking.needed.iter().filter(|one| one.name == nickname) {
                is_used = true;
                let theirs = one.connection.as_ref();
                if let Some(other) = theirs.filter(|theirs| theirs != connection) {
                    render::error(
                        &format!(
                            "the flows use the connection `{nickname}` of {}, and this is that of \
                             {}",
                            other.file.display(),
                            connection.file.display()
                        ),
                        Some("name the folder of the flows: `--folder FOLDER`"),
                    );
                    return Err(Exit::Invalid);
                }
            }
        }
        if !is_used {
            render::error(&format!("the flows use no connection `{name}`"), None);
            return Err(Exit::Invalid);
        }
        asking.flows = Some(flows);
        Ok(asking)
    }

    /// Asks what the flows need of a connection that was just proven.
    pub(super) fn ask(&self, asker: &Asker, connection: &Connection, proof: &Proof) -> Needs {
        let (Some(flows), Some(aws)) = (&self.flows, connection.aws()) else {
            return Needs::default();
        };
        let mut needs = Needs {
            flows: self.named.clone(),
            ..Needs::default()
        };
        if !(proof.verdict.is_good() || proof.verdict.is_accepted(connection)) {
            return needs;
        }
        let account = match (&aws.endpoint, &aws.role_arn) {
            // What accounts are is said of AWS.
            (Endpoint::Url(_), _) => None,
            (_, Some(role)) => Some(role.account()),
            (_, None) => proof.identity.as_ref().map(|identity| &*identity.account),
        };
        needs.account = account.map(str::to_owned);
        let mine = self
            .needed
            .iter()
            .filter(|one| one.name == connection.nickname);
        for of_flow in mine.flat_map(|needed| flows.of(needed)) {
            let mut asked = asker
                .runtime
                .block_on(Box::pin(flow_needs(asker, connection, &of_flow, account)));
            asked.region.clone_from(&proof.region);
            needs.asked.push(asked);
        }
        needs.was_asked = true;
        needs
    }
}

/// What came of asking.
#[derive(Default)]
pub(super) struct Needs {
    was_asked: bool,
    flows: Vec<PathBuf>,
    account: Option<String>,
    asked: Vec<OfOne>,
}

/// What one flow needs.
struct OfOne {
    file: String,
    /// The region of the connection.
    region: Option<String>,
    asked: Vec<Asked>,
    /// Those of them that only flowrun's own session policy keeps from.
    own: Vec<Need>,
    foreign: BTreeSet<String>,
    drift: Option<ClockDrift>,
    /// Keys, with what is needed on them.
    keys: BTreeSet<(String, &'static [&'static str])>,
    /// Why nothing could be asked.
    failure: Option<CardError>,
}

async fn flow_needs(
    asker: &Asker,
    connection: &Connection,
    of_flow: &OfFlow<'_>,
    account: Option<&str>,
) -> OfOne {
    let mut one = OfOne {
        file: of_flow.file.to_owned(),
        region: None,
        asked: Vec::new(),
        own: Vec::new(),
        foreign: BTreeSet::new(),
        drift: None,
        keys: BTreeSet::new(),
        failure: None,
    };
    let sessions = Sessions {
        asker,
        connection: ConnectionRef::new(AwsS3::NAME, connection.nickname.as_str()),
        run: RunIdentity {
            run_id: RUN.to_owned(),
            flow: of_flow.flow.to_owned(),
        },
    };
    let scopes = session_scopes(&asker.store, &sessions.connection, &of_flow.needed);
    for scope in scopes {
        let permissions = scope.session_permissions().unwrap_or_default().to_vec();
        if let Err(failure) = one.under(&sessions, connection, scope, account).await {
            one.failure.get_or_insert(failure);
            continue;
        }
        one.add_keys(&sessions, &permissions).await;
    }
    asker.store.release(RUN);
    one
}

/// The sessions that a run of a flow would get.
struct Sessions<'a> {
    asker: &'a Asker,
    connection: ConnectionRef,
    run: RunIdentity,
}

impl Sessions<'_> {
    async fn open(&self, scope: Scope) -> Result<Arc<AwsSession>, CardError> {
        let request = SessionRequest {
            connection: self.connection.clone(),
            scope,
            run: self.run.clone(),
        };
        let session = self.asker.store.session(request).await?;
        session.downcast::<AwsSession>().map_err(|_| {
            CardError::new(
                ErrorKind::Unexpected,
                "the session is of another kind than its connection",
            )
        })
    }
}

impl OfOne {
    /// Asks under the session that a run would get, and again under the whole role what is denied
    /// there.
    async fn under(
        &mut self,
        sessions: &Sessions<'_>,
        connection: &Connection,
        scope: Scope,
        account: Option<&str>,
    ) -> Result<(), CardError> {
        let mut needs = Need::of(scope.session_permissions().unwrap_or_default());
        needs.retain(|need| !self.asked.iter().any(|asked| asked.need == *need));
        let session = sessions.open(scope).await?;
        let Findings {
            mut asked,
            foreign,
            drift,
        } = ask(&session, &needs, account).await;
        let is_narrowed = connection
            .aws()
            .is_some_and(|aws| aws.role_arn.is_some() && aws.session_policy);
        let denied: Vec<Need> = asked
            .iter()
            .filter(|asked| matches!(asked.answer, Answer::Denied(_)))
            .map(|asked| asked.need.clone())
            .collect();
        if is_narrowed && !denied.is_empty() {
            let whole = sessions.open(Scope::whole()).await?;
            for again in ask(&whole, &denied, None).await.asked {
                match again.answer {
                    Answer::Allowed => self.own.push(again.need),
                    Answer::Denied(_) => {
                        let mut same = asked.iter_mut();
                        if let Some(first) = same.find(|first| first.need == again.need) {
                            *first = again;
                        }
                    }
                    _ => {}
                }
            }
        }
        self.asked.append(&mut asked);
        self.foreign.extend(foreign);
        self.drift = self.drift.or(drift);
        Ok(())
    }

    /// The keys that the buckets encrypt objects with. That they may be read is no need of the
    /// flow, so nothing is said where they may not.
    async fn add_keys(&mut self, sessions: &Sessions<'_>, permissions: &[Permission]) {
        let of = |bucket: &str| -> Vec<Permission> {
            let on = permissions
                .iter()
                .filter(|permission| bucket_of(&permission.resource) == Some(bucket));
            on.cloned().collect()
        };
        let buckets: BTreeSet<&str> = permissions
            .iter()
            .filter_map(|permission| bucket_of(&permission.resource))
            .filter(|bucket| !key_actions(&of(bucket)).is_empty())
            .collect();
        let buckets: Vec<&str> = buckets.into_iter().collect();
        let reading: Vec<Permission> = buckets
            .iter()
            .map(|bucket| default_key_permission(bucket))
            .collect();
        if reading.is_empty() {
            return;
        }
        let Ok(session) = sessions.open(Scope::permissions(reading)).await else {
            return;
        };
        for (bucket, key) in default_keys(&session, &buckets).await {
            self.keys.insert((key, key_actions(&of(&bucket))));
        }
    }

    fn is_met(&self) -> bool {
        let is_met = |asked: &Asked| matches!(asked.answer, Answer::Allowed | Answer::NotAsked(_));
        self.failure.is_none() && self.drift.is_none() && self.asked.iter().all(is_met)
    }

    /// How many of them are not there.
    fn missing(&self) -> usize {
        let is_missing =
            |asked: &&Asked| !matches!(asked.answer, Answer::Allowed | Answer::NotAsked(_));
        self.asked.iter().filter(is_missing).count()
    }

    fn is_own(&self, asked: &Asked) -> bool {
        self.own.contains(&asked.need)
    }
}

impl Needs {
    /// Whether nothing is known to be missing.
    pub(super) fn are_met(&self) -> bool {
        self.asked.iter().all(OfOne::is_met)
    }
}
