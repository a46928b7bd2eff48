//! Who makes a request: authentication puts a [`Caller`] into the request's extensions, and the S3
//! operations read it there.

use std::collections::BTreeMap;

/// An authenticated caller who may perform the operation at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The ARN of the user, or of the role session.
    pub(crate) arn: String,
    /// The account of the user or role.
    pub(crate) account: String,
    /// Whether the caller may also list the bucket that the request addresses, or the refusal.
    ///
    /// Reading a missing object (`GetObject`, `HeadObject`, the source of a copy) is
    /// `NoSuchKey` only for one who may list: to anybody else AWS answers `AccessDenied`, so that
    /// nobody learns which keys exist.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    pub(crate) may_list: Result<(), String>,
    /// Whether the caller may copy the tags of the source that the request names.
    ///
    /// A copy takes the tags of its source along, unless the request replaces them. That needs
    /// permissions of its own, but only where the source has tags, so the operation has to see.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
    pub(crate) may_copy_tags: bool,
    /// The entries of a `DeleteObjects` request that the caller may not delete, by their place in
    /// the request, with the reason; the others are to be deleted all the same.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
    pub(crate) denied_entries: BTreeMap<usize, String>,
}
