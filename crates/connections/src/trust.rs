//! The trust policy that a connection's role has to have.

pub use flowrun_iam::trust::Trusted;
use flowrun_iam::{TrustError, trust};

use crate::Connection;

/// The trust policy of a connection's role, as JSON to paste: whom it trusts, under the
/// connection's External ID, and while that is rotated under the next one, too.
///
/// # Errors
/// Where the account or a principal is none, or an account would be trusted without an External
/// ID.
pub fn trust_policy(
    connection: &Connection,
    trusted: Trusted,
    partition: &str,
) -> Result<String, TrustError> {
    let ids = [&connection.external_id, &connection.next_external_id];
    let policy = trust::policy(&trust::TrustRequest {
        trusted,
        external_ids: ids.into_iter().flatten().cloned().collect(),
        partition: partition.to_owned(),
        source_identity: false,
        session_tags: false,
    })?;
    Ok(format!("{:#}", policy.to_value()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_external_ids_are_accepted_while_one_is_rotated() {
        let account = || Trusted::Account("111122223333".to_owned());
        let mut connection = Connection::new("a", "connections.yaml");
        connection.external_id = Some("old".to_owned());
        let one = trust_policy(&connection, account(), "aws").unwrap();
        assert!(one.contains(r#""sts:ExternalId": "old""#), "{one}");
        connection.next_external_id = Some("new".to_owned());
        let both = trust_policy(&connection, account(), "aws").unwrap();
        let flat: String = both.split_whitespace().collect();
        assert!(flat.contains(r#""sts:ExternalId":["old","new"]"#), "{both}");
        connection.external_id = None;
        connection.next_external_id = None;
        trust_policy(&connection, account(), "aws").unwrap_err();
    }
}
