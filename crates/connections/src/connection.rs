//! One entry of a connection file, of whatever kind.

use std::{
    fmt,
    ops::Deref,
    path::{Path, PathBuf},
};

use flowrun_card::{BoxFuture, CardError, ConnectionKind as _, RunIdentity};
use serde::de::MapAccess;
use serde_json::Value as Json;

use crate::{
    AwsS3, AwsS3Definition, ConnectionStore, Http, HttpDefinition, Member, Proof, Trust,
    attribution::Attribution,
    file::entries::check_nickname,
    kind::{Kind, KindSpec, Opening, SecretField, Session},
    tls::vouched,
};

/// One entry of a `connections.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The name that flows use.
    pub nickname: String,
    /// What it is for, in its author's words.
    pub description: Option<String>,
    /// What the keys of its kind say.
    pub definition: Definition,
    /// Its place in the set that it is a member of.
    pub member: Option<Member>,
    /// The file that defines it.
    pub file: PathBuf,
}

/// What a connection is, by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Definition {
    /// `aws_s3`: S3 on AWS or elsewhere.
    AwsS3(AwsS3Definition),
    /// `http`: a server that speaks HTTP.
    Http(HttpDefinition),
}

impl Connection {
    /// A connection of that nickname, to be defined by that file.
    pub fn new(
        nickname: impl Into<String>,
        file: impl Into<PathBuf>,
        definition: impl Into<Definition>,
    ) -> Self {
        Self {
            nickname: nickname.into(),
            description: None,
            definition: definition.into(),
            member: None,
            file: file.into(),
        }
    }

    /// The kind.
    pub fn kind(&self) -> &'static KindSpec {
        self.definition.kind()
    }

    /// The definition, where it is of kind `aws_s3`.
    pub fn aws(&self) -> Option<AwsConnection<'_>> {
        match &self.definition {
            Definition::AwsS3(definition) => Some(AwsConnection::new(self, definition)),
            Definition::Http(_) => None,
        }
    }

    /// The definition, where it is of kind `aws_s3`, for changes.
    pub fn aws_mut(&mut self) -> Option<&mut AwsS3Definition> {
        match &mut self.definition {
            Definition::AwsS3(definition) => Some(definition),
            Definition::Http(_) => None,
        }
    }

    /// The definition, where it is of kind `http`.
    pub fn http(&self) -> Option<&HttpDefinition> {
        match &self.definition {
            Definition::Http(definition) => Some(definition),
            Definition::AwsS3(_) => None,
        }
    }

    /// Its secrets, to be looked at or changed.
    pub fn secrets(&mut self) -> Vec<SecretField<'_>> {
        let file = &self.file;
        let (mut secrets, ca) = match &mut self.definition {
            Definition::AwsS3(definition) => {
                let ca = definition.ca.clone();
                (definition.secrets(), ca)
            }
            Definition::Http(definition) => {
                let ca = definition.ca.clone();
                (definition.secrets(), ca)
            }
        };
        if ca.is_some() {
            for secret in &mut secrets {
                let destination = std::mem::take(&mut secret.destination);
                secret.destination = vouched(destination, file, ca.as_deref());
            }
        }
        secrets
    }

    /// Checks the rules of connection files that concern its nickname, and several of its values.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn check(&self) -> Result<(), String> {
        check_nickname(self.entry())?;
        let is_named = |member: &Member| self.nickname == member.set.nickname(&member.account);
        if !self.member.as_ref().is_none_or(is_named) {
            return Err(format!(
                "`{}` is named by its set and account",
                self.nickname
            ));
        }
        self.definition
            .check()
            .map_err(|problem| match &self.member {
                Some(_) => format!("`{}`: {problem}", self.nickname),
                None => problem,
            })
    }

    /// The name of its entry in its file: that of its set, or its own.
    pub fn entry(&self) -> &str {
        match &self.member {
            Some(member) => &member.set.name,
            None => &self.nickname,
        }
    }

    /// Whether it waits for its role, see [`AwsS3Definition::is_pending`], or as a member of a set
    /// for its External ID.
    pub fn is_pending(&self) -> bool {
        self.aws().is_some_and(|aws| aws.is_pending())
    }
}

