//! The file `index.json`: what the layout holds, and by which names.

mod name;

use std::borrow::Cow;
use std::io::{self, Write};

use oci_image::annotations::REF_NAME;
use oci_image::images::Images;
use oci_image::{Descriptor, Digest, Index, Model, json};

use crate::files::read_limited;
use crate::layout::{INDEX_FILE, Layout};
use crate::lock::Lock;
use crate::{Error, ErrorKind, trace};

pub(crate) use name::{check_name, give_name};

/// The largest `index.json` that is read, in bytes: 64 MiB, some 200,000 images.
pub const INDEX_LIMIT: usize = 64 << 20;

/// How often a change of the index is retried after a writer that takes no lock interfered.
const ATTEMPTS: usize = 16;

impl Layout {
    /// Reads `index.json`.
    pub(crate) fn read_index(&self) -> Result<Index, Error> {
        self.parse_index(&self.index_bytes()?)
    }

    /// Checks that an image can have this name in a layout, for work that ends with a
    /// [`tag`](Self::tag).
    ///
    /// # Errors
    /// If the name breaks the [annotation rules].
    ///
    /// [annotation rules]: https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys
    pub fn check_name(name: &str) -> Result<(), Error> {
        check_name(name, "a layout")
    }

    /// Names an image that the layout holds. What had the name loses its place in the index.
    ///
    /// It is not checked that the layout holds it, as an index may list what is stored elsewhere. Such an entry
    /// is what [`fsck`](Self::fsck) reports, and no garbage is collected while there is one: name what was
    /// pulled, such as the image for a platform, and not the index that it was chosen from.
    ///
    /// The descriptor keeps its annotations, and its entry without a name, if there is one, becomes
    /// the one with the name.
    ///
    /// # Errors
    /// If the name breaks the [annotation rules], or if the index cannot be changed.
    ///
    /// [annotation rules]: https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys
    pub fn tag(&self, name: &str, image: &Descriptor) -> Result<(), Error> {
        Self::check_name(name)?;
        self.edit_index(|index| {
            give_name(index, name, image);
            Ok(())
        })
    }

    /// Lists an image without a name, if the index does not list it already. As by [`tag`](Self::tag), it is
    /// not checked that the layout holds it.
    ///
    /// # Errors
    /// If the index cannot be changed.
    pub fn add(&self, image: &Descriptor) -> Result<(), Error> {
        self.edit_index(|index| {
            if !index.manifests.iter().any(|entry| entry.digest == image.digest) {
                let mut unnamed = image.clone();
                unnamed.annotations.remove(REF_NAME);
                index.manifests.push(unnamed);
            }
            Ok(())
        })
    }

    /// Removes a name, and with it the entry in the index. Returns what had the name.
    ///
    /// The blobs stay until garbage is collected.
    ///
    /// # Errors
    /// If nothing has the name, or if the index cannot be changed.
    pub fn untag(&self, name: &str) -> Result<Vec<Descriptor>, Error> {
        self.edit_index(|index| {
            let (gone, kept) = std::mem::take(&mut index.manifests)
                .into_iter()
                .partition(|entry| entry.annotations.get(REF_NAME).is_some_and(|it| it == name));
            index.manifests = kept;
            let gone: Vec<Descriptor> = gone;
            if gone.is_empty() { Err(self.no_such(name)) } else { Ok(gone) }
        })
    }

    /// Removes every entry of this digest from the index, whatever its name. Returns how many there were.
    ///
    /// The blobs stay until garbage is collected.
    ///
    /// # Errors
    /// If the index cannot be changed.
    pub fn remove(&self, digest: &Digest) -> Result<usize, Error> {
        self.edit_index(|index| {
            let before = index.manifests.len();
            index.manifests.retain(|entry| entry.digest != *digest);
            match before - index.manifests.len() {
                0 => Err(self.no_such(digest.as_str())),
                removed => Ok(removed),
            }
        })
    }

    /// Changes the index as a whole, under the layout's lock.
    ///
    /// `change` is called again if a program that takes no lock has changed the file meanwhile. If it
    /// fails, nothing changes.
    ///
    /// # Errors
    /// What `change` says; [`ErrorKind::Changed`] if others kept changing the file; otherwise why it
    /// could not be read or written.
    pub fn edit_index<T>(
        &self,
        mut change: impl FnMut(&mut Index) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let failed = |error| Error::io(self.about("cannot change the index of"), error);
        let session = self.session().map_err(failed)?;
        let _lock = Lock::exclusive(self.files()).map_err(failed)?;
        for _ in 0..ATTEMPTS {
            let before = self.index_bytes()?;
            let mut index = self.parse_index(&before)?;
            let outcome = change(&mut index)?;
            let after = json::to_vec(&index)
                .map_err(|error| Error::invalid(self.about("cannot write the index of"), error))?;
            self.parse_index(&after)?;
            let mut temporary = session.temporary().map_err(failed)?;
            temporary.write_all(&after).map_err(failed)?;
            temporary.sync(self.durability()).map_err(failed)?;
            // A second look, as late as possible: programs that take no lock may have replaced the index since. A change
            // between this look and the rename is lost; only the lock rules that out.
            if self.index_bytes()? == before {
                temporary.keep(INDEX_FILE, self.durability()).map_err(failed)?;
                return Ok(outcome);
            }
            trace::index_changed_meanwhile();
        }
        let reason = format!("other writers changed it {ATTEMPTS} times meanwhile");
        Err(Error::because(ErrorKind::Changed, self.about("cannot change the index of"), reason))
    }

    /// Replaces the index if it still says `expected`.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`] if it says something else; otherwise as
    /// [`edit_index`](Self::edit_index).
    pub fn replace_index(&self, expected: &Index, next: &Index) -> Result<(), Error> {
        self.edit_index(|index| {
            if index != expected {
                let message = self.about("cannot replace the index of");
                let reason = "another writer has changed it";
                return Err(Error::because(ErrorKind::Changed, message, reason));
            }
            *index = next.clone();
            Ok(())
        })
    }

    fn index_bytes(&self) -> Result<Vec<u8>, Error> {
        self.files()
            .open(INDEX_FILE)
            .and_then(|file| read_limited(file, INDEX_LIMIT))
            .map_err(|error| Error::io(self.about("cannot read the index of"), error))
    }

    fn parse_index(&self, bytes: &[u8]) -> Result<Index, Error> {
        Index::read(bytes, INDEX_LIMIT)
            .map_err(|error| Error::invalid(self.about("cannot read the index of"), error))
    }

    /// `what`, and which layout.
    pub(crate) fn about(&self, what: &str) -> String {
        format!("{what} {}", self.place())
    }

    pub(crate) fn no_such(&self, name: &str) -> Error {
        let message = self.about(&format!("cannot find `{name}` in"));
        Error::because(ErrorKind::NotFound, message, "it does not exist")
    }
}

impl Images for Layout {
    fn index(&self) -> io::Result<Cow<'_, Index>> {
        Ok(Cow::Owned(self.read_index()?))
    }

    fn place(&self) -> String {
        format!("layout `{}`", self.path().display())
    }
}
