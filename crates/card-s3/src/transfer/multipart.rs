//! A multipart upload from its start to its end, which is completed or aborted, nothing else.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Duration,
};

use aws_sdk_s3::{
    operation::complete_multipart_upload::{
        CompleteMultipartUploadOutput, builders::CompleteMultipartUploadFluentBuilder,
    },
    types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart},
};
use flowrun_card::{CardError, Ctx, ErrorKind, Object, Value};
use futures_util::future::{Either, select};

use super::{
    customer_key::{Of, with_key},
    part_retry::tried,
    upload::Destination,
};
use crate::{
    client::patient,
    error::{Call, unexpected},
};

/// How long an abort may take; a cancelled card has 30 seconds in all.
const ABORT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a cancelled card still waits for the id of an upload that it has asked for.
const START_GRACE: Duration = Duration::from_secs(10);

/// An upload that S3 has given an id.
pub(crate) struct Multipart<'a> {
    ctx: &'a Ctx,
    destination: &'a Destination,
    id: String,
    /// Set while S3 may have made the object without our knowing.
    end_unknown: AtomicBool,
}

/// What became of an upload that was to be aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aborted {
    /// Its parts are gone.
    Now,
    /// There was none any more: it was completed or aborted before.
    Before,
}

impl<'a> Multipart<'a> {
    /// Starts an upload, and records its id before anything is sent.
    ///
    /// An upload that an earlier attempt of this card recorded and did not end, because its process
    /// died, is aborted first.
    pub(crate) async fn create(
        ctx: &'a Ctx,
        destination: &'a Destination,
    ) -> Result<Self, CardError> {
        abort_earlier(ctx, destination).await;
        if ctx.is_cancelled() {
            return Err(CardError::cancelled());
        }
        let headers = &destination.headers;
        let request = destination
            .s3
            .client()
            .create_multipart_upload()
            .bucket(&destination.bucket)
            .key(&destination.key)
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .checksum_type(ChecksumType::FullObject)
            .set_content_type(headers.content_type.clone())
            .set_cache_control(headers.cache_control.clone())
            .set_content_disposition(headers.content_disposition.clone())
            .set_content_encoding(headers.content_encoding.clone())
            .set_content_language(headers.content_language.clone())
            .set_metadata(Some(headers.metadata.clone()))
            .customize()
            .mutate_request(headers.set_expires())
            .mutate_request(with_key(destination.customer_key.as_ref(), Of::Object));
        // Not given up at once on a cancel: S3 may have made the upload, and its id would be lost.
        let given_up = pin!(async {
            ctx.cancelled().await;
            tokio::time::sleep(START_GRACE).await;
        });
        let answer = match select(Box::pin(request.send()), given_up).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => return Err(CardError::cancelled()),
        };
        let answer = answer.map_err(|error| {
            destination
                .s3
                .error(&destination.call("CreateMultipartUpload"), error)
        })?;
        let id = answer
            .upload_id()
            .map(str::to_owned)
            .ok_or_else(|| destination.placed(unexpected("S3 gave a multipart upload no id")))?;
        let upload = Self {
            ctx,
            destination,
            id,
            end_unknown: AtomicBool::new(false),
        };
        match upload.mark().await {
            Ok(()) => Ok(upload),
            Err(error) => Err(upload.given_up(error).await),
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where it goes.
    pub(crate) fn destination(&self) -> &Destination {
        self.destination
    }

    /// Does the work that sends and completes it; aborts it where that fails or is cancelled.
    pub(crate) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, CardError>>,
    ) -> Result<T, CardError> {
        match self.destination.stop.until_stopped(self.ctx, work).await {
            Ok(done) => {
                self.ctx.mark(&self.destination.mark, Value::Null).await?;
                Ok(done)
            }
            Err(error) => Err(self.given_up(error).await),
        }
    }

    /// Makes the object of its parts, which are in order.
    pub(crate) async fn complete(
        &self,
        parts: Vec<CompletedPart>,
        with: impl Fn(CompleteMultipartUploadFluentBuilder) -> CompleteMultipartUploadFluentBuilder,
    ) -> Result<CompleteMultipartUploadOutput, CardError> {
        let destination = self.destination;
        let call = destination.call("CompleteMultipartUpload");
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let answer = tried(self.ctx, || {
            let request = destination
                .s3
                .client()
                .complete_multipart_upload()
                .bucket(&destination.bucket)
                .key(&destination.key)
                .upload_id(&self.id)
                .multipart_upload(parts.clone())
                .set_if_none_match(destination.if_none_match());
            let request = with(request).customize().config_override(patient());
            let call = &call;
            async move {
                let unknown_before = self.end_unknown.swap(true, SeqCst);
                let answer = Box::pin(request.send())
                    .await
                    .map_err(|error| destination.s3.error(call, error));
                let is_known = match &answer {
                    Ok(_) => true,
                    // A refusal says nothing of an earlier try whose answer was lost.
                    Err(error) => error.kind != ErrorKind::Unavailable && !unknown_before,
                };
                if is_known {
                    self.end_unknown.store(false, SeqCst);
                }
                answer
            }
        });
        answer.await
    }

