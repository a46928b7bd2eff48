//! One question: a request that needs an action and changes nothing, whatever S3 answers.

use std::error::Error;

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
    primitives::ByteStream,
    types::ObjectAttributes,
};

use super::{Answer, Need};
use crate::{client::S3, error::Call};

/// What no upload and, in all likelihood, no object is called. Where there is such an object, a
/// byte of it is read.
pub(super) const NO_SUCH: &str = "flowrun-asks-whether-it-may";

/// The CRC-64/NVME of nothing: buckets with Object Lock take no part without a checksum.
const CHECKSUM_OF_NOTHING: &str = "AAAAAAAAAAA=";

/// A question about a bucket or an object.
pub(super) struct Question {
    action: &'static str,
    bucket: String,
    key: String,
}

impl Question {
    /// The question for a need; `None` where it would have to be done to be tried.
    pub(super) fn of(bucket: &str, need: &Need) -> Option<Self> {
        let key = need.key();
        let can_be_asked = match &key {
            None => OF_BUCKETS.contains(&need.action),
            Some(_) => OF_OBJECTS.contains(&need.action),
        };
        can_be_asked.then(|| Self {
            action: need.action,
            bucket: bucket.to_owned(),
            key: key.unwrap_or_default(),
        })
    }

    /// Asks it, if an owner is named of a bucket of that account only.
    pub(super) async fn ask(&self, s3: &S3, owner: Option<&str>) -> (Answer, Option<String>) {
        let client = s3.client();
        let bucket = self.bucket.as_str();
        let owner = owner.map(str::to_owned);
        let version = self.action.contains("Version").then(|| "null".to_owned());
        match self.action {
            "s3:ListBucket" => {
                let request = client.list_objects_v2().max_keys(1);
                let request = request.bucket(bucket).set_expected_bucket_owner(owner);
                self.answer(s3, "ListObjectsV2", request.send()).await
            }
            "s3:ListBucketVersions" => {
                let request = client.list_object_versions().max_keys(1);
                let request = request.bucket(bucket).set_expected_bucket_owner(owner);
                self.answer(s3, "ListObjectVersions", request.send()).await
            }
            "s3:ListBucketMultipartUploads" => {
                let request = client.list_multipart_uploads().max_uploads(1);
                let request = request.bucket(bucket).set_expected_bucket_owner(owner);
                self.answer(s3, "ListMultipartUploads", request.send())
                    .await
            }
            "s3:GetBucketObjectLockConfiguration" => {
                let request = client.get_object_lock_configuration();
                let request = request.bucket(bucket).set_expected_bucket_owner(owner);
                self.answer(s3, "GetObjectLockConfiguration", request.send())
                    .await
            }
            "s3:GetBucketVersioning" => {
                let request = client.get_bucket_versioning();
                let request = request.bucket(bucket).set_expected_bucket_owner(owner);
                self.answer(s3, "GetBucketVersioning", request.send()).await
            }
            "s3:GetBucketTagging" => {
                let request = client.get_bucket_tagging();
                let request = request.bucket(bucket).set_expected_bucket_owner(owner);
                self.answer(s3, "GetBucketTagging", request.send()).await
            }
            "s3:GetEncryptionConfiguration" => {
                let request = client.get_bucket_encryption();
                let request = request.bucket(bucket).set_expected_bucket_owner(owner);
                self.answer(s3, "GetBucketEncryption", request.send()).await
            }
            "s3:GetObjectTagging" | "s3:GetObjectVersionTagging" => {
                let request = client.get_object_tagging().set_version_id(version);
                let request = request.bucket(bucket).key(&self.key);
                let request = request.set_expected_bucket_owner(owner);
                self.answer(s3, "GetObjectTagging", request.send()).await
            }
            "s3:GetObjectAcl" | "s3:GetObjectVersionAcl" => {
                let request = client.get_object_acl().set_version_id(version);
                let request = request.bucket(bucket).key(&self.key);
                let request = request.set_expected_bucket_owner(owner);
                self.answer(s3, "GetObjectAcl", request.send()).await
            }
            "s3:GetObjectAttributes" | "s3:GetObjectVersionAttributes" => {
                let request = client.get_object_attributes().set_version_id(version);
                let request = request.object_attributes(ObjectAttributes::ObjectSize);
                let request = request.bucket(bucket).key(&self.key);
                let request = request.set_expected_bucket_owner(owner);
                self.answer(s3, "GetObjectAttributes", request.send()).await
            }
            "s3:GetObjectLegalHold" => {
                let request = client.get_object_legal_hold();
                let request = request.bucket(bucket).key(&self.key);
                let request = request.set_expected_bucket_owner(owner);
                self.answer(s3, "GetObjectLegalHold", request.send()).await
            }
            "s3:GetObjectRetention" => {
                let request = client.get_object_retention();
                let request = request.bucket(bucket).key(&self.key);
                let request = request.set_expected_bucket_owner(owner);
                self.answer(s3, "GetObjectRetention", request.send()).await
            }
            "s3:PutObject" => {
                let request = client.upload_part().upload_id(NO_SUCH).part_number(1);
                let request = request.body(ByteStream::from_static(b""));
                let request = request.checksum_crc64_nvme(CHECKSUM_OF_NOTHING);
                let request = request.bucket(bucket).key(&self.key);
                let request = request.set_expected_bucket_owner(owner);
                self.answer(s3, "UploadPart", request.send()).await
            }
            "s3:AbortMultipartUpload" => {
                let request = client.abort_multipart_upload().upload_id(NO_SUCH);
                let request = request.bucket(bucket).key(&self.key);
                let request = request.set_expected_bucket_owner(owner);
                self.answer(s3, "AbortMultipartUpload", request.send())
                    .await
            }
            "s3:ListMultipartUploadParts" => {
                let request = client.list_parts().upload_id(NO_SUCH).max_parts(1);
                let request = request.bucket(bucket).key(&self.key);
                let request = request.set_expected_bucket_owner(owner);
                self.answer(s3, "ListParts", request.send()).await
            }
            // `s3:GetObject` and `s3:GetObjectVersion`. Not HEAD: that is refused without a reason.
            _ => {
                let request = client.get_object().range("bytes=0-0");
                let request = request.set_version_id(version);
                let request = request.bucket(bucket).key(&self.key);
                let request = request.set_expected_bucket_owner(owner);
                self.answer(s3, "GetObject", request.send()).await
            }
        }
    }

