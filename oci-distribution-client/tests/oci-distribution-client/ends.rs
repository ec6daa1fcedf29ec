//! Pushes that end early leave no upload behind, and pulls what they have received.

use std::future::IntoFuture;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use http::StatusCode;
use oci_distribution_client::{ErrorKind, Event, Repository, Step};
use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSource, BlobSourceExt, BlobWriter, Memory};
use oci_layout::Layout;
use oci_registry::Fault;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::faults::pushed;
use crate::fixture::{Fixture, registry, repository};

const LONG: Duration = Duration::from_secs(3600);

/// A store whose largest layer stops in its middle, until the test ends.
#[derive(Clone)]
struct Stalling {
    blobs: Arc<Memory>,
    stalled: Arc<Notify>,
    end: Arc<Mutex<Receiver<()>>>,
}

impl Stalling {
    /// With what ends it when it is dropped.
    fn new(blobs: &Arc<Memory>) -> (Self, Sender<()>) {
        let (sender, receiver) = channel();
        let end = Arc::new(Mutex::new(receiver));
        (Self { blobs: blobs.clone(), stalled: Arc::default(), end }, sender)
    }
}

impl BlobSource for Stalling {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let bytes = self.blobs.open_existing(blob)?;
        if blob.size < 1_000_000 {
            return Ok(Some(bytes));
        }
        Ok(Some(Box::new(bytes.take(1_000_000).chain(Stalled(self)))))
    }
}

struct Stalled<'a>(&'a Stalling);

impl Read for Stalled<'_> {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        self.0.stalled.notify_one();
        let _ = self.0.end.lock().unwrap().recv();
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// Ends when the number is 0.
async fn none(mut count: impl FnMut() -> usize) {
    let nothing = async {
        while count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), nothing).await.expect("uploads are left");
}

/// Aborts a push in the middle of a blob; `count` counts the uploads.
async fn abort(app: &Repository, chunk: Option<u64>, count: impl Fn() -> usize) {
    let fixture = Fixture::new();
    let (source, end) = Stalling::new(&fixture.blobs);
    let stalled = Arc::clone(&source.stalled);
    // One after the other: of an upload that is being begun, nobody knows the session yet.
    let push = app.push(&source, fixture.amd64.descriptor()).jobs(1).tag("v1");
    let push = push.abort_when(async move { stalled.notified().await });
    let push = if let Some(chunk) = chunk { push.chunks(chunk) } else { push };
    let error = push.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
    // It has waited for that.
    assert_eq!(count(), 0);
    drop(end);
    let error = app.resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// Drops a push in the middle of a blob.
async fn drop_push(app: &Repository, chunk: Option<u64>, count: impl Fn() -> usize) {
    let fixture = Fixture::new();
    let (source, end) = Stalling::new(&fixture.blobs);
    let stalled = Arc::clone(&source.stalled);
    {
        let push = app.push(&source, fixture.amd64.descriptor()).jobs(1).tag("v1");
        let push = if let Some(chunk) = chunk { push.chunks(chunk) } else { push };
        let mut push = push.into_future();
        tokio::select! {
            result = &mut push => panic!("{result:?}"),
            () = stalled.notified() => {}
        }
        assert!(count() > 0);
    }
    none(&count).await;
    drop(end);
}

#[tokio::test]
async fn a_push_that_is_aborted_or_dropped_leaves_no_upload() {
    let registry = registry().await;
    let app = repository(&registry, "team/app");
    let count = || registry.registry().open_uploads();
    for chunk in [None, Some(100_000)] {
        abort(&app, chunk, count).await;
        drop_push(&app, chunk, count).await;
    }
    let (source, image) = (Fixture::new().blobs, Fixture::new());
    let never = std::future::pending();
    app.push(&source, image.amd64.descriptor()).abort_when(never).await.unwrap();
}

/// A sink that commits its first blob when it is told to.
#[derive(Clone)]
struct Committing {
    blobs: Arc<Memory>,
    begun: Arc<Notify>,
    go: Arc<Mutex<Option<Receiver<()>>>>,
}

impl BlobSink for Committing {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        let writer = self.blobs.create(blob)?;
        Ok(writer.map(|writer| Box::new(Commit { writer, sink: self }) as Box<dyn BlobWriter>))
    }
}

struct Commit<'a> {
    writer: Box<dyn BlobWriter + 'a>,
    sink: &'a Committing,
}

impl Write for Commit<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl BlobWriter for Commit<'_> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        if let Some(go) = self.sink.go.lock().unwrap().take() {
            self.sink.begun.notify_one();
            go.recv().unwrap();
        }
        self.writer.commit()
    }
}

