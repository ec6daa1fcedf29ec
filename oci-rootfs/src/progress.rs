//! Progress of unpacking and packing, for the caller.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use oci_image::Descriptor;

/// A function of the caller that is called with each [`Step`] of unpacking or packing.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Step<'_>) + Send + Sync>);

/// What happened. The client reports pulls and pushes with a `Step` of its own.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// A layer begins.
    Layer {
        /// Which one, from 1.
        number: usize,
        /// How many there are.
        count: usize,
        /// Its blob.
        blob: &'a Descriptor,
    },
    /// So many more bytes were read: of a layer's blob, or of the files that are packed.
    Read(u64),
}

impl Progress {
    /// Calls `function`, from several threads.
    pub fn new(function: impl Fn(Step<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    pub(crate) fn tell(&self, step: Step<'_>) {
        (self.0)(step);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress(..)")
    }
}

/// A reader that tells how much was read.
pub(crate) struct CountedRead<R> {
    pub(crate) reader: R,
    pub(crate) progress: Option<Progress>,
}

impl<R: Read> Read for CountedRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        if let Some(progress) = &self.progress {
            progress.tell(Step::Read(length as u64));
        }
        Ok(length)
    }
}
