//! A copy within S3: no byte passes through here. One request up to 5 GiB, parts above.

use aws_sdk_s3::{
    operation::head_object::HeadObjectOutput,
    types::{CompletedPart, TaggingDirective},
};
use flowrun_card::{CardError, Ctx, ErrorKind};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    customer_key::{CustomerKey, Of, refuse_plain_http, with_key},
    multipart::Multipart,
    object::{Place, changed, no_size, none_missing},
    part_retry::tried,
    sizes::{Sizes, part_size},
    source::ends_early,
    upload::{Destination, Headers, Stored},
};
use crate::{
    client::patient,
    error::{Call, unexpected},
    fields::{size_of, unquote},
    permissions::READ,
};

/// Parts of one copy in flight at once; they take no memory here.
const IN_FLIGHT: usize = 16;

/// Copies an object, pinned to the content that a HEAD found. Gives the version that was copied
/// too.
pub(crate) async fn server_copy(
    ctx: &Ctx,
    sizes: &Sizes,
    source: &Place,
    destination: &mut Destination,
) -> Result<(Stored, Option<String>), CardError> {
    for key in [&source.customer_key, &destination.customer_key] {
        refuse_plain_http(&destination.s3, key.as_ref())?;
    }
    let head = ctx.until_cancelled(head(source, destination)).await?;
    let size = size_of(head.content_length()).ok_or_else(|| no_size(&destination.s3, source))?;
    ctx.progress().set_total_bytes(size);
    let version_id = head.version_id().map(str::to_owned);
    let pinned = Pinned {
        copy_source: copy_source(source),
        etag: head.e_tag().map(str::to_owned),
        call: call("CopyObject", source, destination),
        size,
        customer_key: source.customer_key.clone(),
    };
    if size <= sizes.copy_max {
        let stored = ctx
            .until_cancelled(copy_object(destination, &pinned))
            .await?;
        ctx.progress().add_bytes(size);
        return Ok((stored, version_id));
    }
    // CopyObject keeps these by itself; a multipart upload starts without.
    none_missing(head.missing_meta()).map_err(|error| {
        source
            .placed(&destination.s3, error)
            .help("S3 keeps them in copies up to 5 GiB only; store the object without them")
    })?;
    if pinned.etag.is_none() && source.version_id.is_none() {
        // Its parts might be of two contents.
        let error = unexpected("S3 gave no ETag of the object");
        return Err(source.placed(&destination.s3, error));
    }
    destination.headers = headers_of(&head);
    let pinned = Pinned {
        call: call("UploadPartCopy", source, destination),
        ..pinned
    };
    let part = part_size(size, sizes.copy_part).map_err(|error| destination.placed(error))?;
    let upload = Multipart::create(ctx, destination).await?;
    let stored = upload.run(copy_parts(ctx, &upload, &pinned, part)).await?;
    Ok((stored, version_id))
}

/// What is copied, and that it must still be the same.
struct Pinned {
    copy_source: String,
    etag: Option<String>,
    call: Call,
    size: u64,
    customer_key: Option<CustomerKey>,
}

fn call(operation: &'static str, source: &Place, destination: &Destination) -> Call {
    destination
        .call(operation)
        .and_on(
            READ.on(source.version_id.as_deref()),
            &source.bucket,
            &source.key,
        )
        .with_key(source.customer_key.is_some())
}

async fn head(source: &Place, destination: &Destination) -> Result<HeadObjectOutput, CardError> {
    let request = destination
        .s3
        .client()
        .head_object()
        .bucket(&source.bucket)
        .key(&source.key)
        .set_version_id(source.version_id.clone())
        .customize()
        .mutate_request(with_key(source.customer_key.as_ref(), Of::Object));
    Box::pin(request.send())
        .await
        .map_err(|error| destination.s3.error(&source.call("HeadObject"), error))
}

async fn copy_object(destination: &Destination, pinned: &Pinned) -> Result<Stored, CardError> {
    let request = destination
        .s3
        .client()
        .copy_object()
        .bucket(&destination.bucket)
        .key(&destination.key)
        .copy_source(&pinned.copy_source)
        .set_copy_source_if_match(pinned.etag.clone())
        .tagging_directive(TaggingDirective::Replace)
        .customize()
        .config_override(patient())
        .mutate_request(with_key(pinned.customer_key.as_ref(), Of::CopySource))
        .mutate_request(with_key(destination.customer_key.as_ref(), Of::Object));
    let answer = Box::pin(request.send())
        .await
        .map_err(|error| pinned_error(destination.s3.error(&pinned.call, error)))?;
    let result = answer.copy_object_result();
    Ok(Stored {
        etag: result.and_then(|result| result.e_tag()).map(unquote),
        version_id: answer.version_id().map(str::to_owned),
        size: pinned.size,
        checksum_crc64nvme: result
            .and_then(|result| result.checksum_crc64_nvme())
            .map(str::to_owned),
    })
}

