//! The S3 operations over the store, in the types of `s3s`.
//!
//! Who asks, and whether they may, is settled before any of this runs. An operation or a
//! feature that is not here answers `NotImplemented` (501); none is dropped in silence.

mod answer;
mod attributes;
mod buckets;
mod checksum;
mod conditions;
mod convert;
mod copy;
mod customer;
mod errors;
mod listing;
mod lock;
mod multipart;
mod objects;
mod parts;
mod read;
mod tagging;

use http::Extensions;
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::caller::Caller;
use crate::store::{Bucket, Content, Store, StoreError, Version};
pub(crate) use answer::finish;
use errors::refuse;

/// The S3 of the sandbox: one region over one store.
#[derive(Clone, Debug)]
pub(crate) struct S3Service {
    store: Store,
    region: String,
}

impl S3Service {
    pub(crate) fn new(store: Store, region: String) -> Self {
        Self { store, region }
    }

    /// The object to read, with its bytes. One who may not list the bucket does not learn that
    /// a key is missing.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    async fn object(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> S3Result<(Bucket, Version, Content)> {
        match (
            self.store.get(bucket, key, version_id).await,
            &caller.may_list,
        ) {
            (
                Err(StoreError::NoSuchKey(_) | StoreError::DeleteMarker { named: false, .. }),
                Err(refusal),
            ) => Err(refuse(S3ErrorCode::AccessDenied, refusal.clone())),
            (found, _) => Ok(found?),
        }
    }

    /// The bucket, when it exists and belongs to the account the request expects.
    async fn bucket(&self, name: &str, expected_owner: Option<&str>) -> S3Result<Bucket> {
        let bucket = self.store.bucket(name).await?;
        if expected_owner.is_some_and(|expected| expected != bucket.owner) {
            return Err(refuse(S3ErrorCode::AccessDenied, "Access Denied"));
        }
        Ok(bucket)
    }
}

/// Who asks. Authentication puts it there for every request that gets here.
fn caller(extensions: &Extensions) -> S3Result<&Caller> {
    extensions
        .get::<Caller>()
        .ok_or_else(|| -> S3Error { refuse(S3ErrorCode::AccessDenied, "Access Denied") })
}

/// Hands each operation to the function of its subject.
macro_rules! operations {
    ($($operation:ident: $input:ident => $output:ident in $subject:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for S3Service {
            $(
                async fn $operation(
                    &self,
                    request: S3Request<$input>,
                ) -> S3Result<S3Response<$output>> {
                    Box::pin($subject::$operation(self, request)).await.map(S3Response::new)
                }
            )*
        }
    };
}

operations! {
    create_bucket: CreateBucketInput => CreateBucketOutput in buckets;
    delete_bucket: DeleteBucketInput => DeleteBucketOutput in buckets;
    head_bucket: HeadBucketInput => HeadBucketOutput in buckets;
    list_buckets: ListBucketsInput => ListBucketsOutput in buckets;
    get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput in buckets;
    get_bucket_versioning: GetBucketVersioningInput => GetBucketVersioningOutput in buckets;
    put_bucket_versioning: PutBucketVersioningInput => PutBucketVersioningOutput in buckets;

    put_object: PutObjectInput => PutObjectOutput in objects;
    delete_object: DeleteObjectInput => DeleteObjectOutput in objects;
    delete_objects: DeleteObjectsInput => DeleteObjectsOutput in objects;
    get_object: GetObjectInput => GetObjectOutput in read;
    head_object: HeadObjectInput => HeadObjectOutput in read;
    copy_object: CopyObjectInput => CopyObjectOutput in copy;

    list_objects: ListObjectsInput => ListObjectsOutput in listing;
    list_objects_v2: ListObjectsV2Input => ListObjectsV2Output in listing;
    list_object_versions: ListObjectVersionsInput => ListObjectVersionsOutput in listing;
    list_multipart_uploads: ListMultipartUploadsInput => ListMultipartUploadsOutput in listing;

    create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput in multipart;
    complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput in multipart;
    abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput in multipart;
    upload_part: UploadPartInput => UploadPartOutput in parts;
    upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput in parts;
    list_parts: ListPartsInput => ListPartsOutput in parts;

    put_object_legal_hold: PutObjectLegalHoldInput => PutObjectLegalHoldOutput in lock;
    get_object_legal_hold: GetObjectLegalHoldInput => GetObjectLegalHoldOutput in lock;
    get_object_lock_configuration: GetObjectLockConfigurationInput => GetObjectLockConfigurationOutput in lock;

    put_object_tagging: PutObjectTaggingInput => PutObjectTaggingOutput in tagging;
    get_object_tagging: GetObjectTaggingInput => GetObjectTaggingOutput in tagging;
    delete_object_tagging: DeleteObjectTaggingInput => DeleteObjectTaggingOutput in tagging;
}

#[cfg(test)]
mod tests;
