mod ahead;

use std::borrow::Cow;
use std::io::{self, Cursor, Read};

use bytes::{Buf, Bytes};
use oci_image::annotations::REF_NAME;
use oci_image::blob::BlobSource;
use oci_image::images::Images;
use oci_image::{Descriptor, Digest, Index};
use tokio::runtime::Handle;

use crate::blob::BlobReader;
use crate::error::Error;
use crate::repository::Repository;

pub use ahead::ReadAhead;

/// A repository for callers that block: see [`Repository::blocking`].
#[derive(Clone, Debug)]
pub struct BlockingRepository {
    repository: Repository,
    runtime: Handle,
}

impl Repository {
    /// The repository as a source of blobs and images for code that blocks, such as what unpacks an image.
    ///
    /// Its requests run on `runtime`. Documents and blobs are verified, and nothing is kept: what is read
    /// twice is fetched twice.
    ///
    /// # Panics
    /// The methods of [`BlobSource`] and [`Images`] panic on a thread that drives futures, which must not
    /// block: call them on one of `tokio::task::spawn_blocking`, or of your own. A runtime of one thread
    /// has to be driven meanwhile.
    pub fn blocking(&self, runtime: Handle) -> BlockingRepository {
        BlockingRepository { repository: self.clone(), runtime }
    }
}

impl BlockingRepository {
    fn run<T>(&self, request: impl Future<Output = Result<T, Error>>) -> io::Result<T> {
        self.runtime.block_on(request).map_err(Error::into_io)
    }

    /// What a tag or a digest means, if it means something.
    fn meaning(&self, name: &str) -> io::Result<Option<Descriptor>> {
        let resolved = self.run(self.repository.resolve(name));
        Ok(if_there(resolved)?.map(|resolved| resolved.descriptor().clone()))
    }
}

impl BlobSource for BlockingRepository {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        if blob.media_type.is_manifest_or_index() {
            // A layer may have such a type too, and is a blob all the same.
            let document = if_there(self.run(self.repository.manifest(blob)))?;
            if let Some(document) = document {
                return Ok(Some(Box::new(Cursor::new(document.bytes().to_vec()))));
            }
        }
        let mut reader = self.repository.blob(blob).map_err(Error::into_io)?;
        // Only the first answer says whether it is there.
        let first = if_there(self.run(reader.chunk()))?;
        Ok(first.map(|chunk| {
            let reader = Blocking { source: self, reader, chunk: chunk.unwrap_or_default() };
            Box::new(reader) as Box<dyn Read + Send>
        }))
    }
}

impl Images for BlockingRepository {
    fn index(&self) -> io::Result<Cow<'_, Index>> {
        self.run(self.repository.index()).map(Cow::Owned)
    }

    fn place(&self) -> String {
        format!("repository `{}`", self.repository)
    }

    fn named(&self, name: &str) -> io::Result<Vec<Descriptor>> {
        let mut meant = self.meaning(name)?;
        if let Some(meant) = &mut meant {
            meant.annotations.insert(REF_NAME.into(), name.into());
        }
        Ok(meant.into_iter().collect())
    }

    fn find(&self, digest: &Digest) -> io::Result<Option<Descriptor>> {
        self.meaning(digest.as_str())
    }

    fn referrers(&self, subject: &Digest) -> io::Result<Vec<Descriptor>> {
        self.run(self.repository.referrers(subject, None))
    }
}

/// A blob on its way.
struct Blocking<'a> {
    source: &'a BlockingRepository,
    reader: BlobReader,
    chunk: Bytes,
}

impl Read for Blocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !buffer.is_empty() {
            match self.source.run(self.reader.chunk())? {
                Some(chunk) => self.chunk = chunk,
                // The end: size and digest were right.
                None => return Ok(0),
            }
        }
        let length = self.chunk.as_ref().read(buffer)?;
        self.chunk.advance(length);
        Ok(length)
    }
}

fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}
