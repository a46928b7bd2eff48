//! External IDs: made by us for one connection each, and recognisable by their form.

use std::fmt::Write as _;

/// How those begin that flowrun made.
const START: &str = "flowrun-";
/// How many random bytes follow, in hexadecimal.
const RANDOM_BYTES: usize = 16;

/// A new External ID: `flowrun-` and 128 random bits in lower-case hexadecimal.
///
/// It is made here and not by a person, so that no two connections share one.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html>
///
/// # Errors
/// Where the operating system gives no random bytes.
pub fn new_external_id() -> std::io::Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
    let mut id = START.to_owned();
    for byte in bytes {
        // Writing to a string does not fail.
        write!(id, "{byte:02x}").ok();
    }
    Ok(id)
}

/// Whether an External ID has the form of those that flowrun makes.
pub fn is_own_external_id(id: &str) -> bool {
    id.strip_prefix(START).is_some_and(|random| {
        random.len() == RANDOM_BYTES * 2
            && random
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::definition::check_external_id;

    #[test]
    fn new_ones_are_known_by_their_form_taken_by_sts_and_all_different() {
        let ids: BTreeSet<String> = (0..1_000).map(|_| new_external_id().unwrap()).collect();
        assert_eq!(ids.len(), 1_000);
        for id in ids {
            assert!(is_own_external_id(&id), "{id}");
            assert_eq!(check_external_id(&id), Ok(id));
        }
    }

    #[test]
    fn others_are_not_taken_for_ours() {
        for id in [
            "",
            "flowrun-",
            "c3b8f1d4-6e29-4f0a-b7d5-90a1e4c8327f",
            "flowrun-0123456789abcdef0123456789abcde",
            "flowrun-0123456789abcdef0123456789abcdef0",
            "flowrun-0123456789ABCDEF0123456789abcdef",
            "flowrun-0123456789abcdef0123456789abcdeg",
        ] {
            assert!(!is_own_external_id(id), "{id}");
        }
    }
}
