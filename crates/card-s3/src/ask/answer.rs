//! What S3 says to a question.

use std::fmt;

use flowrun_card::{CardError, ErrorKind};

/// What S3 says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// The session may.
    Allowed,
    /// It may not.
    Denied(Denial),
    /// The bucket is not there.
    NoBucket,
    /// The bucket is in this region, and the connection is not.
    Elsewhere(String),
    /// Nothing was asked, or the answer cannot be told from another one.
    NotAsked(NotAsked),
    /// There is no answer that tells.
    Unclear(CardError),
}

/// Why something is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAsked {
    /// It cannot be tried without doing it.
    Doing,
    /// Only a run tells which bucket it is.
    AnyBucket,
    /// The bucket is not there yet, and the flow makes it.
    ToBeMade,
    /// There were more questions than are asked.
    TooMany,
    /// S3 denies it, and would deny it, too, because the object is not there.
    Hidden,
}

/// A denial, as far as S3 explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Which policy is in the way; `None` where S3 does not say.
    pub layer: Option<Layer>,
    /// Whether that policy denies it, or only does not allow it.
    pub is_explicit: bool,
    /// The action that is denied, where S3 names another one than was asked about.
    pub instead: Option<(String, String)>,
}

/// A sort of policy, as S3 names it in a denial.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layer {
    /// The permission policy of the role or user.
    Identity,
    /// The policy of the bucket, or of the key that encrypts an object.
    Resource,
    /// A session policy.
    Session,
    /// Another one, such as `service control policy`.
    Other(String),
}

impl fmt::Display for NotAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAsked::Doing => "it cannot be tried without doing it",
            NotAsked::AnyBucket => "which bucket it is, only a run tells",
            NotAsked::ToBeMade => "the bucket is not there yet, and the flow makes it",
            NotAsked::TooMany => "there are more questions than are asked at once",
            NotAsked::Hidden => {
                "S3 denies it, as it does of an object that is not there where s3:ListBucket is \
                 not allowed"
            }
        })
    }
}

impl Answer {
    /// What a refusal means. `message` is the server's own, `region` the one where the bucket is,
    /// if that is another one.
    pub(super) fn of(
        action: &str,
        error: CardError,
        status: Option<u16>,
        message: &str,
        region: Option<&str>,
    ) -> Self {
        let code = error.code.as_deref().unwrap_or_default();
        let is_read = action.starts_with("s3:GetObject");
        match (error.kind, code) {
            (_, "NoSuchBucket") => Answer::NoBucket,
            // S3 judges before it looks for what is asked about, and before the range, the storage
            // class and the key of an object.
            (
                _,
                "NoSuchKey"
                | "NoSuchVersion"
                | "NoSuchUpload"
                | "InvalidRange"
                | "InvalidObjectState"
                | "ObjectLockConfigurationNotFoundError"
                | "NoSuchObjectLockConfiguration"
                | "NoSuchTagSet"
                | "ServerSideEncryptionConfigurationNotFoundError",
            ) => Answer::Allowed,
            (_, "InvalidRequest" | "MethodNotAllowed") if is_read => Answer::Allowed,
            (ErrorKind::PermissionDenied, _) => {
                let denial = Denial::of(action, message);
                // The object itself may be read: it is not there, and the bucket not listed.
                match &denial.instead {
                    Some((instead, _)) if is_read && instead == "s3:ListBucket" => Answer::Allowed,
                    _ => Answer::Denied(denial),
                }
            }
            (ErrorKind::Connection, _) if matches!(status, Some(301 | 307 | 400)) => match region {
                Some(region) => Answer::Elsewhere(region.to_owned()),
                None => Answer::Unclear(error),
            },
            _ => Answer::Unclear(error),
        }
    }

    /// Whether it is a denial that may come of an object that is not there, because S3 does not say
    /// what it denies.
    pub(super) fn is_doubtful(&self, action: &str) -> bool {
        let is_bare = |denial: &Denial| denial.layer.is_none() && denial.instead.is_none();
        match self {
            Answer::Denied(denial) => is_bare(denial) && action.starts_with("s3:GetObject"),
            _ => false,
        }
    }
}

