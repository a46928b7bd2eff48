//! An object of S3 as a stream of bytes: pinned to one version of its content, taken up again where
//! a connection breaks, checked as a whole.

use aws_sdk_s3::{operation::get_object::GetObjectOutput, primitives::ByteStream};
use bytes::{Bytes, BytesMut};
use flowrun_card::{CardError, Ctx, ErrorKind};

use super::{
    checksum::Verifier,
    customer_key::{CustomerKey, Of, refuse_plain_http, with_key},
    part_retry::{jitter, tried},
    source::{Source, ends_early},
    upload::Headers,
};
use crate::{
    client::S3,
    error::{Call, causes, unexpected},
    fields::{size_of, unquote},
    permissions::READ,
};

/// How often in a row a broken stream is taken up again before [`PROGRESS`] more bytes came.
const MAX_RESUMES: u32 = 5;

/// Bytes after which a stream counts as alive again.
const PROGRESS: u64 = 1_024 * 1_024;

/// Names an object, or one of its versions.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    /// The customer's key that it is encrypted with, if it is.
    pub(crate) customer_key: Option<CustomerKey>,
}

impl Place {
    /// A read of it, for errors.
    pub(crate) fn call(&self, operation: &'static str) -> Call {
        let version_id = self.version_id.as_deref();
        let action = READ.on(version_id);
        Call::object(operation, action, &self.bucket, &self.key, version_id)
            .with_key(self.customer_key.is_some())
    }

    /// Adds it to an error that no request made.
    pub(crate) fn placed(&self, s3: &S3, error: CardError) -> CardError {
        self.call("")
            .place(error)
            .context("connection", s3.nickname())
    }
}

/// The error of an answer that lacks the object's size.
pub(crate) fn no_size(s3: &S3, place: &Place) -> CardError {
    place.placed(s3, unexpected("S3 does not say how long the object is"))
}

/// The content of an object, being read.
pub(crate) struct ObjectStream<'a> {
    ctx: &'a Ctx,
    s3: &'a S3,
    place: &'a Place,
    etag: Option<String>,
    /// The version that is read, where the bucket keeps versions.
    pub(crate) version_id: Option<String>,
    /// What HTTP says of the content.
    pub(crate) headers: Headers,
    missing_meta: Option<i32>,
    size: u64,
    offset: u64,
    body: ByteStream,
    rest: Bytes,
    verifier: Verifier,
    resumes: u32,
    alive_from: u64,
}

