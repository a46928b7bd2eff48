//! Which IAM actions a request needs on an object, where that depends on its input.

use flowrun_card::{Partial, Permissions, Resource, Value};

/// An action that has another name where a version is named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action {
    current: &'static str,
    version: &'static str,
}

/// Reads an object.
pub(crate) const READ: Action = Action {
    current: "s3:GetObject",
    version: "s3:GetObjectVersion",
};

/// Deletes an object.
pub(crate) const DELETE: Action = Action {
    current: "s3:DeleteObject",
    version: "s3:DeleteObjectVersion",
};

impl Action {
    /// Its name for this version, or for the current one.
    pub(crate) fn on(self, version_id: Option<&str>) -> &'static str {
        match version_id {
            None => self.current,
            Some(_) => self.version,
        }
    }

    /// Needs it on the object that the input names: where it is not known whether a version will
    /// be named, under both names.
    pub(crate) fn need(self, input: &Partial, permissions: &mut Permissions) {
        let actions = match input.at("version_id") {
            Partial::Absent | Partial::Known(Value::Null) => vec![self.current],
            Partial::Known(_) | Partial::Prefix(..) => vec![self.version],
            Partial::Unknown(_) | Partial::Object(_) | Partial::AnyConnection(_) => {
                vec![self.current, self.version]
            }
        };
        need(input, &actions, permissions);
    }
}

/// Needs what stores the object that the input names, in parts too.
pub(crate) fn need_upload(input: &Partial, permissions: &mut Permissions) {
    need(
        input,
        &["s3:PutObject", "s3:AbortMultipartUpload"],
        permissions,
    );
}

/// Needs these actions on the object that `bucket` and `key` of the input name.
pub(crate) fn need(input: &Partial, actions: &[&'static str], permissions: &mut Permissions) {
    permissions.need(
        input.connection("connection"),
        actions,
        Resource::object(&input.at("bucket").text(), &input.at("key").text()),
    );
}
