use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use tokio::sync::oneshot;

/// Work on a thread of its own.
pub(crate) struct Worker<T>(io::Result<oneshot::Receiver<thread::Result<T>>>);

impl<T: Send + 'static> Worker<T> {
    pub(crate) fn start(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (tell, told) = oneshot::channel();
        let work = move || {
            // Nobody may want to know.
            let _ = tell.send(catch_unwind(AssertUnwindSafe(work)));
        };
        Self(thread::Builder::new().spawn(work).map(|_| told))
    }

    pub(crate) async fn result(self) -> io::Result<T> {
        match self.0?.await {
            Ok(Ok(result)) => Ok(result),
            // A bug of the caller's store is the caller's to see.
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(io::Error::other("the thread stopped")),
        }
    }
}