async fn copy_parts(
    ctx: &Ctx,
    upload: &Multipart<'_>,
    pinned: &Pinned,
    part_size: u64,
) -> Result<Stored, CardError> {
    let numbers = 1..=pinned.size.div_ceil(part_size);
    let mut completed: Vec<CompletedPart> = stream::iter(numbers)
        .map(|number| copy_part(ctx, upload, pinned, part_size, number))
        .boxed()
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    completed.sort_by_key(CompletedPart::part_number);
    let answer = upload.complete(completed, |request| request).await?;
    Ok(Stored {
        etag: answer.e_tag().map(unquote),
        version_id: answer.version_id().map(str::to_owned),
        size: pinned.size,
        checksum_crc64nvme: answer.checksum_crc64_nvme().map(str::to_owned),
    })
}

async fn copy_part(
    ctx: &Ctx,
    upload: &Multipart<'_>,
    pinned: &Pinned,
    part_size: u64,
    number: u64,
) -> Result<CompletedPart, CardError> {
    let destination = upload.destination();
    let first = number.saturating_sub(1).saturating_mul(part_size);
    let end = first.saturating_add(part_size).min(pinned.size);
    let range = format!("bytes={first}-{}", end.saturating_sub(1));
    let number = i32::try_from(number).map_err(|_| ends_early())?;
    let answer = tried(ctx, || {
        let request = destination
            .s3
            .client()
            .upload_part_copy()
            .bucket(&destination.bucket)
            .key(&destination.key)
            .upload_id(upload.id())
            .part_number(number)
            .copy_source(&pinned.copy_source)
            .copy_source_range(&range)
            .set_copy_source_if_match(pinned.etag.clone())
            .customize()
            .config_override(patient())
            .mutate_request(with_key(pinned.customer_key.as_ref(), Of::CopySource))
            .mutate_request(with_key(destination.customer_key.as_ref(), Of::Object));
        async move {
            Box::pin(request.send())
                .await
                .map_err(|error| pinned_error(destination.s3.error(&pinned.call, error)))
        }
    })
    .await?;
    ctx.progress().add_bytes(end.saturating_sub(first));
    let result = answer.copy_part_result();
    Ok(CompletedPart::builder()
        .part_number(number)
        .set_e_tag(result.and_then(|result| result.e_tag()).map(str::to_owned))
        .set_checksum_crc64_nvme(
            result
                .and_then(|result| result.checksum_crc64_nvme())
                .map(str::to_owned),
        )
        .build())
}

fn pinned_error(error: CardError) -> CardError {
    match error.kind {
        ErrorKind::PreconditionFailed => changed(error),
        _ => error,
    }
}

fn headers_of(head: &HeadObjectOutput) -> Headers {
    Headers {
        content_type: head.content_type().map(str::to_owned),
        cache_control: head.cache_control().map(str::to_owned),
        content_disposition: head.content_disposition().map(str::to_owned),
        content_encoding: head.content_encoding().map(str::to_owned),
        content_language: head.content_language().map(str::to_owned),
        expires: head.expires_string().map(str::to_owned),
        metadata: head.metadata().cloned().unwrap_or_default(),
    }
}

/// The value of `x-amz-copy-source`: the key percent-encoded, every byte that is no unreserved
/// character or `/`.
fn copy_source(source: &Place) -> String {
    let mut text = format!("{}/", source.bucket);
    encode(&mut text, &source.key, true);
    if let Some(version_id) = &source.version_id {
        text.push_str("?versionId=");
        encode(&mut text, version_id, false);
    }
    text
}

fn encode(text: &mut String, raw: &str, keep_slash: bool) {
    for byte in raw.bytes() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'~')
            || (keep_slash && byte == b'/')
        {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_source_is_encoded() {
        let check = |key: &str, version_id: Option<&str>, expect: &str| {
            let place = Place {
                bucket: "reports".to_owned(),
                key: key.to_owned(),
                version_id: version_id.map(str::to_owned),
                customer_key: None,
            };
            assert_eq!(copy_source(&place), expect);
        };
        check("a/b.csv", None, "reports/a/b.csv");
        check("a b+%2F?é", None, "reports/a%20b%2B%252F%3F%C3%A9");
        check("//a/../b", None, "reports///a/../b");
        check("a", Some("v/1="), "reports/a?versionId=v%2F1%3D");
    }
}
