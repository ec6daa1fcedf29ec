//! What has images: layouts, archives, repositories of registries.
//!
//! [`Images`] is the trait, [`Image`] one of them for one platform.
//!
//! ```
//! use std::borrow::Cow;
//! use std::io::{self, Read};
//!
//! use oci_image::blob::{BlobSinkExt, BlobSource, Memory};
//! use oci_image::build::Builder;
//! use oci_image::images::Images;
//! use oci_image::{Descriptor, Index, annotations};
//!
//! /// Images in memory.
//! struct InMemory(Memory, Index);
//!
//! impl BlobSource for InMemory {
//!     fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
//!         self.0.open(blob)
//!     }
//! }
//!
//! impl Images for InMemory {
//!     fn index(&self) -> io::Result<Cow<'_, Index>> {
//!         Ok(Cow::Borrowed(&self.1))
//!     }
//!
//!     fn place(&self) -> String {
//!         "memory".into()
//!     }
//! }
//!
//! let image = Builder::new(&"linux/arm64".parse()?).build()?;
//! let (memory, mut index) = (Memory::new(), Index::new());
//! memory.put(image.config().descriptor(), image.config().bytes())?;
//! memory.put(image.manifest().descriptor(), image.manifest().bytes())?;
//! index.manifests.push(image.descriptor());
//! index.manifests[0].annotations.insert(annotations::REF_NAME.into(), "v1".into());
//!
//! let images = InMemory(memory, index);
//! assert_eq!(images.list()?[0].name.as_deref(), Some("v1"));
//! let found = images.image_for("v1", &"linux/arm64".parse()?)?;
//! assert_eq!(found.config()?, *image.config());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
#[cfg(feature = "layers")]
mod files;
mod image;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use crate::annotations::REF_NAME;
use crate::blob::BlobSource;
use crate::graph::{Limits, Nodes, Walk};
use crate::platform::choice::Choice;
use crate::{Descriptor, Digest, Index, Platform};

pub use error::Error;
pub use image::Image;

/// One image, or whatever else has a name, in a place that has images.
///
/// An `Entry` of an archive or layer is a file: [`archive::Entry`](crate::archive::Entry).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The name, if it has one.
    pub name: Option<String>,
    /// What is there.
    pub descriptor: Descriptor,
}

impl Entry {
    /// What `descriptor` names, by this name or none.
    pub fn new(name: Option<String>, descriptor: Descriptor) -> Self {
        Self { name, descriptor }
    }
}

/// A place that has images by their names.
///
/// A name that is a digest of a registered algorithm means the content of that digest, never a name.
pub trait Images: BlobSource {
    /// All images, as the `index.json` of a layout lists them: names are annotations.
    ///
    /// # Errors
    /// If it cannot be read.
    fn index(&self) -> io::Result<Cow<'_, Index>>;

    /// Where this is, for messages, as in: layout `/srv/images`.
    fn place(&self) -> String;

    /// All images, in the order of the index.
    ///
    /// # Errors
    /// As [`index`](Self::index).
    fn list(&self) -> io::Result<Vec<Entry>> {
        let entry = |descriptor: Descriptor| {
            let name = descriptor.annotations.get(REF_NAME).cloned();
            Entry { name, descriptor }
        };
        Ok(self.index()?.into_owned().manifests.into_iter().map(entry).collect())
    }

    /// All that has this name: more than one image if they are for different platforms.
    ///
    /// # Errors
    /// As [`index`](Self::index).
    fn named(&self, name: &str) -> io::Result<Vec<Descriptor>> {
        Ok(self.index()?.named(name).cloned().collect())
    }

    /// What names this content, as the index lists it or, if it does not, as an index or manifest
    /// that the index reaches names it.
    ///
    /// # Errors
    /// As [`index`](Self::index), and if a document on the way is wrong.
    fn find(&self, digest: &Digest) -> io::Result<Option<Descriptor>> {
        let index = self.index()?;
        if let Some(entry) = index.manifests.iter().find(|entry| entry.digest == *digest) {
            return Ok(Some(entry.clone()));
        }
        let is_it = |descriptor: &Descriptor| descriptor.digest == *digest;
        let mut found = reached(self, &index)
            .map(|node| node.map(|node| node.descriptor))
            .filter(|node| node.as_ref().map_or(true, is_it));
        found.next().transpose()
    }

