//! The memory that all transfers of this process share for the parts in flight.

use flowrun_card::{CardError, ErrorKind};
use tokio::sync::{Semaphore, SemaphorePermit};

/// KiB of part buffers in this process at once: 64 MiB.
const TOTAL_KIB: u32 = 64 * 1_024;

/// Parts of one transfer in flight at once: with 8 MiB parts, one transfer holds 24 MiB.
pub(crate) const IN_FLIGHT: usize = 3;

static BUDGET: Semaphore = Semaphore::const_new(TOTAL_KIB as usize);

/// Waits until a buffer of this size may be allocated; it may live as long as the permit.
///
/// A buffer larger than the whole budget (parts of objects over 625 GiB) takes all of it, so that
/// there is one at a time. Whoever waits here must go on polling the transfers that hold permits.
pub(crate) async fn room(size: u64) -> Result<SemaphorePermit<'static>, CardError> {
    let kib = u32::try_from(size.div_ceil(1_024)).unwrap_or(TOTAL_KIB);
    BUDGET
        .acquire_many(kib.clamp(1, TOTAL_KIB))
        .await
        .map_err(|_| CardError::new(ErrorKind::Unexpected, "the memory budget is closed"))
}
