//! `s3.list_objects`: the objects under a prefix, to the end.

use aws_sdk_s3::{operation::list_objects_v2::ListObjectsV2Output, types::EncodingType};
use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, ErrorKind, Example, Idempotency,
    InputError, Partial, Permissions, Resource,
};
use flowrun_connections::AwsS3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    client::S3,
    error::Call,
    fields::{DateTime, Problems, size_of, unquote},
};

/// Entries in memory at once without a `limit`.
const MAX_ENTRIES: usize = 1_000_000;

/// Keys of one page; S3 gives no more.
const PAGE: usize = 1_000;

/// Empty pages in a row after which a listing that still claims to go on is given up.
const MAX_EMPTY_PAGES: u32 = 1_000;

/// What to list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The connection.
    connection: ConnectionRef<AwsS3>,
    /// The bucket.
    bucket: String,
    /// Only keys that start with this; empty for all.
    #[serde(default)]
    prefix: String,
    /// Keys that have this text after the prefix are rolled up to it, and given once as a common
    /// prefix; `/` makes folders of keys.
    delimiter: Option<String>,
    /// Only keys after this one, in the order of their bytes.
    start_after: Option<String>,
    /// Stop after this many objects and common prefixes together.
    #[schemars(range(min = 1, max = 1_000_000))]
    limit: Option<u32>,
}

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct ListedObject {
    /// The key.
    key: String,
    /// Bytes.
    size: u64,
    /// The ETag, without quotes.
    etag: Option<String>,
    /// When this version was stored.
    last_modified: Option<DateTime>,
    /// The storage class, such as `STANDARD`.
    storage_class: Option<String>,
}

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The objects, by key in the order of its bytes.
    objects: Vec<ListedObject>,
    /// What keys were rolled up to where a `delimiter` is given.
    common_prefixes: Vec<String>,
    /// Whether `limit` left something out.
    truncated: bool,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListObjects;

impl Card for ListObjects {
    type Input = Input;
    type Output = Output;
    type Plan = Input;

    const SPEC: CardSpec = CardSpec {
        name: "s3.list_objects",
        title: "List objects",
        description: "Lists the objects of a bucket under a prefix, all pages of them.\n\n\
            The list is complete unless a `limit` is given; `truncated` then says whether more \
            exist. It is held in memory: more than 1,000,000 entries without a `limit` are an \
            error. Pages are not a snapshot: objects that are written or deleted meanwhile may or \
            may not be in it. ETags are without quotes.",
        effect: Effect::Read,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &["ls", "ListObjectsV2", "keys", "prefix", "folder", "find"],
        rules: &[],
    };

    fn check(input: Input) -> Result<Input, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.bucket("bucket", &input.bucket);
        if input.delimiter.as_deref() == Some("") {
            problems.add(
                "delimiter",
                "a delimiter is not empty; leave it out for none",
            );
        }
        if input
            .limit
            .is_some_and(|limit| limit == 0 || limit as usize > MAX_ENTRIES)
        {
            problems.add("limit", format!("a limit is 1 to {MAX_ENTRIES}"));
        }
        problems.none_or(input)
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        permissions.need(
            input.connection("connection"),
            &["s3:ListBucket"],
            Resource::bucket(&input.at("bucket").text()),
        );
    }

    fn examples() -> &'static [Example] {
        &[Example {
            title: "List what was uploaded",
            flow: r#"flow: list_reports
connections: { source: demo-reports }
cards:
  seeded:
    card: s3.upload
    connection: source
    with: { bucket: reports, key: daily/list/a.txt, text: "one report" }
  found:
    card: s3.list_objects
    connection: source
    after: [seeded]
    with: { bucket: reports, prefix: daily/list/ }
outputs:
  keys: "{{ cards.found.objects }}"
"#,
        }]
    }

    async fn run(&self, plan: &Input, ctx: &Ctx) -> Result<Output, CardError> {
        let s3 = S3::open(ctx, &plan.connection).await?;
        ctx.until_cancelled(list(&s3, plan, ctx)).await
    }
}

