use std::time::Duration;

use oci_digest::{Algorithm, Digest};
use oci_registry::{Auth, Grant, Limits, Store};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Answer, Client};

/// The location, which must be one that this client can use as it is.
fn location(answer: &Answer) -> &str {
    let location = answer.header("location").unwrap();
    assert!(location.starts_with("/v2/"), "{location}");
    location
}

// covers: DIST-PUSH-01, DIST-PUSH-03
#[tokio::test]
async fn a_blob_is_pushed_by_post_and_put() {
    let client = Client::new().await;
    let answer = client.post("/v2/a/blobs/uploads/").await.is(202);
    let session = location(&answer).rsplit('/').next().unwrap();
    assert!(uuid::Uuid::try_parse(session).is_ok(), "{session}");
    assert_eq!(answer.header("docker-upload-uuid"), Some(session));
    let digest = Digest::sha256("content");
    let put = format!("{}?digest={digest}", location(&answer));
    let answer = client.put(&put, b"content").await.is(201);
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(client.get(location(&answer)).await.is(200).body, b"content");
    // The session is closed.
    client.put(&put, b"content").await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(client.server.registry().open_uploads(), 0);
}

// covers: DIST-PUSH-04
#[tokio::test]
async fn a_blob_is_pushed_by_a_single_post() {
    let client = Client::new().await;
    let digest = Digest::sha256("content");
    let post = async |digest: &Digest, content: &'static str| {
        let path = format!("/v2/a/blobs/uploads/?digest={digest}");
        client.send(client.request(Method::POST, &path).body(content)).await
    };
    let answer = post(&digest, "content").await.is(201);
    assert_eq!(client.get(location(&answer)).await.is(200).body, b"content");
    post(&digest, "other").await.refused(400, "DIGEST_INVALID");
    client.get(&format!("/v2/a/blobs/{}", Digest::sha256("other"))).await.is(404);
    // The empty blob is one too.
    post(&Digest::sha256(""), "").await.is(201);
    let empty = client.get(&format!("/v2/a/blobs/{}", Digest::sha256(""))).await.is(200);
    assert_eq!(empty.header("content-length"), Some("0"));
}

// covers: DIST-PUSH-07, DIST-PUSH-08, DIST-PUSH-10
#[tokio::test]
async fn chunks_come_in_order_and_end_by_put() {
    for last_by_put in [true, false] {
        let client = Client::new().await;
        let session = client.session("a").await;
        let first = client.patch(&session, Some("0-3"), b"cont").await.is(202);
        assert_eq!(first.header("range"), Some("0-3"));
        let digest = Digest::sha256("content");
        let put = if last_by_put {
            let put = client.request(Method::PUT, &format!("{}?digest={digest}", location(&first)));
            client.send(put.header("content-range", "4-6").body("ent")).await
        } else {
            let second = client.patch(location(&first), Some("4-6"), b"ent").await.is(202);
            assert_eq!(second.header("range"), Some("0-6"));
            client.put(&format!("{}?digest={digest}", location(&second)), b"").await
        };
        assert_eq!(client.get(location(&put.is(201))).await.is(200).body, b"content");
    }
}

// covers: DIST-PUSH-08
#[tokio::test]
async fn a_stream_without_length_and_range_is_taken() {
    let client = Client::new().await;
    let session = client.session("a").await;
    let content: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    let pieces: Vec<_> =
        content.chunks(100_001).map(|it| Ok::<_, std::io::Error>(it.to_vec())).collect();
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let answer = client.send(client.request(Method::PATCH, &session).body(stream)).await.is(202);
    assert_eq!(answer.header("range"), Some("0-3145727"));
    let digest = Digest::sha256(&content);
    client.put(&format!("{session}?digest={digest}"), b"").await.is(201);
    assert_eq!(client.get(&format!("/v2/a/blobs/{digest}")).await.is(200).body, content);
}