    async fn mark(&self) -> Result<(), CardError> {
        let record: Object = [
            ("bucket", Value::from(self.destination.bucket.as_str())),
            ("key", Value::from(self.destination.key.as_str())),
            ("upload_id", Value::from(self.id.as_str())),
        ]
        .into_iter()
        .collect();
        self.ctx
            .mark(&self.destination.mark, Value::Object(record))
            .await
    }

    /// Aborts it, and gives the error back with what an abort that failed leaves behind.
    async fn given_up(&self, error: CardError) -> CardError {
        let abort = match abort(self.destination, &self.id).await {
            Err(abort) => abort,
            Ok(aborted) => {
                if let Err(error) = self.ctx.mark(&self.destination.mark, Value::Null).await {
                    tracing::warn!(address = self.ctx.address(), %error, "a mark cannot be taken back");
                }
                // Some servers say that they aborted what was not there.
                let is_gone =
                    aborted == Aborted::Before || error.code.as_deref() == Some("NoSuchUpload");
                return if is_gone && self.end_unknown.load(SeqCst) {
                    unknown_end(error, self.destination.if_none_match)
                } else {
                    error
                };
            }
        };
        tracing::warn!(address = self.ctx.address(), error = %abort, "a multipart upload is left behind");
        let left = format!(
            "the parts of multipart upload {} stay and cost storage until it is aborted, which failed: {}",
            self.id, abort.message
        );
        let help = match &error.help {
            Some(help) => format!("{help}; {left}"),
            None => left,
        };
        error.context("upload_id", &self.id).help(help)
    }
}

/// Aborts the upload that the mark names, if it is one to the same place. What is left behind does
/// not keep the next upload from its work.
async fn abort_earlier(ctx: &Ctx, destination: &Destination) {
    let Some(record) = ctx.marked(&destination.mark) else {
        return;
    };
    let text = |name: &str| record.field(name).and_then(|value| value.to_text());
    let same = text("bucket").as_deref() == Some(destination.bucket.as_str())
        && text("key").as_deref() == Some(destination.key.as_str());
    if let Some(id) = text("upload_id").filter(|_| same)
        && let Err(error) = abort(destination, &id).await
    {
        tracing::warn!(address = ctx.address(), %error, "a multipart upload is left behind");
    }
}

/// Aborts an upload; one that is gone is fine.
async fn abort(destination: &Destination, id: &str) -> Result<Aborted, CardError> {
    let call = Call::object(
        "AbortMultipartUpload",
        "s3:AbortMultipartUpload",
        &destination.bucket,
        &destination.key,
        None,
    );
    let request = destination
        .s3
        .client()
        .abort_multipart_upload()
        .bucket(&destination.bucket)
        .key(&destination.key)
        .upload_id(id);
    match tokio::time::timeout(ABORT_TIMEOUT, Box::pin(request.send())).await {
        Ok(Ok(_)) => Ok(Aborted::Now),
        Ok(Err(error)) => match destination.s3.error(&call, error) {
            error if error.kind == ErrorKind::NotFound => Ok(Aborted::Before),
            error => Err(error),
        },
        Err(_) => Err(CardError::new(
            ErrorKind::Unavailable,
            "S3 did not answer AbortMultipartUpload in time",
        )
        .transient(None)),
    }
}

/// The error of an upload that is gone without an answer to the request that completes it: it may
/// have been completed.
fn unknown_end(error: CardError, if_none_match: bool) -> CardError {
    if error.kind == ErrorKind::Cancelled {
        return CardError {
            message: "cancelled while S3 made the object of its parts, so it may have been stored"
                .to_owned(),
            ..error
        };
    }
    CardError {
        kind: ErrorKind::Unavailable,
        message: "the answer to CompleteMultipartUpload was lost, and the upload is gone: it may have been completed".to_owned(),
        ..error
    }
    .transient(None)
    .help(if if_none_match {
        "look at the object: if this upload stored it, `if_none_match` refuses it a second time"
    } else {
        "run it again: the object is stored once more"
    })
}
