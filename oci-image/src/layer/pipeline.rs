//! Decompression and hashing on threads of their own, with bounded memory.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use oci_digest::Digest;

use super::diff_id::DiffId;
use super::piece::Piece;
use super::{Decoder, ReadError};

/// How many pieces are on their way from one thread to the next at most.
const DEPTH: usize = 8;

/// The receiving end: decompression, then hashing, then here.
pub(super) struct Pipeline {
    pieces: Receiver<Step<Digest>>,
    used: SyncSender<Piece>,
}

/// What one thread hands the next.
enum Step<E> {
    Piece(Piece),
    End(E),
    Failed(ReadError),
}

impl Pipeline {
    pub(super) fn start<'scope, R>(scope: &'scope Scope<'scope, '_>, decoder: Decoder<R>) -> Self
    where
        R: Read + Send + 'scope,
    {
        let (to_hash, decoded) = sync_channel(DEPTH);
        let (to_reader, pieces) = sync_channel(DEPTH);
        // Room for all pieces there can be: handing one back never waits.
        let (used, free) = sync_channel(2 * DEPTH + 4);
        let diff_id = decoder.diff_id();
        scope.spawn(move || decode(decoder, &free, &to_hash));
        scope.spawn(move || hash(diff_id, &decoded, &to_reader));
        Self { pieces, used }
    }

    /// Puts the next piece in the place of `piece`, or says how the stream ended.
    pub(super) fn next(&mut self, piece: &mut Piece) -> Result<Option<Digest>, ReadError> {
        match self.pieces.recv() {
            Ok(Step::Piece(next)) => {
                let used = std::mem::replace(piece, next);
                // Fails only if the decoder is done and needs no more.
                let _ = self.used.try_send(used);
                Ok(None)
            }
            Ok(Step::End(digest)) => Ok(Some(digest)),
            Ok(Step::Failed(error)) => Err(error),
            Err(_) => Err(stopped()),
        }
    }
}

/// Sends until the stream ends or the receiver is gone.
fn decode<R: Read>(mut decoder: Decoder<R>, free: &Receiver<Piece>, out: &SyncSender<Step<()>>) {
    loop {
        let mut piece = free.try_recv().unwrap_or_else(|_| Piece::new());
        let step = match decoder.fill(&mut piece.buffer) {
            Ok(0) => Step::End(()),
            Ok(length) => {
                piece.length = length;
                Step::Piece(piece)
            }
            Err(error) => Step::Failed(error),
        };
        let is_last = !matches!(step, Step::Piece(_));
        if out.send(step).is_err() || is_last {
            return;
        }
    }
}

fn hash(mut diff_id: DiffId, decoded: &Receiver<Step<()>>, out: &SyncSender<Step<Digest>>) {
    for step in decoded {
        let step = match step {
            Step::Piece(piece) => {
                diff_id.update(piece.bytes());
                Step::Piece(piece)
            }
            Step::End(()) => Step::End(diff_id.finish()),
            Step::Failed(error) => Step::Failed(error),
        };
        if out.send(step).is_err() {
            return;
        }
    }
}

/// A thread ended without a word: it panicked, and the scope will say so.
fn stopped() -> ReadError {
    let source = std::io::Error::other("the thread that reads it has stopped");
    ReadError::Source { read: 0, source }
}
