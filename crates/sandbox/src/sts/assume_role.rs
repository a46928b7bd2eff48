//! `AssumeRole`: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.

use std::ops::RangeInclusive;

use flowrun_iam::{Policy, Request};
use jiff::Timestamp;

use super::{Sts, error::StsError, tags, xml::element};
use crate::{
    access::{of_caller, unknown},
    enforce::{self, Owner},
    form::Form,
    identity::{Identity, Issue, Role},
};

/// Seconds.
const DURATIONS: RangeInclusive<u32> = 900..=43_200;
const DEFAULT_DURATION: u32 = 3600;
/// The longest session, in seconds, of a role that another role's session assumes.
const CHAINED_DURATION: u32 = 3600;
const POLICY_LENGTHS: RangeInclusive<usize> = 1..=2048;
/// What the sandbox reads of a request. Anything else is refused, because a parameter that is
/// passed over, such as a managed session policy, could grant more than was asked for.
const PARAMETERS: [&str; 8] = [
    "Action",
    "Version",
    "RoleArn",
    "RoleSessionName",
    "ExternalId",
    "DurationSeconds",
    "Policy",
    "SourceIdentity",
];
/// What session policy and tags may take up together, in bytes. AWS packs them into a form that it
/// does not publish, and lets that have a size that it does not publish either; here it is the
/// policy without white space, and the keys and values of the tags as they are.
const PACKED_SIZE: usize = 2048;

/// The parameters of a request, each in its form.
#[derive(Debug)]
struct Parameters<'a> {
    role_arn: &'a str,
    session_name: &'a str,
    external_id: Option<&'a str>,
    duration: u32,
    policy: Option<&'a str>,
    source_identity: Option<&'a str>,
    tags: Vec<(String, String)>,
}

impl Sts {
    /// Issues a session of a role to a caller whom the role trusts and, unless the role names one of
    /// its own account directly, whose own policies allow it.
    pub(super) fn assume_role(
        &self,
        caller: &Identity,
        form: &Form,
        now: Timestamp,
    ) -> Result<String, StsError> {
        let parameters = Parameters::read(form)?;
        let denied = || StsError::denied(&caller.arn, "sts:AssumeRole", parameters.role_arn);
        let role = self
            .directory
            .role(parameters.role_arn)
            .ok_or_else(denied)?;
        let source_identity = self.authorize(caller, role, &parameters)?;
        parameters.check_session_policy()?;
        let packed = parameters.packed_percent()?;
        if caller.is_session && parameters.duration > CHAINED_DURATION {
            return Err(StsError::validation(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles \
                 assumed by role chaining.",
            ));
        }
        if parameters.duration > role.max_session_duration {
            return Err(StsError::validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        let issue = Issue {
            role,
            session_name: parameters.session_name,
            session_policy: parameters.policy,
            source_identity,
            tags: &parameters.tags,
            duration: parameters.duration,
            now,
        };
        let session = self
            .directory
            .sessions()
            .issue(&issue)
            .map_err(|error| StsError::internal(error.to_string()))?;

        let keys = &session.keys;
        let user = [
            element("AssumedRoleId", &role.session_id(parameters.session_name)),
            element("Arn", &role.session_arn(parameters.session_name)),
        ];
        let credentials = [
            element("AccessKeyId", keys.access_key_id()),
            element("SecretAccessKey", keys.secret_access_key().expose()),
            element("SessionToken", session.token.expose()),
            element(
                "Expiration",
                &session.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            ),
        ];
        let packed = packed.map(|percent| element("PackedPolicySize", &percent.to_string()));
        let source_identity = source_identity.map(|source| element("SourceIdentity", source));
        Ok(format!(
            "<AssumedRoleUser>{}</AssumedRoleUser><Credentials>{}</Credentials>{}{}",
            user.concat(),
            credentials.concat(),
            packed.unwrap_or_default(),
            source_identity.unwrap_or_default()
        ))
    }

    /// Checks what the role and the caller's own account say to each thing that the request does,
    /// and gives the source identity of the session: once said, it stays through every role that the
    /// session assumes.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html>
    fn authorize<'a>(
        &self,
        caller: &'a Identity,
        role: &Role,
        parameters: &Parameters<'a>,
    ) -> Result<Option<&'a str>, StsError> {
        let source_identity = match (&caller.source_identity, parameters.source_identity) {
            (Some(kept), Some(new)) if kept != new => {
                let action = "sts:SetSourceIdentity";
                return Err(StsError::denied(&caller.arn, action, &role.arn));
            }
            (Some(kept), _) => Some(kept.as_str()),
            (None, new) => new,
        };
        let mut conditions = of_caller(caller, &self.region);
        if let Some(source) = source_identity {
            conditions.set("sts:SourceIdentity", source);
        }
        if !parameters.tags.is_empty() {
            let keys = parameters.tags.iter().map(|(key, _)| key.clone()).collect();
            conditions.set_all("aws:TagKeys", keys);
            for (key, value) in &parameters.tags {
                conditions.set(&format!("aws:RequestTag/{key}"), value);
            }
        }
        // The other two actions know neither the name of the session nor the External ID.
        let mut to_assume = conditions.clone();
        to_assume.set("sts:RoleSessionName", parameters.session_name);
        if let Some(external_id) = parameters.external_id {
            to_assume.set("sts:ExternalId", external_id);
        }
        for (is_asked, action, conditions) in [
            (true, "sts:AssumeRole", &to_assume),
            (
                source_identity.is_some(),
                "sts:SetSourceIdentity",
                &conditions,
            ),
            (!parameters.tags.is_empty(), "sts:TagSession", &conditions),
        ] {
            if is_asked {
                let request = Request {
                    action,
                    resource: &role.arn,
                    conditions,
                };
                allow(caller, role, &request)?;
            }
        }
        Ok(source_identity)
    }
}