impl Denial {
    /// Whether it is the use of a KMS key that is denied.
    pub fn is_of_a_key(&self) -> bool {
        let action = self.instead.as_ref().map(|(action, _)| action);
        action.is_some_and(|action| action.starts_with("kms:"))
    }

    /// Reads `User: … is not authorized to perform: ACTION on resource: "ARN" because no
    /// identity-based policy allows the ACTION action`, or what there is of it.
    fn of(asked: &str, message: &str) -> Self {
        let denies = message.split_once("with an explicit deny in ");
        let lacks = message.split_once("because no ");
        let (layer, is_explicit) = match (denies, lacks) {
            (Some((_, rest)), _) => {
                let rest = rest.strip_prefix("an ").or_else(|| rest.strip_prefix("a "));
                (rest.and_then(Layer::of), true)
            }
            (None, Some((_, rest))) => (Layer::of(rest), false),
            (None, None) => (None, false),
        };
        let word = |after: &str| {
            let (_, rest) = message.split_once(after)?;
            let word = rest.split_whitespace().next()?;
            Some(word.trim_matches('"').to_owned())
        };
        let instead = word("to perform: ")
            .filter(|action| action != asked)
            .zip(word("on resource: "));
        Self {
            layer,
            is_explicit,
            instead,
        }
    }
}

impl Layer {
    /// The sort that a text starts with.
    fn of(text: &str) -> Option<Self> {
        const BOUNDARY: &str = "permissions boundary";
        if text.starts_with(BOUNDARY) {
            return Some(Layer::Other(BOUNDARY.to_owned()));
        }
        let (name, _) = text.split_once(" policy")?;
        // A name and not a sentence.
        if name.len() > 40 {
            return None;
        }
        Some(match name {
            "identity-based" => Layer::Identity,
            "resource-based" => Layer::Resource,
            "session" => Layer::Session,
            name => Layer::Other(format!("{name} policy")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: &str = "User: arn:aws:sts::222222222222:assumed-role/r/s is not authorized to \
                       perform: s3:GetObject on resource: \"arn:aws:s3:::in/a\"";

    fn denied(layer: Option<Layer>, is_explicit: bool, instead: Option<(&str, &str)>) -> Denial {
        Denial {
            layer,
            is_explicit,
            instead: instead.map(|(action, on)| (action.to_owned(), on.to_owned())),
        }
    }

    #[test]
    fn a_denial_is_read_as_far_as_s3_explains_it() {
        for (said, expect) in [
            ("Access Denied".to_owned(), denied(None, false, None)),
            (WHO.to_owned(), denied(None, false, None)),
            (
                format!("{WHO} because no identity-based policy allows the s3:GetObject action"),
                denied(Some(Layer::Identity), false, None),
            ),
            (
                format!("{WHO} because no resource-based policy allows the s3:GetObject action"),
                denied(Some(Layer::Resource), false, None),
            ),
            (
                format!("{WHO} because no session policy allows the s3:GetObject action"),
                denied(Some(Layer::Session), false, None),
            ),
            (
                format!("{WHO} because no permissions boundary allows the s3:GetObject action"),
                denied(
                    Some(Layer::Other("permissions boundary".to_owned())),
                    false,
                    None,
                ),
            ),
            (
                format!("{WHO} with an explicit deny in an identity-based policy"),
                denied(Some(Layer::Identity), true, None),
            ),
            (
                format!("{WHO} with an explicit deny in a service control policy: arn:aws:o"),
                denied(
                    Some(Layer::Other("service control policy".to_owned())),
                    true,
                    None,
                ),
            ),
            (
                format!("{WHO} with an explicit deny in a permissions boundary"),
                denied(
                    Some(Layer::Other("permissions boundary".to_owned())),
                    true,
                    None,
                ),
            ),
            (
                "User: x is not authorized to perform: kms:Decrypt on resource: \
                 arn:aws:kms:eu-west-1:111122223333:key/1 because no resource-based policy allows \
                 the kms:Decrypt action"
                    .to_owned(),
                denied(
                    Some(Layer::Resource),
                    false,
                    Some(("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/1")),
                ),
            ),
        ] {
            assert_eq!(Denial::of("s3:GetObject", &said), expect, "{said}");
        }
    }
}
