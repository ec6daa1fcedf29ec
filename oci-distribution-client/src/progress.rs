use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oci_image::images::Entry;
use oci_image::{Descriptor, Digest};

use crate::error::{Error, ErrorKind};
use crate::graph::Graph;
use crate::retry::Retrying;

/// What happened in a pull, a push or a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The blob or manifest that it happened to.
    pub blob: &'a Descriptor,
    /// What happened.
    pub step: Step,
    /// How much is there by now: of all that is done, was there before or stays elsewhere, and the bytes of what is
    /// on its way.
    pub done: Total,
    /// How much all of it is: nothing while that is not known, as manifests are read, of which only
    /// [`Step::Retrying`] is told, and from then on always the same.
    pub all: Total,
}

/// What happened to a blob or manifest: it is [`Planned`](Self::Planned) first (unless a manifest has to be read
/// again to know that) and [`Present`](Self::Present), [`Mounted`](Self::Mounted), [`Foreign`](Self::Foreign) or
/// [`Done`](Self::Done) at last.
///
/// The `Step` of a walk is [`oci_image::graph::Step`]; unpacking and packing report one of `oci-rootfs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// It belongs to what is transferred.
    Planned,
    /// So many of its bytes are transferred by now; less than before if it begins again.
    Moved(u64),
    /// A request for it failed, of this number, and is sent again after `wait`.
    Retrying {
        /// How often it was sent, without those after which much was transferred.
        attempts: u32,
        /// The time until the next attempt.
        wait: Duration,
    },
    /// It was there before.
    Present,
    /// The registry took it from another repository of its own.
    Mounted,
    /// It may not be distributed, so it stays where the URLs in its descriptor say.
    Foreign,
    /// It was transferred and verified.
    Done,
}

impl From<Retrying> for Step {
    fn from(Retrying { attempts, wait }: Retrying) -> Self {
        Self::Retrying { attempts, wait }
    }
}

/// What a pull, a push or a copy has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// What was transferred: another descriptor than was asked for, if it was made of a part of an index or
    /// converted.
    pub image: Descriptor,
    /// What went along: referrers, and what digest tags name. A repository lists or names it; in a layout, where
    /// what nothing names is garbage, [`Entry::name`] says what to call it, and what has none is added without one.
    pub along: Vec<Entry>,
    /// The number of blobs and manifests that were transferred.
    pub moved: u64,
    /// Their bytes.
    pub moved_bytes: u64,
    /// The number of those that were there before.
    pub present: u64,
    /// The number of those that the registry took from another of its repositories.
    pub mounted: u64,
}

/// A number of blobs and manifests, and their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Total {
    /// The number of blobs and manifests.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What has happened so far, in numbers.
#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    moved: u64,
    moved_bytes: u64,
    present: u64,
    mounted: u64,
}

type Listener<'a> = Box<dyn Fn(Event<'_>) + Send + Sync + 'a>;

/// The listener to events, and their numbers.
pub(crate) struct Progress<'a> {
    listener: Option<Listener<'a>>,
    sums: Mutex<Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    counts: Counts,
    done: Total,
    all: Total,
    /// How many bytes of what is on its way are transferred.
    moving: HashMap<Digest, u64>,
}

impl<'a> Progress<'a> {
    pub(crate) fn silent() -> Self {
        Self { listener: None, sums: Mutex::default() }
    }

    pub(crate) fn listen(&mut self, listener: impl Fn(Event<'_>) + Send + Sync + 'a) {
        self.listener = Some(Box::new(listener));
    }

    /// Tells what will be transferred.
    pub(crate) fn plan<'b>(&self, items: impl Iterator<Item = &'b Descriptor> + Clone) {
        {
            let all = &mut self.sums().all;
            for item in items.clone() {
                all.items += 1;
                all.bytes = all.bytes.saturating_add(item.size);
            }
        }
        items.for_each(|item| self.tell(item, Step::Planned));
    }

    pub(crate) fn tell(&self, blob: &Descriptor, step: Step) {
        let (done, all) = {
            let mut sums = self.sums();
            sums.add(blob, step);
            (sums.done, sums.all)
        };
        if let Some(listener) = &self.listener {
            listener(Event { blob, step, done, all });
        }
    }

    /// Tells what is retried for `item`.
    pub(crate) fn retries(&self, item: &Descriptor) -> impl Fn(Retrying) {
        move |retrying| self.tell(item, retrying.into())
    }

    /// What has been done with this graph.
    pub(crate) fn summary(&self, graph: &Graph) -> Summary {
        let Counts { moved, moved_bytes, present, mounted } = self.sums().counts;
        let (image, along) = (graph.root.clone(), graph.entries());
        Summary { image, along, moved, moved_bytes, present, mounted }
    }

    /// That `action` was not done within the deadline that `setting` sets, and how far it was.
    pub(crate) fn overdue(&self, action: &str, setting: &str, deadline: Duration) -> Error {
        let Sums { done, all, .. } = &*self.sums();
        Error::new(ErrorKind::Timeout, action).because(format!(
            "it took longer than {} s (`{setting}`); {} of {} blobs and manifests are done, {} of {} bytes",
            deadline.as_secs_f32(),
            done.items,
            all.items,
            done.bytes,
            all.bytes
        ))
    }

    /// No change of the sums is left half done by a panic.
    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sums {
    fn add(&mut self, blob: &Descriptor, step: Step) {
        match step {
            Step::Planned | Step::Retrying { .. } => return,
            Step::Moved(bytes) => return self.moved(blob, bytes),
            Step::Foreign => {}
            Step::Present => self.counts.present += 1,
            Step::Mounted => self.counts.mounted += 1,
            Step::Done => {
                self.counts.moved += 1;
                self.counts.moved_bytes += blob.size;
            }
        }
        self.moved(blob, blob.size);
        self.moving.remove(&blob.digest);
        self.done.items += 1;
    }

    fn moved(&mut self, blob: &Descriptor, bytes: u64) {
        let before = self.moving.insert(blob.digest.clone(), bytes).unwrap_or_default();
        self.done.bytes = (self.done.bytes.saturating_sub(before)).saturating_add(bytes);
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("sums", &*self.sums()).finish_non_exhaustive()
    }
}
