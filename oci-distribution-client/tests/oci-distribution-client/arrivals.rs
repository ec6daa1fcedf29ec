//! The bytes of one blob in other orders and amounts than they were asked for.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Response, header};
use oci_distribution_client::transport::{Body, TransportError, TransportErrorKind};
use oci_distribution_client::{Client, Config, Error, ErrorKind, Limits, Repository};
use oci_image::blob::{BlobSink, BlobSourceExt, BlobWriter, Memory};
use oci_image::{Descriptor, Document, Manifest, MediaType};
use tokio::sync::watch;

use crate::fake::{Fake, Seen, answer};
use crate::fixture::{blob, noise, quick};
use crate::ranges::InOrder;

const PART: u64 = 300;

/// An image with one layer.
struct Image {
    manifest: Document<Manifest>,
    layer: Descriptor,
    content: Bytes,
}

/// A request for the layer.
struct Ask {
    first: usize,
    /// The last byte that is asked for, if not all that there are.
    last: Option<usize>,
    /// How often bytes from `first` on were asked for before.
    before: usize,
}

impl Image {
    fn new(size: usize) -> Self {
        let blobs = Memory::new();
        let config = blob(&blobs, MediaType::IMAGE_CONFIG, b"{}");
        let content = noise(1, size);
        let layer = Descriptor::of(MediaType::LAYER_TAR, &content);
        let mut manifest = Manifest::new(config);
        manifest.layers.push(layer.clone());
        manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
        Self { manifest: Document::new(manifest).unwrap(), layer, content: content.into() }
    }

    /// A registry that answers requests for the layer by `serve`.
    fn served(
        &self,
        serve: impl Fn(&Bytes, Ask) -> Response<Body> + Send + Sync + 'static,
    ) -> Fake {
        let (manifest, layer, content) =
            (self.manifest.clone(), self.layer.clone(), self.content.clone());
        let asked = Mutex::new(BTreeMap::<usize, usize>::new());
        Fake::new(move |seen| {
            let path = seen.uri.path();
            if path.contains("/manifests/") {
                let media_type = [("content-type", MediaType::IMAGE_MANIFEST.as_str())];
                return answer(200, &media_type, manifest.bytes().to_vec());
            }
            if !path.ends_with(layer.digest.as_str()) {
                return answer(200, &[], "{}");
            }
            let (first, last) = range(seen);
            let mut asked = asked.lock().unwrap();
            let asked = asked.entry(first).or_default();
            *asked += 1;
            serve(&content, Ask { first, last, before: *asked - 1 })
        })
    }

    /// A client that pulls the layer in parts, and sends each request so often at most.
    fn repository(&self, fake: &Fake, attempts: u32, set: impl Fn(&mut Limits)) -> Repository {
        let (mut limits, mut retry) = (Limits::default(), quick());
        (limits.large, limits.part, retry.attempts) = (1, PART, attempts);
        set(&mut limits);
        let config = Config::default().transport(fake.clone()).limits(limits).retry(retry);
        Client::new(config).unwrap().repository("registry.example/app").unwrap()
    }

    /// Pulls it into a sink that takes parts, or one that takes bytes in order alone.
    async fn pull(&self, repository: &Repository, is_ordered: bool) -> Result<(), Error> {
        let (sink, image) = (InOrder::default(), self.manifest.descriptor());
        match is_ordered {
            true => repository.pull(image, &sink).await?,
            false => repository.pull(image, &sink.0).await?,
        };
        assert_eq!(sink.0.read(&self.layer, self.content.len()).unwrap(), self.content);
        Ok(())
    }

    /// The ranges of the layer that were asked for, in order.
    fn asked(&self, fake: &Fake) -> Vec<(usize, Option<usize>)> {
        let seen = fake.seen().into_iter();
        seen.filter(|it| it.uri.path().ends_with(self.layer.digest.as_str()))
            .map(|it| range(&it))
            .collect()
    }
}

fn range(seen: &Seen) -> (usize, Option<usize>) {
    let Some(range) = seen.headers.get(header::RANGE) else { return (0, None) };
    let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().ok())
}

/// The part that was asked for, of which no more than `most` bytes are given.
fn part(content: &Bytes, ask: &Ask, most: usize) -> Response<Body> {
    let last = ask.last.unwrap_or(content.len() - 1).min(ask.first + most - 1);
    let range = format!("bytes {}-{last}/{}", ask.first, content.len());
    answer(206, &[("content-range", &range)], content.slice(ask.first..=last))
}

/// `answer`, whose connection breaks after `length` bytes of its body.
fn cut(answer: Response<Body>, bytes: Bytes) -> Response<Body> {
    let length = answer.body().length();
    let broken = TransportError::new(TransportErrorKind::Exchange, io::Error::other("reset"));
    let pieces = stream::iter([Ok(bytes), Err(broken)]);
    answer.map(|_| Body::stream(pieces, length))
}

