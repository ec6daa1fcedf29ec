use std::future::Future;
use std::pin::pin;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::error::Error;
use crate::transport::BoxFuture;

/// Tells jobs that one of them failed, so that the others end in an orderly way.
#[derive(Debug)]
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// What `future` gives, or `None` if it is to stop first.
    /// `future` may be dropped where it stands.
    pub(crate) async fn unless_stopped<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut stopped = self.0.subscribe();
        let stopped = pin!(stopped.wait_for(|is_stopped| *is_stopped));
        match select(pin!(future), stopped).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }
}

/// Runs futures, `limit` at once, up to the first error. Then no other is begun, and those that were
/// begun end as soon as they have heeded `stop`.
pub(crate) async fn at_once<'a, F>(
    limit: usize,
    stop: &Stop,
    futures: impl Iterator<Item = F>,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'a,
{
    let boxed = futures.map(|future| Box::pin(future) as BoxFuture<'a, Result<(), Error>>);
    // Made here, so that nothing but futures is held while they run.
    let boxed: Vec<_> = boxed.collect();
    let mut waiting = boxed.into_iter();
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(limit).collect();
    let mut first = Ok(());
    while let Some(result) = running.next().await {
        if first.is_ok() && result.is_err() {
            stop.0.send_replace(true);
            first = result;
        }
        if first.is_ok() {
            running.extend(waiting.next());
        }
    }
    first
}