    /// The manifests and indexes that refer to `subject`, of all that the index reaches, as a registry
    /// lists them: see [`as_referrer`](crate::AnyDocument::as_referrer).
    ///
    /// # Errors
    /// As [`index`](Self::index), and if a document on the way is wrong.
    fn referrers(&self, subject: &Digest) -> io::Result<Vec<Descriptor>> {
        let mut referrers = Vec::new();
        for node in reached(self, &*self.index()?) {
            let node = node?;
            let Some(document) = node.document() else { continue };
            if document.subject().is_some_and(|it| it.digest == *subject) {
                referrers.push(document.as_referrer());
            }
        }
        Ok(referrers)
    }

    /// What `name`, a name or a digest, means.
    ///
    /// # Errors
    /// If it means nothing, or more than one image.
    fn resolve(&self, name: &str) -> Result<Descriptor, Error> {
        let (first, others) = meant(self, name)?;
        match others.iter().all(|other| other.digest == first.digest) {
            true => Ok(first),
            false => Err(Error::Ambiguous { name: name.into(), place: self.place() }),
        }
    }

    /// The image of this name or digest for the platform that this program runs on.
    ///
    /// # Errors
    /// As [`image_for`](Self::image_for).
    fn image(&self, name: &str) -> Result<Image<'_>, Error>
    where
        Self: Sized + Sync,
    {
        self.image_for(name, &Platform::host())
    }

    /// The image of this name or digest for a platform. Of several images of one name it is the one
    /// that suits it best; where the name means one manifest and no index, it is that, whatever its platform.
    ///
    /// # Errors
    /// If nothing has the name, if there is no image for the platform or more than one that are equally
    /// good, or if a document on the way is missing or wrong.
    fn image_for(&self, name: &str, platform: &Platform) -> Result<Image<'_>, Error>
    where
        Self: Sized + Sync,
    {
        let (first, others) = meant(self, name)?;
        if others.iter().all(|other| other.digest == first.digest) {
            return Image::select(self, &first, platform);
        }
        let choice = Choice::new(platform, [&first].into_iter().chain(&others));
        let chosen = choice.refuse_equals().over(self).map_err(|error| {
            Error::choice(format!("the images named `{name}` in {}", self.place()), error)
        })?;
        Image::select(self, &chosen, platform)
    }
}

/// What a name or digest means: the first entry, and more of the same name.
fn meant<S: Images + ?Sized>(
    images: &S,
    name: &str,
) -> Result<(Descriptor, Vec<Descriptor>), Error> {
    let digest = name.parse::<Digest>().ok().filter(Digest::is_registered);
    let meant = match digest {
        Some(digest) => images.find(&digest).map(Vec::from_iter),
        None => images.named(name),
    };
    let mut meant = meant
        .map_err(|error| {
            Error::unreadable(format!("look for `{name}` in {}", images.place()), error)
        })?
        .into_iter();
    match meant.next() {
        Some(first) => Ok((first, meant.collect())),
        None => Err(Error::NotFound { name: name.into(), place: images.place() }),
    }
}

/// All that an index reaches.
fn reached<'a, S: Images + ?Sized>(images: &'a S, index: &Index) -> Nodes<'a, S> {
    Walk::new(index.manifests.iter().cloned()).limits(Limits::store()).over(images)
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: Images + ?Sized> Images for $pointer {
            fn index(&self) -> io::Result<Cow<'_, Index>> {
                (**self).index()
            }

            fn place(&self) -> String {
                (**self).place()
            }

            fn list(&self) -> io::Result<Vec<Entry>> {
                (**self).list()
            }

            fn named(&self, name: &str) -> io::Result<Vec<Descriptor>> {
                (**self).named(name)
            }

            fn find(&self, digest: &Digest) -> io::Result<Option<Descriptor>> {
                (**self).find(digest)
            }

            fn referrers(&self, subject: &Digest) -> io::Result<Vec<Descriptor>> {
                (**self).referrers(subject)
            }

            fn resolve(&self, name: &str) -> Result<Descriptor, Error> {
                (**self).resolve(name)
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);