/// Whether both sides agree: the role always, and the caller's own account.
fn allow(caller: &Identity, role: &Role, request: &Request<'_>) -> Result<(), StsError> {
    let trust = role.trust.evaluate(&caller.caller(), request);
    let denied = || StsError::denied(&caller.arn, request.action, &role.arn);
    if !trust.is_allow() {
        return Err(denied());
    }
    let owner = if role.account == caller.account {
        Owner::Same(trust)
    } else {
        Owner::Other(trust)
    };
    let session = caller.session_policy.as_ref();
    enforce::policy(&caller.policies, session, owner, request).map_err(|denial| {
        let mut error = denied();
        error.message = format!("{} {}", error.message, denial.reason(request.action));
        error
    })
}

impl<'a> Parameters<'a> {
    fn read(form: &'a Form) -> Result<Self, StsError> {
        let is_known = |name: &str| PARAMETERS.contains(&name) || tags::is_part(name);
        if let Some(name) = form.names().find(|name| !is_known(name)) {
            let what = format!("the parameter {name} of AssumeRole");
            return Err(StsError::not_implemented(&what));
        }
        let role_arn = required(form, "RoleArn", "roleArn", 20..=2048, |character| {
            // [\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]+
            !character.is_control() || "\t\n\r\u{85}".contains(character)
        })?;
        if !is_role_arn(role_arn) {
            return Err(StsError::validation(format!("{role_arn} is invalid")));
        }
        let name = "roleSessionName";
        let session_name = required(form, "RoleSessionName", name, 2..=64, is_name)?;
        let source_identity = form
            .get("SourceIdentity")
            .map(|_| required(form, "SourceIdentity", "sourceIdentity", 2..=64, is_name));
        let external_id = form.get("ExternalId").map(|_| {
            required(form, "ExternalId", "externalId", 2..=1224, |character| {
                character.is_ascii_alphanumeric() || "_+=,.@:/-".contains(character)
            })
        });
        let policy = form.get("Policy");
        if let Some(policy) = policy {
            shape("policy", policy, &POLICY_LENGTHS, |character| {
                matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}')
            })?;
        }
        Ok(Self {
            role_arn,
            session_name,
            external_id: external_id.transpose()?,
            duration: duration(form.get("DurationSeconds"))?,
            policy,
            source_identity: source_identity.transpose()?,
            tags: tags::read(form)?,
        })
    }

    fn check_session_policy(&self) -> Result<(), StsError> {
        let Some(policy) = self
            .policy
            .map(Policy::parse)
            .transpose()
            .map_err(|error| StsError::malformed_policy(error.to_string()))?
        else {
            return Ok(());
        };
        match unknown(policy.statements()) {
            None => Ok(()),
            Some(key) => Err(StsError::not_implemented(&format!(
                "the condition key {key} of the session policy"
            ))),
        }
    }

    /// How much of their room session policy and tags take, in percent; `None` without either.
    fn packed_percent(&self) -> Result<Option<usize>, StsError> {
        let policy = self.policy.map_or(0, |policy| {
            let json: Option<serde_json::Value> = serde_json::from_str(policy).ok();
            json.map_or(policy.len(), |json| json.to_string().len())
        });
        let tags = self.tags.iter();
        let bytes = tags
            .map(|(key, value)| key.len().saturating_add(value.len()))
            .fold(policy, usize::saturating_add);
        let percent = bytes.saturating_mul(100).div_ceil(PACKED_SIZE);
        match percent {
            0 => Ok(None),
            1..=100 => Ok(Some(percent)),
            _ => Err(StsError::packed_policy_too_large(percent)),
        }
    }
}

/// A character of the name of a session, or of who is behind it.
fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)
}

