use oci_digest::{Algorithm, Digest};
use oci_registry::{Limits, Store};
use reqwest::Method;
use serde_json::json;

use crate::client::{Answer, Client, INDEX, MANIFEST, manifest};

// covers: DIST-MAN-05, DIST-MAN-06
#[tokio::test]
async fn a_push_is_answered_with_location_and_digest() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let text = manifest(&json!({})).to_string();
    for digest in [Digest::sha256(&text), Digest::of(Algorithm::Sha512, &text)] {
        let answer =
            client.put_manifest("a", digest.as_str(), MANIFEST, text.as_bytes()).await.is(201);
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        let location = answer.header("location").unwrap();
        assert_eq!(client.get(location).await.is(200).body, text.as_bytes());
    }
}

#[tokio::test]
async fn a_tag_moves_and_the_old_manifest_stays() {
    let client = Client::new().await;
    let first = client.push_image("a", "v1").await;
    let text = manifest(&json!({"annotations": {"version": "2"}})).to_string();
    client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await.is(201);
    assert_eq!(client.get("/v2/a/manifests/v1").await.is(200).body, text.as_bytes());
    client.get(&format!("/v2/a/manifests/{first}")).await.is(200);
}

// covers: DIST-MAN-06
#[tokio::test]
async fn a_push_by_a_wrong_digest_is_refused() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let text = manifest(&json!({})).to_string();
    let digest = Digest::sha256("other");
    let answer = client.put_manifest("a", digest.as_str(), MANIFEST, text.as_bytes()).await;
    answer.refused(400, "DIGEST_INVALID");
    client.get(&format!("/v2/a/manifests/{digest}")).await.is(404);
}

// covers: DIST-MAN-02
#[tokio::test]
async fn what_a_manifest_names_must_be_there() {
    let client = Client::new().await;
    let text = manifest(&json!({})).to_string();
    let refused = client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await;
    let refused = refused.refused(404, "MANIFEST_BLOB_UNKNOWN");
    let detail = &refused.json()["errors"][0]["detail"];
    assert_eq!(detail["digest"], Digest::EMPTY_JSON.as_str());
    // Another repository's blob is not this one's.
    client.push_blob("b", b"{}").await;
    client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await.is(404);

    let image = client.push_image("c", "v1").await;
    let index = |digest: &Digest| {
        let child = json!({"mediaType": MANIFEST, "digest": digest.as_str(), "size": text.len()});
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).to_string()
    };
    client.put_manifest("c", "i", INDEX, index(&image).as_bytes()).await.is(201);
    let dangling = index(&Digest::sha256("absent"));
    let refused = client.put_manifest("c", "i", INDEX, dangling.as_bytes()).await;
    refused.refused(404, "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn an_index_may_be_sparse_where_that_is_permitted() {
    let child =
        json!({"mediaType": MANIFEST, "digest": Digest::sha256("absent").as_str(), "size": 6});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).to_string();
    let strict = Client::new().await;
    let refused = strict.put_manifest("a", "i", INDEX, index.as_bytes()).await;
    refused.refused(404, "MANIFEST_BLOB_UNKNOWN");
    let client = Client::of(oci_registry::serve(Store::memory()).sparse_indexes()).await;
    client.put_manifest("a", "i", INDEX, index.as_bytes()).await.is(201);
    assert_eq!(client.get("/v2/a/manifests/i").await.is(200).body, index.as_bytes());
    client.get(&format!("/v2/a/manifests/{}", Digest::sha256("absent"))).await.is(404);
    // The content of an image must be there all the same.
    let text = manifest(&json!({})).to_string();
    let refused = client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await;
    refused.refused(404, "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn layers_that_live_elsewhere_need_not_be_there() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let layer = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": Digest::sha256("elsewhere").as_str(),
        "size": 9,
        "urls": ["https://example.com/layer"],
    });
    let text = manifest(&json!({"layers": [layer]})).to_string();
    client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await.is(201);
}