#[tokio::test]
async fn a_pull_that_is_aborted_between_two_blobs_has_not_succeeded() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let image = fixture.amd64.descriptor();
    app.push(&fixture.blobs, image).await.unwrap();
    let (sender, receiver) = channel();
    let go = Arc::new(Mutex::new(Some(receiver)));
    let sink = Committing { blobs: Arc::default(), begun: Arc::default(), go };
    let begun = Arc::clone(&sink.begun);
    // The blob is committed when the pull is stopped already, and before the next one is begun.
    let signal = async move {
        begun.notified().await;
        sender.send(()).unwrap();
    };
    let error = app.pull(image, &sink).jobs(1).abort_when(signal).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
    assert_eq!(sink.blobs.digests().len(), 1, "no manifest is there without its blobs");
}

#[tokio::test]
async fn a_pull_that_is_aborted_has_settled_what_is_kept_and_is_continued() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let image = fixture.amd64.descriptor();
    app.push(&fixture.blobs, image).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).unwrap();
    let layer = &fixture.layers[3];
    let path = format!("/blobs/{}", layer.digest);
    let (cut, stall) = (Fault::cut_body(&path, 100_000), Fault::delay(&path, LONG).after(1));
    registry.registry().add_faults([cut.times(1), stall]);
    let received = Notify::new();
    let listen = |event: Event<'_>| {
        if event.blob.digest == layer.digest && event.step == Step::Moved(100_000) {
            received.notify_one();
        }
    };
    let pull = app.pull(image, &layout).parts(1).progress(listen);
    let error = pull.abort_when(received.notified()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
    // The next one can have it at once.
    let kept = layout.resume(layer).unwrap().unwrap();
    assert_eq!(kept.start(), 100_000);
    kept.keep().unwrap();
    registry.registry().clear_faults();
    app.pull(image, &layout).abort_when(std::future::pending()).await.unwrap();
    layout.read(layer, 3_000_000).unwrap();
}

#[tokio::test]
async fn a_pull_that_is_dropped_leaves_no_trace() {
    let (registry, repository, fixture) = pushed().await;
    let large = &fixture.layers[3].digest;
    let stall = Fault::delay(large.as_str(), LONG).after(1);
    registry.registry().add_faults([Fault::cut_body(large.as_str(), 1000).times(1), stall]);
    let store = Arc::new(Memory::new());
    let received = Notify::new();
    let listen = |event: Event<'_>| {
        if event.blob.digest == *large && event.step == Step::Moved(1000) {
            received.notify_one();
        }
    };
    {
        let mut pull =
            repository.pull(fixture.amd64.descriptor(), &store).progress(listen).into_future();
        tokio::select! {
            result = &mut pull => panic!("{result:?}"),
            () = received.notified() => {}
        }
    }
    // The worker threads hold a handle each as long as they run.
    while Arc::strong_count(&store) > 1 {
        tokio::task::yield_now().await;
    }
    assert!(store.open(&fixture.layers[3]).unwrap().is_none());
    assert!(store.open(fixture.amd64.descriptor()).unwrap().is_none());
}

/// A store whose writers do not go before they may, unless they have committed.
#[derive(Clone)]
struct Slow {
    open: Arc<AtomicUsize>,
    goes: Arc<Notify>,
    may_go: Arc<Mutex<Receiver<()>>>,
}

struct SlowWriter {
    store: Slow,
    is_committed: bool,
}

impl Slow {
    /// With what lets them go when it is dropped.
    fn new() -> (Self, Sender<()>) {
        let (sender, receiver) = channel();
        let may_go = Arc::new(Mutex::new(receiver));
        (Self { open: Arc::default(), goes: Arc::default(), may_go }, sender)
    }
}

impl BlobSink for Slow {
    fn create(&self, _: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Box::new(SlowWriter { store: self.clone(), is_committed: false })))
    }
}

impl BlobWriter for SlowWriter {
    fn commit(mut self: Box<Self>) -> io::Result<()> {
        self.is_committed = true;
        Ok(())
    }
}

impl Write for SlowWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SlowWriter {
    fn drop(&mut self) {
        if !self.is_committed {
            self.store.goes.notify_one();
            let _ = self.store.may_go.lock().unwrap().recv();
        }
        self.store.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_pull_that_fails_leaves_no_trace_when_it_says_so() {
    let (registry, repository, fixture) = pushed().await;
    // One layer fails while the other is on its way.
    let [.., failing, waiting] = &fixture.layers[..] else { panic!("there are four") };
    registry.registry().add_faults([
        Fault::cut_body(waiting.digest.as_str(), 1000).times(1),
        Fault::delay(waiting.digest.as_str(), LONG).after(1),
        Fault::cut_body(failing.digest.as_str(), 1000).times(1),
        Fault::status(failing.digest.as_str(), StatusCode::GONE).after(1),
    ]);
    let (store, may_go) = Slow::new();
    let mut pull = repository.pull(fixture.amd64.descriptor(), &store).into_future();
    tokio::select! {
        result = &mut pull => panic!("{result:?}"),
        () = store.goes.notified() => {}
    }
    for _ in 0..100 {
        assert!((&mut pull).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(may_go);
    pull.await.unwrap_err();
    assert_eq!(store.open.load(Ordering::SeqCst), 0);
}
