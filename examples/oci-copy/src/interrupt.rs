//! Ctrl-C: what moves is settled before the program ends.

use std::borrow::Cow;
use std::io::{self, Read};
use std::process::exit;

use oci_image::blob::BlobSource;
use oci_image::images::Images;
use oci_image::{Descriptor, Digest, Index};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::Result;

/// Whether SIGINT or SIGTERM was received since the program listens for them. A clone is a handle to the same.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Sender<Option<Signal>>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    /// What shells report of a program that it ended.
    pub(crate) fn exit_status(self) -> u8 {
        match self {
            Self::Interrupt => 128 + 2,
            Self::Terminate => 128 + 15,
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it was interrupted")]
struct Interrupted;

impl Default for Interrupt {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Interrupt {
    /// Listens from now on. The first signal is received here; the second one ends the program at once.
    pub(crate) fn listen(&self) -> Result<()> {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let sender = self.0.clone();
        tokio::spawn(async move {
            loop {
                let received = tokio::select! {
                    _ = interrupt.recv() => Signal::Interrupt,
                    _ = terminate.recv() => Signal::Terminate,
                };
                if sender.send_replace(Some(received)).is_some() {
                    exit(received.exit_status().into());
                }
            }
        });
        Ok(())
    }

    pub(crate) fn received(&self) -> Option<Signal> {
        *self.0.borrow()
    }

    /// Ends when a signal is received.
    pub(crate) async fn wait(self) {
        let mut receiver = self.0.subscribe();
        // The sender is here, so it is not closed.
        _ = receiver.wait_for(Option::is_some).await;
    }

    /// What `work` gives; it is dropped where it stands when a signal is received.
    pub(crate) async fn unless<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work => result,
            () = self.clone().wait() => Err(Interrupted.into()),
        }
    }

    fn check(&self) -> io::Result<()> {
        match self.received() {
            // Not of the kind `Interrupted`, after which a reader is to read again.
            Some(_) => Err(io::Error::other(Interrupted)),
            None => Ok(()),
        }
    }
}

/// A source for code that blocks, which fails once a signal was received.
pub(crate) struct Interruptible<S> {
    pub(crate) source: S,
    pub(crate) interrupt: Interrupt,
}

impl<S: BlobSource> BlobSource for Interruptible<S> {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        self.interrupt.check()?;
        let opened = self.source.open(blob)?;
        let interrupt = self.interrupt.clone();
        Ok(opened.map(|reader| Box::new(Reader { reader, interrupt }) as Box<dyn Read + Send>))
    }
}

impl<S: Images> Images for Interruptible<S> {
    fn index(&self) -> io::Result<Cow<'_, Index>> {
        self.source.index()
    }

    fn place(&self) -> String {
        self.source.place()
    }

    fn named(&self, name: &str) -> io::Result<Vec<Descriptor>> {
        self.source.named(name)
    }

    fn find(&self, digest: &Digest) -> io::Result<Option<Descriptor>> {
        self.source.find(digest)
    }

    fn referrers(&self, subject: &Digest) -> io::Result<Vec<Descriptor>> {
        self.source.referrers(subject)
    }
}

struct Reader<R> {
    reader: R,
    interrupt: Interrupt,
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt.check()?;
        self.reader.read(buffer)
    }
}