// covers: DIST-MAN-01, DIST-MAN-09
#[tokio::test]
async fn a_subject_may_come_later() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let subject = Digest::sha256("later");
    let named = json!({"mediaType": MANIFEST, "digest": subject.as_str(), "size": 5});
    let text = manifest(&json!({"subject": named})).to_string();
    let answer = client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await.is(201);
    assert_eq!(answer.header("oci-subject"), Some(subject.as_str()));
    let text = manifest(&json!({})).to_string();
    let answer = client.put_manifest("a", "v2", MANIFEST, text.as_bytes()).await;
    assert_eq!(answer.is(201).header("oci-subject"), None);
}

// covers: DIST-MAN-03
#[tokio::test]
async fn a_manifest_that_contradicts_its_type_is_refused() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let text = manifest(&json!({})).to_string();
    let refused = client.put_manifest("a", "v1", INDEX, text.as_bytes()).await;
    refused.refused(400, "MANIFEST_INVALID");
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let refused = client.put_manifest("a", "v1", docker, text.as_bytes()).await;
    refused.refused(400, "MANIFEST_INVALID");
    // Without a header, the manifest's own word counts.
    let put = client.request(Method::PUT, "/v2/a/manifests/v1").body(text);
    client.send(put).await.is(201);
    assert_eq!(client.get("/v2/a/manifests/v1").await.header("content-type"), Some(MANIFEST));
    let put = client.request(Method::PUT, "/v2/a/manifests/v1").body("{}");
    client.send(put).await.refused(400, "MANIFEST_INVALID");
}

#[tokio::test]
async fn a_manifest_with_two_readings_is_refused() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let good = manifest(&json!({})).to_string();
    for bad in [
        good.replace("\"layers\":[]", "\"layers\":[],\"layers\":[]"),
        good.replace("\"layers\":[]", "\"layers\":[],\"Layers\":[]"),
        good.replace("\"layers\":[]", "\"layers\":[],\"manifests\":[]"),
        format!("{good}{good}"),
        "not json".into(),
        good.replace("\"layers\":[],", ""),
    ] {
        assert_ne!(bad, good);
        let refused = client.put_manifest("a", "v1", MANIFEST, bad.as_bytes()).await;
        refused.refused(400, "MANIFEST_INVALID");
    }
}

// covers: IMG-GEN-02, IMG-DESC-19
#[tokio::test]
async fn unknown_types_are_kept_as_they_are() {
    let client = Client::new().await;
    for (tag, media_type, content) in [
        ("text", "text/plain", b"not json".as_slice()),
        ("vendor", "application/vnd.example.thing.v9+json", br#"{"layers":[{"digest":"?"}]}"#),
        ("bytes", "application/octet-stream", b"\0\xff\n\r\n"),
        ("empty", "application/x-empty", b""),
    ] {
        client.put_manifest("a", tag, media_type, content).await.is(201);
        let answer = client.get(&format!("/v2/a/manifests/{tag}")).await.is(200);
        assert_eq!((answer.header("content-type"), &*answer.body), (Some(media_type), content));
    }
}

// covers: DIST-MAN-08
#[tokio::test]
async fn manifests_of_four_mebibytes_are_taken_and_no_larger_ones() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let mut text = manifest(&json!({"annotations": {"padding": ""}})).to_string();
    let padding = "x".repeat((4 << 20) - text.len());
    text = text.replace("\"padding\":\"\"", &format!("\"padding\":\"{padding}\""));
    assert_eq!(text.len(), 4 << 20);
    client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await.is(201);
    text.push(' ');
    let refused = client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await;
    refused.refused(413, "SIZE_INVALID");
    let refused = client.put_manifest("a", "v1", "text/plain", text.as_bytes()).await;
    refused.refused(413, "SIZE_INVALID");
}

