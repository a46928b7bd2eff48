//! Whom the role of a connection has to trust, as its owner needs to know it.

use flowrun_card::{CardError, Permission};
use flowrun_connections::{AwsConnection, Connection, Trust, Trusted, partition_of, trust_policy};
use flowrun_iam::{Policy, TrustPolicy, format};

use super::{Asker, aws};
use crate::{
    args::{ByHand, PolicyFormat},
    commands::policy::{POLICY_NAME, in_form},
    exit::Exit,
    render::{self, DIM, plain},
};

/// What the owner of a role is told.
#[derive(Debug)]
pub(in crate::commands) struct Instructions {
    rows: [(&'static str, Option<String>); 3],
    role_name: String,
    partition: String,
    policy: TrustPolicy,
}

/// What a role shall be able to do, and the form that its owner makes roles with.
#[derive(Debug, Default)]
pub(in crate::commands) struct Wanted {
    /// What the flows need that are known; `None` where none is.
    pub(in crate::commands) permissions: Option<Vec<Permission>>,
    pub(in crate::commands) form: PolicyFormat,
    /// Whether a template is for many accounts, each with an External ID of its own.
    pub(in crate::commands) is_for_many: bool,
}

impl Wanted {
    /// The same in another form.
    pub(super) fn with_form(&self, form: PolicyFormat) -> Self {
        Self {
            permissions: self.permissions.clone(),
            form,
            is_for_many: self.is_for_many,
        }
    }
}

impl Instructions {
    /// Finds out who we are, unless that is given by hand.
    pub(in crate::commands) fn of(
        asker: &Asker,
        connection: &Connection,
        by: &ByHand,
    ) -> Result<Self, Exit> {
        let connection = aws(connection)?;
        let (trusted, partition) = trusted(asker, connection, by)?;
        let account = match &trusted {
            Trusted::Account(account) => Some(account.clone()),
            Trusted::Principals(_) => None,
        };
        let policy = trust_policy(&connection, trusted, &partition).map_err(|error| {
            render::error(&error.to_string(), None);
            Exit::Invalid
        })?;
        let rows = [
            ("Account ID", account),
            ("External ID", connection.external_id.clone()),
            ("next External ID", connection.next_external_id.clone()),
        ];
        Ok(Self {
            rows,
            role_name: role_name(connection, None),
            partition,
            policy,
        })
    }

    /// The trust policy that the role has to have.
    pub(in crate::commands) fn into_policy(self) -> TrustPolicy {
        self.policy
    }

    /// Shows them: what is to be pasted on standard output, so that it can go into a file, and the
    /// rest on standard error.
    pub(super) fn show(&self, wanted: &Wanted) -> Result<(), Exit> {
        for (name, value) in &self.rows {
            if let Some(value) = value {
                plain::print(&format!("  {DIM}{name:16}{DIM:#}  {value}"));
            }
        }
        let permissions = wanted.permissions.as_deref();
        let policy = Policy::of_permissions(permissions.unwrap_or_default(), &self.partition);
        let is_bare = wanted.form == PolicyFormat::Json;
        if is_bare {
            plain::print("the trust policy of the role:");
            render::print(&format!("{:#}\n", self.policy));
            if permissions.is_some() {
                plain::print("and its permissions, the least that the flow needs:");
                render::print(&format!("{policy:#}\n"));
            }
            return Ok(());
        }
        let role = format::Role::new(
            &self.role_name,
            Some(self.policy.clone()),
            POLICY_NAME,
            &policy,
        );
        let role = role.map_err(|error| {
            render::error(&error.to_string(), None);
            Exit::Invalid
        })?;
        let role = match wanted.is_for_many {
            true => role.for_many(),
            false => role,
        };
        plain::print("the role:");
        render::print(&in_form(&role, wanted.form));
        Ok(())
    }
}

/// The role's own name, the given one, or one after the connection.
pub(in crate::commands) fn role_name(connection: AwsConnection<'_>, given: Option<&str>) -> String {
    let role = connection.role_arn.as_ref();
    let own = role.and_then(|role| role.as_str().rsplit('/').next());
    own.or(given)
        .map_or_else(|| format!("flowrun-{}", connection.nickname), str::to_owned)
}

fn trusted(
    asker: &Asker,
    connection: AwsConnection<'_>,
    by: &ByHand,
) -> Result<(Trusted, String), Exit> {
    let by_region = || {
        let region = connection.region.as_deref().unwrap_or_default();
        partition_of(region).to_owned()
    };
    if let Some(first) = by.principals.first() {
        let partition = partition_of_arn(first).map_or_else(by_region, str::to_owned);
        return Ok((Trusted::Principals(by.principals.clone()), partition));
    }
    if connection.trust == Trust::Principal && by.account_id.is_some() {
        render::error(
            "a role that is trusted by principal trusts no whole account",
            Some("name whom it trusts: `--principal ARN`"),
        );
        return Err(Exit::Invalid);
    }
    if let Some(account) = &by.account_id {
        return Ok((Trusted::Account(account.clone()), by_region()));
    }
    let identity = asker
        .base_identity(connection)
        .map_err(|failure| unknown(failure, connection))?;
    let partition = partition_of_arn(&identity.arn).map_or_else(by_region, str::to_owned);
    if connection.trust == Trust::ExternalId {
        return Ok((Trusted::Account(identity.account), partition));
    }
    if identity.arn.contains(":assumed-role/") {
        // The session does not tell the path of its role.
        render::error(
            &format!("we are the session `{}` of a role", identity.arn),
            Some("name that role: `--principal ARN`"),
        );
        return Err(Exit::Invalid);
    }
    Ok((Trusted::Principals(vec![identity.arn]), partition))
}

fn partition_of_arn(arn: &str) -> Option<&str> {
    arn.split(':')
        .nth(1)
        .filter(|partition| !partition.is_empty())
}

fn unknown(failure: CardError, connection: AwsConnection<'_>) -> Exit {
    let by_hand = match connection.trust {
        Trust::ExternalId => "give your account by hand: `--account-id ID`",
        Trust::Principal => "name whom the role trusts: `--principal ARN`",
    };
    let help = match &failure.help {
        Some(help) => format!("{help}; or {by_hand}"),
        None => by_hand.to_owned(),
    };
    plain::print(&plain::card_failure(&failure.help(help)));
    Exit::Connection
}
