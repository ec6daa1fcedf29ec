use std::io;

use bytes::Bytes;
use futures_util::stream::{self, Stream};

use super::Blob;

/// `length` bytes of `blob` from `first` on.
pub(crate) fn pieces(
    blob: Blob,
    first: u64,
    length: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((blob, first, length), |(mut blob, first, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let piece = blob.content.read(first..first + left).await?;
        let length = piece.len() as u64;
        if length == 0 || length > left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some((piece, (blob, first + length, left - length))))
    })
}
