//! The requests that an attempt made to a service, by which the service's people find them.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::poll_fn,
    pin::pin,
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

thread_local! {
    /// Those of the attempt that the thread polls.
    static HERE: RefCell<Option<Arc<Requests>>> = const { RefCell::new(None) };
}

/// While it is held, the thread polls an attempt; then what it did before.
struct Polling(Option<Arc<Requests>>);

impl Polling {
    fn of(requests: &Arc<Requests>) -> Self {
        Self(HERE.replace(Some(Arc::clone(requests))))
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        HERE.set(self.0.take());
    }
}

/// Notes a request that a service answered, for the attempt whose future calls this. Anywhere else,
/// such as in a task that a card spawns, nothing is noted.
///
/// A client is shared by the cards of a session, and so cannot know for which of them it asks.
pub fn note_request(request: Request) {
    let here = HERE.with_borrow(Option::clone);
    if let Some(requests) = here {
        requests.note(request);
    }
}

impl Requests {
    /// Runs an attempt, and notes its requests meanwhile.
    pub async fn noting<T>(self: Arc<Self>, attempt: impl Future<Output = T>) -> T {
        let mut attempt = pin!(attempt);
        poll_fn(|context| {
            let _polling = Polling::of(&self);
            attempt.as_mut().poll(context)
        })
        .await
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
    use std::task::{Context, Poll, Waker};

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
        // Not of the attempt, as what is noted after it.
        note_request(request(0));
        let attempt = async { (1..=21).for_each(|number| note_request(request(number))) };
        let noted = Arc::clone(&requests).noting(attempt).now_or_never();
        assert_eq!(noted, Some(()));
        note_request(request(22));
        let (count, latest) = requests.snapshot();
        let ids: Vec<&str> = latest.iter().map(|one| one.request_id.as_str()).collect();
        assert_eq!((count, ids.len()), (21, 20));
        assert_eq!((ids.first(), ids.last()), (Some(&"2"), Some(&"21")));
    }

    #[test]
    fn attempts_that_take_turns_have_each_their_own() {
        let attempt = |number: u32| {
            let mut turns = 0_u32;
            poll_fn(move |_| {
                turns += 1;
                note_request(request(number * 10 + turns));
                if turns == 2 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
        };
        let all = [Arc::new(Requests::default()), Arc::default()];
        let [one, other] = all.clone();
        let (mut one, mut other) = (pin!(one.noting(attempt(1))), pin!(other.noting(attempt(2))));
        let context = &mut Context::from_waker(Waker::noop());
        for end in [Poll::Pending, Poll::Ready(())] {
            assert_eq!(one.as_mut().poll(context), end);
            assert_eq!(other.as_mut().poll(context), end);
        }
        let ids = all.map(|requests| {
            let latest = requests.snapshot().1.into_iter();
            latest.map(|one| one.request_id).collect::<Vec<_>>()
        });
        assert_eq!(ids, [["11", "12"], ["21", "22"]]);
    }
}