    async fn answer<O, E>(
        &self,
        s3: &S3,
        operation: &'static str,
        sent: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    ) -> (Answer, Option<String>)
    where
        O: RequestId,
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let error = match Box::pin(sent).await {
            Ok(output) => return (Answer::Allowed, output.request_id().map(str::to_owned)),
            Err(error) => error,
        };
        let request_id = error.request_id().map(str::to_owned);
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        let region = response.and_then(|response| s3.elsewhere(response));
        let (region, message) = (
            region.map(str::to_owned),
            error.message().unwrap_or_default().to_owned(),
        );
        let call = match self.key.as_str() {
            "" => Call::bucket(operation, self.action, &self.bucket),
            key => Call::object(operation, self.action, &self.bucket, key, None),
        };
        let error = s3.error(&call, error);
        let answer = Answer::of(self.action, error, status, &message, region.as_deref());
        (answer, request_id)
    }
}

/// The actions on buckets that can be asked about.
const OF_BUCKETS: [&str; 7] = [
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListBucketVersions",
];

/// The actions on objects that can be asked about.
const OF_OBJECTS: [&str; 13] = [
    "s3:AbortMultipartUpload",
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectLegalHold",
    "s3:GetObjectRetention",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionAttributes",
    "s3:GetObjectVersionTagging",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
];

/// The KMS key that a bucket encrypts new objects with, if it names one and that can be read.
pub(super) async fn default_key(s3: &S3, bucket: &str) -> Option<String> {
    let request = s3.client().get_bucket_encryption().bucket(bucket);
    let answer = Box::pin(request.send()).await.ok()?;
    let rules = answer.server_side_encryption_configuration?.rules;
    rules.into_iter().find_map(|rule| {
        rule.apply_server_side_encryption_by_default?
            .kms_master_key_id
    })
}
