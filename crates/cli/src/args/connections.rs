//! The arguments of `flowrun connections`.

use std::path::PathBuf;

use super::PolicyFormat;
use clap::{Args, Subcommand, ValueEnum};
use flowrun_connections::{
    Allowed, Endpoint, Recipient, RoleArn, RolePattern, check_acceptance, check_account,
    check_external_id, check_region,
};

#[derive(Debug, Args)]
pub(crate) struct Connections {
    #[command(subcommand)]
    pub(crate) command: ConnectionsCommand,
    /// The folder whose `connections.yaml` is used: there, or in the nearest folder above that has
    /// one
    #[arg(long, global = true, value_name = "FOLDER", default_value = ".")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// Make a connection: shows the trust policy for its role, proves the role, saves it
    New(Box<NewConnection>),
    /// Add accounts to a set of connections, or make one: the same role in many accounts
    AddMember(AddMember),
    /// Give a pending connection its role
    Finish(FinishConnection),
    /// List all connections, their health, and when they were last proven
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one connection, or a set
    Show {
        /// Its nickname, or the name of the set
        nickname: String,
    },
    /// Prove a connection: its role lets us in with the External ID, and nobody without it
    Test {
        /// Its nickname; the name of a set proves all its members
        nickname: String,
        /// A flow that will use it: S3 is asked, without changing anything, whether the flow may do
        /// what it needs to; repeatable
        #[arg(long = "flow", value_name = "FLOW")]
        flows: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a connection's other values, or those of a set
    Edit(Box<EditConnection>),
    /// Give a connection another nickname, or a set another name
    Rename {
        /// Its nickname, or the name of the set
        nickname: String,
        /// The new one
        new_nickname: String,
    },
    /// Delete a connection that no flow under the folder names
    Delete(DeleteConnection),
    /// List the flows under the folder that name a connection
    UsedBy {
        /// Its nickname
        nickname: String,
    },
    /// Share the secrets that are sealed in connection files with others
    Share {
        #[command(subcommand)]
        command: ShareCommand,
    },
    /// Put a secret into the connection file, sealed: it is asked for, or read from standard input
    Seal {
        /// The nickname of the connection
        nickname: String,
        /// Which of its secrets, such as `secret_access_key`
        field: String,
    },
    /// Print connections as a connection file of their own
    Export {
        /// Their nicknames
        #[arg(required = true, value_name = "NICKNAME")]
        nicknames: Vec<String>,
    },
    /// Take over the connections of such a file; none that is there is changed
    Import {
        /// The file
        file: PathBuf,
        /// Keep the roles with their External IDs, where the file is your own
        #[arg(long)]
        adopt_external_id: bool,
    },
    /// Make a new External ID, and once the role accepts it, use it
    Rotate(RotateConnection),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShareCommand {
    /// Let somebody read: each secret is sealed anew, for them too
    Add {
        /// Their recipient, `age1…`, which `share me` prints for them
        recipient: Recipient,
        /// Who that is
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Let somebody not read what is sealed from now on
    Remove {
        /// Their recipient or their name
        recipient: String,
    },
    /// List who can read, and which connections have secrets
    List,
    /// Print the recipient of your own, which is made once
    Me,
}

#[derive(Debug, Default, Args)]
pub(crate) struct NewConnection {
    /// The name that flows use
    #[arg(value_name = "NICKNAME")]
    pub(crate) nickname: Option<String>,
    /// What it leads to
    #[arg(long, value_enum, default_value_t = KindName::AwsS3)]
    pub(crate) kind: KindName,
    /// The role; without one the connection waits for it
    #[arg(long, value_name = "ARN", value_parser = RoleArn::parse)]
    pub(crate) role_arn: Option<RoleArn>,
    /// Use the base credentials as they are, as for MinIO
    #[arg(long, conflicts_with_all = ["role_arn", "trust", "account_id", "principals", "adopt_external_id"])]
    pub(crate) no_role: bool,
    /// What the role's trust rests on
    #[arg(long, value_enum, default_value_t = TrustBy::ExternalId)]
    pub(crate) trust: TrustBy,
    /// Take an External ID that stands in the role already, in place of a new one
    #[arg(long, value_name = "ID", value_parser = check_external_id)]
    pub(crate) adopt_external_id: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Make a `sandbox.yaml` that has the role, where the endpoint is the sandbox and there is none
    #[arg(long, conflicts_with_all = ["role_arn", "no_role", "trust", "account_id", "principals"])]
    pub(crate) make_sandbox: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    #[command(flatten)]
    pub(crate) by: ByHand,
    #[command(flatten)]
    pub(crate) role: RoleArguments,
    #[command(flatten)]
    pub(crate) http: HttpArguments,
}

/// How the role is told that has to be made.
#[derive(Debug, Default, Args)]
pub(crate) struct RoleArguments {
    /// A flow that will use it: the least permissions for it are told, too; repeatable
    #[arg(long = "flow", value_name = "FLOW")]
    pub(crate) flows: Vec<PathBuf>,
    /// How to print the role
    #[arg(long, value_enum, default_value_t = PolicyFormat::Json)]
    pub(crate) format: PolicyFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    /// S3
    #[default]
    #[value(name = "aws_s3")]
    AwsS3,
    /// A server that speaks HTTP
    #[value(name = "http")]
    Http,
}

/// A connection of kind `http`.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Options of connections of kind http")]
pub(crate) struct HttpArguments {
    /// Where the server is, such as `https://api.example.com/v1`
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// How it knows us
    #[arg(long, value_enum)]
    pub(crate) auth: Option<AuthName>,
    /// The name, with `basic`
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Where the password, token, key or client secret is: `env:NAME`, `file:PATH`, or `sealed`: it
    /// is asked for, or read from standard input, and stands in the connection file encrypted
    #[arg(long, value_name = "SOURCE")]
    pub(crate) secret: Option<String>,
    /// The header that the key is sent in, with `api_key`
    #[arg(long, value_name = "NAME", conflicts_with = "query")]
    pub(crate) header: Option<String>,
    /// The parameter of the query that the key is sent in, with `api_key`
    #[arg(long, value_name = "NAME")]
    pub(crate) query: Option<String>,
    /// Where a token is asked for, with `oauth2_client_credentials`
    #[arg(long, value_name = "URL")]
    pub(crate) token_url: Option<String>,
    /// Who asks for it
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// What it shall be good for
    #[arg(long, value_name = "TEXT")]
    pub(crate) scope: Option<String>,
    /// Whom it shall be good for
    #[arg(long, value_name = "TEXT")]
    pub(crate) audience: Option<String>,
    /// Our certificate in PEM, for mutual TLS
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// Where its key is: `env:NAME`, `file:PATH` or `sealed`
    #[arg(long, value_name = "SOURCE")]
    pub(crate) private_key: Option<String>,
    /// The path under the URL that a test asks for
    #[arg(long, value_name = "PATH")]
    pub(crate) test_path: Option<String>,
}

impl HttpArguments {
    /// Whether anything is said.
    pub(crate) fn is_any(&self) -> bool {
        let of_auth = [
            &self.username,
            &self.secret,
            &self.header,
            &self.query,
            &self.token_url,
            &self.client_id,
            &self.scope,
            &self.audience,
        ];
        self.auth.is_some()
            || self.certificate.is_some()
            || of_auth
                .into_iter()
                .chain([&self.url, &self.private_key, &self.test_path])
                .any(Option::is_some)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum AuthName {
    /// It need not
    None,
    /// By name and password
    Basic,
    /// By a token
    Bearer,
    /// By a key in a header or in the query
    ApiKey,
    /// By a token that another server gives
    #[value(name = "oauth2_client_credentials")]
    OAuth2ClientCredentials,
}

/// Where a connection leads, and which credentials it starts from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlaceArguments {
    /// The region; that of the base where the connection names none
    #[arg(long, value_name = "REGION", value_parser = check_region)]
    pub(crate) region: Option<String>,
    /// Another server that speaks S3, by URL, or `sandbox`
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    pub(crate) endpoint: Option<Endpoint>,
    /// Which credentials assume the role
    #[arg(long, value_enum, conflicts_with = "profile")]
    pub(crate) base: Option<BaseName>,
    /// The profile of the AWS configuration whose credentials assume the role
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// An access key, in place of a base
    #[arg(long, value_name = "ID", conflicts_with_all = ["base", "profile"])]
    pub(crate) access_key_id: Option<String>,
    /// Where its secret is: `env:NAME` or `file:PATH`
    #[arg(long, value_name = "SOURCE")]
    pub(crate) secret_access_key: Option<String>,
    /// Where its session token is, if it is temporary
    #[arg(long, value_name = "SOURCE")]
    pub(crate) session_token: Option<String>,
    /// The authorities that the server's certificate may come from, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// A name, address or network that is not public, to which requests may go; repeatable
    #[arg(long, value_name = "HOST", value_parser = Allowed::parse)]
    pub(crate) allow: Vec<Allowed>,
    /// Use AWS's FIPS endpoints
    #[arg(long)]
    pub(crate) fips: bool,
    /// Use AWS's dual-stack endpoints
    #[arg(long)]
    pub(crate) dual_stack: bool,
}

impl PlaceArguments {
    /// Whether something is said that only connections of kind `aws_s3` have.
    pub(crate) fn is_of_aws(&self) -> bool {
        self.region.is_some()
            || self.endpoint.is_some()
            || self.base.is_some()
            || self.profile.is_some()
            || self.access_key_id.is_some()
            || self.secret_access_key.is_some()
            || self.session_token.is_some()
            || self.fips
            || self.dual_stack
    }

    /// Whether something is said beside the region.
    pub(crate) fn is_beyond_region(&self) -> bool {
        let but_region = Self {
            region: None,
            ..self.clone()
        };
        but_region.is_of_aws() || self.ca.is_some() || !self.allow.is_empty()
    }
}

impl EditConnection {
    /// Whether something is said that only connections of kind `aws_s3` have.
    pub(crate) fn is_of_aws(&self) -> bool {
        self.role_arn.is_some() || self.accept_unsafe.is_some() || self.place.is_of_aws()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BaseName {
    /// AWS's default chain
    Default,
    /// The environment variables
    Environment,
    /// Those of the sandbox
    Sandbox,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrustBy {
    #[default]
    /// An External ID of this connection alone
    ExternalId,
    /// Principals of one's own organisation
    Principal,
}

/// Whom the role shall trust, where that is not our whole account, or cannot be asked.
#[derive(Debug, Default, Args)]
pub(crate) struct ByHand {
    /// Our account, where STS cannot be asked
    #[arg(long, value_name = "ID", conflicts_with = "principals")]
    pub(crate) account_id: Option<String>,
    /// A user or role of ours that alone the role shall trust; repeatable
    #[arg(long = "principal", value_name = "ARN")]
    pub(crate) principals: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AddMember {
    /// The name of the set
    pub(crate) set: String,
    /// An account, which gets an External ID of its own; repeatable
    #[arg(long = "account", value_name = "ID", required = true, value_parser = check_account)]
    pub(crate) accounts: Vec<String>,
    /// The role in each account, for a new set: `arn:aws:iam::{account}:role/NAME`
    #[arg(long, value_name = "ARN", value_parser = RolePattern::parse)]
    pub(crate) role_arn: Option<RolePattern>,
    /// What the trust of the roles rests on, for a new set
    #[arg(long, value_enum)]
    pub(crate) trust: Option<TrustBy>,
    /// How to print the roles
    #[arg(long, value_enum, default_value_t = PolicyFormat::Json)]
    pub(crate) format: PolicyFormat,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    #[command(flatten)]
    pub(crate) by: ByHand,
}

#[derive(Debug, Args)]
pub(crate) struct FinishConnection {
    /// Its nickname
    pub(crate) nickname: String,
    /// The role
    #[arg(long, value_name = "ARN", value_parser = RoleArn::parse)]
    pub(crate) role_arn: Option<RoleArn>,
    /// Why flows shall use the role although it lets others in
    #[arg(long, value_name = "SENTENCE", value_parser = check_acceptance)]
    pub(crate) accept_unsafe: Option<String>,
    #[command(flatten)]
    pub(crate) by: ByHand,
    #[command(flatten)]
    pub(crate) role: RoleArguments,
}

fn role_or_pattern(text: &str) -> Result<String, String> {
    match RolePattern::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => RoleArn::parse(text).map(|role| role.to_string()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct EditConnection {
    /// Its nickname, or the name of a set, for what holds for all its members
    pub(crate) nickname: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Another role, which has to be proven anew; of a set, with `{account}` in it
    #[arg(long, value_name = "ARN", value_parser = role_or_pattern)]
    pub(crate) role_arn: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    /// Why flows shall use its role although it lets others in
    #[arg(long, value_name = "SENTENCE", value_parser = check_acceptance)]
    pub(crate) accept_unsafe: Option<String>,
    #[command(flatten)]
    pub(crate) http: HttpArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteConnection {
    /// Its nickname
    pub(crate) nickname: String,
    /// Even where flows name it
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RotateConnection {
    /// Its nickname
    pub(crate) nickname: String,
    #[command(flatten)]
    pub(crate) by: ByHand,
}
