use std::collections::HashSet;
use std::io;

use oci_image::blob::BlobSourceExt;
use oci_image::oci_digest::{VerifyReader, verify_all};
use oci_image::{AnyDocument, Descriptor};

use crate::blob::{AT_ONCE, Begun, Copy};
use crate::{Error, Layout, Stored};

impl Layout {
    /// Copies a blob, or an image with all that it reaches, from another layout.
    ///
    /// Every blob is read and verified. Where the filesystem can, it is not written again: the new file
    /// is a reflink, or else a hard link, if owner and permissions are those of a file made here. With
    /// a hard link, damage to the file in place affects both layouts; removing it from one, as the
    /// collection of garbage does, does not affect the other. Across filesystems it is copied.
    ///
    /// Blobs that exist already are not copied. What [may be elsewhere](Descriptor::may_be_elsewhere) need not
    /// be in the source, nor subjects of referrers.
    ///
    /// # Errors
    /// If a blob is missing or wrong, or cannot be stored. What was copied before stays, without a
    /// name.
    pub fn copy_from(&self, source: &Self, root: &Descriptor) -> Result<Stored<'_>, Error> {
        let mut subjects = HashSet::new();
        let mut copies = Vec::new();
        for node in source.walk(root) {
            let node = node.map_err(|error| Error::io(source.about("cannot copy from"), error))?;
            let blob = &node.descriptor;
            if let Some(subject) = node.document().and_then(AnyDocument::subject) {
                subjects.insert(subject.digest.clone());
            }
            let begun = self.blobs().begin_copy(source.blobs(), blob);
            match begun.map_err(|error| source.cannot_copy(blob, error))? {
                Begun::Here => {}
                Begun::Missing if blob.may_be_elsewhere() || subjects.contains(&blob.digest) => {}
                Begun::Missing => return Err(source.no_such(blob.digest.as_str())),
                Begun::Copying(copy) => copies.push((blob.clone(), copy)),
            }
            if copies.len() == AT_ONCE {
                self.end_copies(source, copies.drain(..))?;
            }
        }
        self.end_copies(source, copies)?;
        Ok(Stored::new(self, root.clone()))
    }

    /// Reads copies through side by side, and stores each.
    fn end_copies(
        &self,
        source: &Self,
        copies: impl IntoIterator<Item = (Descriptor, VerifyReader<Copy>)>,
    ) -> Result<(), Error> {
        let copies = copies.into_iter().map(|(blob, copy)| (blob, Ok(copy)));
        for (blob, outcome) in verify_all(copies, AT_ONCE) {
            let stored = outcome.and_then(|copy| self.blobs().end_copy(copy, &blob));
            stored.map_err(|error| source.cannot_copy(&blob, error))?;
        }
        Ok(())
    }

    fn cannot_copy(&self, blob: &Descriptor, error: io::Error) -> Error {
        Error::io(self.about(&format!("cannot copy `{}` from", blob.digest)), error)
    }
}
