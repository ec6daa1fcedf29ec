use oci_digest::Digest;
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, MANIFEST, manifest};

// covers: DIST-GEN-03, DIST-PULL-04, DIST-PULL-06, DIST-PULL-07, DIST-PULL-10, DIST-MAN-05, IMG-GEN-02
#[tokio::test]
async fn an_image_is_pulled_as_it_was_pushed() {
    let client = Client::new().await;
    client.push_blob("team/app", b"{}").await;
    // Spaces, order and unknown members are the client's.
    let text = format!("{{ \"zzz\" : 1,\n{}\n\n", &manifest(&json!({})).to_string()[1..]);
    let digest = Digest::sha256(&text);
    let put = client.put_manifest("team/app", "v1", MANIFEST, text.as_bytes()).await.is(201);
    assert_eq!(put.header("docker-content-digest"), Some(digest.as_str()));
    for reference in ["v1", digest.as_str()] {
        let answer = client.get(&format!("/v2/team/app/manifests/{reference}")).await.is(200);
        assert_eq!(answer.header("content-type"), Some(MANIFEST));
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(answer.body, text.as_bytes());
    }
    let blob = client.get(&format!("/v2/team/app/blobs/{}", Digest::EMPTY_JSON)).await.is(200);
    assert_eq!(blob.header("docker-content-digest"), Some(Digest::EMPTY_JSON.as_str()));
    assert_eq!(blob.body, b"{}");
}

// covers: DIST-PULL-03, DIST-MAN-03
#[tokio::test]
async fn media_types_lose_their_parameters() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let text = manifest(&json!({})).to_string();
    let with_parameter = format!("{MANIFEST}; charset=utf-8");
    client.put_manifest("a", "v1", &with_parameter, text.as_bytes()).await.is(201);
    let answer = client.get("/v2/a/manifests/v1").await.is(200);
    assert_eq!(answer.header("content-type"), Some(MANIFEST));
}

// covers: DIST-PULL-12, DIST-PULL-07
#[tokio::test]
async fn head_tells_all_but_the_content() {
    let client = Client::new().await;
    let digest = client.push_image("a", "v1").await;
    let size = manifest(&json!({})).to_string().len().to_string();
    for (path, digest, size) in [
        ("/v2/a/manifests/v1".to_owned(), &digest, size.as_str()),
        (format!("/v2/a/manifests/{digest}"), &digest, size.as_str()),
        (format!("/v2/a/blobs/{}", Digest::EMPTY_JSON), &Digest::EMPTY_JSON, "2"),
    ] {
        let answer = client.head(&path).await.is(200);
        assert_eq!(answer.header("content-length"), Some(size), "{path}");
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(answer.body, b"");
    }
    client.head("/v2/a/manifests/v2").await.is(404);
    client.head(&format!("/v2/a/blobs/{}", Digest::sha256("absent"))).await.is(404);
}

// covers: DIST-PULL-06, DIST-PULL-10, DIST-MAN-07, DIST-GEN-08
#[tokio::test]
async fn what_is_absent_is_named_as_such() {
    let client = Client::new().await;
    client.push_image("known", "v1").await;
    let digest = Digest::sha256("absent");
    for (path, code) in [
        ("/v2/known/manifests/v2".to_owned(), "MANIFEST_UNKNOWN"),
        (format!("/v2/known/manifests/{digest}"), "MANIFEST_UNKNOWN"),
        ("/v2/known/manifests/.INVALID_MANIFEST_NAME".to_owned(), "MANIFEST_UNKNOWN"),
        (format!("/v2/known/blobs/{digest}"), "BLOB_UNKNOWN"),
        ("/v2/unknown/manifests/v1".to_owned(), "NAME_UNKNOWN"),
        (format!("/v2/unknown/blobs/{digest}"), "NAME_UNKNOWN"),
        ("/v2/unknown/tags/list".to_owned(), "NAME_UNKNOWN"),
    ] {
        client.get(&path).await.refused(404, code);
    }
}

// covers: DIST-PULL-11, DIST-GEN-09
#[tokio::test]
async fn parts_of_a_blob_are_served_by_rfc_9110() {
    let client = Client::new().await;
    let content: Vec<u8> = (0..=255).cycle().take(600_000).collect();
    let path = format!("/v2/a/blobs/{}", client.push_blob("a", &content).await);
    let get = async |range: &str| {
        client.send(client.request(Method::GET, &path).header("range", range)).await
    };
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=100-299999", 100, 299_999),
        ("bytes=500000-", 500_000, 599_999),
        ("bytes=-7", 599_993, 599_999),
        ("bytes=5-99999999999999999999999999", 5, 599_999),
    ] {
        let answer = get(range).await.is(206);
        let expected = format!("bytes {first}-{last}/600000");
        assert_eq!(answer.header("content-range"), Some(expected.as_str()));
        assert_eq!(answer.body, content[first..=last], "{range}");
    }
    for range in ["bytes=600000-", "bytes=-0", "bytes=99999999999999999999999999-"] {
        let answer = get(range).await.is(416);
        assert_eq!(answer.header("content-range"), Some("bytes */600000"), "{range}");
    }
    for range in ["bytes=9-1", "lines=0-1", "bytes=0-1,5-6", "bytes"] {
        let answer = get(range).await.is(200);
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(answer.body, content, "{range}");
    }
    let head = client.request(Method::HEAD, &path).header("range", "bytes=0-0");
    assert_eq!(client.send(head).await.is(200).header("content-length"), Some("600000"));
}

#[tokio::test]
async fn a_range_of_another_version_is_not_joined() {
    let client = Client::new().await;
    let digest = client.push_blob("a", b"content").await;
    let path = format!("/v2/a/blobs/{digest}");
    let get = async |condition: &str, value: &str| {
        let request = client.request(Method::GET, &path).header("range", "bytes=1-2");
        client.send(request.header(condition, value)).await
    };
    let etag = format!("\"{digest}\"");
    assert_eq!(get("if-range", &etag).await.is(206).body, b"on");
    assert_eq!(get("if-range", "\"other\"").await.is(200).body, b"content");
    assert_eq!(get("if-none-match", &etag).await.is(304).body, b"");
    assert_eq!(get("if-none-match", "\"a\", \"b\"").await.is(206).body, b"on");
}

// covers: DIST-PROXY-01, DIST-PROXY-02
#[tokio::test]
async fn a_namespace_of_a_proxy_changes_nothing() {
    let client = Client::new().await;
    client.push_image("a", "v1").await;
    let plain = client.get("/v2/a/manifests/v1").await.is(200);
    let proxied = client.get("/v2/a/manifests/v1?ns=docker.io").await.is(200);
    assert_eq!(proxied.body, plain.body);
    assert_eq!(proxied.header("oci-namespace"), None);
}
