use std::io;

use tokio::task::{JoinHandle, spawn_blocking};

/// Work on one of the runtime's threads for what blocks.
pub(crate) struct Worker<T>(JoinHandle<T>);

impl<T: Send + 'static> Worker<T> {
    pub(crate) fn start(work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self(spawn_blocking(work))
    }

    pub(crate) async fn result(self) -> io::Result<T> {
        self.0.await.map_err(|stopped| match stopped.try_into_panic() {
            // A bug of the caller's store is the caller's to see.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => io::Error::other("the runtime is shutting down"),
        })
    }
}
