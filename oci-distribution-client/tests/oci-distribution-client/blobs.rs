//! One blob, read whole or in part.

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use http::Response;
use oci_distribution_client::transport::Body;
use oci_distribution_client::{Client, Config, ErrorKind, Repository, Retry};
use oci_image::{Descriptor, MediaType};
use oci_registry::Fault;
use tokio::io::AsyncReadExt;

use crate::fake::{Fake, answer};
use crate::fixture::{self, Fixture, noise};

async fn pushed(fault: Fault) -> (oci_registry::Server, Repository, Fixture) {
    let (registry, fixture) = (fixture::registry().await, Fixture::new());
    let repository = fixture::repository(&registry, "team/app");
    repository.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    registry.registry().add_faults([fault]);
    (registry, repository, fixture)
}

/// A repository that answers each request so, and is asked once only.
fn scripted(script: impl Fn() -> Response<Body> + Send + Sync + 'static) -> Repository {
    let mut retry = Retry::default();
    retry.attempts = 1;
    let config = Config::default().retry(retry).transport(Fake::new(move |_| script()));
    Client::new(config).unwrap().repository("registry.example/team/app").unwrap()
}

#[tokio::test]
async fn a_blob_that_failed_never_ends_as_if_it_were_right() {
    let fault = Fault::wrong_bytes("/blobs/");
    let (_registry, repository, fixture) = pushed(fault).await;
    let mut reader = repository.blob(&fixture.layers[2]).unwrap();
    let first = loop {
        match reader.chunk().await {
            Ok(chunk) => assert!(chunk.is_some(), "wrong bytes were verified"),
            Err(error) => break error,
        }
    };
    assert_eq!(first.kind(), ErrorKind::Verification);
    for _ in 0..2 {
        assert_eq!(reader.chunk().await.unwrap_err().kind(), ErrorKind::Verification);
    }
}

#[tokio::test]
async fn a_blob_whose_connection_breaks_behind_its_last_byte_is_whole() {
    let bytes = b"all of it";
    let repository = scripted(move || {
        let broken = std::io::Error::other("reset");
        let kind = oci_distribution_client::transport::TransportErrorKind::Exchange;
        let broken = oci_distribution_client::transport::TransportError::new(kind, broken);
        let pieces = [Ok(bytes.as_slice().into()), Err(broken)];
        Response::new(Body::stream(futures_util::stream::iter(pieces), None))
    });
    let blob = Descriptor::of(MediaType::LAYER_TAR, bytes);
    let read = repository.blob(&blob).unwrap().read_to_end(100).await.unwrap();
    assert_eq!(read, bytes);
}

#[tokio::test]
async fn a_registry_that_gives_no_parts_is_told_from_one_that_gives_others() {
    for (fault, expected) in [
        (Fault::ignore_range("/blobs/"), ErrorKind::Unsupported),
        (Fault::wrong_range("/blobs/"), ErrorKind::Limit),
    ] {
        let (_registry, repository, fixture) = pushed(fault.clone()).await;
        let layer = &fixture.layers[3];
        let error = repository.danger_blob_range(&layer.digest, 100, 299).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn a_part_has_as_many_bytes_as_its_range_says() {
    let digest = Descriptor::of(MediaType::LAYER_TAR, b"").digest;
    for (range, headers, expected) in [
        ("bytes 2-5/6", None, Ok(())),
        ("bytes 2-5/9", None, Err(ErrorKind::Protocol)),
        ("bytes 2-5/*", None, Err(ErrorKind::Protocol)),
        ("bytes 2-7/9", None, Err(ErrorKind::Protocol)),
        ("bytes 2-4/9", None, Err(ErrorKind::Protocol)),
        ("bytes 1-4/9", None, Err(ErrorKind::Protocol)),
        ("bytes 2-8/9", None, Err(ErrorKind::Protocol)),
        ("bytes 2-5/6", Some(("content-encoding", "gzip")), Err(ErrorKind::Protocol)),
    ] {
        let repository = scripted(move || {
            let headers: Vec<_> = headers.into_iter().chain([("content-range", range)]).collect();
            answer(206, &headers, "2345")
        });
        let part = repository.danger_blob_range(&digest, 2, 7).await;
        assert_eq!(part.map(drop).map_err(|error| error.kind()), expected, "{range} {headers:?}");
    }
}

#[tokio::test]
async fn a_blob_is_a_stream_and_a_reader_and_verified_as_both() {
    let (registry, repository, fixture) = pushed(Fault::cut_body("/blobs/", 50_000).times(3)).await;
    let (layer, content) = (&fixture.layers[2], noise(3, 200_000));
    let pieces: Vec<_> = repository.blob(layer).unwrap().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), content);

    let mut reader = repository.blob(layer).unwrap();
    let mut first = [0; 7];
    reader.read_exact(&mut first).await.unwrap();
    assert_eq!(first, content[..7]);
    // What was received is not lost when the way of reading changes.
    let piece = reader.chunk().await.unwrap().unwrap();
    let mut rest = Vec::new();
    AsyncReadExt::read_to_end(&mut reader, &mut rest).await.unwrap();
    assert_eq!([&first[..], &piece, &rest].concat(), content);

    registry.registry().add_faults([Fault::wrong_bytes("/blobs/")]);
    let read: Result<Vec<_>, _> = repository.blob(layer).unwrap().try_collect().await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Verification);
    let mut reader = repository.blob(layer).unwrap();
    let error = AsyncReadExt::read_to_end(&mut reader, &mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    let error = error.downcast::<oci_distribution_client::Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Verification);
}

