use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use oci_image::blob::BlobSource;
use oci_image::{Descriptor, Digest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::{BlockingRepository, if_there};
use crate::error::Error;
use crate::repository::Repository;

/// A source that downloads blobs ahead of their reader: see [`BlockingRepository::ahead`].
#[derive(Debug)]
pub struct ReadAhead {
    source: BlockingRepository,
    jobs: usize,
    /// How many bytes of one blob wait for the reader at most.
    window: usize,
    line: Mutex<Line>,
}

/// The blobs that were not opened yet, in order.
#[derive(Debug, Default)]
struct Line {
    /// Those that are being downloaded.
    begun: VecDeque<Ahead>,
    waiting: VecDeque<Descriptor>,
    /// How many are being read.
    open: usize,
}

/// The default of [`ReadAhead::memory`].
const MEMORY: usize = 16 << 20;

impl BlockingRepository {
    /// This source, which downloads `blobs` ahead of their reader: while one of them is read, the next ones are on their
    /// way. So layers are unpacked in order straight from a registry, and stored nowhere in between.
    ///
    /// They are expected to be opened in this order, each once. What is opened in another order or another time is right
    /// as well, and slower.
    pub fn ahead(self, blobs: impl IntoIterator<Item = Descriptor>) -> ReadAhead {
        let line = Line { waiting: blobs.into_iter().collect(), ..Line::default() };
        ReadAhead { source: self, jobs: 4, window: MEMORY / 4, line: Mutex::new(line) }
    }
}

impl ReadAhead {
    /// How many blobs are downloaded at once, with the one that is read. Default: 4.
    pub fn jobs(mut self, jobs: usize) -> Self {
        let memory = self.window * self.jobs;
        self.jobs = jobs.max(1);
        self.memory(memory)
    }

    /// The most bytes that wait for the reader, of all blobs together. Default: 16 MiB.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.window = (bytes / self.jobs).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        self
    }

    /// Each change of the line is one call that does not panic, so there is nothing half done.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the download of a blob out of the line, if it is there.
    fn take(&self, digest: &Digest) -> Option<Ahead> {
        let mut line = self.line();
        self.fill(&mut line);
        let place = line.begun.iter().position(|ahead| ahead.digest == *digest);
        if place.is_none() {
            // It is opened before its turn, and is not downloaded again when that comes.
            line.waiting.retain(|blob| blob.digest != *digest);
        }
        let ahead = line.begun.remove(place?)?;
        line.open += 1;
        Some(ahead)
    }

    fn fill(&self, line: &mut Line) {
        while line.begun.len() + line.open < self.jobs
            && let Some(blob) = line.waiting.pop_front()
        {
            line.begun.push_back(Ahead::begin(&self.source, blob, self.window));
        }
    }
}

impl BlobSource for ReadAhead {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let Some(ahead) = self.take(&blob.digest) else { return self.source.open(blob) };
        let mut reader = Reader { source: self, ahead, chunk: Bytes::new(), is_ended: false };
        // Only the first answer says whether it is there.
        let first = if_there(reader.receive())?;
        Ok(first.map(|()| Box::new(reader) as Box<dyn Read + Send>))
    }
}

/// A blob that is being downloaded.
#[derive(Debug)]
struct Ahead {
    digest: Digest,
    pieces: mpsc::UnboundedReceiver<Piece>,
    task: JoinHandle<()>,
}

/// What was received: bytes, and their share of the window; none at the end, when all is right.
type Piece = Result<Option<(Bytes, OwnedSemaphorePermit)>, Error>;

impl Ahead {
    fn begin(source: &BlockingRepository, blob: Descriptor, window: usize) -> Self {
        // As many pieces as have a share of the window.
        let (sender, pieces) = mpsc::unbounded_channel();
        let digest = blob.digest.clone();
        let download = download(source.repository.clone(), blob, window, sender);
        Self { digest, pieces, task: source.runtime.spawn(download) }
    }
}

/// What is dropped stops.
impl Drop for Ahead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn download(
    repository: Repository,
    blob: Descriptor,
    window: usize,
    pieces: mpsc::UnboundedSender<Piece>,
) {
    let window = Arc::new(Semaphore::new(window));
    let size = window.available_permits();
    let mut reader = match repository.blob(&blob) {
        Ok(reader) => reader,
        Err(error) => return drop(pieces.send(Err(error))),
    };
    loop {
        let piece = match reader.chunk().await {
            Ok(Some(chunk)) => {
                let share = u32::try_from(chunk.len().min(size)).unwrap_or(u32::MAX);
                // It is never closed.
                let Ok(share) = Arc::clone(&window).acquire_many_owned(share).await else { return };
                Ok(Some((chunk, share)))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let is_last = !matches!(piece, Ok(Some(_)));
        if pieces.send(piece).is_err() || is_last {
            return;
        }
    }
}

/// A blob that is read.
struct Reader<'a> {
    source: &'a ReadAhead,
    ahead: Ahead,
    chunk: Bytes,
    is_ended: bool,
}

impl Reader<'_> {
    /// Waits for the next bytes, or for the end.
    fn receive(&mut self) -> io::Result<()> {
        match self.ahead.pieces.blocking_recv() {
            Some(Ok(Some((chunk, _share)))) => self.chunk = chunk,
            Some(Ok(None)) => self.is_ended = true,
            Some(Err(error)) => return Err(error.into_io()),
            None => return Err(io::Error::other("the download was stopped, or failed before")),
        }
        Ok(())
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !self.is_ended && !buffer.is_empty() {
            self.receive()?;
        }
        let length = self.chunk.as_ref().read(buffer)?;
        self.chunk.advance(length);
        Ok(length)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut line = self.source.line();
        line.open -= 1;
        self.source.fill(&mut line);
    }
}
