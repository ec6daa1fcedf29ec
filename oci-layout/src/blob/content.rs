use std::io::{self, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use oci_image::oci_digest::{Verifier, VerifyError};

use super::BUFFER;
use crate::session::Temporary;

/// From which size on a blob is hashed in a thread of its own while it is written, in bytes.
const LARGE: u64 = 4 << 20;

/// How many pieces of at most [`BUFFER`] bytes wait to be hashed.
const DEPTH: usize = 4;

/// What is written of a blob in order, and hashed as it is.
pub(super) struct Content {
    temporary: Temporary,
    hashing: Hashing,
    written: u64,
}

enum Hashing {
    Here(Box<Verifier>),
    Elsewhere(Thread),
}

/// A thread that hashes what it is sent, until the sender is dropped.
struct Thread {
    pieces: SyncSender<Vec<u8>>,
    /// Never locked: the mutex makes it `Sync`, for the parts of a blob.
    used: Mutex<Receiver<Vec<u8>>>,
    handle: JoinHandle<Result<Verifier, VerifyError>>,
}

impl Content {
    /// Continues where `verifier` is.
    pub(super) fn new(temporary: Temporary, verifier: Verifier) -> Self {
        let written = verifier.seen();
        let is_large = verifier.remaining() >= LARGE && has_processors();
        // Where no more threads may be started, this one hashes.
        let thread = is_large.then(|| Thread::start(verifier.clone()).ok()).flatten();
        let hashing = thread.map_or(Hashing::Here(verifier.into()), Hashing::Elsewhere);
        Self { temporary, hashing, written }
    }

    /// How much was written in order, in bytes.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// The file.
    pub(super) fn temporary(&self) -> &Temporary {
        &self.temporary
    }

    /// The file, and what has seen all that was written.
    pub(super) fn into_parts(self) -> io::Result<(Temporary, Verifier)> {
        let verifier = match self.hashing {
            Hashing::Here(verifier) => *verifier,
            Hashing::Elsewhere(thread) => thread.finish()?,
        };
        Ok((self.temporary, verifier))
    }

    /// The file alone.
    pub(super) fn into_temporary(self) -> Temporary {
        self.temporary
    }
}

impl Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.temporary.write(bytes.get(..BUFFER).unwrap_or(bytes))?;
        let bytes = bytes.get(..length).unwrap_or(bytes);
        match &mut self.hashing {
            Hashing::Here(verifier) => verifier.update(bytes)?,
            Hashing::Elsewhere(thread) => thread.update(bytes)?,
        }
        self.written += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Thread {
    fn start(mut verifier: Verifier) -> io::Result<Self> {
        let (pieces, written) = sync_channel::<Vec<u8>>(DEPTH);
        // Room for all pieces there can be: handing one back never waits.
        let (hashed, used) = sync_channel(DEPTH + 2);
        let hash = move || {
            for piece in written {
                verifier.update(&piece)?;
                // Fails only if nothing more is written.
                let _ = hashed.try_send(piece);
            }
            Ok(verifier)
        };
        let handle = thread::Builder::new().name("hash".to_owned()).spawn(hash)?;
        Ok(Self { pieces, used: Mutex::new(used), handle })
    }

    fn update(&mut self, bytes: &[u8]) -> io::Result<()> {
        let used = self.used.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut piece = used.try_recv().unwrap_or_default();
        piece.clear();
        piece.extend_from_slice(bytes);
        self.pieces.send(piece).map_err(|_| stopped())
    }

    fn finish(self) -> io::Result<Verifier> {
        drop(self.pieces);
        Ok(self.handle.join().map_err(|_| stopped())??)
    }
}

/// It panicked, and said why.
fn stopped() -> io::Error {
    io::Error::other("cannot hash the blob: the thread that does it has stopped")
}

/// Whether two threads are faster than one.
fn has_processors() -> bool {
    thread::available_parallelism().is_ok_and(|number| number > NonZero::<usize>::MIN)
}
