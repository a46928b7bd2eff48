//! Listing objects, versions and uploads.

use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::convert::{self, Names, timestamp};
use super::errors::invalid_argument;
use super::{S3Service, checksum};
use crate::store::{Entry, Page, Position, Query, Upload, Version};

fn split<T>(page: Page<T>, names: Names) -> (Vec<T>, Vec<CommonPrefix>) {
    let mut items = Vec::new();
    let mut prefixes = Vec::new();
    for entry in page.entries {
        match entry {
            Entry::Item(item) => items.push(item),
            Entry::Prefix(prefix) => prefixes.push(CommonPrefix {
                prefix: Some(names.write(&prefix)),
            }),
        }
    }
    (items, prefixes)
}

/// The last entry of a page that is not the last, as the marker of the next.
fn last_name(page: &Page<Version>) -> Option<&str> {
    match page.entries.last().filter(|_| page.more)? {
        Entry::Item(version) => Some(&version.key),
        Entry::Prefix(prefix) => Some(prefix),
    }
}

fn size(version: &Version) -> Option<i64> {
    i64::try_from(version.size).ok()
}

fn object(version: Version, names: Names, owner: Option<Owner>) -> Object {
    Object {
        checksum_algorithm: version
            .checksum
            .as_ref()
            .map(|it| vec![ChecksumAlgorithm::from_static(it.algorithm.name())]),
        checksum_type: version
            .checksum
            .as_ref()
            .map(|it| ChecksumType::from_static(checksum::kind_name(it.kind))),
        e_tag: convert::etag(&version.etag),
        key: Some(names.write(&version.key)),
        last_modified: Some(timestamp(version.modified)),
        owner,
        restore_status: None,
        size: size(&version),
        storage_class: Some(ObjectStorageClass::from(version.attributes.storage_class)),
    }
}

