//! Conditional requests.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3ErrorCode, S3Result};

use super::convert;
use super::errors::refuse;
use crate::store::WriteCondition;

/// The conditions of a read, or on the source of a copy.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadConditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

/// What the conditions of a read come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

fn matches(condition: &ETagCondition, etag: &str) -> bool {
    condition.as_etag().is_none_or(|it| it.value() == etag)
}

impl ReadConditions {
    /// ETag conditions come before dates: `If-Unmodified-Since` counts only without `If-Match`,
    /// `If-Modified-Since` only without `If-None-Match` (RFC 9110, section 13.2.2).
    pub(super) fn check(&self, etag: &str, modified: i64) -> Verdict {
        let since = |time: &Timestamp| convert::seconds(time).is_some_and(|it| modified > it);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !matches(condition, etag) => return Verdict::Failed,
            (None, Some(time)) if since(time) => return Verdict::Failed,
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if matches(condition, etag) => Verdict::NotModified,
            (None, Some(time)) if !since(time) => Verdict::NotModified,
            _ => Verdict::Proceed,
        }
    }
}

/// The condition of a write. S3 knows `If-None-Match` with `*` alone.
pub(super) fn write_condition(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<WriteCondition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(WriteCondition::Always),
        (Some(condition), None) => Ok(WriteCondition::Matches(
            condition.as_etag().map(|etag| etag.value().to_owned()),
        )),
        (None, Some(ETagCondition::Any)) => Ok(WriteCondition::Absent),
        (_, Some(_)) => Err(refuse(
            S3ErrorCode::NotImplemented,
            "A header you provided implies functionality that is not implemented",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_conditions() {
        // The object has ETag `e` and was modified at second 100.
        let check = |conditions: [Option<&str>; 2], dates: [Option<i64>; 2], expect: Verdict| {
            let [if_match, if_none_match] = conditions.map(|it| it.map(|it| it.parse().unwrap()));
            let [if_modified_since, if_unmodified_since] =
                dates.map(|it| it.map(convert::timestamp));
            let got = ReadConditions {
                if_match,
                if_none_match,
                if_modified_since,
                if_unmodified_since,
            };
            assert_eq!(got.check("e", 100), expect, "{got:?}");
        };
        use Verdict::{Failed, NotModified, Proceed};
        check([None, None], [None, None], Proceed);
        check([Some("\"e\""), None], [None, None], Proceed);
        check([Some("*"), None], [None, None], Proceed);
        check([Some("\"x\""), None], [None, None], Failed);
        check([None, Some("\"e\"")], [None, None], NotModified);
        check([None, Some("*")], [None, None], NotModified);
        check([None, Some("\"x\"")], [None, None], Proceed);
        check([None, None], [Some(99), None], Proceed);
        check([None, None], [Some(100), None], NotModified);
        check([None, None], [None, Some(100)], Proceed);
        check([None, None], [None, Some(99)], Failed);
        // A matching ETag outweighs the date beside it.
        check([Some("\"e\""), None], [None, Some(99)], Proceed);
        check([None, Some("\"x\"")], [Some(100), None], Proceed);
        check([None, Some("\"e\"")], [Some(99), None], NotModified);
        check([Some("\"x\""), Some("\"e\"")], [None, None], Failed);
    }
}
