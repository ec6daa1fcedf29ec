use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use oci_digest::Digest;
use oci_registry::{Fault, Store};
use serde_json::json;

use crate::client::{Client, MANIFEST, manifest};

/// A registry with the blob `content` and the image `v1` in `a`, where this then goes wrong.
async fn broken(faults: impl IntoIterator<Item = Fault>) -> (Client, String) {
    let client = Client::new().await;
    let path = format!("/v2/a/blobs/{}", client.push_blob("a", &content()).await);
    client.push_image("a", "v1").await;
    client.server.registry().add_faults(faults);
    (client, path)
}

fn content() -> Vec<u8> {
    (0..=255).cycle().take(100_000).collect()
}

#[tokio::test]
async fn faults_are_chosen_by_path_method_and_count() {
    let fault = Fault::status("/manifests/", StatusCode::SERVICE_UNAVAILABLE)
        .method(Method::GET)
        .after(1)
        .times(2);
    let (client, blob) = broken(fault).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(client.get("/v2/a/manifests/v1").await.status.as_u16());
        client.head("/v2/a/manifests/v1").await.is(200);
        client.get(&blob).await.is(200);
    }
    assert_eq!(statuses, [200, 503, 503, 200, 200]);
}

#[tokio::test]
async fn a_fault_can_be_of_what_is_over_a_rate() {
    let limit = Fault::status("/manifests/", StatusCode::TOO_MANY_REQUESTS);
    for (period, expected) in
        [(Duration::from_secs(3600), [200, 200, 429, 429]), (Duration::ZERO, [200, 200, 200, 200])]
    {
        let (client, _) = broken(limit.clone().over(2, period)).await;
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(client.get("/v2/a/manifests/v1").await.status.as_u16());
        }
        assert_eq!(statuses, expected, "{period:?}");
    }
}

#[tokio::test]
async fn faults_come_and_go_while_it_serves() {
    let fault = Fault::status("", StatusCode::BAD_GATEWAY);
    let client = Client::of(oci_registry::serve(Store::memory()).faults([fault.clone()])).await;
    client.get("/v2/").await.is(502);
    client.server.registry().clear_faults();
    client.get("/v2/").await.is(200);
    client.server.registry().add_faults(fault);
    client.get("/v2/").await.is(502);
}

// covers: DIST-GEN-10
#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let fault =
        Fault::status("/manifests/", StatusCode::TOO_MANY_REQUESTS).header("retry-after", "7");
    let (client, _) = broken(fault).await;
    let refused = client.get("/v2/a/manifests/v1").await.refused(429, "TOOMANYREQUESTS");
    assert_eq!(refused.header("retry-after"), Some("7"));
}

#[tokio::test]
async fn answers_of_ones_own_are_sent_as_they_are() {
    let fault = Fault::answer("/manifests/", StatusCode::OK, "<html>")
        .header("content-type", "text/html")
        .header("x", "1");
    let (client, _) = broken(fault).await;
    let answer = client.get("/v2/a/manifests/v1").await.is(200);
    assert_eq!((&*answer.body, answer.header("x")), (b"<html>".as_slice(), Some("1")));
    // And nothing is done.
    client.delete("/v2/a/manifests/v1").await.is(200);
    client.server.registry().clear_faults();
    assert_eq!(
        client.get("/v2/a/manifests/v1").await.is(200).header("content-type"),
        Some(MANIFEST)
    );
}

#[tokio::test]
async fn a_cut_body_breaks_off_after_its_bytes() {
    for bytes in [0, 1, 1000, 99_999] {
        let (client, blob) = broken(Fault::cut_body("/blobs/", bytes)).await;
        let mut response = client.request(Method::GET, &blob).send().await.unwrap();
        assert_eq!(response.content_length(), Some(100_000));
        let mut seen = Vec::new();
        let error = loop {
            match response.chunk().await {
                Ok(Some(piece)) => seen.extend_from_slice(&piece),
                Ok(None) => panic!("the body ended well after {} bytes", seen.len()),
                Err(error) => break error,
            }
        };
        assert!(error.is_body() || error.is_decode(), "{error:?}");
        assert_eq!(seen, content()[..usize::try_from(bytes).unwrap()]);
    }
}

#[tokio::test]
async fn a_disconnect_does_nothing_and_a_lost_answer_has_done_it() {
    for (fault, done) in
        [(Fault::disconnect("/manifests/"), false), (Fault::lose_answer("/manifests/"), true)]
    {
        let (client, _) = broken(fault).await;
        let text = manifest(&json!({"annotations": {"new": ""}})).to_string();
        let put =
            client.request(Method::PUT, "/v2/a/manifests/new").header("content-type", MANIFEST);
        put.body(text).send().await.unwrap_err();
        client.server.registry().clear_faults();
        let status = client.head("/v2/a/manifests/new").await.status;
        assert_eq!(status.is_success(), done);
    }
}

