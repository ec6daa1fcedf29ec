use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};

use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSinkExt, UnnamedWriter};

use crate::blob::BUFFER;

/// A blob whose digest is not known before all of it is written.
pub(crate) struct Draft<'a> {
    sink: &'a dyn BlobSink,
    out: BufWriter<Out<'a>>,
}

enum Out<'a> {
    /// In the sink, which can take it.
    Sink(Box<dyn UnnamedWriter + 'a>),
    /// In a temporary file.
    File(File),
}

impl<'a> Draft<'a> {
    pub(crate) fn new(sink: &'a dyn BlobSink) -> io::Result<Self> {
        let out = match sink.create_unnamed()? {
            Some(blob) => Out::Sink(blob),
            None => Out::File(tempfile::tempfile()?),
        };
        Ok(Self { sink, out: BufWriter::with_capacity(BUFFER, out) })
    }

    /// Stores it in the sink.
    pub(crate) fn store(self, blob: &Descriptor) -> io::Result<()> {
        match self.out.into_inner().map_err(|error| error.into_error())? {
            Out::Sink(draft) => draft.commit(blob),
            Out::File(mut file) => {
                file.rewind()?;
                self.sink.put_from(blob, file)
            }
        }
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Sink(blob) => blob.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Sink(blob) => blob.flush(),
            Self::File(file) => file.flush(),
        }
    }
}
