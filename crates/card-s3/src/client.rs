//! The S3 client of a connection, one a session, with every setting explicit.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_sdk_s3::{
    Client,
    config::{
        Builder, Config, RequestChecksumCalculation, ResponseChecksumValidation,
        StalledStreamProtectionConfig, timeout::TimeoutConfig,
    },
};
use flowrun_card::{CardError, ConnectionRef, Ctx, Resource, Scope};
use flowrun_connections::{AwsS3, AwsSession};

use crate::requests::NoteRequests;

/// How long an answer may take; that of a download is its head, and its content may take longer.
const ANSWER: Duration = Duration::from_secs(60);

/// How long S3 may take over a copy or the end of a multipart upload, in which it sends nothing
/// for minutes; and how long a request with content may take, which must not stand still either.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// S3 under a connection.
#[derive(Clone, Debug)]
pub(crate) struct S3 {
    client: Arc<Client>,
    session: Arc<AwsSession>,
}

impl S3 {
    /// Opens the connection.
    pub(crate) async fn open(
        ctx: &Ctx,
        connection: &ConnectionRef<AwsS3>,
    ) -> Result<Self, CardError> {
        let session = ctx
            .until_cancelled(ctx.session(connection, Scope::whole()))
            .await?;
        let client = session.client(|_| {
            Client::from_conf(config(&session, ANSWER).interceptor(NoteRequests).build())
        });
        Ok(Self { client, session })
    }

    /// A client of its own, with these settings of [`config`].
    pub(crate) fn with(session: &Arc<AwsSession>, config: Builder) -> Self {
        Self {
            client: Arc::new(Client::from_conf(config.build())),
            session: Arc::clone(session),
        }
    }

    /// The SDK's client.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The connection's nickname.
    pub(crate) fn nickname(&self) -> &str {
        self.session.nickname()
    }

    /// The endpoint that takes the place of AWS's own.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.session.endpoint()
    }

    /// The role that the connection acts as.
    pub(crate) fn role_arn(&self) -> Option<&str> {
        self.session.role_arn()
    }

    /// The time, as requests are signed with it.
    pub(crate) fn now(&self) -> SystemTime {
        let time = self.session.config().time_source();
        time.map_or_else(SystemTime::now, |time| time.now())
    }

    /// Whether the session policy leaves out an action on a resource, whatever the role allows.
    pub(crate) fn leaves_out(&self, action: &str, resource: &Resource) -> bool {
        self.session.leaves_out(action, resource)
    }

    /// The connection's region.
    pub(crate) fn region(&self) -> Option<&str> {
        self.session.config().region().map(AsRef::as_ref)
    }
}

/// The settings of a session's clients, whose answers take no longer than this.
///
/// The SDK's own checksums are off, because ours go further: an upload carries a CRC-64/NVME of
/// each part and of the whole as plain headers (no `aws-chunked` trailer, which other servers
/// refuse), and a download is checked as a whole, over ranges that were resumed. Operations that S3
/// takes only with a checksum still get the SDK's.
pub(crate) fn config(session: &AwsSession, answer: Duration) -> Builder {
    let config = session.config();
    let timeouts = config.timeout_config().map(TimeoutConfig::to_builder);
    Builder::from(config)
        .force_path_style(session.endpoint().is_some())
        .timeout_config(
            timeouts
                .unwrap_or_default()
                .operation_timeout(answer)
                .build(),
        )
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

/// Settings for requests over which S3 is silent for long: copies, and the end of a multipart
/// upload.
pub(crate) fn patient() -> Builder {
    sending().stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

/// Settings for requests that carry content.
pub(crate) fn sending() -> Builder {
    Config::builder().timeout_config(
        TimeoutConfig::builder()
            .disable_read_timeout()
            .operation_timeout(PATIENCE)
            .build(),
    )
}