// covers: DIST-PUSH-09, DIST-PUSH-07
#[tokio::test]
async fn chunks_out_of_order_change_nothing() {
    let client = Client::new().await;
    let session = client.session("a").await;
    client.patch(&session, Some("1-4"), b"cont").await.refused(416, "BLOB_UPLOAD_INVALID");
    client.patch(&session, Some("0-3"), b"cont").await.is(202);
    for range in ["0-3", "3-6", "5-7", "4", "bytes 4-6/7", "6-4", "-6", "4-99999999999999999999"] {
        let answer = client.patch(&session, Some(range), b"ent").await;
        let answer = answer.refused(416, "BLOB_UPLOAD_INVALID");
        assert_eq!(answer.header("range"), Some("0-3"), "{range}");
        assert_eq!(location(&answer), session);
    }
    let digest = Digest::sha256("content");
    let put = |range| {
        let request = client.request(Method::PUT, &format!("{session}?digest={digest}"));
        client.send(request.header("content-range", range).body("ent"))
    };
    put("3-5").await.refused(416, "BLOB_UPLOAD_INVALID");
    put("4-6").await.is(201);
}

#[tokio::test]
async fn a_range_must_be_as_long_as_the_body() {
    let client = Client::new().await;
    let session = client.session("a").await;
    client.patch(&session, Some("0-9"), b"short").await.refused(400, "SIZE_INVALID");
    client.patch(&session, Some("0-1"), b"long").await.refused(400, "SIZE_INVALID");
    assert_eq!(client.get(&session).await.is(204).header("range"), Some("0-0"));
}

// covers: DIST-PUSH-11
#[tokio::test]
async fn an_upload_is_resumed_where_it_stands() {
    let client = Client::new().await;
    let session = client.session("a").await;
    client.patch(&session, Some("0-3"), b"cont").await.is(202);
    let answer = client.get(&session).await.is(204);
    assert_eq!((location(&answer), answer.header("range")), (session.as_str(), Some("0-3")));
    assert_eq!(answer.header("content-length"), None);
    client.patch(location(&answer), Some("4-6"), b"ent").await.is(202);
    let digest = Digest::sha256("content");
    client.put(&format!("{session}?digest={digest}"), b"").await.is(201);
}

// covers: DIST-PUSH-11
#[tokio::test]
async fn what_came_before_a_break_is_kept() {
    let client = Client::new().await;
    let session = client.session("a").await;
    let content: Vec<u8> = (0..=255).cycle().take(2 << 20).collect();
    let head =
        format!("PATCH {session} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 2 << 20);
    let mut stream = TcpStream::connect(client.server.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&content[..1_500_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;
    // Whoever asks waits until the registry has seen the break.
    let answer = client.get(&session).await.is(204);
    let range = answer.header("range").unwrap();
    let next = range.strip_prefix("0-").unwrap().parse::<usize>().unwrap() + 1;
    assert!((1_000_000..=1_500_000).contains(&next), "{range}");
    let rest = format!("{next}-{}", content.len() - 1);
    client.patch(&session, Some(&rest), &content[next..]).await.is(202);
    let digest = Digest::sha256(&content);
    client.put(&format!("{session}?digest={digest}"), b"").await.is(201);
}

// covers: DIST-PUSH-14
#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let client = Client::new().await;
    let session = client.session("a").await;
    client.patch(&session, Some("0-3"), b"cont").await.is(202);
    assert_eq!(client.server.registry().open_uploads(), 1);
    client.delete(&session).await.is(204);
    assert_eq!(client.server.registry().open_uploads(), 0);
    client.get(&session).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.delete(&session).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
}

// covers: DIST-PUSH-14, DIST-GEN-10
#[tokio::test]
async fn sessions_are_bounded_in_number_and_age() {
    let mut limits = Limits::default();
    limits.uploads = 2;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits.clone())).await;
    let first = client.session("a").await;
    let second = client.session("a").await;
    client.get(&first).await.is(204);
    // The one that was used longest ago gives way.
    let third = client.session("a").await;
    client.get(&second).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.patch(&first, None, b"content").await.is(202);
    client.patch(&third, None, b"content").await.is(202);
    assert_eq!(client.server.registry().open_uploads(), 2);

    limits.upload_age = Duration::ZERO;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    for _ in 0..5 {
        let session = client.session("a").await;
        client.get(&session).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
    // Nobody has to ask for them.
    for _ in 0..2 {
        client.session("a").await;
        assert_eq!(client.server.registry().open_uploads(), 1);
    }
}

#[tokio::test]
async fn a_body_without_a_length_must_be_as_long_as_its_range() {
    let client = Client::new().await;
    for body in [&b"cont"[..], b"content and more"] {
        let session = client.session("a").await;
        let body = futures_util::stream::iter([Ok::<_, std::io::Error>(body)]);
        let patch = client.request(Method::PATCH, &session).header("content-range", "0-6");
        let answer = patch.body(reqwest::Body::wrap_stream(body)).send().await.unwrap();
        assert_eq!(answer.status(), 400);
    }
}

#[tokio::test]
async fn sessions_that_are_written_to_are_not_given_up() {
    let mut limits = Limits::default();
    limits.client_uploads = 1;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let session = client.session("a").await;
    let (send, body) = tokio::sync::mpsc::channel::<Result<&[u8], std::io::Error>>(1);
    let body = futures_util::stream::unfold(body, |mut body| async {
        body.recv().await.map(|piece| (piece, body))
    });
    let patch = client.request(Method::PATCH, &session);
    let writing = tokio::spawn(patch.body(reqwest::Body::wrap_stream(body)).send());
    // More than fits on the way: the write is under way when all is sent.
    for _ in 0..256 {
        send.send(Ok(&[7; 64 << 10])).await.unwrap();
    }
    let answer = client.post("/v2/a/blobs/uploads/").await.is(429);
    assert!(answer.header("retry-after").unwrap().parse::<u64>().is_ok());
    drop(send);
    assert_eq!(writing.await.unwrap().unwrap().status(), 202);
    client.get(&session).await.is(204);
}

#[tokio::test]
async fn one_clients_uploads_block_nobody_else() {
    let mut limits = Limits::default();
    limits.uploads = 8;
    let auth =
        Auth::basic().user("good", "1", [Grant::all("*")]).user("greedy", "2", [Grant::all("*")]);
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits).auth(auth)).await;
    let login = |basic: &str| Client { credentials: Some(basic.into()), ..client.clone() };
    let (good, greedy) = (login("Basic Z29vZDox"), login("Basic Z3JlZWR5OjI="));
    let session = good.session("a").await;
    for _ in 0..20 {
        greedy.session("b").await;
    }
    good.patch(&session, None, b"content").await.is(202);
    let digest = Digest::sha256("content");
    good.put(&format!("{session}?digest={digest}"), b"").await.is(201);
    good.push_blob("a", b"more").await;
    assert_eq!(client.server.registry().open_uploads(), 7);
}