#[tokio::test]
async fn contents_change_with_and_without_their_length() {
    let mut wrong = content();
    wrong[0] ^= 1;
    let long = [content(), b"more".to_vec()].concat();
    for (fault, expected) in [
        (Fault::wrong_bytes("/blobs/"), wrong),
        (Fault::truncate_body("/blobs/", 1234), content()[..1234].to_vec()),
        (Fault::truncate_body("/blobs/", 1_000_000), content()),
        (Fault::extend_body("/blobs/", "more"), long),
        (Fault::slow_body("/blobs/", 30_000, Duration::from_millis(1)), content()),
    ] {
        let (client, blob) = broken(fault.clone()).await;
        let answer = client.get(&blob).await.is(200);
        assert_eq!(answer.body, expected, "{fault:?}");
        assert_eq!(answer.header("content-length"), Some(&*expected.len().to_string()));
    }
}

#[tokio::test]
async fn slow_bodies_and_late_answers_take_their_time() {
    let pause = Duration::from_millis(10);
    for (fault, least) in [
        (Fault::slow_body("/blobs/", 10_000, pause), 10 * pause),
        (Fault::delay("/blobs/", pause), pause),
    ] {
        let (client, blob) = broken(fault).await;
        let start = Instant::now();
        assert_eq!(client.get(&blob).await.is(200).body, content());
        assert!(start.elapsed() >= least);
    }
}

#[tokio::test]
async fn ranges_are_ignored_or_wrong() {
    let get = async |fault: Fault| {
        let (client, blob) = broken(fault).await;
        client.send(client.request(Method::GET, &blob).header("range", "bytes=500-999")).await
    };
    assert_eq!(get(Fault::ignore_range("/blobs/")).await.is(200).body, content());
    let wrong = get(Fault::wrong_range("/blobs/")).await.is(206);
    assert_eq!(wrong.header("content-range"), Some("bytes 0-999/100000"));
    assert_eq!(wrong.body, content()[..1000]);
}

// covers: DIST-GEN-09
#[tokio::test]
async fn redirects_lead_elsewhere_and_round() {
    let (client, blob) = broken(Fault::redirect("/blobs/", "http://127.0.0.2:1/x")).await;
    let answer = client.get(&blob).await.is(307);
    assert_eq!(answer.header("location"), Some("http://127.0.0.2:1/x"));
    let (client, blob) = broken(Fault::redirect_loop("/blobs/")).await;
    let url = format!("{blob}?a=b");
    assert_eq!(client.get(&url).await.is(307).header("location"), Some(&*url));
}

#[tokio::test]
async fn headers_lie_and_are_missing() {
    let (client, _) = broken(Fault::wrong_digest_header("/manifests/")).await;
    let answer = client.get("/v2/a/manifests/v1").await.is(200);
    let digest = Digest::sha256("");
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    let (client, blob) = broken([
        Fault::without_header("/v2/", "docker-content-digest"),
        Fault::without_header("/v2/", "content-length"),
        Fault::without_header("/v2/", "location"),
        Fault::set_header("/v2/", "content-type", "text/html"),
    ])
    .await;
    let answer = client.get(&blob).await.is(200);
    for name in ["docker-content-digest", "content-length"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.body, content());
    let answer = client.post("/v2/a/blobs/uploads/").await.is(202);
    assert_eq!(answer.header("location"), None);
}

#[tokio::test]
async fn links_lead_round() {
    let (client, _) = broken(Fault::link_loop("/tags/list")).await;
    let answer = client.get("/v2/a/tags/list?n=1&last=a").await.is(200);
    assert_eq!(answer.header("link"), Some("</v2/a/tags/list?n=1&last=a>; rel=\"next\""));
}

// covers: DIST-PUSH-04, DIST-PUSH-12
#[tokio::test]
async fn optional_parts_are_left_out() {
    let faults = [
        Fault::refuse_mount("/uploads/"),
        Fault::refuse_single_post("/uploads/"),
        Fault::ignore_tags("/manifests/"),
        Fault::ignore_filter("/referrers/"),
    ];
    let (client, blob) = broken(faults).await;
    let digest = blob.rsplit('/').next().unwrap();
    client.post(&format!("/v2/b/blobs/uploads/?mount={digest}&from=a")).await.is(202);
    let single = client.request(Method::POST, &format!("/v2/b/blobs/uploads/?digest={digest}"));
    let answer = client.send(single.body(content())).await.is(202);
    // The session that it gives is completed as usual.
    let put = format!("{}?digest={digest}", answer.header("location").unwrap());
    client.put(&put, &content()).await.is(201);
    let text = manifest(&json!({})).to_string();
    let reference = format!("{}?tag=x", Digest::sha256(&text));
    let answer = client.put_manifest("a", &reference, MANIFEST, text.as_bytes()).await.is(201);
    assert_eq!(answer.header("oci-tag"), None);
    let answer = client.get(&format!("/v2/a/referrers/{digest}?artifactType=a/b")).await.is(200);
    assert_eq!(answer.header("oci-filters-applied"), None);
}

#[tokio::test]
async fn several_faults_meet_one_request() {
    let faults = [Fault::wrong_bytes("/blobs/"), Fault::truncate_body("/blobs/", 2)];
    let (client, blob) = broken(faults).await;
    assert_eq!(client.get(&blob).await.is(200).body, [1, 1]);
}
