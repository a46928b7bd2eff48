//! One caller works, all others wait for what it gets.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use flowrun_card::CardError;

/// A value that one caller loads for all that ask meanwhile.
///
/// A failure goes to everyone who waited for it and is not kept: the next call tries again. A
/// caller that is dropped while it loads hands the work to the next in line.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    latest: Mutex<Option<T>>,
    /// Held while loading; holds the failure of the last load.
    lead: tokio::sync::Mutex<Option<CardError>>,
    finished: AtomicU64,
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self {
            latest: Mutex::new(None),
            lead: tokio::sync::Mutex::new(None),
            finished: AtomicU64::new(0),
        }
    }
}

impl<T: Clone> Flight<T> {
    /// What was loaded last.
    pub(crate) fn latest(&self) -> Option<T> {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets what was loaded last, where it is that.
    pub(crate) fn forget(&self, is_it: impl FnOnce(&T) -> bool) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_some_and(is_it) {
            *latest = None;
        }
    }

    /// The latest value if it is usable, else a new one.
    pub(crate) async fn get(
        &self,
        is_usable: impl Fn(&T) -> bool,
        load: impl Future<Output = Result<T, CardError>>,
    ) -> Result<T, CardError> {
        if let Some(value) = self.latest().filter(&is_usable) {
            return Ok(value);
        }
        let finished = self.finished.load(SeqCst);
        let mut lead = self.lead.lock().await;
        if let Some(value) = self.latest().filter(&is_usable) {
            return Ok(value);
        }
        // A load that ended while this caller waited has answered for this caller, too.
        if self.finished.load(SeqCst) != finished
            && let Some(failure) = lead.clone()
        {
            return Err(failure);
        }
        self.lead(&mut lead, load).await
    }

    /// A new value, or `None` where someone else is loading one.
    pub(crate) async fn renew(
        &self,
        load: impl Future<Output = Result<T, CardError>>,
    ) -> Option<Result<T, CardError>> {
        let mut lead = self.lead.try_lock().ok()?;
        Some(self.lead(&mut lead, load).await)
    }

    async fn lead(
        &self,
        lead: &mut Option<CardError>,
        load: impl Future<Output = Result<T, CardError>>,
    ) -> Result<T, CardError> {
        let result = load.await;
        *lead = match &result {
            Ok(value) => {
                *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(value.clone());
                None
            }
            Err(failure) => Some(failure.clone()),
        };
        self.finished.fetch_add(1, SeqCst);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicUsize};

    use flowrun_card::ErrorKind;
    use tokio::sync::Semaphore;

    use super::*;

    /// 50 callers of one flight; the first load waits until all of them stand in line.
    async fn fifty(result: Result<u32, CardError>) -> (usize, Vec<Result<u32, CardError>>) {
        let flight = Arc::new(Flight::<u32>::default());
        let loads = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Semaphore::new(0));
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let (flight, loads, gate) = (flight.clone(), loads.clone(), gate.clone());
                let result = result.clone();
                tokio::spawn(async move {
                    let load = async {
                        loads.fetch_add(1, SeqCst);
                        gate.acquire().await.unwrap().forget();
                        result
                    };
                    flight.get(|_| true, load).await
                })
            })
            .collect();
        // On one thread each spawned caller runs until it waits.
        tokio::task::yield_now().await;
        gate.add_permits(50);
        let mut results = Vec::new();
        for caller in callers {
            results.push(caller.await.unwrap());
        }
        (loads.load(SeqCst), results)
    }

    #[tokio::test]
    async fn one_load_serves_all_who_wait() {
        assert_eq!(fifty(Ok(7)).await, (1, vec![Ok(7); 50]));
        let failure = CardError::new(ErrorKind::Connection, "no");
        assert_eq!(
            fifty(Err(failure.clone())).await,
            (1, vec![Err(failure); 50])
        );
    }

    #[tokio::test]
    async fn a_failure_is_not_kept_and_a_dropped_load_is_taken_over() {
        let flight = Flight::<u32>::default();
        let failure = CardError::new(ErrorKind::Connection, "no");
        let no = || std::future::ready(Err(failure.clone()));
        assert_eq!(flight.get(|_| true, no()).await, Err(failure.clone()));
        let mut stuck = Box::pin(flight.get(|_| true, std::future::pending()));
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        assert!(stuck.as_mut().poll(&mut context).is_pending());
        assert_eq!(flight.renew(std::future::ready(Ok(1))).await, None);
        drop(stuck);
        assert_eq!(flight.get(|_| true, std::future::ready(Ok(2))).await, Ok(2));
        assert_eq!(flight.get(|_| true, no()).await, Ok(2));
        assert_eq!(flight.get(|_| false, no()).await, Err(failure));
        assert_eq!(flight.latest(), Some(2));
    }
}
