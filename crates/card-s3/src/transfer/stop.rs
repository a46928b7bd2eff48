//! Stopping transfers that belong together: each cleans up after itself, as on a cancel.

use std::{pin::pin, sync::Arc};

use flowrun_card::{CardError, Ctx};
use futures_util::future::{Either, select};
use tokio::sync::Semaphore;

/// Stops the transfers that share it. It is a semaphore without permits: closing it is the signal.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Arc<Semaphore>);

impl Stop {
    /// One that has not been given.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Asks all transfers that share this to end.
    pub(crate) fn stop(&self) {
        self.0.close();
    }

    /// Fails once a stop was asked for: what has not begun need not begin.
    pub(crate) fn check(&self) -> Result<(), CardError> {
        if self.0.is_closed() {
            return Err(CardError::cancelled());
        }
        Ok(())
    }

    /// Does the work until it ends, the card is cancelled, or a stop is asked for. The work is
    /// dropped where it stands then, with the error of a cancelled card.
    pub(crate) async fn until_stopped<T>(
        &self,
        ctx: &Ctx,
        work: impl Future<Output = Result<T, CardError>>,
    ) -> Result<T, CardError> {
        let stopped = pin!(self.0.acquire());
        let work = pin!(ctx.until_cancelled(work));
        match select(stopped, work).await {
            Either::Left(_) => Err(CardError::cancelled()),
            Either::Right((done, _)) => done,
        }
    }
}
