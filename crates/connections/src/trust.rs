//! The trust policy that a connection's role has to have.

pub use flowrun_iam::trust::Trusted;
use flowrun_iam::{TrustError, TrustPolicy, trust};

use crate::AwsS3Definition;

/// The trust policy of a connection's role: whom it trusts, under the
/// connection's External ID, and while that is rotated under the next one, too.
///
/// # Errors
/// Where the account or a principal is none, or an account would be trusted without an External
/// ID.
pub fn trust_policy(
    connection: &AwsS3Definition,
    trusted: Trusted,
    partition: &str,
) -> Result<TrustPolicy, TrustError> {
    let ids = [&connection.external_id, &connection.next_external_id];
    trust::policy(&trust::TrustRequest {
        trusted,
        external_ids: ids.into_iter().flatten().cloned().collect(),
        partition: partition.to_owned(),
        source_identity: connection.source_identity.is_some(),
        session_tags: !connection.session_tags.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_external_ids_are_accepted_while_one_is_rotated() {
        let account = || Trusted::Account("111122223333".to_owned());
        let mut connection = AwsS3Definition {
            external_id: Some("old".to_owned()),
            ..AwsS3Definition::default()
        };
        let policy = |connection: &AwsS3Definition| trust_policy(connection, account(), "aws");
        let one = policy(&connection).unwrap().to_string();
        assert!(one.contains(r#""sts:ExternalId":"old""#), "{one}");
        connection.next_external_id = Some("new".to_owned());
        let both = policy(&connection).unwrap().to_string();
        assert!(both.contains(r#""sts:ExternalId":["old","new"]"#), "{both}");
        connection.external_id = None;
        connection.next_external_id = None;
        policy(&connection).unwrap_err();
    }
}
