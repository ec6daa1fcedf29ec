//! From the async side to blocking readers and writers and back, over bounded channels.
//!
//! The blocking side ends as soon as the async side is dropped: what was written is then kept, to be
//! resumed, if the sink can keep it.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSource, BlobSourceExt, BlobWriter};
use tokio::sync::{mpsc, oneshot};

use crate::transport::{Body, TransportError, TransportErrorKind};
use crate::worker::Worker;

/// How many pieces wait between the two sides.
const PIECES: usize = 8;
/// The size of the pieces that are read, in bytes.
const PIECE: usize = 256 * 1024;

/// A blob on its way into a sink.
pub(crate) struct Writing {
    /// The ranges that are to be written, in order.
    pub(crate) missing: Vec<Range<u64>>,
    /// Whether they are taken in any order.
    pub(crate) takes_parts: bool,
    pieces: mpsc::Sender<Piece>,
    worker: Worker<io::Result<()>>,
}

/// What the sink says when a blob is begun.
struct Begun {
    missing: Vec<Range<u64>>,
    takes_parts: bool,
}

enum Piece {
    /// Bytes, and their offset.
    Data(u64, Bytes),
    /// Only this makes the blob visible: a channel that just ends does not.
    Commit,
}

impl Writing {
    /// Begins to write `blob`, or continues where the sink holds something of it; `None`: the sink has it.
    pub(crate) async fn begin<S>(sink: &Arc<S>, blob: &Descriptor) -> io::Result<Option<Self>>
    where
        S: BlobSink + Send + Sync + 'static,
    {
        let (pieces, receiver) = mpsc::channel(PIECES);
        let (begun, is_begun) = oneshot::channel();
        let (sink, blob) = (Arc::clone(sink), blob.clone());
        let worker = Worker::start(move || write(&*sink, &blob, begun, receiver));
        match is_begun.await {
            Ok(Some(Begun { missing, takes_parts })) => {
                Ok(Some(Self { missing, takes_parts, pieces, worker }))
            }
            Ok(None) => Ok(None),
            Err(_) => match worker.result().await? {
                Ok(()) => Err(io::Error::other("the writer stopped")),
                Err(error) => Err(error),
            },
        }
    }

    /// Writes bytes from `offset` on, in order if the sink takes no parts. After an error only
    /// [`finish`](Self::finish) is left, which tells why.
    pub(crate) async fn write(&self, offset: u64, data: Bytes) -> Result<(), Stopped> {
        self.pieces.send(Piece::Data(offset, data)).await.map_err(|_| Stopped)
    }

    /// Makes the blob visible, if all of it is right.
    pub(crate) async fn commit(self) -> io::Result<()> {
        // If the worker has stopped, it tells why.
        let _ = self.pieces.send(Piece::Commit).await;
        self.finish().await
    }

    /// Ends, without a commit or after one. What was not committed is kept if the sink can.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.pieces);
        self.worker.result().await?
    }
}

/// The blocking side stopped.
#[derive(Debug)]
pub(crate) struct Stopped;

fn write<S: BlobSink>(
    sink: &S,
    blob: &Descriptor,
    begun: oneshot::Sender<Option<Begun>>,
    mut pieces: mpsc::Receiver<Piece>,
) -> io::Result<()> {
    let writer = sink.resume(blob)?;
    // If the async side is gone, the first read of the channel ends it.
    let _ = begun.send(writer.as_ref().map(|writer| Begun::of(&**writer, blob)));
    let Some(mut writer) = writer else { return Ok(()) };
    let mut next = writer.start();
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            // What is in order may be verified as it is written.
            Piece::Data(offset, data) if offset == next => {
                writer.write_all(&data)?;
                next += data.len() as u64;
            }
            Piece::Data(offset, data) => write_part(&*writer, offset, &data)?,
            Piece::Commit => return writer.commit(),
        }
    }
    writer.keep()
}

fn write_part(writer: &dyn BlobWriter, offset: u64, data: &[u8]) -> io::Result<()> {
    let no_parts = || io::Error::other("the sink took parts of a blob, and does not now");
    writer.parts().ok_or_else(no_parts)?.write_at(offset, data)
}

impl Begun {
    fn of(writer: &dyn BlobWriter, blob: &Descriptor) -> Self {
        match writer.parts() {
            Some(parts) => Self { missing: parts.missing(), takes_parts: true },
            None => {
                let missing = Some(writer.start()..blob.size).filter(|range| !range.is_empty());
                Self { missing: missing.into_iter().collect(), takes_parts: false }
            }
        }
    }
}

/// The bytes of `blob` from `offset` on as a body to send.
pub(crate) fn reading<S>(source: &Arc<S>, blob: &Descriptor, offset: u64) -> Body
where
    S: BlobSource + Send + Sync + 'static,
{
    let (pieces, mut receiver) = mpsc::channel(PIECES);
    let (source, blob) = (Arc::clone(source), blob.clone());
    let length = blob.size.saturating_sub(offset);
    Worker::start(move || {
        if let Err(error) = read(&*source, &blob, offset, &pieces) {
            let error = TransportError::new(TransportErrorKind::Body, error);
            let _ = pieces.blocking_send(Err(error));
        }
    });
    Body::stream(
        futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)),
        Some(length),
    )
}

type Pieces = mpsc::Sender<Result<Bytes, TransportError>>;

fn read<S: BlobSource>(
    source: &S,
    blob: &Descriptor,
    offset: u64,
    pieces: &Pieces,
) -> io::Result<()> {
    let mut reader = source.open_existing(blob)?;
    // What is sent already is read again, as the reader verifies the whole.
    let skipped = io::copy(&mut reader.by_ref().take(offset), &mut io::sink())?;
    if skipped < offset {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut held: Option<Bytes> = None;
    loop {
        let piece = piece(&mut reader)?;
        let is_end = piece.is_empty();
        // The last piece is sent only when the reader has said that the whole is right.
        if let Some(ready) = held.replace(piece)
            && pieces.blocking_send(Ok(ready)).is_err()
        {
            return Ok(());
        }
        if is_end {
            return Ok(());
        }
    }
}

/// The next bytes, as many as make a good piece; none at the end.
fn piece(reader: &mut dyn Read) -> io::Result<Bytes> {
    let mut piece = BytesMut::zeroed(PIECE);
    let mut length = 0;
    while length < PIECE {
        match reader.read(&mut piece[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(length);
    Ok(piece.freeze())
}