#[tokio::test]
async fn an_upload_that_waits_for_its_client_holds_no_descriptor() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::directory(directory.path()).unwrap();
    let client = Client::of(oci_registry::serve(store)).await;
    let uploads = directory.path().join("uploads");
    let open = || {
        let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
        let targets = descriptors.filter_map(|it| std::fs::read_link(it.unwrap().path()).ok());
        targets.filter(|target| target.starts_with(&uploads)).count()
    };
    let mut sessions = Vec::new();
    for _ in 0..20 {
        let session = client.session("a").await;
        client.patch(&session, None, b"con").await.is(202);
        sessions.push(session);
    }
    assert_eq!(open(), 0);
    let digest = Digest::sha256("content");
    for session in sessions {
        client.patch(&session, Some("3-4"), b"te").await.is(202);
        client.put(&format!("{session}?digest={digest}"), b"nt").await.is(201);
    }
    assert_eq!(client.get(&format!("/v2/a/blobs/{digest}")).await.is(200).body, b"content");
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
}

#[tokio::test]
async fn a_body_that_stalls_does_not_block_its_session() {
    let mut limits = Limits::default();
    limits.contended_idle = Duration::from_millis(50);
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let session = client.session("a").await;
    let mut stalled = TcpStream::connect(client.server.address()).await.unwrap();
    let head = format!("PATCH {session} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\ncont");
    stalled.write_all(head.as_bytes()).await.unwrap();
    // By its own limit it could pause for a minute.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while client.get(&session).await.is(204).header("range") != Some("0-3") {
        assert!(std::time::Instant::now() < deadline);
    }
    client.patch(&session, Some("4-6"), b"ent").await.is(202);
    let digest = Digest::sha256("content");
    client.put(&format!("{session}?digest={digest}"), b"").await.is(201);
}

// covers: DIST-PUSH-06
#[tokio::test]
async fn small_chunks_are_the_last() {
    let mut limits = Limits::default();
    limits.chunk_minimum = 4;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let answer = client.post("/v2/a/blobs/uploads/").await.is(202);
    assert_eq!(answer.header("oci-chunk-min-length"), Some("4"));
    let session = location(&answer).to_owned();
    client.patch(&session, Some("0-3"), b"cont").await.is(202);
    client.patch(&session, Some("4-6"), b"ent").await.is(202);
    client.patch(&session, Some("7-10"), b"more").await.refused(400, "BLOB_UPLOAD_INVALID");
    let digest = Digest::sha256("content");
    client.put(&format!("{session}?digest={digest}"), b"").await.is(201);

    let client = Client::new().await;
    let answer = client.post("/v2/a/blobs/uploads/").await.is(202);
    assert_eq!(answer.header("oci-chunk-min-length"), None);
}