impl Definition {
    /// The kind.
    pub fn kind(&self) -> &'static KindSpec {
        match self {
            Definition::AwsS3(_) => &AwsS3Definition::SPEC,
            Definition::Http(_) => &HttpDefinition::SPEC,
        }
    }

    /// A definition of that kind in which no key is read yet; none where there is no such kind.
    pub(crate) fn of_kind(name: &str) -> Option<Self> {
        match name {
            AwsS3::NAME => Some(AwsS3Definition::default().into()),
            Http::NAME => Some(HttpDefinition::default().into()),
            _ => None,
        }
    }

    pub(crate) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        key: &'static str,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        match self {
            Definition::AwsS3(definition) => definition.read(key, entries),
            Definition::Http(definition) => definition.read(key, entries),
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Definition::AwsS3(definition) => definition.check(),
            Definition::Http(definition) => definition.check(),
        }
    }

    /// The keys with their values as YAML; `None` for those that there is no need to write.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Option<String>)> {
        let values = match self {
            Definition::AwsS3(definition) => definition.values(),
            Definition::Http(definition) => definition.values(),
        };
        self.kind().keys.iter().map(|key| key.name).zip(values)
    }

    pub(crate) fn proven(&self) -> Json {
        match self {
            Definition::AwsS3(definition) => definition.proven(),
            Definition::Http(definition) => definition.proven(),
        }
    }

    pub(crate) fn open<'a>(
        &'a self,
        opening: Opening<'a>,
    ) -> BoxFuture<'a, Result<Session, CardError>> {
        match self {
            Definition::AwsS3(definition) => definition.open(opening),
            Definition::Http(definition) => definition.open(opening),
        }
    }

    pub(crate) fn prove<'a>(
        &'a self,
        store: &'a ConnectionStore,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Proof, CardError>> {
        match self {
            Definition::AwsS3(definition) => definition.prove(store, connection),
            Definition::Http(definition) => definition.prove(store, connection),
        }
    }
}

impl From<AwsS3Definition> for Definition {
    fn from(definition: AwsS3Definition) -> Self {
        Definition::AwsS3(definition)
    }
}

impl From<HttpDefinition> for Definition {
    fn from(definition: HttpDefinition) -> Self {
        Definition::Http(definition)
    }
}

/// A connection of kind `aws_s3`.
#[derive(Clone, Copy)]
pub struct AwsConnection<'a> {
    /// Its nickname.
    pub nickname: &'a str,
    /// The file that defines it.
    pub file: &'a Path,
    /// All of it.
    pub(crate) whole: &'a Connection,
    definition: &'a AwsS3Definition,
}

impl<'a> AwsConnection<'a> {
    pub(crate) fn new(connection: &'a Connection, definition: &'a AwsS3Definition) -> Self {
        Self {
            nickname: &connection.nickname,
            file: &connection.file,
            whole: connection,
            definition,
        }
    }
}

impl AwsConnection<'_> {
    /// What the sessions of a run are attributed to.
    pub(crate) fn attribution(&self, run: &RunIdentity) -> Result<Attribution, CardError> {
        let source_identity = self.source_identity.as_ref();
        Attribution::of(source_identity, &self.session_tags, run)
            .map_err(|failure| failure.context("connection", self.nickname))
    }

    /// As [`Connection::is_pending`].
    pub fn is_pending(&self) -> bool {
        self.definition.is_pending() || self.lacks_external_id()
    }

    /// Whether it is a member of a set that has no External ID yet. Its role is known by then, and
    /// would be assumed without one.
    pub(crate) fn lacks_external_id(&self) -> bool {
        self.whole.member.is_some() && self.trust == Trust::ExternalId && self.external_id.is_none()
    }
}

impl Deref for AwsConnection<'_> {
    type Target = AwsS3Definition;

    fn deref(&self) -> &AwsS3Definition {
        self.definition
    }
}

impl fmt::Debug for AwsConnection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsConnection")
            .field("nickname", &self.nickname)
            .finish_non_exhaustive()
    }
}
