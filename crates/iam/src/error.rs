//! Why a policy is refused.

/// A policy that cannot be read with certainty, so that it is not read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The document is longer than [`MAX_DOCUMENT_BYTES`](crate::MAX_DOCUMENT_BYTES).
    #[error("the policy has {bytes} bytes, and at most {limit} are read")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The document is not JSON, or an object in it has a key twice.
    #[error("the policy is not well-formed JSON: {message}")]
    Json {
        /// What the JSON reader says, with line and column.
        message: String,
    },
    /// A part of the document is not what a policy has there.
    #[error("{place}: {problem}")]
    Invalid {
        /// The statement and the field, such as ``statement 2 (`Reads`), Action``.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A policy that is too long for what it is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// It is too long on every [`Rung`](crate::Rung).
    #[error(
        "the policy has {chars} characters even with whole buckets and action wildcards, and \
         at most {limit} fit, so let fewer buckets share it"
    )]
    NoRungFits {
        /// How long it is on the last rung.
        chars: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A statement that cannot be divided is too long by itself.
    #[error(
        "a policy of one statement has {chars} characters and cannot be divided further, and at \
         most {limit} fit, so widen it, such as a long key to its prefix"
    )]
    StatementTooLong {
        /// How long a policy of this statement is.
        chars: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// A trust that is not written down, as it would not be the one that was meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A whole account and no External ID.
    #[error(
        "an account as a whole is trusted only under an External ID, so give one, or name the \
         principals"
    )]
    NoExternalId,
    /// More than two External IDs.
    #[error("{count} External IDs are given, and a role takes one, or two while it is rotated")]
    TooManyExternalIds {
        /// How many.
        count: usize,
    },
    /// A text that STS does not take as an External ID.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
    #[error("`{id}` is not an External ID, which has 2 to 1224 letters, digits and `_+=,.@:/-`")]
    ExternalId {
        /// The text; an External ID is no secret.
        id: String,
    },
    /// An empty list of principals.
    #[error("no principal is named, so the role would trust nobody")]
    NobodyTrusted,
    /// Not an account.
    #[error("`{account}` is not an account id, which has twelve digits")]
    Account {
        /// What was given.
        account: String,
    },
    /// Not an identity that `aws:PrincipalArn` can name.
    #[error(
        "`{arn}` is not the ARN of a user or role of the partition `{partition}`; for a session \
         name its role"
    )]
    Principal {
        /// What was given.
        arn: String,
        /// The partition of the role that trusts.
        partition: String,
    },
    /// Over [`TRUST_POLICY_CHARS`](crate::trust::TRUST_POLICY_CHARS).
    #[error(
        "the trust policy has {chars} characters, and at most {limit} fit, so name fewer principals"
    )]
    TooLong {
        /// How long it is.
        chars: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// A role that cannot be made as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoleError {
    /// A name of a role or policy.
    #[error(
        "`{name}` is not a name that IAM takes, which has 1 to {longest} letters, digits and `_+=,.@-`"
    )]
    Name {
        /// The name.
        name: String,
        /// How many characters it may have.
        longest: usize,
    },
    /// More than a role takes.
    #[error(
        "the permissions of the role `{role}` need {count} managed policies, and at most {limit} \
         can be attached, so let fewer buckets share it or name prefixes instead of keys"
    )]
    TooManyPolicies {
        /// The name of the role.
        role: String,
        /// How many policies there would be.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A statement that fits in no policy.
    #[error(transparent)]
    Size(#[from] SizeError),
}