pub(super) async fn list_objects_v2(
    service: &S3Service,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<ListObjectsV2Output> {
    let input = request.input;
    let bucket = service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    let names = Names::new(input.encoding_type.as_ref())?;
    let max = convert::page_size(input.max_keys, "max-keys")?;
    let marker = match &input.continuation_token {
        Some(token) => Some(convert::read_token(token)?),
        None => input.start_after.clone().filter(|it| !it.is_empty()),
    };
    let query = Query {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        start: marker.map(Position::After),
        max,
    };
    let page = service.store.list_objects(&input.bucket, query).await?;
    let more = page.more;
    let next = last_name(&page).map(convert::token);
    let count = page.entries.len();
    let owner = input
        .fetch_owner
        .unwrap_or_default()
        .then(|| convert::owner(&bucket.owner));
    let (versions, prefixes) = split(page, names);
    Ok(ListObjectsV2Output {
        common_prefixes: Some(prefixes),
        contents: Some(
            versions
                .into_iter()
                .map(|version| object(version, names, owner.clone()))
                .collect(),
        ),
        continuation_token: input.continuation_token,
        delimiter: names.write_some(input.delimiter.as_deref()),
        encoding_type: input.encoding_type,
        is_truncated: Some(more),
        key_count: i32::try_from(count).ok(),
        max_keys: i32::try_from(max).ok(),
        name: Some(input.bucket),
        next_continuation_token: next,
        prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
        start_after: names.write_some(input.start_after.as_deref()),
        ..Default::default()
    })
}

pub(super) async fn list_objects(
    service: &S3Service,
    request: S3Request<ListObjectsInput>,
) -> S3Result<ListObjectsOutput> {
    let input = request.input;
    let bucket = service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    let names = Names::new(input.encoding_type.as_ref())?;
    let max = convert::page_size(input.max_keys, "max-keys")?;
    let marker = input.marker.clone().unwrap_or_default();
    let delimiter = input.delimiter.clone().unwrap_or_default();
    let query = Query {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: delimiter.clone(),
        start: (!marker.is_empty()).then(|| Position::After(marker.clone())),
        max,
    };
    let page = service.store.list_objects(&input.bucket, query).await?;
    let more = page.more;
    // Without a delimiter the last key is the marker, and S3 does not repeat it.
    let next_marker = last_name(&page)
        .filter(|_| !delimiter.is_empty())
        .map(|name| names.write(name));
    let owner = convert::owner(&bucket.owner);
    let (versions, prefixes) = split(page, names);
    Ok(ListObjectsOutput {
        common_prefixes: Some(prefixes),
        contents: Some(
            versions
                .into_iter()
                .map(|version| object(version, names, Some(owner.clone())))
                .collect(),
        ),
        delimiter: names.write_some(Some(&delimiter)),
        encoding_type: input.encoding_type,
        is_truncated: Some(more),
        marker: Some(names.write(&marker)),
        max_keys: i32::try_from(max).ok(),
        name: Some(input.bucket),
        next_marker,
        prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
        ..Default::default()
    })
}

/// Where a listing of versions or uploads begins: an id counts only together with its key.
fn start(key: Option<&str>, id: Option<&str>) -> Option<Position> {
    let key = key.filter(|key| !key.is_empty())?;
    Some(match id.filter(|id| !id.is_empty()) {
        Some(id) => Position::Within(key.to_owned(), id.to_owned()),
        None => Position::After(key.to_owned()),
    })
}

pub(super) async fn list_object_versions(
    service: &S3Service,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<ListObjectVersionsOutput> {
    let input = request.input;
    let bucket = service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    let names = Names::new(input.encoding_type.as_ref())?;
    let max = convert::page_size(input.max_keys, "max-keys")?;
    let key_marker = input.key_marker.as_deref();
    let id_marker = input.version_id_marker.as_deref();
    if id_marker.is_some() && key_marker.is_none_or(str::is_empty) {
        return Err(invalid_argument(
            "A version-id marker cannot be specified without a key marker.",
        ));
    }
    convert::check_version(id_marker.filter(|id| !id.is_empty()))?;
    let query = Query {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        start: start(key_marker, id_marker),
        max,
    };
    let page = service.store.list_versions(&input.bucket, query).await?;
    let more = page.more;
    let next_key = last_name(&page).map(|name| names.write(name));
    let next_id = match page.entries.last() {
        Some(Entry::Item(version)) if more => Some(version.version_id.clone()),
        _ => None,
    };
    let owner = convert::owner(&bucket.owner);
    let (items, prefixes) = split(page, names);
    let (markers, versions): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|version| version.delete_marker);
    Ok(ListObjectVersionsOutput {
        common_prefixes: Some(prefixes),
        delete_markers: Some(
            markers
                .into_iter()
                .map(|marker| DeleteMarkerEntry {
                    is_latest: Some(marker.latest),
                    key: Some(names.write(&marker.key)),
                    last_modified: Some(timestamp(marker.modified)),
                    owner: Some(owner.clone()),
                    version_id: Some(marker.version_id),
                })
                .collect(),
        ),
        delimiter: names.write_some(input.delimiter.as_deref()),
        encoding_type: input.encoding_type,
        is_truncated: Some(more),
        key_marker: Some(names.write(key_marker.unwrap_or_default())),
        max_keys: i32::try_from(max).ok(),
        name: Some(input.bucket),
        next_key_marker: next_key,
        next_version_id_marker: next_id,
        prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        versions: Some(
            versions
                .into_iter()
                .map(|version| ObjectVersion {
                    checksum_algorithm: version
                        .checksum
                        .as_ref()
                        .map(|it| vec![ChecksumAlgorithm::from_static(it.algorithm.name())]),
                    checksum_type: version
                        .checksum
                        .as_ref()
                        .map(|it| ChecksumType::from_static(checksum::kind_name(it.kind))),
                    e_tag: convert::etag(&version.etag),
                    is_latest: Some(version.latest),
                    key: Some(names.write(&version.key)),
                    last_modified: Some(timestamp(version.modified)),
                    owner: Some(owner.clone()),
                    restore_status: None,
                    size: size(&version),
                    storage_class: Some(ObjectVersionStorageClass::from(
                        version.attributes.storage_class,
                    )),
                    version_id: Some(version.version_id),
                })
                .collect(),
        ),
        ..Default::default()
    })
}

pub(super) async fn list_multipart_uploads(
    service: &S3Service,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<ListMultipartUploadsOutput> {
    let input = request.input;
    let bucket = service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    let names = Names::new(input.encoding_type.as_ref())?;
    let max = convert::page_size(input.max_uploads, "max-uploads")?;
    let key_marker = input.key_marker.as_deref();
    let query = Query {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        start: start(key_marker, input.upload_id_marker.as_deref()),
        max,
    };
    let page = service.store.list_uploads(&input.bucket, query).await?;
    let more = page.more;
    let (next_key, next_id) = match page.entries.last().filter(|_| more) {
        Some(Entry::Item(upload)) => (Some(names.write(&upload.new.key)), Some(upload.id.clone())),
        Some(Entry::Prefix(prefix)) => (Some(names.write(prefix)), None),
        None => (None, None),
    };
    let owner = convert::owner(&bucket.owner);
    let (uploads, prefixes) = split(page, names);
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        common_prefixes: Some(prefixes),
        delimiter: names.write_some(input.delimiter.as_deref()),
        encoding_type: input.encoding_type,
        is_truncated: Some(more),
        key_marker: Some(names.write(key_marker.unwrap_or_default())),
        max_uploads: i32::try_from(max).ok(),
        next_key_marker: next_key,
        next_upload_id_marker: next_id,
        prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
        uploads: Some(
            uploads
                .into_iter()
                .map(|upload| shown_upload(upload, names, &owner))
                .collect(),
        ),
        ..Default::default()
    })
}

fn shown_upload(upload: Upload, names: Names, owner: &Owner) -> MultipartUpload {
    let new = upload.new;
    MultipartUpload {
        checksum_algorithm: new
            .algorithm
            .map(|it| ChecksumAlgorithm::from_static(it.name())),
        checksum_type: new
            .algorithm
            .map(|_| ChecksumType::from_static(checksum::kind_name(new.kind))),
        initiated: Some(timestamp(upload.initiated)),
        initiator: Some(Initiator {
            display_name: None,
            id: Some(new.initiator),
        }),
        key: Some(names.write(&new.key)),
        owner: Some(owner.clone()),
        storage_class: Some(StorageClass::from(new.attributes.storage_class)),
        upload_id: Some(upload.id),
    }
}
