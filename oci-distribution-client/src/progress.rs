use std::fmt;

use oci_image::Descriptor;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The number of blobs and manifests that were transferred.
    pub moved: u64,
    /// Their bytes.
    pub moved_bytes: u64,
    /// The number of those that were there before.
    pub present: u64,
    /// The number of those that the registry took from another of its repositories.
    pub mounted: u64,
}

type Listener<'a> = Box<dyn Fn(Event<'_>) + Send + Sync + 'a>;

/// The listener to events, and what they sum up to.
pub(crate) struct Progress<'a> {
    listener: Option<Listener<'a>>,
    summary: std::sync::Mutex<Summary>,
}

impl<'a> Progress<'a> {
    pub(crate) fn silent() -> Self {
        Self { listener: None, summary: Default::default() }
    }

    pub(crate) fn listen(&mut self, listener: impl Fn(Event<'_>) + Send + Sync + 'a) {
        self.listener = Some(Box::new(listener));
    }

    pub(crate) fn tell(&self, blob: &Descriptor, step: Step) {
        {
            let mut summary = self.summary();
            match step {
                Step::Planned | Step::Moved(_) | Step::Foreign => {}
                Step::Present => summary.present += 1,
                Step::Mounted => summary.mounted += 1,
                Step::Done => {
                    summary.moved += 1;
                    summary.moved_bytes += blob.size;
                }
            }
        }
        if let Some(listener) = &self.listener {
            listener(Event { blob, step });
        }
    }

    pub(crate) fn summary(&self) -> std::sync::MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("summary", &*self.summary()).finish_non_exhaustive()
    }
}