/// `answer` with this body, which tells when all of it was read.
fn telling(answer: Response<Body>, bytes: Bytes, told: &watch::Sender<bool>) -> Response<Body> {
    let (length, told) = (answer.body().length(), told.clone());
    let end = stream::poll_fn(move |_| {
        told.send_replace(true);
        Poll::Ready(None)
    });
    answer.map(|_| Body::stream(stream::iter([Ok(bytes)]).chain(end), length))
}

/// `answer` with this content, of which the rest is given when all that was told of its beginning had their turn.
fn early(answer: Response<Body>, content: &Bytes, told: &watch::Sender<bool>) -> Response<Body> {
    let (begin, rest, told) = (content.slice(..200), content.slice(200..), told.clone());
    let rest = stream::once(async move {
        told.send_replace(true);
        others().await;
        Ok(rest)
    });
    let length = answer.body().length();
    answer.map(|_| Body::stream(stream::iter([Ok(begin)]).chain(rest), length))
}

/// Lets all others go on that can.
async fn others() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_part_is_not_needed_where_the_whole_is_received_in_place_of_an_earlier_one() {
    for is_ordered in [false, true] {
        let image = Image::new(3_000);
        let (told, is_told) = watch::channel(false);
        let fake = image.served(move |content, ask| match ask.first {
            0 => cut(part(content, &ask, 300), content.slice(..100)),
            100 => early(answer(200, &[], content.clone()), content, &told),
            _ => answer(403, &[], ""),
        });
        let fake = fake.holding(|seen| range(seen).0 >= 300, is_told);
        let repository = image.repository(&fake, 3, |_| {});
        image.pull(&repository, is_ordered).await.unwrap();
        let mut asked = image.asked(&fake);
        asked.sort();
        let parts = [(0, 299), (100, 299), (300, 599), (600, 899), (900, 1199)];
        assert_eq!(asked, parts.map(|(first, last)| (first, Some(last))));
    }
}

#[tokio::test]
async fn what_fails_when_all_bytes_were_received_does_no_harm() {
    for is_ordered in [false, true] {
        let image = Image::new(600);
        let (told, is_told) = watch::channel(false);
        let fake = image.served(move |content, ask| match (ask.first, ask.before) {
            (0, _) => cut(part(content, &ask, 300), content.slice(..100)),
            (100, _) => cut(answer(200, &[], content.clone()), content.slice(..300)),
            (300, 0) => telling(part(content, &ask, 300), content.slice(300..), &told),
            _ => answer(403, &[], ""),
        });
        let fake = fake.holding(|seen| range(seen).0 == 100, is_told);
        let repository = image.repository(&fake, 3, |_| {});
        image.pull(&repository, is_ordered).await.unwrap();
        let asked = [(0, Some(299)), (300, None), (100, Some(299)), (300, None)];
        assert_eq!(image.asked(&fake), asked);
    }
}

#[tokio::test]
async fn what_one_connection_fails_to_receive_for_good_is_left_to_the_others() {
    for is_ordered in [false, true] {
        // A connection that is lost once.
        let image = Image::new(3_000);
        let fake = image.served(|content, ask| match ask.first {
            600 => cut(part(content, &ask, 300), content.slice(600..700)),
            _ => part(content, &ask, 300),
        });
        let repository = image.repository(&fake, 1, |_| {});
        image.pull(&repository, is_ordered).await.unwrap();
        let asked = image.asked(&fake);
        assert_eq!(asked.len(), 11);
        assert!(asked.contains(&(700, Some(899))), "{asked:?}");

        // All connections but the first, each time.
        let fake = image.served(|content, ask| match ask.first {
            0 => part(content, &ask, 300),
            first => cut(part(content, &ask, 300), content.slice(first..first + 10)),
        });
        let repository = image.repository(&fake, 1, |_| {});
        let error = image.pull(&repository, is_ordered).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        // The first part, and one of each connection: what is left is asked for by ever fewer.
        let asked = image.asked(&fake).len();
        assert!((5..=8).contains(&asked), "{asked}");
    }
}

/// A sink that takes nothing before it may.
#[derive(Clone, Default)]
struct Slow(InOrder, Arc<(Mutex<bool>, Condvar)>);

struct SlowWriter<'a>(Box<dyn BlobWriter + 'a>, Arc<(Mutex<bool>, Condvar)>);

impl Slow {
    fn go_on(&self) {
        *self.1.0.lock().unwrap() = true;
        self.1.1.notify_all();
    }
}

impl BlobSink for Slow {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        let writer = self.0.create(blob)?;
        Ok(writer.map(|writer| Box::new(SlowWriter(writer, self.1.clone())) as Box<_>))
    }
}

