//! The requests that an attempt made to a service, by which the service's people find them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// How many requests of an attempt are kept: the latest ones.
const MAX_KEPT: usize = 20;

/// A request that a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The service, such as `S3`.
    pub service: String,
    /// What was asked of it, such as `PutObject`.
    pub operation: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The id under which the service knows the request.
    pub request_id: String,
}

/// The requests of an attempt, as it makes them: their number, and the latest 20.
///
/// A card that sends none leaves it empty. Requests of retries inside a card count each.
#[derive(Debug, Default)]
pub struct Requests(Mutex<Noted>);

#[derive(Clone, Debug, Default)]
struct Noted {
    count: u64,
    latest: VecDeque<Request>,
}

tokio::task_local! {
    /// Those of the attempt that the task runs.
    static HERE: Arc<Requests>;
}

/// Notes a request that a service answered, for the attempt that the calling task runs. Anywhere
/// else, such as in a task that a card spawns, nothing is noted.
///
/// A client is shared by the cards of a session, and so cannot know for which of them it asks.
pub fn note_request(request: Request) {
    // Elsewhere nobody wants to know.
    HERE.try_with(|requests| requests.note(request)).ok();
}

impl Requests {
    /// Runs an attempt, and notes its requests meanwhile.
    pub async fn noting<T>(self: Arc<Self>, attempt: impl Future<Output = T>) -> T {
        HERE.scope(self, attempt).await
    }

    fn note(&self, request: Request) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.count = noted.count.saturating_add(1);
        if noted.latest.len() == MAX_KEPT {
            noted.latest.pop_front();
        }
        noted.latest.push_back(request);
    }

    /// How many were noted so far, and the latest of them, oldest first.
    pub fn snapshot(&self) -> (u64, Vec<Request>) {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (noted.count, noted.latest.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn request(number: u32) -> Request {
        Request {
            service: "S3".to_owned(),
            operation: "GetObject".to_owned(),
            status: 200,
            request_id: number.to_string(),
        }
    }

    #[test]
    fn all_are_counted_and_the_latest_twenty_are_kept() {
        let requests = Arc::new(Requests::default());
        // Not of the attempt.
        note_request(request(0));
        let attempt = async { (1..=21).for_each(|number| note_request(request(number))) };
        let noted = Arc::clone(&requests).noting(attempt).now_or_never();
        assert_eq!(noted, Some(()));
        let (count, latest) = requests.snapshot();
        let ids: Vec<&str> = latest.iter().map(|one| one.request_id.as_str()).collect();
        assert_eq!((count, ids.len()), (21, 20));
        assert_eq!((ids.first(), ids.last()), (Some(&"2"), Some(&"21")));
    }
}