fn required<'a>(
    form: &'a Form,
    name: &str,
    shown: &str,
    lengths: RangeInclusive<usize>,
    allowed: impl Fn(char) -> bool,
) -> Result<&'a str, StsError> {
    let value = form
        .get(name)
        .ok_or_else(|| StsError::constraint(shown, None, "Member must not be null"))?;
    shape(shown, value, &lengths, allowed)?;
    Ok(value)
}

fn shape(
    shown: &str,
    value: &str,
    lengths: &RangeInclusive<usize>,
    allowed: impl Fn(char) -> bool,
) -> Result<(), StsError> {
    let length = value.chars().count();
    // A long value is not told again: the message would be as long.
    let told = value.chars().take(128).collect::<String>();
    let fault = |constraint: String| Err(StsError::constraint(shown, Some(&told), &constraint));
    if length < *lengths.start() {
        return fault(format!(
            "Member must have length greater than or equal to {}",
            lengths.start()
        ));
    }
    if length > *lengths.end() {
        return fault(format!(
            "Member must have length less than or equal to {}",
            lengths.end()
        ));
    }
    if !value.chars().all(allowed) {
        return fault("Member must satisfy regular expression pattern".to_owned());
    }
    Ok(())
}

fn duration(text: Option<&str>) -> Result<u32, StsError> {
    let Some(text) = text else {
        return Ok(DEFAULT_DURATION);
    };
    let seconds: u32 = text
        .parse()
        .map_err(|_| StsError::malformed_input("DurationSeconds is not a number of seconds"))?;
    let fault = |constraint: String| {
        Err(StsError::constraint(
            "durationSeconds",
            Some(text),
            &constraint,
        ))
    };
    if seconds < *DURATIONS.start() {
        return fault(format!(
            "Member must have value greater than or equal to {}",
            DURATIONS.start()
        ));
    }
    if seconds > *DURATIONS.end() {
        return fault(format!(
            "Member must have value less than or equal to {}",
            DURATIONS.end()
        ));
    }
    Ok(seconds)
}

/// `arn:PARTITION:iam::ACCOUNT:role/NAME`
fn is_role_arn(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (scheme, partition, service) = (next(), next(), next());
    let (region, account, resource) = (next(), next(), next());
    scheme == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && resource
            .strip_prefix("role/")
            .is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "Action=AssumeRole&RoleArn=arn:aws:iam::222222222222:role/a";

    #[test]
    fn parameters_have_the_form_that_aws_asks_for() {
        let long = "x".repeat(2049);
        for (form, expect) in [
            (
                format!("{ROLE}&RoleSessionName=run-1&DurationSeconds=900&ExternalId=id-1"),
                None,
            ),
            (format!("{ROLE}&RoleSessionName=a@b.c,d%2B=_"), None),
            (
                "Action=AssumeRole".to_owned(),
                Some(("ValidationError", "Value null at 'roleArn'")),
            ),
            (
                "RoleArn=arn:aws:iam::222222222222:user/a&RoleSessionName=run".to_owned(),
                Some(("ValidationError", "user/a is invalid")),
            ),
            (
                ROLE.to_owned(),
                Some(("ValidationError", "Value null at 'roleSessionName'")),
            ),
            (
                format!("{ROLE}&RoleSessionName=a"),
                Some(("ValidationError", "length greater than or equal to 2")),
            ),
            (
                format!("{ROLE}&RoleSessionName=a%20b"),
                Some(("ValidationError", "regular expression")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&ExternalId=a"),
                Some(("ValidationError", "'externalId'")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&DurationSeconds=899"),
                Some(("ValidationError", "greater than or equal to 900")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&DurationSeconds=43201"),
                Some(("ValidationError", "less than or equal to 43200")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&DurationSeconds=1h"),
                Some(("MalformedInput", "not a number")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&Policy={long}"),
                Some(("ValidationError", "less than or equal to 2048")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&Policy=%C4%80"),
                Some(("ValidationError", "regular expression")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&SourceIdentity=a"),
                Some(("ValidationError", "'sourceIdentity'")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&SourceIdentity=aws:a"),
                Some(("ValidationError", "regular expression")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&TransitiveTagKeys.member.1=a"),
                Some(("NotImplemented", "TransitiveTagKeys.member.1")),
            ),
            (
                format!("{ROLE}&RoleSessionName=run&PolicyArns.member.1.arn=x"),
                Some(("NotImplemented", "PolicyArns.member.1.arn")),
            ),
        ] {
            let read = Form::parse(&form).unwrap();
            match (Parameters::read(&read), expect) {
                (Ok(_), None) => {}
                (Err(error), Some((code, part))) => {
                    assert_eq!(error.code, code, "{form}");
                    assert!(error.message.contains(part), "{form}: {}", error.message);
                }
                (got, expect) => panic!("{form}: {got:?}, expected {expect:?}"),
            }
        }
    }
}
