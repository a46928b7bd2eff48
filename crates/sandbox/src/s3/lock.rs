//! Legal holds, and whether a bucket can have them.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::errors::refuse;
use super::{S3Service, attributes, convert};
use crate::store::StoreError;

pub(super) async fn put_object_legal_hold(
    service: &S3Service,
    request: S3Request<PutObjectLegalHoldInput>,
) -> S3Result<PutObjectLegalHoldOutput> {
    let input = request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    convert::check_version(input.version_id.as_deref())?;
    let status = input.legal_hold.and_then(|hold| hold.status);
    let on = attributes::legal_hold(status.as_ref())?.ok_or_else(|| {
        refuse(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published \
             schema",
        )
    })?;
    service
        .store
        .set_legal_hold(&input.bucket, &input.key, input.version_id.as_deref(), on)
        .await?;
    Ok(PutObjectLegalHoldOutput::default())
}

pub(super) async fn get_object_legal_hold(
    service: &S3Service,
    request: S3Request<GetObjectLegalHoldInput>,
) -> S3Result<GetObjectLegalHoldOutput> {
    let input = request.input;
    let bucket = service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    convert::check_version(input.version_id.as_deref())?;
    if !bucket.object_lock {
        return Err(StoreError::NoObjectLock(bucket.name).into());
    }
    let (_, version, _) = service
        .store
        .get(&input.bucket, &input.key, input.version_id.as_deref())
        .await?;
    let on = version.legal_hold.ok_or_else(|| {
        refuse(
            S3ErrorCode::NoSuchObjectLockConfiguration,
            "The specified object does not have a ObjectLock configuration",
        )
    })?;
    Ok(GetObjectLegalHoldOutput {
        legal_hold: Some(ObjectLockLegalHold {
            status: Some(attributes::shown_hold(on)),
        }),
    })
}

pub(super) async fn get_object_lock_configuration(
    service: &S3Service,
    request: S3Request<GetObjectLockConfigurationInput>,
) -> S3Result<GetObjectLockConfigurationOutput> {
    let input = request.input;
    let bucket = service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    if !bucket.object_lock {
        return Err(refuse(
            S3ErrorCode::ObjectLockConfigurationNotFoundError,
            "Object Lock configuration does not exist for this bucket",
        ));
    }
    Ok(GetObjectLockConfigurationOutput {
        object_lock_configuration: Some(ObjectLockConfiguration {
            object_lock_enabled: Some(ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED)),
            rule: None,
        }),
    })
}
