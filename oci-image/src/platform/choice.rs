//! The choice of the image for a platform out of an index.
//!
//! A [`Choice`] reads nothing by itself: it asks for nested indexes, and for the manifests and configs of
//! images whose platform is stated nowhere else. Whoever drives it reads them, blocking or not;
//! [`Choice::over`] drives it over a [`BlobSource`].
//!
//! ```
//! use oci_image::platform::choice::{Choice, Step};
//! use oci_image::{Descriptor, MediaType};
//!
//! let mut entry = Descriptor::of(MediaType::IMAGE_MANIFEST, "…");
//! entry.platform = Some("linux/arm64".parse()?);
//! let mut choice = Choice::new(&"linux/arm64/v8".parse()?, [&entry]);
//! assert_eq!(choice.next_step()?, Step::Chosen(entry));
//!
//! let mut choice = Choice::new(&"linux/s390x".parse()?, []);
//! assert!(choice.next_step().is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The order
//!
//! The image of the best [rank](Platform::rank) is chosen. Of equals it is the first, where entries that
//! state a platform come before those that state none, and the entries of a nested index take its place. Where containerd and skopeo take the same image, it is this one. They differ:
//!
//! | in the index, and asked for | containerd | skopeo | here |
//! |---|---|---|---|
//! | `linux/386`, for `linux/amd64` | takes it | takes none | as containerd |
//! | no platform stated, and the config has another | takes none | takes it | as containerd |
//! | no platforms stated, the second fits by its config | takes none | takes the first | the second |
//! | `linux/386`, and an index with `linux/amd64` | takes 386 | takes amd64 | as skopeo |
//! | something that is not a manifest, before one that fits | fails | fails | the one that fits |

mod error;

use std::collections::HashSet;
use std::io;

use crate::blob::{BlobSource, BlobSourceExt};
use crate::graph::{self, Limits, Walked};
use crate::{AnyDocument, Config, Descriptor, Digest, Platform};

use super::Rank;

pub use error::{Error, Offered};

/// The choice between the entries of an index.
#[derive(Debug)]
#[must_use = "a choice does nothing before it is driven"]
pub struct Choice {
    wanted: Platform,
    refuses_equals: bool,
    limits: Limits,
    walked: Walked,
    /// The nested indexes that were looked into: to do that again finds nothing better.
    seen: HashSet<Digest>,
    todo: Vec<Entry>,
    question: Option<Question>,
    best: Option<Candidate>,
    /// Whether another entry leads to another image that is as good as the best.
    is_equal: bool,
    offered: Offered,
}

/// What a choice wants next. Closed by nature: a driver must answer every question.
///
/// The `Step` of a walk is [`graph::Step`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
pub enum Step {
    /// To read this manifest or index: the answer is [`Choice::found`].
    Read(Descriptor),
    /// To read this config: the answer is [`Choice::found_config`].
    ReadConfig(Descriptor),
    /// Nothing: this is the manifest.
    Chosen(Descriptor),
}

/// An entry of an index that may be, or lead to, the best image.
#[derive(Clone, Debug)]
struct Entry {
    descriptor: Descriptor,
    /// `None` if no platform is stated.
    rank: Option<Rank>,
    depth: usize,
    /// Which of the entries that are chosen from leads to it.
    origin: usize,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // there is one at a time
enum Question {
    Document(Entry),
    Config(Descriptor, Entry),
}

#[derive(Debug)]
struct Candidate {
    rank: Rank,
    descriptor: Descriptor,
    origin: usize,
}

impl Choice {
    /// A choice between the entries of an index, within the default limits.
    pub fn new<'a>(platform: &Platform, entries: impl IntoIterator<Item = &'a Descriptor>) -> Self {
        let mut choice = Self {
            wanted: platform.clone(),
            refuses_equals: false,
            limits: Limits::default(),
            walked: Walked::default(),
            seen: HashSet::new(),
            todo: Vec::new(),
            question: None,
            best: None,
            is_equal: false,
            offered: Offered::default(),
        };
        let entries = entries.into_iter().enumerate();
        choice.add(entries.map(|(origin, entry)| (origin, 0, entry)));
        choice
    }

    /// How much is read at most.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Refuses to choose where two entries lead to images that are equally good, as under one name.
    pub fn refuse_equals(mut self) -> Self {
        self.refuses_equals = true;
        self
    }

