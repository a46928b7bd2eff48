//! Asking S3 whether a session may do what cards need, by requests that change nothing.
//!
//! What can be asked without doing it is: reads, and writes that S3 judges and then cannot carry
//! out, such as a part of an upload that does not exist. The rest is said to be not asked.
//!
//! Bounds: [`MAX_QUESTIONS`] questions, eight buckets at once, ten seconds an answer.

mod answer;
mod question;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_s3::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::BeforeDeserializationInterceptorContextRef,
    },
    error::BoxError,
};
use flowrun_card::{Permission, Piece, Resource, Text};
use flowrun_connections::{AwsSession, ClockDrift};
use futures_util::{StreamExt as _, stream};
use indexmap::{IndexMap, IndexSet};

pub use self::answer::{Answer, Denial, Layer, NotAsked};
use self::question::Question;
use crate::client::{S3, config};

/// The most questions of one [`ask`]; what is needed beside is not asked.
pub const MAX_QUESTIONS: usize = 100;

/// How many buckets are asked about at once; the questions about one come one after another.
const AT_ONCE: usize = 8;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An action that cards need on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Such as `s3:GetObject`.
    pub action: &'static str,
    /// On what.
    pub resource: Resource,
}

impl Need {
    /// Each action on each resource of these permissions, once, in their order.
    pub fn of(permissions: &[Permission]) -> Vec<Self> {
        let mut seen = IndexSet::new();
        let mut needs = Vec::new();
        for permission in permissions {
            for action in &permission.actions {
                if seen.insert((*action, permission.resource.to_string())) {
                    needs.push(Self {
                        action,
                        resource: permission.resource.clone(),
                    });
                }
            }
        }
        needs
    }

    fn bucket(&self) -> Option<&str> {
        bucket_of(&self.resource)
    }

    /// A key that the resource covers; `None` of a bucket.
    fn key(&self) -> Option<String> {
        let [_, _, rest @ ..] = self.resource.pieces.as_slice() else {
            return None;
        };
        let pieces = rest.iter().map(|piece| match piece {
            Piece::Literal(text) => text.as_str(),
            Piece::Any(_) => question::NO_SUCH,
        });
        Some(pieces.collect())
    }
}

/// The bucket of a resource, where it is known.
pub fn bucket_of(resource: &Resource) -> Option<&str> {
    match resource.pieces.as_slice() {
        [Piece::Literal(bucket)] => Some(bucket),
        [Piece::Literal(bucket), Piece::Literal(slash), ..] if slash == "/" => Some(bucket),
        _ => None,
    }
}

/// What came of asking about one need.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What was asked about.
    pub need: Need,
    /// What S3 says.
    pub answer: Answer,
    /// The request's id, by which AWS finds it.
    pub request_id: Option<String>,
}

/// What came of asking about all of them.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Each need, in order.
    pub asked: Vec<Asked>,
    /// The buckets that are not of the account that was named.
    pub foreign: Vec<String>,
    /// How far the clock of this machine is from that of S3, where that is too far.
    pub drift: Option<ClockDrift>,
}

/// Asks S3, with requests that change nothing, whether the session may do each of these. Where an
/// account is named, it is asked of each bucket too whether that account owns it.
///
/// A bucket that is not there, or is elsewhere, is asked about no further. Nothing fails: what
/// cannot be told is an answer, too.
pub async fn ask(session: &Arc<AwsSession>, needs: &[Need], account: Option<&str>) -> Findings {
    let clock = Arc::<Mutex<Option<ClockDrift>>>::default();
    let config = config(session, PATIENCE).interceptor(Watch(Arc::clone(&clock)));
    let s3 = S3::with(session, config);
    let mut buckets: IndexMap<Option<&str>, Vec<(usize, &Need)>> = IndexMap::new();
    for (index, need) in needs.iter().enumerate() {
        let bucket = need.bucket().filter(|_| index < MAX_QUESTIONS);
        buckets.entry(bucket).or_default().push((index, need));
    }
    let asking = buckets.into_iter().map(|(bucket, needs)| {
        let s3 = &s3;
        async move {
            match bucket {
                Some(bucket) => bucket_answers(s3, bucket, &needs, account).await,
                None => OfBucket {
                    asked: needs.into_iter().map(unasked).collect(),
                    is_foreign: None,
                },
            }
        }
    });
    let answers: Vec<OfBucket> = stream::iter(asking).buffered(AT_ONCE).collect().await;
    let mut asked = Vec::with_capacity(needs.len());
    let mut foreign = Vec::new();
    for of_bucket in answers {
        asked.extend(of_bucket.asked);
        foreign.extend(of_bucket.is_foreign);
    }
    asked.sort_by_key(|(index, _)| *index);
    let drift = *clock.lock().unwrap_or_else(PoisonError::into_inner);
    Findings {
        asked: asked.into_iter().map(|(_, asked)| asked).collect(),
        foreign,
        drift: drift.filter(|drift| drift.is_too_far()),
    }
}

