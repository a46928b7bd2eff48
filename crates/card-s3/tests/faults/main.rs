//! What cards do when a server fails them, on a server that fails as told.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod copies;
mod downloads;
mod errors;
mod listing;
#[path = "../support/mod.rs"]
mod support;
mod uploads;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use support::scripted::{Answer, Request};

pub(crate) const MIB: usize = 1_024 * 1_024;

pub(crate) fn crc64nvme(bytes: &[u8]) -> String {
    BASE64.encode(crc_fast::crc64_nvme(bytes).to_be_bytes())
}

pub(crate) fn whole(body: &[u8]) -> Answer {
    Answer::new(200, body).header("etag", "\"tag\"")
}

/// Answers an upload in parts as S3 does.
pub(crate) fn multipart(request: &Request) -> Answer {
    let crc = request
        .header("x-amz-checksum-crc64nvme")
        .unwrap_or_default()
        .to_owned();
    match (request.method.as_str(), request.target.as_str()) {
        ("POST", target) if target.contains("uploads") => Answer::new(
            200,
            "<InitiateMultipartUploadResult><UploadId>U1</UploadId></InitiateMultipartUploadResult>",
        ),
        ("PUT", _) => Answer::new(200, "")
            .header("etag", "\"part\"")
            .header("x-amz-checksum-crc64nvme", &crc),
        ("POST", _) => Answer::new(
            200,
            "<CompleteMultipartUploadResult><ETag>\"done-2\"</ETag></CompleteMultipartUploadResult>",
        ),
        _ => Answer::new(204, ""),
    }
}
