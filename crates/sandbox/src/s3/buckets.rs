//! Buckets: their life, place and versioning.

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::convert::{self, timestamp};
use super::errors::{invalid_argument, refuse};
use super::{S3Service, caller};
use crate::store::{BucketSeed, StoreError, Versioning};

/// The region whose name is no location constraint.
const UNNAMED_REGION: &str = "us-east-1";

/// The most buckets on a page.
const PAGE: i32 = 10_000;

/// The rules of <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
fn check_name(name: &str) -> S3Result<()> {
    let reserved = ["xn--", "sthree-", "amzn-s3-demo-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix));
    if reserved || !s3s::path::check_bucket_name(name) {
        return Err(refuse(
            S3ErrorCode::InvalidBucketName,
            "The specified bucket is not valid.",
        ));
    }
    Ok(())
}

fn is_region_name(name: &str) -> bool {
    let words: Vec<&str> = name.split('-').collect();
    words.len() >= 3
        && words.iter().enumerate().all(|(at, word)| {
            let digits = word.bytes().all(|byte| byte.is_ascii_digit());
            let letters = word.bytes().all(|byte| byte.is_ascii_lowercase());
            !word.is_empty()
                && if at + 1 == words.len() {
                    digits
                } else {
                    letters
                }
        })
}

/// The region of a new bucket at the endpoint of `endpoint`.
fn region(endpoint: &str, constraint: Option<&str>) -> S3Result<String> {
    match constraint.filter(|constraint| !constraint.is_empty()) {
        None if endpoint == UNNAMED_REGION => Ok(UNNAMED_REGION.to_owned()),
        None => Err(refuse(
            S3ErrorCode::IllegalLocationConstraintException,
            "The unspecified location constraint is incompatible for the region specific \
             endpoint this request was sent to.",
        )),
        Some("EU") if endpoint == UNNAMED_REGION || endpoint == "eu-west-1" => {
            Ok("eu-west-1".to_owned())
        }
        Some(name) if name == UNNAMED_REGION || !is_region_name(name) => Err(refuse(
            S3ErrorCode::InvalidLocationConstraint,
            "The specified location-constraint is not valid",
        )),
        Some(name) if name == endpoint || endpoint == UNNAMED_REGION => Ok(name.to_owned()),
        Some(name) => Err(refuse(
            S3ErrorCode::IllegalLocationConstraintException,
            format!(
                "The {name} location constraint is incompatible for the region specific \
                 endpoint this request was sent to."
            ),
        )),
    }
}

pub(super) async fn create_bucket(
    service: &S3Service,
    request: S3Request<CreateBucketInput>,
) -> S3Result<CreateBucketOutput> {
    let account = caller(&request.extensions)?.account.clone();
    let input = request.input;
    check_name(&input.bucket)?;
    let grants = [
        &input.grant_full_control,
        &input.grant_read,
        &input.grant_read_acp,
        &input.grant_write,
        &input.grant_write_acp,
    ];
    let public = input
        .acl
        .as_ref()
        .is_some_and(|acl| acl.as_str() != "private");
    if public || grants.iter().any(|grant| grant.is_some()) {
        return Err(refuse(
            S3ErrorCode::InvalidBucketAclWithObjectOwnership,
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        ));
    }
    if let Some(ownership) = &input.object_ownership
        && ownership.as_str() != ObjectOwnership::BUCKET_OWNER_ENFORCED
    {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "Object ownership other than BucketOwnerEnforced is not implemented.",
        ));
    }
    let configuration = input.create_bucket_configuration.unwrap_or_default();
    if configuration.bucket.is_some() || configuration.location.is_some() {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "Directory buckets are not implemented.",
        ));
    }
    let constraint = configuration.location_constraint;
    let region = region(
        &service.region,
        constraint.as_ref().map(BucketLocationConstraint::as_str),
    )?;
    let object_lock = input.object_lock_enabled_for_bucket.unwrap_or_default();
    let location = format!("/{}", input.bucket);
    let created = service
        .store
        .create_bucket(BucketSeed {
            name: input.bucket,
            owner_account: account.clone(),
            region: region.clone(),
            versioning: object_lock,
            object_lock,
        })
        .await;
    match created {
        Ok(()) => {}
        // Creating one's own bucket again succeeds in this one region.
        Err(StoreError::BucketExists { owner, .. })
            if owner == account && service.region == UNNAMED_REGION && region == UNNAMED_REGION => {
        }
        Err(StoreError::BucketExists { owner, .. }) if owner == account => {
            return Err(refuse(
                S3ErrorCode::BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own \
                 it.",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(CreateBucketOutput {
        location: Some(location),
    })
}

pub(super) async fn delete_bucket(
    service: &S3Service,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<DeleteBucketOutput> {
    let input = request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    service.store.delete_bucket(&input.bucket).await?;
    Ok(DeleteBucketOutput {})
}

pub(super) async fn head_bucket(
    service: &S3Service,
    request: S3Request<HeadBucketInput>,
) -> S3Result<HeadBucketOutput> {
    let input = request.input;
    let bucket = service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    Ok(HeadBucketOutput {
        bucket_region: Some(bucket.region),
        access_point_alias: Some(false),
        ..Default::default()
    })
}

pub(super) async fn list_buckets(
    service: &S3Service,
    request: S3Request<ListBucketsInput>,
) -> S3Result<ListBucketsOutput> {
    let account = caller(&request.extensions)?.account.clone();
    let input = request.input;
    let max = input.max_buckets.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&max) {
        return Err(invalid_argument(
            "Argument maxBuckets must be an integer between 1 and 10000",
        ));
    }
    let max = usize::try_from(max).unwrap_or(1);
    let after = input
        .continuation_token
        .as_deref()
        .map(convert::read_token)
        .transpose()?
        .unwrap_or_default();
    let mut buckets = service
        .store
        .buckets(
            account.clone(),
            input.prefix.clone().unwrap_or_default(),
            input.bucket_region,
            after,
            max.saturating_add(1),
        )
        .await?;
    let more = buckets.len() > max;
    buckets.truncate(max);
    let continuation_token = buckets
        .last()
        .filter(|_| more)
        .map(|bucket| convert::token(&bucket.name));
    Ok(ListBucketsOutput {
        buckets: Some(
            buckets
                .into_iter()
                .map(|bucket| Bucket {
                    bucket_region: Some(bucket.region),
                    creation_date: Some(timestamp(bucket.created)),
                    name: Some(bucket.name),
                })
                .collect(),
        ),
        continuation_token,
        owner: Some(convert::owner(&account)),
        prefix: input.prefix,
    })
}

pub(super) async fn get_bucket_location(
    service: &S3Service,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<GetBucketLocationOutput> {
    let input = request.input;
    let bucket = service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    Ok(GetBucketLocationOutput {
        location_constraint: (bucket.region != UNNAMED_REGION)
            .then(|| BucketLocationConstraint::from(bucket.region)),
    })
}

pub(super) async fn get_bucket_versioning(
    service: &S3Service,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<GetBucketVersioningOutput> {
    let input = request.input;
    let bucket = service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    let status = match bucket.versioning {
        Versioning::Unversioned => None,
        Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
        Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
    };
    Ok(GetBucketVersioningOutput {
        mfa_delete: None,
        status: status.map(BucketVersioningStatus::from_static),
    })
}

pub(super) async fn put_bucket_versioning(
    service: &S3Service,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<PutBucketVersioningOutput> {
    let input = request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    let configuration = input.versioning_configuration;
    if configuration
        .mfa_delete
        .is_some_and(|status| status.as_str() != MFADelete::DISABLED)
    {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "MFA delete is not implemented.",
        ));
    }
    let versioning = match configuration.status.as_ref().map(|status| status.as_str()) {
        Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        _ => {
            return Err(refuse(
                S3ErrorCode::IllegalVersioningConfigurationException,
                "The Versioning element must be specified",
            ));
        }
    };
    service
        .store
        .set_versioning(&input.bucket, versioning)
        .await?;
    Ok(PutBucketVersioningOutput {})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names() {
        let check = |name: &str, expect: bool| {
            assert_eq!(check_name(name).is_ok(), expect, "{name}");
        };
        check("my-bucket.1", true);
        check("abc", true);
        check("ab", false);
        check(&"a".repeat(63), true);
        check(&"a".repeat(64), false);
        check("Upper", false);
        check("under_score", false);
        check("-start", false);
        check("end-", false);
        check("two..dots", false);
        check("192.168.5.4", false);
        check("xn--name", false);
        check("sthree-name", false);
        check("name-s3alias", false);
        check("name--x-s3", false);
    }

    #[test]
    fn location_constraints() {
        let check = |endpoint: &str, constraint: Option<&str>, expect: Result<&str, &str>| {
            let got =
                region(endpoint, constraint).map_err(|error| error.code().as_str().to_owned());
            assert_eq!(
                got.as_deref().map_err(String::as_str),
                expect,
                "{endpoint} {constraint:?}"
            );
        };
        check("us-east-1", None, Ok("us-east-1"));
        check("us-east-1", Some(""), Ok("us-east-1"));
        check("us-east-1", Some("eu-west-2"), Ok("eu-west-2"));
        check("us-east-1", Some("EU"), Ok("eu-west-1"));
        check(
            "us-east-1",
            Some("us-east-1"),
            Err("InvalidLocationConstraint"),
        );
        check("us-east-1", Some("mars"), Err("InvalidLocationConstraint"));
        check("eu-west-2", Some("eu-west-2"), Ok("eu-west-2"));
        check("eu-west-2", None, Err("IllegalLocationConstraintException"));
        check(
            "eu-west-2",
            Some("us-west-2"),
            Err("IllegalLocationConstraintException"),
        );
    }
}