/// The KMS keys that these buckets encrypt new objects with, as far as the session may read that.
pub async fn default_keys(session: &Arc<AwsSession>, buckets: &[&str]) -> Vec<(String, String)> {
    let s3 = S3::with(session, config(session, PATIENCE));
    let reading = buckets.iter().map(|bucket| {
        let s3 = &s3;
        async move {
            let key = question::default_key(s3, bucket).await?;
            Some(((*bucket).to_owned(), key))
        }
    });
    let keys: Vec<_> = stream::iter(reading).buffered(AT_ONCE).collect().await;
    keys.into_iter().flatten().collect()
}

/// What is needed to read that.
pub fn default_key_permission(bucket: &str) -> Permission {
    Permission {
        connection: None,
        actions: vec!["s3:GetEncryptionConfiguration"],
        resource: Resource::bucket(&Text::Known(bucket.to_owned())),
    }
}

struct OfBucket {
    asked: Vec<(usize, Asked)>,
    /// The bucket, where it is not of the account.
    is_foreign: Option<String>,
}

fn unasked((index, need): (usize, &Need)) -> (usize, Asked) {
    let reason = match need.bucket() {
        Some(_) => NotAsked::TooMany,
        None => NotAsked::AnyBucket,
    };
    let asked = Asked {
        need: need.clone(),
        answer: Answer::NotAsked(reason),
        request_id: None,
    };
    (index, asked)
}

async fn bucket_answers(
    s3: &S3,
    bucket: &str,
    needs: &[(usize, &Need)],
    account: Option<&str>,
) -> OfBucket {
    let is_made = needs
        .iter()
        .any(|(_, need)| need.action == "s3:CreateBucket");
    let mut asked = Vec::with_capacity(needs.len());
    let mut whole_bucket: Option<Answer> = None;
    let mut allowed: Option<Question> = None;
    for (index, need) in needs {
        let question = Question::of(bucket, need);
        let (answer, request_id) = match (question, &whole_bucket) {
            (None, _) => (Answer::NotAsked(NotAsked::Doing), None),
            (Some(_), Some(answer)) => (answer.clone(), None),
            (Some(question), None) => {
                let (answer, request_id) = question.ask(s3, None).await;
                match &answer {
                    Answer::Allowed => allowed = Some(question),
                    Answer::NoBucket | Answer::Elsewhere(_) => whole_bucket = Some(answer.clone()),
                    _ => {}
                }
                (answer, request_id)
            }
        };
        let answer = match answer {
            Answer::NoBucket if is_made => Answer::NotAsked(NotAsked::ToBeMade),
            answer => answer,
        };
        let asked_one = Asked {
            need: (*need).clone(),
            answer,
            request_id,
        };
        asked.push((*index, asked_one));
    }
    let is_doubtful = |(_, asked): &(usize, Asked)| asked.answer.is_doubtful(asked.need.action);
    if asked.iter().any(is_doubtful) && !may_list(s3, bucket).await {
        for (_, asked) in &mut asked {
            if asked.answer.is_doubtful(asked.need.action) {
                asked.answer = Answer::NotAsked(NotAsked::Hidden);
            }
        }
    }
    let is_foreign = match (allowed, account) {
        (Some(question), Some(account)) => {
            let (answer, _) = question.ask(s3, Some(account)).await;
            matches!(answer, Answer::Denied(_)).then(|| bucket.to_owned())
        }
        _ => None,
    };
    OfBucket { asked, is_foreign }
}

/// Whether S3 tells of objects that are not there.
async fn may_list(s3: &S3, bucket: &str) -> bool {
    let need = Need {
        action: "s3:ListBucket",
        resource: Resource::bucket(&Text::Known(bucket.to_owned())),
    };
    match Question::of(bucket, &need) {
        Some(question) => matches!(question.ask(s3, None).await.0, Answer::Allowed),
        None => false,
    }
}

/// Notes how far the clocks are apart.
#[derive(Debug)]
struct Watch(Arc<Mutex<Option<ClockDrift>>>);

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let now = components.time_source().unwrap_or_default().now();
        if let Some(drift) = date.and_then(|date| ClockDrift::of(date, now)) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(drift);
        }
        Ok(())
    }
}
