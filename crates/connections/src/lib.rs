//! Named connections: `connections.yaml`, role assumption with External IDs, and cached sessions.
//!
//! A flow names connections by nickname; a `connections.yaml` says what they are:
//!
//! ```yaml
//! customer-vault:
//!   type: aws_s3
//!   description: where the backups go
//!   role_arn: arn:aws:iam::111122223333:role/backup   # without one, the base credentials are used
//!   external_id: 4f1c0a52                             # what the role's owner asks for
//!   region: eu-central-1                              # else that of the base
//!   base: { profile: backup-service }                 # default (AWS's chain), environment, sandbox
//! local:
//!   type: aws_s3
//!   endpoint: http://127.0.0.1:9000                   # another server that speaks S3
//!   region: us-east-1
//!   base: environment
//! ```
//!
//! An entry with `members` is a set: a connection `org-members/012345678901` for each of them, with
//! the role in its account and an External ID of its own.
//!
//! ```yaml
//! org-members:
//!   type: aws_s3
//!   role_arn: "arn:aws:iam::{account}:role/Backup"
//!   members:
//!     - { account: "012345678901", external_id: flowrun-5d4140 }
//!     - { account: "111122223333", external_id: flowrun-2a1b9f, region: us-east-1 }
//! ```
//!
//! `endpoint: sandbox` with `base: sandbox` is the embedded sandbox; one needs the other, so that
//! AWS credentials never go there and its own never leave it.
//!
//! [`ConnectionStore`] reads these files and gives cards their sessions; it also proves what a role
//! does ([`ConnectionStore::prove`]), which [`record_proof`] remembers. [`edit_file`] changes one
//! connection of a file, and no other byte of it.

mod attribution;
mod aws;
mod base;
mod clock;
mod connection;
mod credentials;
mod definition;
mod disk;
mod edit;
mod environment;
mod error;
mod external_id;
mod file;
mod flight;
mod gate;
mod guard;
mod http;
mod kind;
mod narrow;
mod proof;
mod record;
mod sandbox;
mod schema;
mod sealed;
mod secret;
mod session;
mod session_name;
mod set;
mod store;
mod sts;
#[cfg(test)]
mod testing;
mod tls;
mod trust;

pub use attribution::SourceIdentity;
pub use clock::ClockDrift;
pub use connection::{AwsConnection, Connection, Definition};
pub use definition::{
    AwsS3Definition, Base, Endpoint, RoleArn, Trust, check_acceptance, check_access_key_id,
    check_external_id, check_region, partition_of,
};
pub use edit::{Edit, EditError, add_to_file, edit_file, to_text};
pub use environment::Environment;
pub use error::StoreError;
pub use external_id::{is_own_external_id, new_external_id};
pub use file::{FILE_NAME, MAX_FILE_BYTES, file_for, read as read_file};
pub use guard::Allowed;
pub use http::{
    ApiKeyPlace, Auth, Http, HttpDefinition, HttpRequest, HttpResponse, HttpSession,
    MAX_BODY_BYTES, Method, StatusCode,
};
pub use kind::{Form, KINDS, KeySpec, KindSpec, Pattern, SecretField};
pub use proof::{Health, Identity, Outcome, Probe, ProbeKind, Proof, Verdict};
pub use record::{Record, Records, move_proof, move_proofs, record_proof};
pub use sandbox::{SandboxEndpoint, SandboxPort};
pub use schema::file_schema;
pub use sealed::{
    AskPassphrase, Identities, MAX_RECIPIENTS, Passphrase, RECIPIENTS_FILE, Recipient, Recipients,
    Resealed, SealedError, SharedWith, UserStore, check_recipient_name, read_private,
    rename_file_entry, save_sealed, seal_field, share_add, share_remove, with_sealed,
};
pub use secret::{MAX_SECRET_BYTES, SealedSecrets, SecretPlace, SecretSource};
pub use session::{AwsS3, AwsSession, AwsSessionParts};
pub use set::{ConnectionSet, MAX_MEMBERS, Member, OwnValues, RolePattern, check_account};
pub use store::ConnectionStore;
pub use trust::{Trusted, trust_policy};
