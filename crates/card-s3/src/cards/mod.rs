//! The cards, one file each.

pub(crate) mod copy;
pub(crate) mod create_bucket;
pub(crate) mod delete_object;
pub(crate) mod download;
pub(crate) mod head_object;
pub(crate) mod list_objects;
pub(crate) mod put_bucket_versioning;
pub(crate) mod put_object_legal_hold;
pub(crate) mod upload;
pub(crate) mod upload_folder;