async fn list(s3: &S3, plan: &Input, ctx: &Ctx) -> Result<Output, CardError> {
    let call = Call::bucket("ListObjectsV2", "s3:ListBucket", &plan.bucket);
    let limit = plan.limit.map(|limit| limit as usize);
    let mut output = Output::default();
    let mut token: Option<String> = None;
    let mut empty_pages = 0_u32;
    let mut pages = 0_u64;
    // The token of a page before, kept for twice as many pages each time: so one token is enough
    // to find a circle of any length.
    let mut earlier: Option<String> = None;
    loop {
        let listed = output
            .objects
            .len()
            .saturating_add(output.common_prefixes.len());
        let page = limit.map_or(PAGE, |limit| limit.saturating_sub(listed).min(PAGE));
        let request = s3
            .client()
            .list_objects_v2()
            .bucket(&plan.bucket)
            .prefix(&plan.prefix)
            .set_delimiter(plan.delimiter.clone())
            .set_start_after(plan.start_after.clone())
            .set_continuation_token(token.clone())
            .set_max_keys(i32::try_from(page).ok())
            // Without it, a key with a character that XML does not have breaks the whole page.
            .encoding_type(EncodingType::Url);
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| s3.error(&call, error))?;
        let found = take(&mut output, &answer)?;
        ctx.progress().add_items(found as u64);
        if let Some(limit) = limit
            && cut(&mut output, limit)
        {
            output.truncated = true;
            return Ok(output);
        }
        if answer.is_truncated() != Some(true) {
            return Ok(output);
        }
        let listed = listed.saturating_add(found);
        match limit {
            Some(limit) if listed >= limit => {
                output.truncated = true;
                return Ok(output);
            }
            None if listed >= MAX_ENTRIES => return Err(too_many(plan)),
            _ => {}
        }
        empty_pages = if found == 0 {
            empty_pages.saturating_add(1)
        } else {
            0
        };
        let next = answer.next_continuation_token().map(str::to_owned);
        if next.is_none() || next == earlier || empty_pages > MAX_EMPTY_PAGES {
            return Err(CardError::new(
                ErrorKind::Unexpected,
                "the server says that the listing goes on, and does not go on",
            )
            .context("bucket", &plan.bucket)
            .context("prefix", &plan.prefix)
            .context("connection", s3.nickname())
            .help(
                "the server behind the connection does not list as S3 does; `limit` stops earlier",
            ));
        }
        pages = pages.saturating_add(1);
        if pages.is_power_of_two() {
            earlier.clone_from(&next);
        }
        token = next;
    }
}

fn too_many(plan: &Input) -> CardError {
    CardError::new(
        ErrorKind::InvalidInput,
        format!("more than {MAX_ENTRIES} objects are too many for one list"),
    )
    .context("bucket", &plan.bucket)
    .context("prefix", &plan.prefix)
    .help("list less with a longer `prefix`, or stop with `limit` and go on with `start_after`")
}

/// Leaves out what is past the limit, for servers that give more than they are asked for; tells
/// whether there was something.
fn cut(output: &mut Output, limit: usize) -> bool {
    let mut is_cut = false;
    let (objects, prefixes) = (&mut output.objects, &mut output.common_prefixes);
    while objects.len().saturating_add(prefixes.len()) > limit {
        let last = objects.last().map(|object| &object.key);
        if prefixes.last() > last {
            prefixes.pop();
        } else {
            objects.pop();
        }
        is_cut = true;
    }
    is_cut
}

/// Takes a page over; gives the number of its entries.
fn take(output: &mut Output, answer: &ListObjectsV2Output) -> Result<usize, CardError> {
    let encoded = answer.encoding_type() == Some(&EncodingType::Url);
    let text = |text: Option<&str>| {
        let text = text.unwrap_or_default();
        if encoded {
            decode(text)
        } else {
            Ok(text.to_owned())
        }
    };
    for object in answer.contents() {
        output.objects.push(ListedObject {
            key: text(object.key())?,
            size: size_of(object.size()).unwrap_or_default(),
            etag: object.e_tag().map(unquote),
            last_modified: object.last_modified().and_then(DateTime::from_sdk),
            storage_class: object
                .storage_class()
                .map(|class| class.as_str().to_owned()),
        });
    }
    for prefix in answer.common_prefixes() {
        output.common_prefixes.push(text(prefix.prefix())?);
    }
    Ok(answer
        .contents()
        .len()
        .saturating_add(answer.common_prefixes().len()))
}

/// Undoes S3's encoding of keys in listings: that of forms, with `+` for a space.
fn decode(text: &str) -> Result<String, CardError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let bad = || {
        CardError::new(
            ErrorKind::Unexpected,
            "a key of the listing cannot be decoded",
        )
        .context("key", text)
    };
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
                u8::try_from(high.saturating_mul(16).saturating_add(low)).map_err(|_| bad())?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(decode(text).ok().as_deref(), expect, "{text}");
        };
        check("a/b.csv", Some("a/b.csv"));
        check("a+b%2Bc%20d", Some("a b+c d"));
        check("%C3%A9", Some("é"));
        check("%01%25", Some("\u{1}%"));
        check("%", None);
        check("%4", None);
        check("%zz", None);
        check("%ff", None);
    }
}
