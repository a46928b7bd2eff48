//! Which IAM action a request needs, where that depends on its input.

use flowrun_card::{Partial, Value};

/// The action that reads an object, or one of its versions.
pub(crate) fn read_action(version_id: Option<&str>) -> &'static str {
    match version_id {
        None => "s3:GetObject",
        Some(_) => "s3:GetObjectVersion",
    }
}

/// The action of a request that is another one when a version is named: where it is not known
/// whether one will be, both.
pub(crate) fn by_version(
    version_id: &Partial,
    plain: &'static str,
    versioned: &'static str,
) -> Vec<&'static str> {
    match version_id {
        Partial::Absent | Partial::Known(Value::Null) => vec![plain],
        Partial::Known(_) | Partial::Prefix(..) => vec![versioned],
        Partial::Unknown(_) | Partial::Object(_) | Partial::AnyConnection(_) => {
            vec![plain, versioned]
        }
    }
}