impl<'a> ObjectStream<'a> {
    /// Asks for the whole object.
    pub(crate) async fn open(
        ctx: &'a Ctx,
        s3: &'a S3,
        place: &'a Place,
    ) -> Result<Self, CardError> {
        refuse_plain_http(s3, place.customer_key.as_ref())?;
        let call = place.call("GetObject");
        let request = s3
            .client()
            .get_object()
            .bucket(&place.bucket)
            .key(&place.key)
            .set_version_id(place.version_id.clone())
            .customize()
            .mutate_request(with_key(place.customer_key.as_ref(), Of::Object))
            // Set as a header: by its own method the SDK would check the body too, and fail in a
            // way that cannot be told from a broken connection.
            .mutate_request(|request| {
                request
                    .headers_mut()
                    .insert("x-amz-checksum-mode", "ENABLED");
            });
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| s3.error(&call, error))?;
        let size = size_of(answer.content_length()).ok_or_else(|| no_size(s3, place))?;
        Ok(Self {
            ctx,
            s3,
            place,
            etag: answer.e_tag().map(str::to_owned),
            version_id: answer.version_id().map(str::to_owned),
            headers: headers_of(&answer),
            missing_meta: answer.missing_meta(),
            size,
            offset: 0,
            verifier: Verifier::of(&answer),
            body: answer.body,
            rest: Bytes::new(),
            resumes: 0,
            alive_from: 0,
        })
    }

    /// Bytes of the object.
    pub(crate) fn length(&self) -> u64 {
        self.size
    }

    /// Fails where S3 keeps metadata of the object that HTTP cannot carry.
    pub(crate) fn all_metadata(&self) -> Result<(), CardError> {
        none_missing(self.missing_meta).map_err(|error| self.placed(error))
    }

    /// The ETag without quotes.
    pub(crate) fn etag(&self) -> Option<String> {
        self.etag.as_deref().map(unquote)
    }

    /// The next bytes; `None` after the last one, when the whole is checked.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, CardError> {
        loop {
            let broken = match self.body.next().await {
                Some(Ok(bytes)) if bytes.is_empty() => continue,
                Some(Ok(bytes)) => {
                    self.offset = self.offset.saturating_add(bytes.len() as u64);
                    if self.offset > self.size {
                        return Err(self.placed(CardError::new(
                            ErrorKind::Integrity,
                            format!("S3 sent more than the {} bytes of the object", self.size),
                        )));
                    }
                    if self.offset.saturating_sub(self.alive_from) >= PROGRESS {
                        self.resumes = 0;
                        self.alive_from = self.offset;
                    }
                    self.verifier.update(&bytes);
                    return Ok(Some(bytes));
                }
                None if self.offset == self.size => {
                    self.verifier.verify().map_err(|error| self.placed(error))?;
                    return Ok(None);
                }
                None => ends_early(),
                Some(Err(error)) => CardError::new(
                    ErrorKind::Unavailable,
                    format!(
                        "the connection broke after {} of {} bytes: {}",
                        self.offset,
                        self.size,
                        causes(&error)
                    ),
                )
                .transient(None)
                .help("give the card a `retry`"),
            };
            self.resume(broken).await?;
        }
    }

    /// Goes on behind the last byte, or fails with why the stream broke.
    async fn resume(&mut self, broken: CardError) -> Result<(), CardError> {
        let Some(etag) = self.etag.clone().filter(|_| self.resumes < MAX_RESUMES) else {
            return Err(self.placed(broken));
        };
        self.resumes = self.resumes.saturating_add(1);
        tracing::debug!(address = self.ctx.address(), %broken, "going on where the stream broke");
        tokio::time::sleep(jitter(self.ctx, self.resumes)).await;
        let call = self.place.call("GetObject");
        let request = self
            .s3
            .client()
            .get_object()
            .bucket(&self.place.bucket)
            .key(&self.place.key)
            .set_version_id(self.place.version_id.clone())
            .range(format!("bytes={}-", self.offset))
            .if_match(&etag);
        let s3 = self.s3;
        let key = self.place.customer_key.as_ref();
        let answer = tried(self.ctx, || async {
            let request = request.clone().customize();
            Box::pin(request.mutate_request(with_key(key, Of::Object)).send())
                .await
                .map_err(|error| s3.error(&call, error))
        })
        .await
        .map_err(|error| match error.kind {
            ErrorKind::PreconditionFailed => changed(error),
            _ => error,
        })?;
        // Some servers ignore If-Match.
        if answer.e_tag().is_some_and(|found| found != etag) {
            let other = CardError::new(ErrorKind::PreconditionFailed, "");
            return Err(self.placed(changed(other)));
        }
        let from_here = format!("bytes {}-", self.offset);
        if !answer
            .content_range()
            .is_some_and(|range| range.starts_with(&from_here))
        {
            return Err(self.placed(
                CardError::new(
                    ErrorKind::Integrity,
                    "the server ignores Range, so a broken download cannot go on",
                )
                .transient(None)
                .help("give the card a `retry`, which starts from the first byte"),
            ));
        }
        self.body = answer.body;
        Ok(())
    }

    fn placed(&self, error: CardError) -> CardError {
        self.place.placed(self.s3, error)
    }
}

/// The error of a source that was replaced while it was read.
pub(crate) fn changed(error: CardError) -> CardError {
    CardError {
        message: "the object changed while it was read, so nothing was stored".to_owned(),
        help: Some(
            "name a `version_id`, or run it again when nothing writes to the object".to_owned(),
        ),
        ..error
    }
}

impl Source for ObjectStream<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&mut self, length: usize, mut buffer: BytesMut) -> Result<Bytes, CardError> {
        buffer.clear();
        buffer.reserve(length);
        while buffer.len() < length {
            if self.rest.is_empty() {
                self.rest = self
                    .chunk()
                    .await?
                    .ok_or_else(|| self.placed(ends_early()))?;
            }
            let missing = length.saturating_sub(buffer.len());
            buffer.extend_from_slice(&self.rest.split_to(missing.min(self.rest.len())));
        }
        Ok(buffer.freeze())
    }

    async fn finish(&mut self) -> Result<(), CardError> {
        if self.rest.is_empty() && self.chunk().await?.is_none() {
            return Ok(());
        }
        Err(self.placed(CardError::new(
            ErrorKind::Integrity,
            "the object has more bytes than it said",
        )))
    }
}

fn headers_of(answer: &GetObjectOutput) -> Headers {
    Headers {
        content_type: answer.content_type().map(str::to_owned),
        cache_control: answer.cache_control().map(str::to_owned),
        content_disposition: answer.content_disposition().map(str::to_owned),
        content_encoding: answer.content_encoding().map(str::to_owned),
        content_language: answer.content_language().map(str::to_owned),
        expires: answer.expires_string().map(str::to_owned),
        metadata: answer.metadata().cloned().unwrap_or_default(),
    }
}

/// Fails where S3 keeps metadata of the object that HTTP cannot carry: to go on would lose it.
pub(crate) fn none_missing(missing: Option<i32>) -> Result<(), CardError> {
    match missing {
        Some(count) if count > 0 => Err(CardError::new(
            ErrorKind::Integrity,
            format!(
                "{count} metadata entries of the object cannot be read over HTTP and would be lost"
            ),
        )
        .help("copy it within one connection, which leaves metadata to S3")),
        _ => Ok(()),
    }
}
