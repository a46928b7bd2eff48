//! How healthy a connection is: what its definition says, and what was last proven of it.

use std::{collections::BTreeMap, path::PathBuf};

use flowrun_connections::{Connection, Health, Records, StoreError};
use jiff::Timestamp;

/// The records beside the connection files, each read once.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    records: BTreeMap<PathBuf, Result<Records, StoreError>>,
}

/// The health of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It waits for its role.
    Pending,
    /// It has no role, so that there is nothing to prove; when it was last tried.
    NoRole(Option<Timestamp>),
    NotProven,
    Proven(Health, Timestamp),
    /// The record cannot be read.
    Unknown,
}

impl Conditions {
    pub(super) fn of(&mut self, connection: &Connection) -> Condition {
        if connection.is_pending() {
            return Condition::Pending;
        }
        let records = self
            .records
            .entry(connection.file.clone())
            .or_insert_with(|| Records::read(&connection.file));
        let record = match records {
            Ok(records) => records.of(connection),
            Err(_) => return Condition::Unknown,
        };
        match record {
            _ if connection.aws().is_some_and(|aws| aws.role_arn.is_none()) => {
                Condition::NoRole(record.map(|record| record.when))
            }
            Some(record) => Condition::Proven(record.health, record.when),
            None => Condition::NotProven,
        }
    }

    /// What is wrong with the records that were read.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        let mut problems: Vec<String> = self
            .records
            .values()
            .filter_map(|records| Some(records.as_ref().err()?.to_string()))
            .collect();
        problems.sort_unstable();
        problems.into_iter()
    }
}

impl Condition {
    /// In words, for people.
    pub(super) fn words(self, connection: &Connection) -> &'static str {
        match self {
            Condition::Pending => "pending",
            Condition::NoRole(_) | Condition::Proven(Health::NotApplicable, _) => "no role",
            Condition::NotProven => "not proven",
            Condition::Unknown => "unknown",
            Condition::Proven(Health::Verified, _) => "verified",
            Condition::Proven(Health::Works, _) => "works",
            Condition::Proven(Health::TrustedByPrincipal, _) => "by principal",
            Condition::Proven(Health::Unsafe, _) if is_accepted(connection) => "unsafe, accepted",
            Condition::Proven(Health::Unsafe, _) => "unsafe",
            Condition::Proven(Health::NotVerified, _) => "not verified",
        }
    }

    /// As JSON has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Condition::Pending => "pending",
            Condition::NoRole(_) => Health::NotApplicable.name(),
            Condition::NotProven => "not_proven",
            Condition::Unknown => "unknown",
            Condition::Proven(health, _) => health.name(),
        }
    }

    pub(super) fn when(self) -> Option<Timestamp> {
        match self {
            Condition::Proven(_, when) => Some(when),
            Condition::NoRole(when) => when,
            Condition::Pending | Condition::NotProven | Condition::Unknown => None,
        }
    }

    /// Whether flows can use it for sure, or for sure not, or neither.
    pub(super) fn is_good(self, connection: &Connection) -> Option<bool> {
        match self {
            Condition::NoRole(_)
            | Condition::Proven(
                Health::Verified
                | Health::TrustedByPrincipal
                | Health::NotApplicable
                | Health::Works,
                _,
            ) => Some(true),
            Condition::Proven(Health::Unsafe, _) if is_accepted(connection) => None,
            Condition::Proven(Health::Unsafe | Health::NotVerified, _) | Condition::Unknown => {
                Some(false)
            }
            Condition::Pending | Condition::NotProven => None,
        }
    }
}

/// Whether a person has accepted that its role is unsafe.
fn is_accepted(connection: &Connection) -> bool {
    connection
        .aws()
        .is_some_and(|aws| aws.accept_unsafe.is_some())
}
