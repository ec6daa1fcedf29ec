//! Reading stops when the user interrupts the program.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oci_image::Descriptor;
use oci_image::blob::BlobSource;

/// Whether the user has interrupted the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on, reading fails.
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A source whose readers fail once that is asked.
pub(crate) struct Stoppable<S> {
    source: S,
    stop: Stop,
}

impl<S> Stoppable<S> {
    pub(crate) fn new(source: S, stop: Stop) -> Self {
        Self { source, stop }
    }
}

impl<S: BlobSource> BlobSource for Stoppable<S> {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let stop = &self.stop;
        let opened = self.source.open(blob)?;
        Ok(opened.map(|reader| Box::new(Until { reader, stop }) as Box<dyn Read + Send>))
    }
}

struct Until<'source> {
    reader: Box<dyn Read + Send + 'source>,
    stop: &'source Stop,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stop.is_asked() {
            true => Err(io::Error::other("the user asked to stop")),
            false => self.reader.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_image::MediaType;

    struct Endless;

    impl BlobSource for Endless {
        fn open(&self, _: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
            Ok(Some(Box::new(io::repeat(0))))
        }
    }

    #[test]
    fn readers_fail_once_they_are_stopped() {
        let stop = Stop::default();
        let source = Stoppable::new(Endless, stop.clone());
        let digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        let blob = Descriptor::new(MediaType::LAYER_TAR, digest, 1 << 40);
        let mut reader = source.open(&blob).unwrap().unwrap();
        reader.read_exact(&mut [0; 1000]).unwrap();
        stop.ask();
        assert!(io::copy(&mut reader, &mut io::sink()).is_err());
    }
}
