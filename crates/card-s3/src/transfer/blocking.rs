//! File work that has no async form.

use flowrun_card::{CardError, ErrorKind};

/// Runs it on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CardError> + Send + 'static,
) -> Result<T, CardError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        CardError::new(
            ErrorKind::Unexpected,
            format!("file work ended early: {error}"),
        )
    })?
}
