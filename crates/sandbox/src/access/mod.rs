//! Who may do what: signatures are checked against the directory's secrets, session tokens are
//! bound to their keys, and every S3 operation is held against the policies of caller and bucket.

mod keys;
mod needs;
mod signature;
mod table;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use flowrun_iam::{Conditions, Request, ResourceDecision};
use jiff::Timestamp;
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Result,
    access::{S3Access, S3AccessContext},
    auth::{S3Auth, SecretKey},
    dto::{DeleteObjectsInput, PutObjectLegalHoldInput},
    path::S3Path,
    s3_error,
};

pub(crate) use keys::{of_caller, unknown};
use needs::{Facts, Fault, Need};
pub(crate) use signature::{check_scope, check_signed, presented_token};

use crate::{
    caller::Caller,
    enforce::{self, Denial, Owner, TokenFault},
    form::Form,
    identity::{Directory, Identity},
    store::Store,
};

/// Gives `s3s` the secrets that signatures are checked against.
pub(crate) struct Authentication {
    pub(crate) directory: Arc<Directory>,
}

#[async_trait::async_trait]
impl S3Auth for Authentication {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.directory.secret(access_key) {
            Some(secret) => Ok(SecretKey::from(secret.expose())),
            None => Err(token_error(TokenFault::UnknownKey)),
        }
    }
}

/// Lets an S3 operation go on, or not.
pub(crate) struct Authorization {
    pub(crate) directory: Arc<Directory>,
    pub(crate) store: Store,
    pub(crate) region: String,
}

/// What is known of a request; left behind for the check of its body.
#[derive(Clone)]
struct Checked {
    identity: Identity,
    conditions: Conditions,
    /// What conditions see of writing beside, by key.
    written: Vec<(&'static str, String)>,
    /// The owners of the buckets of the request, none for a bucket that does not exist: each is
    /// looked up once.
    owners: HashMap<String, Option<String>>,
}

#[async_trait::async_trait]
impl S3Access for Authorization {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let query = Form::parse(cx.uri().query().unwrap_or_default())
            .map_err(|error| s3_error!(InvalidURI, "the query is not valid: {error}"))?;
        let Some(credentials) = cx.credentials() else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        check_scope(cx.headers(), &query, "s3")?;
        check_signed(cx.headers(), &query)?;
        let token = presented_token(cx.headers(), &query)?;
        let identity = self
            .directory
            .identify(&credentials.access_key, token, Timestamp::now())
            .map_err(token_error)?;

        let (bucket, key) = match cx.s3_path() {
            S3Path::Root => (None, None),
            S3Path::Bucket { bucket } => (Some(&**bucket), None),
            S3Path::Object { bucket, key } => (Some(&**bucket), Some(&**key)),
        };
        let facts = Facts {
            operation: cx.s3_op().name(),
            bucket,
            key,
            query: &query,
            headers: cx.headers(),
        };
        let mut conditions = of_caller(&identity, &self.region);
        keys::set_listing(&mut conditions, &facts);
        let mut checked = Checked {
            conditions,
            written: keys::of_writing(&facts),
            identity,
            owners: HashMap::new(),
        };
        let needs = needs::needs(&facts).map_err(|fault| match fault {
            Fault::Unknown => s3_error!(AccessDenied, "Access Denied"),
            Fault::CopySource => s3_error!(InvalidArgument, "x-amz-copy-source cannot be read"),
        })?;
        for need in &needs {
            self.allow(&mut checked, need).await?;
        }
        let may_list = match needs::listed_bucket(&facts) {
            Some(bucket) => {
                let need = Need::on_bucket("s3:ListBucket", &bucket);
                let decision = self.decide(&mut checked, &need).await?;
                decision.map_err(|denial| refusal(&checked.identity, &need, denial))
            }
            None => Err("Access Denied".to_owned()),
        };
        let may_copy_tags = self.may(&mut checked, &needs::copied_tags(&facts)).await?;
        cx.extensions_mut().insert(Caller {
            arn: checked.identity.arn.clone(),
            account: checked.identity.account.clone(),
            may_list,
            may_copy_tags,
            denied_entries: BTreeMap::new(),
        });
        cx.extensions_mut().insert(checked);
        Ok(())
    }

