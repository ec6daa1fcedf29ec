use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::watch;

/// A failed attempt, before another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retrying {
    pub(crate) attempts: u32,
    pub(crate) wait: Duration,
}

/// Where requests tell what they retry, if somebody listens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retries(Option<watch::Sender<Option<Retrying>>>);

impl Retries {
    pub(crate) fn tell(&self, retrying: Retrying) {
        if let Some(sender) = &self.0 {
            sender.send_replace(Some(retrying));
        }
    }

    /// What `work` gives; `listener` is told what is retried meanwhile.
    pub(crate) async fn during<F: Future>(
        work: impl FnOnce(Self) -> F,
        listener: impl Fn(Retrying),
    ) -> F::Output {
        let (sender, mut told) = watch::channel(None);
        // Held, so that there may be more as long as the work is not done.
        let mut work = pin!(work(Self(Some(sender.clone()))));
        loop {
            match select(work.as_mut(), pin!(told.changed())).await {
                Either::Left((done, _)) => return done,
                Either::Right(_) => sender.borrow().into_iter().for_each(&listener),
            }
        }
    }
}