    /// Adds entries, each with its origin and depth, to those that are looked at next.
    fn add<'a>(&mut self, entries: impl Iterator<Item = (usize, usize, &'a Descriptor)>) {
        let (mut stated, mut unstated) = (Vec::new(), Vec::new());
        let entries = entries.filter(|(.., entry)| entry.media_type.is_manifest_or_index());
        for (origin, depth, descriptor) in entries {
            let entry = |rank| Entry { descriptor: descriptor.clone(), rank, depth, origin };
            let Some(platform) = &descriptor.platform else {
                unstated.push(entry(None));
                continue;
            };
            self.offered.add(platform);
            if let Some(rank) = self.wanted.rank(platform) {
                stated.push(entry(Some(rank)));
            }
        }
        // The last is the next.
        self.todo.extend(unstated.into_iter().rev());
        self.todo.extend(stated.into_iter().rev());
    }

    /// What to do next. A question is put again until it is answered.
    ///
    /// # Errors
    /// If there is no image for the platform, if [equals are refused](Self::refuse_equals), or if there
    /// is more to read than the limits allow.
    pub fn next_step(&mut self) -> Result<Step, Error> {
        loop {
            match &self.question {
                Some(Question::Document(entry)) => {
                    return Ok(Step::Read(entry.descriptor.clone()));
                }
                Some(Question::Config(config, _)) => return Ok(Step::ReadConfig(config.clone())),
                None => {}
            }
            match self.todo.pop() {
                Some(entry) => self.consider(entry)?,
                None => return self.chosen().map(Step::Chosen),
            }
        }
    }

    fn consider(&mut self, entry: Entry) -> Result<(), Error> {
        let is_index = entry.descriptor.media_type.is_index();
        if let Some(rank) = entry.rank.filter(|_| !is_index) {
            self.offer(rank, entry);
            return Ok(());
        }
        // What comes later is not better than this, and loses if it is as good.
        let is_decided = self.best.as_ref().is_some_and(|best| best.rank.is_best());
        if is_decided && !self.refuses_equals {
            self.todo.clear();
            return Ok(());
        }
        if is_index && !self.seen.insert(entry.descriptor.digest.clone()) {
            return Ok(());
        }
        // The index whose entries these are is above them.
        self.walked.count(&entry.descriptor, entry.depth + 1, &self.limits)?;
        self.question = Some(Question::Document(entry));
        Ok(())
    }

    fn offer(&mut self, rank: Rank, entry: Entry) {
        let Entry { descriptor, origin, .. } = entry;
        match &self.best {
            Some(best) if rank > best.rank => {}
            Some(best) if rank == best.rank => {
                self.is_equal |=
                    origin != best.origin && descriptor.digest != best.descriptor.digest;
            }
            _ => {
                self.best = Some(Candidate { rank, descriptor, origin });
                self.is_equal = false;
            }
        }
    }

    fn chosen(&self) -> Result<Descriptor, Error> {
        let wanted = || Box::new(self.wanted.clone());
        match &self.best {
            None => Err(Error::NoMatch { wanted: wanted(), offered: self.offered.clone() }),
            Some(_) if self.is_equal && self.refuses_equals => {
                Err(Error::Ambiguous { wanted: wanted() })
            }
            Some(best) => Ok(best.descriptor.clone()),
        }
    }

    /// Takes the manifest or index that was asked for.
    ///
    /// # Errors
    /// If another one, or none, was asked for.
    pub fn found(&mut self, document: &AnyDocument) -> Result<(), Error> {
        let digest = &document.descriptor().digest;
        let entry = match self.question.take() {
            Some(Question::Document(entry)) if entry.descriptor.digest == *digest => entry,
            other => {
                self.question = other;
                return Err(graph::Error::NotAsked { digest: digest.clone() }.into());
            }
        };
        match document {
            AnyDocument::Index(index) => {
                let entries = index.manifests.iter();
                self.add(entries.map(|below| (entry.origin, entry.depth + 1, below)));
            }
            AnyDocument::Manifest(manifest) if manifest.config.media_type.is_config() => {
                self.question = Some(Question::Config(manifest.config.clone(), entry));
            }
            // An artifact runs nowhere.
            AnyDocument::Manifest(_) => {}
        }
        Ok(())
    }

    /// Takes the config that was asked for. Nothing happens if none was.
    pub fn found_config(&mut self, config: &Config) {
        match self.question.take() {
            Some(Question::Config(_, entry)) => {
                let platform = config.platform();
                self.offered.add(&platform);
                if let Some(rank) = self.wanted.rank(&platform) {
                    self.offer(rank, entry);
                }
            }
            other => self.question = other,
        }
    }

    /// Drives the choice over the blobs of `source`.
    ///
    /// # Errors
    /// As [`next_step`](Self::next_step), of kind `NotFound` if there is no image for the platform; and if
    /// a document that is asked for is missing or wrong.
    pub fn over(mut self, source: &(impl BlobSource + ?Sized)) -> io::Result<Descriptor> {
        loop {
            match self.next_step()? {
                Step::Chosen(descriptor) => return Ok(descriptor),
                Step::Read(descriptor) => self.found(&source.any_document(&descriptor)?)?,
                Step::ReadConfig(descriptor) => {
                    self.found_config(&*source.document::<Config>(&descriptor)?);
                }
            }
        }
    }
}