impl io::Write for SlowWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (may, changed) = &*self.1;
        drop(changed.wait_while(may.lock().unwrap(), |may| !*may).unwrap());
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl BlobWriter for SlowWriter<'_> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        self.0.commit()
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_keeps_no_other_request_from_the_host() {
    let image = Image::new(600);
    let fake = image.served(|content, ask| {
        if ask.first == 300 && ask.before == 0 {
            return answer(429, &[("retry-after", "1")], "");
        }
        // More pieces than are held between a connection and a sink.
        let bytes = content.slice(ask.first..ask.first + 300);
        let pieces: Vec<_> = bytes.chunks(10).map(Bytes::copy_from_slice).map(Ok).collect();
        part(content, &ask, 300).map(|_| Body::stream(stream::iter(pieces), Some(300)))
    });
    let repository = image.repository(&fake, 3, |limits| limits.window = u64::MAX);
    let sink = Slow::default();
    let (pulled, all, handle) = (sink.clone(), repository.clone(), image.manifest.clone());
    let pull = tokio::spawn(async move {
        all.pull(handle.descriptor(), &pulled).parts(2).jobs(2).await.map(drop)
    });
    while image.asked(&fake).len() < 2 {
        tokio::task::yield_now().await;
    }
    others().await;
    // The second part waits for its turn, and the sink takes nothing of the first.
    let resolved = tokio::spawn(async move { repository.resolve("v1").await.map(drop) });
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(1)).await;
        others().await;
    }
    let is_resolved = resolved.is_finished();
    sink.go_on();
    assert!(is_resolved);
    resolved.await.unwrap().unwrap();
    pull.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_registry_may_give_less_at_once_than_it_is_asked_for() {
    let once = |limits: &mut Limits| limits.part = 50_000;
    for (most, expected) in
        [(16_384, Ok(())), (20_000, Ok(())), (16_383, Err(ErrorKind::Verification))]
    {
        for is_ordered in [false, true] {
            let image = Image::new(100_000);
            let fake = image.served(move |content, ask| part(content, &ask, most));
            let repository = image.repository(&fake, 1, once);
            // Each is a good answer, however many there are.
            let pulled = image.pull(&repository, is_ordered).await;
            assert_eq!(pulled.map_err(|error| error.kind()), expected, "{most}, {is_ordered}");
        }
    }
}

#[tokio::test]
async fn parts_with_other_tags_are_not_put_together() {
    let image = Image::new(3_000);
    let fake = image.served(|content, ask| {
        let mut answer = part(content, &ask, 3_000);
        let tag = if ask.first == 0 { "\"a\"" } else { "\"b\"" };
        answer.headers_mut().insert(header::ETAG, tag.parse().unwrap());
        answer
    });
    let repository = image.repository(&fake, 3, |_| {});
    image.pull(&repository, false).await.unwrap();
    // The rest is asked for as soon as that is seen, and not after all parts.
    assert_eq!(image.asked(&fake).last(), Some(&(300, None)));
    // Of one connection after the other the digest decides.
    let fake = image.served(|content, ask| {
        let whole = answer(200, &[("etag", "\"a\"")], content.clone());
        let mut rest = part(content, &ask, 3_000);
        rest.headers_mut().insert(header::ETAG, "\"b\"".parse().unwrap());
        if ask.first == 0 { cut(whole, content.slice(..100)) } else { rest }
    });
    let repository = image.repository(&fake, 3, |limits| limits.large = u64::MAX);
    image.pull(&repository, false).await.unwrap();
    assert_eq!(image.asked(&fake), [(0, None), (100, None)]);
}

#[tokio::test]
async fn no_more_is_received_out_of_order_than_fits_into_the_window() {
    for (is_ordered, parts) in [(true, 4), (false, 10)] {
        let image = Image::new(3_000);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (ended, all_ended) = watch::channel(1);
        let seen = Arc::clone(&asked);
        let fake = image.served(move |content, ask| {
            seen.lock().unwrap().push(ask.first);
            let answer = part(content, &ask, 300);
            let (first, ended) = (ask.first, ended.clone());
            let body = content.slice(first..first + 300);
            let (begin, rest) = (body.slice(..10), body.slice(10..));
            let (mut all_ended, seen) = (all_ended.clone(), Arc::clone(&seen));
            // The rest of the first part is held until the others that are asked for were read.
            let rest = stream::once(async move {
                if first == 0 {
                    all_ended.wait_for(|ended| *ended == parts).await.unwrap();
                    others().await;
                    seen.lock().unwrap().push(usize::MAX);
                } else {
                    ended.send_modify(|ended| *ended += 1);
                }
                Ok(rest)
            });
            answer.map(|_| Body::stream(stream::iter([Ok(begin)]).chain(rest), Some(300)))
        });
        let repository = image.repository(&fake, 1, |limits| limits.window = 1_200);
        image.pull(&repository, is_ordered).await.unwrap();
        let asked = asked.lock().unwrap().clone();
        assert_eq!(asked.iter().position(|first| *first == usize::MAX), Some(parts), "{asked:?}");
        assert_eq!(asked.len(), 11);
    }
}

#[tokio::test]
async fn what_is_as_large_as_the_limit_is_pulled_in_parts() {
    let image = Image::new(3_000);
    for (large, requests) in [(3_000, 10), (3_001, 1)] {
        let fake = image.served(|content, ask| match ask.last {
            None if ask.first == 0 => answer(200, &[], content.clone()),
            _ => part(content, &ask, 300),
        });
        let repository = image.repository(&fake, 1, |limits| limits.large = large);
        image.pull(&repository, false).await.unwrap();
        assert_eq!(image.asked(&fake).len(), requests, "{large}");
    }
}
