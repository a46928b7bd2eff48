//! The tags of objects.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>

use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::{S3Service, convert};

pub(super) async fn put_object_tagging(
    service: &S3Service,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<PutObjectTaggingOutput> {
    let input = request.input;
    let tags: Vec<_> = input
        .tagging
        .tag_set
        .into_iter()
        .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
        .collect();
    convert::check_tags(&tags)?;
    let version_id = replace(
        service,
        &input.bucket,
        input.expected_bucket_owner.as_deref(),
        &input.key,
        input.version_id.as_deref(),
        tags,
    )
    .await?;
    Ok(PutObjectTaggingOutput { version_id })
}

pub(super) async fn delete_object_tagging(
    service: &S3Service,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<DeleteObjectTaggingOutput> {
    let input = request.input;
    let version_id = replace(
        service,
        &input.bucket,
        input.expected_bucket_owner.as_deref(),
        &input.key,
        input.version_id.as_deref(),
        Vec::new(),
    )
    .await?;
    Ok(DeleteObjectTaggingOutput { version_id })
}

async fn replace(
    service: &S3Service,
    bucket: &str,
    expected_owner: Option<&str>,
    key: &str,
    version_id: Option<&str>,
    tags: Vec<(String, String)>,
) -> S3Result<Option<String>> {
    service.bucket(bucket, expected_owner).await?;
    convert::check_version(version_id)?;
    let (bucket, version) = service
        .store
        .set_tags(bucket, key, version_id, tags)
        .await?;
    Ok(bucket.shown_version(&version.version_id))
}

pub(super) async fn get_object_tagging(
    service: &S3Service,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<GetObjectTaggingOutput> {
    let input = request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    convert::check_version(input.version_id.as_deref())?;
    let (bucket, version, _) = service
        .store
        .get(&input.bucket, &input.key, input.version_id.as_deref())
        .await?;
    Ok(GetObjectTaggingOutput {
        tag_set: version
            .tags
            .into_iter()
            .map(|(key, value)| Tag {
                key: Some(key),
                value: Some(value),
            })
            .collect(),
        version_id: bucket.shown_version(&version.version_id),
    })
}
