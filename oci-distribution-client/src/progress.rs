use std::fmt;

use oci_image::Descriptor;
use oci_image::images::Entry;

use crate::graph::Graph;

/// What happened in a pull, a push or a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The blob or manifest that it happened to.
    pub blob: &'a Descriptor,
    /// What happened.
    pub step: Step,
}

/// What happened to a blob or manifest: it is [`Planned`](Self::Planned) first and
/// [`Present`](Self::Present), [`Mounted`](Self::Mounted), [`Foreign`](Self::Foreign) or
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
    /// It was there before.
    Present,
    /// The registry took it from another repository of its own.
    Mounted,
    /// It may not be distributed, so it stays where the URLs in its descriptor say.
    Foreign,
    /// It was transferred and verified.
    Done,
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
    counts: std::sync::Mutex<Counts>,
}

impl<'a> Progress<'a> {
    pub(crate) fn silent() -> Self {
        Self { listener: None, counts: Default::default() }
    }

    pub(crate) fn listen(&mut self, listener: impl Fn(Event<'_>) + Send + Sync + 'a) {
        self.listener = Some(Box::new(listener));
    }

    pub(crate) fn tell(&self, blob: &Descriptor, step: Step) {
        {
            let mut counts = self.counts();
            match step {
                Step::Planned | Step::Moved(_) | Step::Foreign => {}
                Step::Present => counts.present += 1,
                Step::Mounted => counts.mounted += 1,
                Step::Done => {
                    counts.moved += 1;
                    counts.moved_bytes += blob.size;
                }
            }
        }
        if let Some(listener) = &self.listener {
            listener(Event { blob, step });
        }
    }

    /// What has been done with this graph.
    pub(crate) fn summary(&self, graph: &Graph) -> Summary {
        let Counts { moved, moved_bytes, present, mounted } = *self.counts();
        let (image, along) = (graph.root.clone(), graph.entries());
        Summary { image, along, moved, moved_bytes, present, mounted }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("counts", &*self.counts()).finish_non_exhaustive()
    }
}
