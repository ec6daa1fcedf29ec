use std::io;

use super::{Error, Node, Step, Walk};
use crate::Digest;
use crate::blob::{BlobSource, BlobSourceExt};

/// The nodes of a graph whose documents are in a [`BlobSource`]: see [`Walk::over`].
///
/// After an error there are no more.
#[derive(Debug)]
#[must_use = "nothing is read before it is asked for"]
pub struct Nodes<'a, S: ?Sized> {
    source: &'a S,
    /// `None` after an error.
    walk: Option<Walk>,
}

impl Walk {
    /// Drives the walk over the blobs of `source`, which need not have all documents.
    ///
    /// A source knows no referrers, so none are found.
    pub fn over<S: BlobSource + ?Sized>(self, source: &S) -> Nodes<'_, S> {
        Nodes { source, walk: Some(self) }
    }
}

impl<S: BlobSource + ?Sized> Nodes<'_, S> {
    fn step(&self, walk: &mut Walk) -> io::Result<Option<Node>> {
        while let Some(step) = walk.next_step()? {
            match step {
                Step::Visit(node) => return Ok(Some(node)),
                Step::ListReferrers(_) => walk.referrers([]),
                Step::Read(descriptor) => match self.source.any_document(&descriptor) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => walk.missing(),
                    Err(error) => return Err(ReadError::about(descriptor.digest, error)),
                    Ok(document) => walk.found(document)?,
                },
            }
        }
        Ok(None)
    }
}

impl<S: BlobSource + ?Sized> Iterator for Nodes<'_, S> {
    type Item = io::Result<Node>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut walk = self.walk.take()?;
        let step = self.step(&mut walk);
        if step.is_ok() {
            self.walk = Some(walk);
        }
        step.transpose()
    }
}

/// A document that is named cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read document `{digest}`")]
pub(crate) struct ReadError {
    digest: Digest,
    source: io::Error,
}

impl ReadError {
    /// Of the kind that `source` has.
    pub(crate) fn about(digest: Digest, source: io::Error) -> io::Error {
        io::Error::new(source.kind(), Self { digest, source })
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}
