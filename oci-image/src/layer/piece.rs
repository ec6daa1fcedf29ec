/// How much of the stream is held at once.
const PIECE: usize = 256 << 10;

/// A piece of the stream. The buffer always has [`PIECE`] bytes.
pub(super) struct Piece {
    pub(super) buffer: Box<[u8]>,
    pub(super) length: usize,
}

impl Piece {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; PIECE].into_boxed_slice(), length: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}