// covers: DIST-MAN-11
#[tokio::test]
async fn a_push_by_digest_sets_tags() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let text = manifest(&json!({})).to_string();
    let digest = Digest::of(Algorithm::Sha512, &text);
    let tags: Vec<String> = (0..12).map(|number| format!("v{number}")).collect();
    let put = |query: String| {
        let reference = format!("{digest}?{query}");
        let (client, text) = (&client, &text);
        async move { client.put_manifest("a", &reference, MANIFEST, text.as_bytes()).await }
    };
    let answer = put(format!("tag={}", tags.join("&tag="))).await.is(201);
    let accepted: Vec<_> = answer.headers.get_all("oci-tag").iter().collect();
    assert_eq!(accepted, tags.iter().collect::<Vec<_>>());
    for tag in &tags {
        let answer = client.head(&format!("/v2/a/manifests/{tag}")).await.is(200);
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    }
    put("tag=good&tag=..".into()).await.refused(400, "MANIFEST_INVALID");
    client.head("/v2/a/manifests/good").await.is(404);
    // A push by tag has its tag in its path.
    let answer =
        client.put_manifest("a", "other?tag=more", MANIFEST, text.as_bytes()).await.is(201);
    assert_eq!(answer.header("oci-tag"), None);
    client.head("/v2/a/manifests/more").await.is(404);

    let mut limits = Limits::default();
    limits.tags = 1;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    client.push_blob("a", b"{}").await;
    let reference = format!("{digest}?tag=a&tag=b");
    let refused = client.put_manifest("a", &reference, MANIFEST, text.as_bytes()).await;
    refused.refused(414, "MANIFEST_INVALID");
}

/// Pushes the manifest that has this annotation, under the conditions, to the tag `v1` of `a`.
async fn put_if(client: &Client, version: &str, conditions: &[(&str, &str)]) -> Answer {
    let text = manifest(&json!({"annotations": {"version": version}})).to_string();
    let request =
        client.request(Method::PUT, "/v2/a/manifests/v1").header("content-type", MANIFEST);
    let request = conditions.iter().fold(request, |it, (name, value)| it.header(*name, *value));
    client.send(request.body(text)).await
}

// covers: DIST-MAN-10
#[tokio::test]
async fn a_tag_is_changed_only_where_the_conditions_hold() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let tag = async || {
        let answer = client.head("/v2/a/manifests/v1").await;
        answer.header("etag").map(str::to_owned).unwrap_or_default()
    };
    let refused = async |version, conditions: &[(&str, &str)]| {
        let before = tag().await;
        let answer = put_if(&client, version, conditions).await;
        answer.refused(412, "PRECONDITION_FAILED");
        assert_eq!(tag().await, before, "{conditions:?}");
    };
    // Nothing is there.
    refused("1", &[("if-match", "*")]).await;
    refused("1", &[("if-match", "\"x\"")]).await;
    put_if(&client, "1", &[("if-none-match", "*")]).await.is(201);
    // Something is.
    let first = tag().await;
    refused("2", &[("if-none-match", "*")]).await;
    refused("2", &[("if-none-match", &first)]).await;
    refused("2", &[("if-none-match", &format!("W/{first}"))]).await;
    refused("2", &[("if-match", "\"x\"")]).await;
    refused("2", &[("if-match", &format!("W/{first}"))]).await;
    refused("2", &[("if-match", "")]).await;
    refused("2", &[("if-match", &first), ("if-none-match", "*")]).await;
    put_if(&client, "2", &[("if-match", "\"x\""), ("if-match", &first)]).await.is(201);
    refused("3", &[("if-match", &first)]).await;
    put_if(&client, "3", &[("if-match", "*"), ("if-none-match", &first)]).await.is(201);
    put_if(&client, "4", &[]).await.is(201);
}

#[tokio::test]
async fn of_many_changes_of_one_state_one_is_made() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    put_if(&client, "0", &[]).await.is(201);
    let etag = client.head("/v2/a/manifests/v1").await.header("etag").unwrap().to_owned();
    let versions: Vec<String> = (1..=16).map(|number| number.to_string()).collect();
    let condition = [("if-match", etag.as_str())];
    let puts = versions.iter().map(|version| put_if(&client, version, &condition));
    let answers = futures_util::future::join_all(puts).await;
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 201 | 412)));
}

