//! The memory that all transfers of this process share: for the parts in flight, and for buffers
//! that wait to be used again.

use flowrun_card::{CardError, ErrorKind};
use tokio::sync::{Semaphore, SemaphorePermit};

/// KiB of part buffers in this process at once: 64 MiB.
const TOTAL_KIB: u32 = 64 * 1_024;

/// Parts of one transfer in flight at once: with 8 MiB parts, one transfer holds 24 MiB.
pub(crate) const IN_FLIGHT: usize = 3;

/// KiB of buffers in this process that wait to be used again: 24 MiB, what one transfer uses.
const KEPT_KIB: u32 = 24 * 1_024;

static BUDGET: Semaphore = Semaphore::const_new(TOTAL_KIB as usize);
static KEPT: Semaphore = Semaphore::const_new(KEPT_KIB as usize);

/// Waits until a buffer of this size may be allocated; it may live as long as the permit.
///
/// A buffer larger than the whole budget (parts of objects over 625 GiB) takes all of it, so that
/// there is one at a time. Whoever waits here must go on polling the transfers that hold permits.
pub(crate) async fn room(size: u64) -> Result<SemaphorePermit<'static>, CardError> {
    BUDGET
        .acquire_many(kib(size).clamp(1, TOTAL_KIB))
        .await
        .map_err(|_| CardError::new(ErrorKind::Unexpected, "the memory budget is closed"))
}

/// Whether a buffer of this size may be kept for the next part; `None` where the process keeps
/// enough of them already.
pub(crate) fn room_to_keep(size: u64) -> Option<SemaphorePermit<'static>> {
    KEPT.try_acquire_many(kib(size)).ok()
}

fn kib(size: u64) -> u32 {
    u32::try_from(size.div_ceil(1_024)).unwrap_or(u32::MAX)
}
