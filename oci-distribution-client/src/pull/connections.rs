use std::collections::VecDeque;
use std::iter::Peekable;
use std::ops::Range;
use std::pin::pin;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;

use super::assembly::Assembly;
use crate::blob::{Download, Received, Whole};
use crate::error::Error;
use crate::transport::BoxFuture;

/// The connections over which the parts of one blob are received.
pub(super) struct Connections<'a, P: Iterator> {
    /// What is to be asked for.
    parts: Peekable<P>,
    /// What is to be asked for before that, as those that failed have left it to the others.
    left: VecDeque<Range<u64>>,
    /// How many there are at once: one at first, which tells whether there are parts at all.
    count: usize,
    most: usize,
    /// What the next ones are like.
    model: Download,
    /// Whether one of them receives all that the others were asked for.
    has_rest: bool,
    running: FuturesUnordered<Next<'a>>,
    /// What was received while something else was waited for.
    arrived: VecDeque<Arrival>,
}

/// A download, and what it received next.
pub(super) type Arrival = (Download, Result<Received, Error>);

type Next<'a> = BoxFuture<'a, Arrival>;

impl<P: Iterator<Item = Range<u64>>> Connections<'_, P> {
    /// At most so many, for these parts of what `download` is of.
    pub(super) fn new(download: &Download, parts: P, most: usize) -> Self {
        Self {
            parts: parts.peekable(),
            left: VecDeque::new(),
            count: 1,
            most,
            model: download.part(0..0, Whole::Take),
            has_rest: false,
            running: FuturesUnordered::new(),
            arrived: VecDeque::new(),
        }
    }

    /// What one of them receives next; `None` if nothing is to be received any more.
    pub(super) async fn next(&mut self, assembly: &Assembly<'_>) -> Option<Arrival> {
        while !self.has_rest
            && self.under_way() < self.count
            && let Some(part) = self.next_part(assembly)
        {
            let whole = if self.count == 1 { Whole::Take } else { Whole::Refuse };
            self.go_on(self.model.part(part, whole));
        }
        match self.arrived.pop_front() {
            Some(arrival) => Some(arrival),
            None => self.running.next().await,
        }
    }

    fn next_part(&mut self, assembly: &Assembly<'_>) -> Option<Range<u64>> {
        let is_only = self.under_way() == 0;
        let left = self.left.pop_front();
        left.or_else(|| self.parts.next_if(|part| is_only || assembly.has_room(part.end)))
    }

    fn under_way(&self) -> usize {
        self.running.len() + self.arrived.len()
    }

    /// Has `part` receive more.
    pub(super) fn go_on(&mut self, mut part: Download) {
        self.running.push(Box::pin(async move {
            let received = part.next().await;
            (part, received)
        }));
    }

    /// Notes that `part` receives bytes.
    pub(super) fn note(&mut self, part: &Download) {
        if part.has_rest() {
            // What the others were asked for is received here: none of them need succeed.
            self.has_rest = true;
            self.running.clear();
            self.arrived.clear();
        } else if self.count == 1 {
            self.count = self.most;
            self.model = part.part(0..0, Whole::Take);
        }
    }

    /// Leaves the rest of `part`, which failed, to the others, if there are any: one connection may be cut off where
    /// others are not.
    pub(super) fn leave(&mut self, part: &Download) -> bool {
        let has_others = self.under_way() > 0;
        if has_others {
            self.most = self.most.saturating_sub(1);
            self.count = self.count.min(self.most);
            self.left.push_back(part.rest());
        }
        has_others
    }

    /// What `work` gives, while they go on: one that nobody polls keeps its place before the host from all who wait
    /// there.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            match select(work.as_mut(), self.running.next()).await {
                Either::Left((done, _)) => return done,
                Either::Right((Some(arrival), _)) => self.arrived.push_back(arrival),
                Either::Right((None, _)) => return work.await,
            }
        }
    }
}