    async fn delete_objects(&self, request: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let Some(mut checked) = request.extensions.remove::<Checked>() else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        let mut denied = BTreeMap::new();
        for (index, entry) in request.input.delete.objects.iter().enumerate() {
            // The operation takes an empty version id for none, as AWS does.
            let version = entry.version_id.as_deref().filter(|id| !id.is_empty());
            let bucket = &request.input.bucket;
            for need in needs::delete_entry(bucket, &entry.key, version, &request.headers) {
                if let Err(denial) = self.decide(&mut checked, &need).await? {
                    denied.insert(index, refusal(&checked.identity, &need, denial));
                }
            }
        }
        match request.extensions.get_mut::<Caller>() {
            Some(caller) => caller.denied_entries = denied,
            None => return Err(s3_error!(AccessDenied, "Access Denied")),
        }
        Ok(())
    }

    /// The body says whether the hold is put on or off, which conditions may ask for.
    async fn put_object_legal_hold(
        &self,
        request: &mut S3Request<PutObjectLegalHoldInput>,
    ) -> S3Result<()> {
        let Some(mut checked) = request.extensions.remove::<Checked>() else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        let input = &request.input;
        let status = input.legal_hold.as_ref();
        if let Some(status) = status.and_then(|hold| hold.status.as_ref()) {
            checked
                .written
                .push((keys::LEGAL_HOLD, status.as_str().to_owned()));
        }
        let version = input.version_id.as_deref();
        let action = "s3:PutObjectLegalHold";
        let need = Need::on_object(action, &input.bucket, &input.key, version);
        self.allow(&mut checked, &need).await
    }
}

impl Authorization {
    async fn allow(&self, checked: &mut Checked, need: &Need) -> S3Result<()> {
        let decision = self.decide(checked, need).await?;
        decision.map_err(|denial| {
            let message = refusal(&checked.identity, need, denial);
            S3Error::with_message(S3ErrorCode::AccessDenied, message)
        })
    }

    /// Whether all of these are allowed; none of nothing is.
    async fn may(&self, checked: &mut Checked, needs: &[Need]) -> S3Result<bool> {
        for need in needs {
            if self.decide(checked, need).await?.is_err() {
                return Ok(false);
            }
        }
        Ok(!needs.is_empty())
    }

    async fn decide(&self, checked: &mut Checked, need: &Need) -> S3Result<Result<(), Denial>> {
        let owner = match &need.bucket {
            Some(bucket) => self.owner(checked, bucket).await?,
            None => None,
        };
        let identity = &checked.identity;
        let mut conditions = checked.conditions.clone();
        keys::set_resource(&mut conditions, owner.as_deref(), need.version.as_deref());
        if keys::is_writing(need.action) {
            for (key, value) in &checked.written {
                conditions.set(key, value);
            }
        }
        let request = Request {
            action: need.action,
            resource: &need.arn(),
            conditions: &conditions,
        };
        let policy = need.bucket.as_deref().zip(owner.as_deref());
        let of_bucket = policy
            .and_then(|(bucket, owner)| self.directory.bucket_policy(bucket, owner))
            .map_or(ResourceDecision::ImplicitDeny, |policy| {
                policy.evaluate(&identity.caller(), &request)
            });
        let owner = match owner {
            Some(owner) if owner != identity.account => Owner::Other(of_bucket),
            _ => Owner::Same(of_bucket),
        };
        let session = identity.session_policy.as_ref();
        Ok(enforce::policy(
            &identity.policies,
            session,
            owner,
            &request,
        ))
    }

    async fn owner(&self, checked: &mut Checked, bucket: &str) -> S3Result<Option<String>> {
        if let Some(owner) = checked.owners.get(bucket) {
            return Ok(owner.clone());
        }
        let owner = self
            .store
            .bucket_owner(bucket)
            .await
            .map_err(S3Error::internal_error)?;
        checked.owners.insert(bucket.to_owned(), owner.clone());
        Ok(owner)
    }
}

/// The denial in the words of AWS.
fn refusal(identity: &Identity, need: &Need, denial: Denial) -> String {
    format!(
        "User: {} is not authorized to perform: {} on resource: \"{}\" {}",
        identity.arn,
        need.action,
        need.arn(),
        denial.reason(need.action)
    )
}

/// The fault in the words of S3.
fn token_error(fault: TokenFault) -> S3Error {
    let (code, message) = match fault {
        TokenFault::UnknownKey => (
            S3ErrorCode::InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        TokenFault::WrongToken => (
            S3ErrorCode::InvalidToken,
            "The provided token is malformed or otherwise invalid.",
        ),
        TokenFault::Expired => (S3ErrorCode::ExpiredToken, "The provided token has expired."),
    };
    S3Error::with_message(code, message)
}
