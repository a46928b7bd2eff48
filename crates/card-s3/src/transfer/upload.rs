//! An object from a source: one request when it is small, parts when it is not.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_s3::{
    config::http::HttpRequest,
    primitives::ByteStream,
    types::{ChecksumType, CompletedPart},
};
use bytes::{Bytes, BytesMut};
use flowrun_card::{CardError, Ctx, ErrorKind};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::SemaphorePermit;

use super::{
    budget::{IN_FLIGHT, room, room_to_keep},
    checksum::{Crc64Nvme, same},
    customer_key::{CustomerKey, Of, refuse_plain_http, with_key},
    multipart::Multipart,
    part_retry::tried,
    sizes::{Sizes, part_size},
    source::Source,
    stop::Stop,
};
use crate::{
    client::{S3, sending},
    error::{Call, unexpected},
    fields::unquote,
};

/// What HTTP says of an object's content, and user metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    /// As it was written: S3 keeps it even where it is no date.
    pub(crate) expires: Option<String>,
    pub(crate) metadata: HashMap<String, String>,
}

impl Headers {
    /// The `Expires` header as it was written, which the SDK takes as a date only.
    pub(crate) fn set_expires(&self) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
        let expires = self.expires.clone();
        move |request| {
            if let Some(expires) = &expires {
                // It came out of a header, so it fits into one.
                drop(request.headers_mut().try_insert("expires", expires.clone()));
            }
        }
    }
}

/// Where an upload goes, and how.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) s3: S3,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) headers: Headers,
    /// The customer's key to encrypt with, if any.
    pub(crate) customer_key: Option<CustomerKey>,
    /// Fail where the key has an object.
    pub(crate) if_none_match: bool,
    /// The name of the mark that keeps the id of a multipart upload.
    pub(crate) mark: String,
    /// Ends the upload as a cancel does.
    pub(crate) stop: Stop,
}

impl Destination {
    /// A write to it, for errors.
    pub(crate) fn call(&self, operation: &'static str) -> Call {
        Call::object(operation, "s3:PutObject", &self.bucket, &self.key, None)
    }

    /// Adds where it goes to an error that no request made.
    pub(crate) fn placed(&self, error: CardError) -> CardError {
        self.call("")
            .place(error)
            .context("connection", self.s3.nickname())
    }

    /// `*` where the key must have no object.
    pub(crate) fn if_none_match(&self) -> Option<String> {
        self.if_none_match.then(|| "*".to_owned())
    }
}

/// What S3 says of a stored object.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) etag: Option<String>,
    pub(crate) version_id: Option<String>,
    pub(crate) size: u64,
    pub(crate) checksum_crc64nvme: Option<String>,
}

/// Stores all bytes of the source. On an error or a cancel nothing is stored, and no parts are
/// left.
///
/// Memory: below 16 MiB the object, else three parts of 8 MiB (of more over 78 GiB), within the
/// budget that all transfers share.
pub(crate) async fn upload<S: Source>(
    ctx: &Ctx,
    sizes: &Sizes,
    destination: &Destination,
    source: &mut S,
) -> Result<Stored, CardError> {
    refuse_plain_http(&destination.s3, destination.customer_key.as_ref())
        .map_err(|error| destination.placed(error))?;
    let size = source.size();
    if size < sizes.multipart_from {
        return destination
            .stop
            .until_stopped(ctx, put(ctx, destination, source))
            .await;
    }
    let part = part_size(size, sizes.part).map_err(|error| destination.placed(error))?;
    let upload = Multipart::create(ctx, destination).await?;
    upload.run(send_parts(ctx, &upload, part, source)).await
}

fn length(size: u64) -> Result<usize, CardError> {
    usize::try_from(size).map_err(|_| {
        CardError::new(
            ErrorKind::InvalidInput,
            format!("{size} bytes do not fit the memory of this machine"),
        )
    })
}

async fn put<S: Source>(
    ctx: &Ctx,
    destination: &Destination,
    source: &mut S,
) -> Result<Stored, CardError> {
    let size = source.size();
    let _room = room(size).await?;
    let bytes = source.read(length(size)?, BytesMut::new()).await?;
    source.finish().await?;
    let sent = Crc64Nvme::of(&bytes).base64();
    let headers = &destination.headers;
    let request = destination
        .s3
        .client()
        .put_object()
        .bucket(&destination.bucket)
        .key(&destination.key)
        .body(ByteStream::from(bytes))
        .checksum_crc64_nvme(&sent)
        .set_if_none_match(destination.if_none_match())
        .set_content_type(headers.content_type.clone())
        .set_cache_control(headers.cache_control.clone())
        .set_content_disposition(headers.content_disposition.clone())
        .set_content_encoding(headers.content_encoding.clone())
        .set_content_language(headers.content_language.clone())
        .set_metadata(Some(headers.metadata.clone()))
        .customize()
        .config_override(sending())
        .mutate_request(headers.set_expires())
        .mutate_request(with_key(destination.customer_key.as_ref(), Of::Object));
    let answer = Box::pin(request.send())
        .await
        .map_err(|error| destination.s3.error(&destination.call("PutObject"), error))?;
    same(&sent, answer.checksum_crc64_nvme()).map_err(|error| destination.placed(error))?;
    ctx.progress().add_bytes(size);
    Ok(Stored {
        etag: answer.e_tag().map(unquote),
        version_id: answer.version_id().map(str::to_owned),
        size,
        checksum_crc64nvme: answer.checksum_crc64_nvme().map(str::to_owned),
    })
}

