//! `AssumeRole`: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.

use std::ops::RangeInclusive;

use flowrun_iam::{Caller, Policy, Request};
use jiff::Timestamp;

use super::{Sts, error::StsError, xml::element};
use crate::{
    access::caller_conditions,
    enforce,
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
const PARAMETERS: [&str; 7] = [
    "Action",
    "Version",
    "RoleArn",
    "RoleSessionName",
    "ExternalId",
    "DurationSeconds",
    "Policy",
];

/// The parameters of a request, each in its form.
#[derive(Debug)]
struct Parameters<'a> {
    role_arn: &'a str,
    session_name: &'a str,
    external_id: Option<&'a str>,
    duration: u32,
    policy: Option<&'a str>,
}

impl Sts {
    /// Issues a session of a role to a caller whom the role trusts and whose own policies allow
    /// it. AWS lets a role name a user of its own account and then asks for no policy of the user;
    /// here the user needs one always.
    pub(super) fn assume_role(
        &self,
        caller: &Identity,
        form: &Form,
        now: Timestamp,
    ) -> Result<String, StsError> {
        let parameters = Parameters::read(form)?;
        let denied = || StsError::denied(&caller.arn, parameters.role_arn);
        let role = self
            .directory
            .role(parameters.role_arn)
            .ok_or_else(denied)?;
        self.authorize(caller, role, &parameters)?;
        parameters.check_session_policy()?;
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
        let packed = parameters.policy.map_or(String::new(), |policy| {
            let percent = policy.len().saturating_mul(100) / POLICY_LENGTHS.end();
            element("PackedPolicySize", &percent.max(1).to_string())
        });
        Ok(format!(
            "<AssumedRoleUser>{}</AssumedRoleUser><Credentials>{}</Credentials>{packed}",
            user.concat(),
            credentials.concat()
        ))
    }

    /// Both sides have to agree: the role, and the caller's own account.
    fn authorize(
        &self,
        caller: &Identity,
        role: &Role,
        parameters: &Parameters<'_>,
    ) -> Result<(), StsError> {
        let mut conditions = caller_conditions(caller, &self.region);
        conditions.set("sts:RoleSessionName", parameters.session_name);
        if let Some(external_id) = parameters.external_id {
            conditions.set("sts:ExternalId", external_id);
        }
        let principal = Caller {
            arn: &caller.arn,
            account: &caller.account,
        };
        if !enforce::trust(&role.trust, &principal, &conditions) {
            return Err(StsError::denied(&caller.arn, &role.arn));
        }
        let request = Request {
            action: "sts:AssumeRole",
            resource: &role.arn,
            conditions: &conditions,
        };
        let session = caller.session_policy.as_ref();
        enforce::policy(&caller.policies, session, &request).map_err(|denial| {
            let mut error = StsError::denied(&caller.arn, &role.arn);
            error.message = format!("{} {}", error.message, denial.reason("sts:AssumeRole"));
            error
        })
    }
}

impl<'a> Parameters<'a> {
    fn read(form: &'a Form) -> Result<Self, StsError> {
        if let Some(name) = form.names().find(|name| !PARAMETERS.contains(name)) {
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
        let session_name = required(form, "RoleSessionName", name, 2..=64, |character| {
            character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)
        })?;
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
        })
    }

    fn check_session_policy(&self) -> Result<(), StsError> {
        match self.policy.map(Policy::parse) {
            Some(Err(error)) => Err(StsError::malformed_policy(error.to_string())),
            _ => Ok(()),
        }
    }
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
