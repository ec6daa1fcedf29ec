use std::time::SystemTime;

use bytes::Bytes;
use oci_digest::Digest;
use oci_image::Tag;

/// The name of a record in a repository. Closed by nature: a backend keeps every kind.
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Record {
    /// A manifest, with its media type.
    Manifest(Digest),
    /// What a tag names.
    Tag(Tag),
    /// The descriptor of a manifest that has a subject.
    Referrer {
        /// The subject, which need not exist.
        subject: Digest,
        /// The manifest.
        referrer: Digest,
    },
}

/// What of one kind is listed together. Closed by nature: a backend lists every kind.
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Collection {
    /// All blobs; their names are digests.
    Blobs,
    /// All manifests; their names are digests.
    Manifests,
    /// All tags; their names are tags.
    Tags,
    /// All referrers of a subject; their names are digests.
    Referrers(Digest),
}

/// A record that is to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Write {
    /// Its name.
    pub record: Record,
    /// Its value.
    pub value: Bytes,
    /// What must be so.
    pub condition: Condition,
}

impl Write {
    /// Sets a record, whatever is there.
    pub fn new(record: Record, value: impl Into<Bytes>) -> Self {
        Self { record, value: value.into(), condition: Condition::Always }
    }

    /// Sets it only if `condition` holds.
    pub fn only_if(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }
}

/// What must be so for a change to be made. Closed by nature: a backend honours every kind.
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// There is none.
    Absent,
    /// It has this value.
    Is(Bytes),
    /// It was neither written nor renewed since.
    UnmodifiedSince(SystemTime),
}

impl Condition {
    /// Whether it holds where this is there: a value, and when it was written.
    pub fn holds(&self, current: Option<(&[u8], SystemTime)>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => current.is_none(),
            Self::Is(expected) => current.is_some_and(|(value, _)| value == expected),
            Self::UnmodifiedSince(time) => current.is_none_or(|(_, modified)| modified <= *time),
        }
    }
}