/// A part that was read and waits to be sent.
struct Part {
    number: i32,
    bytes: Bytes,
    crc: Crc64Nvme,
    room: SemaphorePermit<'static>,
}

/// Buffers that were sent and can be read into again. Fresh ones would leave the allocator with
/// more than is in use.
#[derive(Default)]
struct Spare(Mutex<Vec<(BytesMut, SemaphorePermit<'static>)>>);

impl Spare {
    fn take(&self) -> BytesMut {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().map_or_else(BytesMut::new, |(buffer, _)| buffer)
    }

    /// Takes a buffer back, unless the HTTP client still holds a piece of it, or the process keeps
    /// enough of them.
    fn give(&self, bytes: Bytes) {
        if let Ok(buffer) = bytes.try_into_mut()
            && let Some(room) = room_to_keep(buffer.capacity() as u64)
        {
            let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            spare.push((buffer, room));
        }
    }
}

/// What is left to read.
struct Reading<'a, S> {
    source: &'a mut S,
    whole: &'a mut Crc64Nvme,
    spare: &'a Spare,
    number: i32,
    left: u64,
}

async fn send_parts<S: Source>(
    ctx: &Ctx,
    upload: &Multipart<'_>,
    part_size: u64,
    source: &mut S,
) -> Result<Stored, CardError> {
    let size = source.size();
    let mut whole = Crc64Nvme::new();
    let spare = Spare::default();
    let reading = Reading {
        source,
        whole: &mut whole,
        spare: &spare,
        number: 1,
        left: size,
    };
    // Reading the next part goes on while others are sent: both are polled here, so that a part
    // that waits for room in memory never holds up those that will make it.
    let parts = stream::try_unfold(reading, |mut reading| async move {
        if reading.left == 0 {
            return Ok(None);
        }
        let size = reading.left.min(part_size);
        let room = room(size).await?;
        let buffer = reading.spare.take();
        let bytes = reading.source.read(length(size)?, buffer).await?;
        let crc = Crc64Nvme::of(&bytes);
        reading.whole.append(&crc);
        let part = Part {
            number: reading.number,
            bytes,
            crc,
            room,
        };
        reading.number = reading.number.saturating_add(1);
        reading.left = reading.left.saturating_sub(size);
        Ok::<_, CardError>(Some((part, reading)))
    });
    let mut completed: Vec<CompletedPart> = parts
        .map_ok(|part| send(ctx, upload, &spare, part))
        .boxed()
        .try_buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    source.finish().await?;
    completed.sort_by_key(CompletedPart::part_number);
    let sent = whole.base64();
    let destination = upload.destination();
    let answer = upload
        .complete(completed, |request| {
            let size = i64::try_from(size).ok();
            request
                .checksum_crc64_nvme(&sent)
                .checksum_type(ChecksumType::FullObject)
                .set_mpu_object_size(size)
        })
        .await?;
    same(&sent, answer.checksum_crc64_nvme()).map_err(|error| destination.placed(error))?;
    Ok(Stored {
        etag: answer.e_tag().map(unquote),
        version_id: answer.version_id().map(str::to_owned),
        size,
        checksum_crc64nvme: answer.checksum_crc64_nvme().map(str::to_owned),
    })
}

async fn send(
    ctx: &Ctx,
    upload: &Multipart<'_>,
    spare: &Spare,
    part: Part,
) -> Result<CompletedPart, CardError> {
    let destination = upload.destination();
    let call = destination.call("UploadPart");
    let sent = part.crc.base64();
    let answer = tried(ctx, || {
        let request = destination
            .s3
            .client()
            .upload_part()
            .bucket(&destination.bucket)
            .key(&destination.key)
            .upload_id(upload.id())
            .part_number(part.number)
            .checksum_crc64_nvme(&sent)
            .body(ByteStream::from(part.bytes.clone()))
            .customize()
            .config_override(sending())
            .mutate_request(with_key(destination.customer_key.as_ref(), Of::Object));
        let call = &call;
        async move {
            Box::pin(request.send())
                .await
                .map_err(|error| destination.s3.error(call, error))
        }
    })
    .await?;
    same(&sent, answer.checksum_crc64_nvme()).map_err(|error| destination.placed(error))?;
    let etag = answer.e_tag().ok_or_else(|| {
        destination.placed(unexpected("S3 gave a part of a multipart upload no ETag"))
    })?;
    ctx.progress().add_bytes(part.bytes.len() as u64);
    spare.give(part.bytes);
    drop(part.room);
    Ok(CompletedPart::builder()
        .part_number(part.number)
        .e_tag(etag)
        .checksum_crc64_nvme(sent)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_transfers_together_keep_three_buffers() {
        let part = || Bytes::from(vec![0; 8 * 1_024 * 1_024]);
        let transfers: Vec<Spare> = (0..5).map(|_| Spare::default()).collect();
        for spare in &transfers {
            spare.give(part());
        }
        let kept = |spare: &Spare| spare.take().capacity() > 0;
        assert_eq!(transfers.iter().filter(|spare| kept(spare)).count(), 3);
        let spare = Spare::default();
        spare.give(part());
        assert!(kept(&spare));
        // Larger than all that may be kept.
        spare.give(Bytes::from(vec![0; 25 * 1_024 * 1_024]));
        assert!(!kept(&spare));
    }
}