#[tokio::test]
async fn subjects_may_have_the_longest_digests() {
    let directory = tempfile::tempdir().unwrap();
    for store in [Store::memory(), Store::directory(directory.path()).unwrap()] {
        let client = Client::of(oci_registry::serve(store)).await;
        client.push_blob("a", b"{}").await;
        let long = |algorithm: usize, encoded: usize| {
            format!("{}:{}", "x".repeat(algorithm), "e".repeat(encoded))
        };
        // 1024 bytes are the most that a digest has.
        for subject in [long(3, 255), long(3, 256), long(255, 9), long(256, 9), long(400, 623)] {
            let named = json!({"mediaType": MANIFEST, "digest": subject, "size": 5});
            let text = manifest(&json!({"subject": named})).to_string();
            let digest = Digest::sha256(&text);
            let put = client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await.is(201);
            assert_eq!(put.header("oci-subject"), Some(&*subject));
            let path = format!("/v2/a/referrers/{subject}");
            let listed = async || client.get(&path).await.is(200).json()["manifests"].clone();
            let referrers = listed().await;
            assert_eq!(referrers[0]["digest"], digest.as_str(), "{referrers}");
            assert_eq!(referrers.as_array().unwrap().len(), 1);
            client.delete(&format!("/v2/a/manifests/{digest}")).await.is(202);
            assert_eq!(listed().await, json!([]));
            client.get("/v2/a/manifests/v1").await.is(404);
            // Nor is there anything else of this name.
            client.get(&format!("/v2/a/manifests/{subject}")).await.is(404);
            client.get(&format!("/v2/a/blobs/{subject}")).await.is(404);
            let layer = json!({"mediaType": "a/b", "digest": subject, "size": 5});
            let text = manifest(&json!({"layers": [layer]})).to_string();
            let put = client.put_manifest("a", "v1", MANIFEST, text.as_bytes()).await;
            put.refused(404, "MANIFEST_BLOB_UNKNOWN");
        }
    }
}

#[tokio::test]
async fn a_manifest_that_the_client_has_is_not_sent_again() {
    let client = Client::new().await;
    let digest = client.push_image("a", "v1").await;
    for reference in ["v1", digest.as_str()] {
        let path = format!("/v2/a/manifests/{reference}");
        let etag = client.get(&path).await.is(200).header("etag").unwrap().to_owned();
        let ask = async |method: Method, tags: &str| {
            client.send(client.request(method, &path).header("if-none-match", tags)).await
        };
        for method in [Method::GET, Method::HEAD] {
            for tags in
                [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()]
            {
                let answer = ask(method.clone(), &tags).await.is(304);
                assert_eq!(answer.body, b"");
                assert_eq!(answer.header("etag"), Some(&*etag));
                assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
            }
            for tags in ["\"x\"", digest.as_str(), ""] {
                ask(method.clone(), tags).await.is(200);
            }
        }
    }
    let absent = client.request(Method::GET, "/v2/a/manifests/v2").header("if-none-match", "*");
    client.send(absent).await.is(404);
}

#[tokio::test]
async fn no_content_is_more_to_a_browser_than_its_type() {
    let client = Client::new().await;
    client.put_manifest("a", "page", "text/html; charset=utf-8", b"<script>").await.is(201);
    let digest = client.push_blob("a", b"<script>").await;
    let answer = client.get("/v2/a/manifests/page").await.is(200);
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    for path in [
        "/v2/",
        "/v2/a/manifests/page",
        "/v2/a/manifests/none",
        &format!("/v2/a/blobs/{digest}"),
        "/",
    ] {
        assert_eq!(
            client.get(path).await.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
    for media_type in
        ["text", "/", "text/", "/html", "text html", "a/b/c", "text/html, a/b", "a/\"b\""]
    {
        client.put_manifest("a", "odd", media_type, b"x").await.refused(400, "MANIFEST_INVALID");
        let stated = json!({"mediaType": media_type}).to_string();
        let put = client.request(Method::PUT, "/v2/a/manifests/odd").body(stated);
        client.send(put).await.refused(400, "MANIFEST_INVALID");
    }
}
