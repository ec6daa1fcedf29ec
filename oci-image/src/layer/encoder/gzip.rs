//! gzip by blocks, which any number of threads compress to the same single member.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress};

/// The number of uncompressed bytes in a block.
const BLOCK: usize = 256 << 10;

/// How far deflate looks back: the end of one block is the dictionary of the next.
const WINDOW: usize = 32 << 10;

/// No name, no time, no flags, and of no particular system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

pub(super) struct Gzip<W> {
    out: W,
    block: Vec<u8>,
    dictionary: Vec<u8>,
    checksum: Crc,
    length: u32,
    work: Work,
}

enum Work {
    Here(Compression),
    Workers(Workers),
}

struct Workers {
    jobs: Sender<Job>,
    depth: usize,
    under_way: VecDeque<Receiver<io::Result<Block>>>,
}

struct Job {
    bytes: Vec<u8>,
    dictionary: Vec<u8>,
    is_last: bool,
    done: SyncSender<io::Result<Block>>,
}

/// What becomes of a block.
struct Block {
    deflated: Vec<u8>,
    checksum: Crc,
    /// The buffer that held it, to be used again.
    spent: Vec<u8>,
}

impl<W: Write> Gzip<W> {
    pub(super) fn new(mut out: W, level: u32, threads: NonZeroUsize) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        let work = match threads.get() {
            1 => Work::Here(Compression::new(level)),
            threads => Work::Workers(Workers::start(Compression::new(level), threads)?),
        };
        let block = Vec::with_capacity(BLOCK);
        Ok(Self { out, block, dictionary: Vec::new(), checksum: Crc::new(), length: 0, work })
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.send(true)?;
        if let Work::Workers(workers) = &mut self.work {
            while let Some(block) = workers.under_way.pop_front() {
                let block = received(&block)?;
                self.checksum.combine(&block.checksum);
                self.out.write_all(&block.deflated)?;
            }
        }
        self.out.write_all(&self.checksum.sum().to_le_bytes())?;
        self.out.write_all(&self.length.to_le_bytes())?;
        Ok(self.out)
    }

    /// Has the block compressed, and writes those that are done.
    fn send(&mut self, is_last: bool) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.block);
        let end = bytes[bytes.len().saturating_sub(WINDOW)..].to_vec();
        let dictionary = std::mem::replace(&mut self.dictionary, end);
        let block = match &mut self.work {
            Work::Here(level) => Some(deflate(*level, bytes, &dictionary, is_last)?),
            Work::Workers(workers) => workers.send(bytes, dictionary, is_last)?,
        };
        self.block = match block {
            Some(block) => {
                self.checksum.combine(&block.checksum);
                self.out.write_all(&block.deflated)?;
                block.spent
            }
            None => Vec::with_capacity(BLOCK),
        };
        Ok(())
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Before, not after: the last block is known only at the end.
        if self.block.len() == BLOCK {
            self.send(false)?;
        }
        let length = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..length]);
        // The format has the length modulo 2^32.
        self.length = self.length.wrapping_add(length as u32);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Workers {
    fn start(level: Compression, threads: usize) -> io::Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name("gzip".to_owned()).spawn(move || work(level, &queue))?;
        }
        Ok(Self { jobs, depth: 2 * threads, under_way: VecDeque::new() })
    }

    /// Queues a block; when there are enough of them, waits for the first.
    fn send(
        &mut self,
        bytes: Vec<u8>,
        dictionary: Vec<u8>,
        is_last: bool,
    ) -> io::Result<Option<Block>> {
        let (done, block) = sync_channel(1);
        self.jobs.send(Job { bytes, dictionary, is_last, done }).map_err(|_| stopped())?;
        self.under_way.push_back(block);
        if self.under_way.len() < self.depth {
            return Ok(None);
        }
        self.under_way.pop_front().map(|block| received(&block)).transpose()
    }
}

/// Compresses blocks until no more can come.
fn work(level: Compression, queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { bytes, dictionary, is_last, done }) = job else { return };
        // Fails only if the receiver is gone.
        let _ = done.send(deflate(level, bytes, &dictionary, is_last));
    }
}

fn received(block: &Receiver<io::Result<Block>>) -> io::Result<Block> {
    block.recv().map_err(|_| stopped())?
}

fn stopped() -> io::Error {
    io::Error::other("a thread that compresses has stopped")
}

/// A piece of a deflate stream that ends at a byte, and ends the stream if it is the last.
fn deflate(
    level: Compression,
    mut bytes: Vec<u8>,
    dictionary: &[u8],
    is_last: bool,
) -> io::Result<Block> {
    // A new one for each block: after a reset, earlier input still shows in the output.
    let mut stream = Compress::new(level, false);
    if !dictionary.is_empty() {
        stream.set_dictionary(dictionary)?;
    }
    let flush = if is_last { FlushCompress::Finish } else { FlushCompress::Sync };
    let mut deflated = Vec::with_capacity(bytes.len() / 2 + 64);
    loop {
        let taken = stream.total_in() as usize;
        stream.compress_vec(&bytes[taken..], &mut deflated, flush)?;
        // If there is room left, all of the output was received.
        if deflated.len() < deflated.capacity() {
            break;
        }
        deflated.reserve(bytes.len() / 4 + 64);
    }
    let mut checksum = Crc::new();
    checksum.update(&bytes);
    bytes.clear();
    Ok(Block { deflated, checksum, spent: bytes })
}
