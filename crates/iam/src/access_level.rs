//! The access levels of the S3 actions, as AWS's Service Authorization Reference has them.

/// What kind of power an action gives.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_understand-policy-summary-access-level-summaries.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessLevel {
    /// Sees which resources there are.
    List,
    /// Reads what is in them.
    Read,
    /// Makes, changes or deletes them.
    Write,
    /// Changes tags only.
    Tagging,
    /// Changes who may do what.
    PermissionsManagement,
}

impl AccessLevel {
    /// The level of an action such as `s3:GetObject`, in any case; `None` where it is not known.
    pub fn of(action: &str) -> Option<Self> {
        s3_actions().find_map(|(name, level)| {
            let (service, its_name) = action.split_once(':')?;
            (service.eq_ignore_ascii_case("s3") && its_name.eq_ignore_ascii_case(name))
                .then_some(level)
        })
    }
}

/// The names of the S3 actions, without `s3:`, each with its level.
pub(crate) fn s3_actions() -> impl Iterator<Item = (&'static str, AccessLevel)> {
    S3.iter()
        .flat_map(|(level, names)| names.iter().map(|name| (*name, *level)))
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
const S3: [(AccessLevel, &[&str]); 5] = [
    (
        AccessLevel::List,
        &[
            "ListAccessGrants",
            "ListAccessGrantsInstances",
            "ListAccessGrantsLocations",
            "ListAccessPoints",
            "ListAccessPointsForObjectLambda",
            "ListAllMyBuckets",
            "ListBucket",
            "ListBucketMultipartUploads",
            "ListBucketVersions",
            "ListCallerAccessGrants",
            "ListJobs",
            "ListMultiRegionAccessPoints",
            "ListMultipartUploadParts",
            "ListStorageLensConfigurations",
            "ListStorageLensGroups",
            "ListTagsForResource",
        ],
    ),
    (
        AccessLevel::Read,
        &[
            "DescribeJob",
            "DescribeMultiRegionAccessPointOperation",
            "GetAccelerateConfiguration",
            "GetAccessGrant",
            "GetAccessGrantsInstance",
            "GetAccessGrantsInstanceForPrefix",
            "GetAccessGrantsInstanceResourcePolicy",
            "GetAccessGrantsLocation",
            "GetAccessPoint",
            "GetAccessPointConfigurationForObjectLambda",
            "GetAccessPointForObjectLambda",
            "GetAccessPointPolicy",
            "GetAccessPointPolicyForObjectLambda",
            "GetAccessPointPolicyStatus",
            "GetAccessPointPolicyStatusForObjectLambda",
            "GetAccountPublicAccessBlock",
            "GetAnalyticsConfiguration",
            "GetBucketAbac",
            "GetBucketAcl",
            "GetBucketCORS",
            "GetBucketLocation",
            "GetBucketLogging",
            "GetBucketMetadataTableConfiguration",
            "GetBucketNotification",
            "GetBucketObjectLockConfiguration",
            "GetBucketOwnershipControls",
            "GetBucketPolicy",
            "GetBucketPolicyStatus",
            "GetBucketPublicAccessBlock",
            "GetBucketRequestPayment",
            "GetBucketTagging",
            "GetBucketVersioning",
            "GetBucketWebsite",
            "GetDataAccess",
            "GetEncryptionConfiguration",
            "GetIntelligentTieringConfiguration",
            "GetInventoryConfiguration",
            "GetJobTagging",
            "GetLifecycleConfiguration",
            "GetMetricsConfiguration",
            "GetMultiRegionAccessPoint",
            "GetMultiRegionAccessPointPolicy",
            "GetMultiRegionAccessPointPolicyStatus",
            "GetMultiRegionAccessPointRoutes",
            "GetObject",
            "GetObjectAcl",
            "GetObjectAttributes",
            "GetObjectLegalHold",
            "GetObjectRetention",
            "GetObjectTagging",
            "GetObjectTorrent",
            "GetObjectVersion",
            "GetObjectVersionAcl",
            "GetObjectVersionAttributes",
            "GetObjectVersionForReplication",
            "GetObjectVersionTagging",
            "GetObjectVersionTorrent",
            "GetReplicationConfiguration",
            "GetStorageLensConfiguration",
            "GetStorageLensConfigurationTagging",
            "GetStorageLensDashboard",
            "GetStorageLensGroup",
        ],
    ),
    (
        AccessLevel::Write,
        &[
            "AbortMultipartUpload",
            "CreateAccessPoint",
            "CreateAccessPointForObjectLambda",
            "CreateBucket",
            "CreateBucketMetadataTableConfiguration",
            "CreateJob",
            "CreateMultiRegionAccessPoint",
            "CreateStorageLensGroup",
            "DeleteAccessPoint",
            "DeleteAccessPointForObjectLambda",
            "DeleteBucket",
            "DeleteBucketMetadataTableConfiguration",
            "DeleteBucketWebsite",
            "DeleteMultiRegionAccessPoint",
            "DeleteObject",
            "DeleteObjectVersion",
            "DeleteStorageLensConfiguration",
            "DeleteStorageLensGroup",
            "InitiateReplication",
            "PauseReplication",
            "PutAccelerateConfiguration",
            "PutAccessPointConfigurationForObjectLambda",
            "PutAnalyticsConfiguration",
            "PutBucketAbac",
            "PutBucketCORS",
            "PutBucketLogging",
            "PutBucketNotification",
            "PutBucketObjectLockConfiguration",
            "PutBucketRequestPayment",
            "PutBucketVersioning",
            "PutBucketWebsite",
            "PutEncryptionConfiguration",
            "PutIntelligentTieringConfiguration",
            "PutInventoryConfiguration",
            "PutLifecycleConfiguration",
            "PutMetricsConfiguration",
            "PutObject",
            "PutObjectLegalHold",
            "PutObjectRetention",
            "PutReplicationConfiguration",
            "PutStorageLensConfiguration",
            "ReplicateDelete",
            "ReplicateObject",
            "RestoreObject",
            "SubmitMultiRegionAccessPointRoutes",
            "UpdateBucketMetadataInventoryTableConfiguration",
            "UpdateBucketMetadataJournalTableConfiguration",
            "UpdateJobPriority",
            "UpdateJobStatus",
            "UpdateObjectEncryption",
            "UpdateStorageLensGroup",
        ],
    ),
    (
        AccessLevel::Tagging,
        &[
            "DeleteJobTagging",
            "DeleteObjectTagging",
            "DeleteObjectVersionTagging",
            "DeleteStorageLensConfigurationTagging",
            "PutBucketTagging",
            "PutJobTagging",
            "PutObjectTagging",
            "PutObjectVersionTagging",
            "PutStorageLensConfigurationTagging",
            "ReplicateTags",
            "TagResource",
            "UntagResource",
        ],
    ),
    (
        AccessLevel::PermissionsManagement,
        &[
            "AssociateAccessGrantsIdentityCenter",
            "BypassGovernanceRetention",
            "CreateAccessGrant",
            "CreateAccessGrantsInstance",
            "CreateAccessGrantsLocation",
            "DeleteAccessGrant",
            "DeleteAccessGrantsInstance",
            "DeleteAccessGrantsInstanceResourcePolicy",
            "DeleteAccessGrantsLocation",
            "DeleteAccessPointPolicy",
            "DeleteAccessPointPolicyForObjectLambda",
            "DeleteBucketPolicy",
            "DissociateAccessGrantsIdentityCenter",
            "ObjectOwnerOverrideToBucketOwner",
            "PutAccessGrantsInstanceResourcePolicy",
            "PutAccessPointPolicy",
            "PutAccessPointPolicyForObjectLambda",
            "PutAccessPointPublicAccessBlock",
            "PutAccountPublicAccessBlock",
            "PutBucketAcl",
            "PutBucketOwnershipControls",
            "PutBucketPolicy",
            "PutBucketPublicAccessBlock",
            "PutMultiRegionAccessPointPolicy",
            "PutObjectAcl",
            "PutObjectVersionAcl",
            "UpdateAccessGrantsLocation",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_the_level_of_the_reference() {
        for (action, level) in [
            ("s3:ListBucket", Some(AccessLevel::List)),
            ("S3:getobject", Some(AccessLevel::Read)),
            ("s3:PutObject", Some(AccessLevel::Write)),
            ("s3:PutObjectTagging", Some(AccessLevel::Tagging)),
            ("s3:PutObjectAcl", Some(AccessLevel::PermissionsManagement)),
            (
                "s3:BypassGovernanceRetention",
                Some(AccessLevel::PermissionsManagement),
            ),
            ("s3:Get*", None),
            ("kms:Decrypt", None),
            ("GetObject", None),
        ] {
            assert_eq!(AccessLevel::of(action), level, "{action}");
        }
    }
}