#[tokio::test]
async fn a_read_that_is_dropped_loses_nothing() {
    let (_registry, repository, fixture) =
        pushed(Fault::cut_body("/blobs/", 50_000).times(1)).await;
    let mut reader = repository.blob(&fixture.layers[2]).unwrap();
    let mut content = Vec::new();
    loop {
        let chunk = match reader.chunk().now_or_never() {
            Some(chunk) => chunk.unwrap(),
            None => {
                tokio::task::yield_now().await;
                continue;
            }
        };
        let Some(chunk) = chunk else { break };
        content.extend_from_slice(&chunk);
    }
    assert_eq!(content, noise(3, 200_000));
}

#[tokio::test]
async fn a_blob_is_read_from_an_offset_and_verified_if_its_beginning_was_seen() {
    let (_registry, repository, fixture) =
        pushed(Fault::cut_body("/blobs/", 50_000).times(1)).await;
    let (layer, content) = (&fixture.layers[2], noise(3, 200_000));
    for offset in [0, 1, 100_000, content.len()] {
        let (seen, rest) = content.split_at(offset);
        let reader = repository.danger_blob_from(layer, offset as u64).unwrap();
        assert_eq!(reader.read_to_end(200_000).await.unwrap(), rest, "{offset}");

        let mut verifier = layer.verifier().unwrap();
        verifier.update(seen).unwrap();
        let reader = repository.rest_of_blob(layer, verifier).unwrap();
        assert_eq!(reader.read_to_end(200_000).await.unwrap(), rest, "{offset}");
    }
    let mut verifier = layer.verifier().unwrap();
    verifier.update(b"other").unwrap();
    let error = repository.rest_of_blob(layer, verifier).unwrap().read_to_end(200_000).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Verification);

    let (mut digest, mut size) = (layer.clone(), layer.clone());
    digest.digest = fixture.layers[1].digest.clone();
    size.size += 1;
    for other in [digest, size] {
        let error = repository.rest_of_blob(layer, other.verifier().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{other:?}");
    }
    let behind = repository.danger_blob_from(layer, 200_001).unwrap_err();
    assert_eq!(behind.kind(), ErrorKind::Configuration);
}

/// What is sent from byte 3 on of a blob of nine bytes, where the whole is not to be had.
#[tokio::test(start_paused = true)]
async fn a_range_is_that_which_was_asked_for_or_an_error() {
    let blob = Descriptor::of(MediaType::LAYER_TAR, b"012345678");
    let read = async |status, range: Option<&'static str>, length, sent: &'static str| {
        let repository = scripted(move || {
            let range = range.map(|range| ("content-range", range));
            let answer = answer(status, range.as_slice(), "");
            // A body that has more than it says is read for ever.
            let pieces = stream::iter([Ok(sent.into())]);
            let body = match length {
                Some(length) => Body::stream(pieces.chain(stream::pending()), Some(length)),
                None => Body::stream(pieces, None),
            };
            answer.map(|_| body)
        });
        let read = repository.danger_blob_from(&blob, 3).unwrap().read_to_end(100).await;
        read.map_err(|error| error.kind())
    };
    let rest = Ok(b"345678".to_vec());
    for (range, length, sent) in [
        ("bytes 3-8/9", None, "345678"),
        ("bytes 3-8/*", None, "345678"),
        ("bytes 0-8/9", None, "012345678"),
    ] {
        assert_eq!(read(206, Some(range), length, sent).await, rest, "{range} {length:?}");
    }
    for (range, length, sent) in [
        // It begins later, ends earlier, ends behind the end, and is of another blob.
        ("bytes 4-8/9", None, "45678"),
        ("bytes 0-2/9", None, "012"),
        ("bytes 3-9/*", None, "3456789"),
        ("bytes 3-8/10", None, "345678"),
        ("bytes 3-8/9", Some(5), "34567"),
        ("bytes 3-8/9", Some(7), "345678"),
    ] {
        let expected = Err(ErrorKind::Protocol);
        assert_eq!(read(206, Some(range), length, sent).await, expected, "{range} {length:?}");
    }
    assert_eq!(read(206, None, None, "345678").await, Err(ErrorKind::Protocol));
    assert_eq!(read(200, None, None, "012345678").await, rest);
    // Nothing is waited for where the length of the whole is wrong.
    for length in [8, 10] {
        assert_eq!(read(200, None, Some(length), "").await, Err(ErrorKind::Verification));
    }
}
