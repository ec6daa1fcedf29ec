//! Work that blocks, where it keeps nobody from going on.

#[cfg(feature = "runtime")]
mod pool;
#[cfg(any(test, not(feature = "runtime")))]
mod thread;

use std::io;

#[cfg(feature = "runtime")]
pub(crate) use pool::Worker;
#[cfg(not(feature = "runtime"))]
pub(crate) use thread::Worker;

/// Runs `work`, which may block, to its end.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    Worker::start(work).result().await?
}

#[cfg(all(test, feature = "runtime"))]
mod tests {
    use std::panic::AssertUnwindSafe;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn work_gives_its_result_and_its_panic_to_the_one_who_waits() {
        assert_eq!(pool::Worker::start(|| 1).result().await.unwrap(), 1);
        assert_eq!(thread::Worker::start(|| 1).result().await.unwrap(), 1);
        let bug = || -> u32 { panic!("a bug") };
        let pool = AssertUnwindSafe(pool::Worker::start(bug).result()).catch_unwind().await;
        let thread = AssertUnwindSafe(thread::Worker::start(bug).result()).catch_unwind().await;
        for outcome in [pool, thread] {
            assert_eq!(*outcome.unwrap_err().downcast::<&str>().unwrap(), "a bug");
        }
    }
}