// covers: DIST-PUSH-12
#[tokio::test]
async fn a_blob_is_mounted_from_another_repository() {
    let client = Client::new().await;
    let digest = client.push_blob("from", b"content").await;
    let answer =
        client.post(&format!("/v2/to/blobs/uploads/?mount={digest}&from=from")).await.is(201);
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(client.get(location(&answer)).await.is(200).body, b"content");
    let absent = Digest::sha256("absent");
    for query in [
        format!("mount={absent}&from=from"),
        format!("mount={digest}&from=absent"),
        format!("mount={digest}&from=..%2ffrom"),
        format!("mount={digest}"),
    ] {
        let answer = client.post(&format!("/v2/other/blobs/uploads/?{query}")).await.is(202);
        let put = format!("{}?digest={digest}", location(&answer));
        client.put(&put, b"content").await.is(201);
        client.delete(&format!("/v2/other/blobs/{digest}")).await.is(202);
    }
    client
        .post("/v2/to/blobs/uploads/?mount=nonsense&from=from")
        .await
        .refused(400, "DIGEST_INVALID");
}

// covers: DIST-PUSH-13
#[tokio::test]
async fn digests_may_be_of_other_algorithms() {
    let client = Client::new().await;
    for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, "content");
        // Told at the start, and not told.
        for query in [format!("?digest-algorithm={algorithm}"), String::new()] {
            let answer = client.post(&format!("/v2/a/blobs/uploads/{query}")).await.is(202);
            let session = location(&answer);
            client.patch(session, Some("0-3"), b"cont").await.is(202);
            client.put(&format!("{session}?digest={digest}"), b"ent").await.is(201);
            let path = format!("/v2/a/blobs/{digest}");
            assert_eq!(client.get(&path).await.is(200).body, b"content");
            client.delete(&path).await.is(202);
        }
    }
    let post = "/v2/a/blobs/uploads/?digest-algorithm=md5";
    client.post(post).await.refused(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_not_kept() {
    let client = Client::new().await;
    for digest in [Digest::sha256("other"), Digest::of(Algorithm::Sha512, "other")] {
        let session = client.session("a").await;
        let put = format!("{session}?digest={digest}");
        client.put(&put, b"content").await.refused(400, "DIGEST_INVALID");
        client.get(&format!("/v2/a/blobs/{digest}")).await.is(404);
        client.get(&session).await.is(404);
    }
    for digest in ["", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../etc"] {
        let session = client.session("a").await;
        client.put(&format!("{session}?digest={digest}"), b"").await.refused(400, "DIGEST_INVALID");
        let post = format!("/v2/a/blobs/uploads/?digest={digest}");
        client.post(&post).await.refused(400, "DIGEST_INVALID");
    }
    let session = client.session("a").await;
    client.put(&session, b"content").await.refused(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn a_blob_over_the_limit_is_refused() {
    let mut limits = Limits::default();
    limits.blob = 6;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let session = client.session("a").await;
    client.patch(&session, None, b"content").await.refused(413, "SIZE_INVALID");
    client.patch(&session, Some("0-3"), b"cont").await.is(202);
    client.patch(&session, Some("4-6"), b"ent").await.refused(413, "SIZE_INVALID");
}

#[tokio::test]
async fn a_blob_over_the_limit_is_refused_where_its_length_is_not_announced() {
    let mut limits = Limits::default();
    limits.blob = 6;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let pieces = |pieces: &'static [&'static str]| {
        let stream =
            futures_util::stream::iter(pieces.iter().copied().map(Ok::<_, std::io::Error>));
        reqwest::Body::wrap_stream(stream)
    };
    for method in [Method::PATCH, Method::PUT] {
        let session = client.session("a").await;
        let path = match method {
            Method::PUT => format!("{session}?digest={}", Digest::sha256("content")),
            _ => session,
        };
        let request = client.request(method, &path).body(pieces(&["cont", "ent"]));
        client.send(request).await.refused(413, "SIZE_INVALID");
    }
    let session = client.session("a").await;
    let request = client.request(Method::PATCH, &session).body(pieces(&["con", "ten"]));
    client.send(request).await.is(202);
}
