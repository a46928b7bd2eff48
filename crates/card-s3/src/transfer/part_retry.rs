//! A second and third try for one request of a long transfer, so that one fault in ten thousand
//! parts does not cost the other parts.

use std::time::Duration;

use flowrun_card::{CardError, Ctx, Retry};

/// How often a request is sent in all.
const TRIES: u32 = 3;

/// The longest that a server may ask to wait here; past it, the error goes to the flow's `retry`.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Does the work up to three times while its errors are transient.
pub(crate) async fn tried<T, F>(ctx: &Ctx, mut work: impl FnMut() -> F) -> Result<T, CardError>
where
    F: Future<Output = Result<T, CardError>>,
{
    let mut tries = 1_u32;
    loop {
        let error = match work().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let Retry::Transient { after } = error.retry else {
            return Err(error);
        };
        let wait = after.unwrap_or_default().max(jitter(ctx, tries));
        if tries >= TRIES || wait > MAX_WAIT {
            return Err(error);
        }
        tracing::debug!(address = ctx.address(), %error, "sending again");
        tokio::time::sleep(wait).await;
        tries = tries.saturating_add(1);
    }
}

/// Up to 200 ms, doubled each time, drawn evenly.
pub(crate) fn jitter(ctx: &Ctx, tries: u32) -> Duration {
    let most = 200_u64.saturating_mul(1 << tries.saturating_sub(1).min(5));
    Duration::from_millis(ctx.random().checked_rem(most).unwrap_or_default())
}
