use oci_digest::Digest;
use oci_registry::{Limits, Store};
use serde_json::{Value, json};

use crate::client::{Answer, Client, INDEX, MANIFEST, manifest};

/// The URL of the next page.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let url = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    Some(url.to_owned())
}

async fn with_tags(client: &Client, tags: &[&str]) {
    client.push_blob("a", b"{}").await;
    for tag in tags {
        client.push_image("a", tag).await;
    }
}

// covers: DIST-LIST-01, DIST-LIST-02
#[tokio::test]
async fn tags_are_listed_in_lexical_order() {
    let client = Client::new().await;
    with_tags(&client, &["b", "C", "a", "_", "1.10", "1.9", "A"]).await;
    let answer = client.get("/v2/a/tags/list").await.is(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let expected = json!({"name": "a", "tags": ["1.10", "1.9", "_", "A", "a", "b", "C"]});
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.header("link"), None);
    // A repository of blobs has no tags, and is there.
    client.push_blob("blobs", b"{}").await;
    let answer = client.get("/v2/blobs/tags/list").await.is(200);
    assert_eq!(answer.json(), json!({"name": "blobs", "tags": []}));
}

// covers: DIST-LIST-03, DIST-LIST-04, DIST-LIST-05, DIST-LIST-06
#[tokio::test]
async fn tags_come_in_pages() {
    let client = Client::new().await;
    with_tags(&client, &["a", "B", "c", "d", "e"]).await;
    let tags = async |query: &str| {
        let answer = client.get(&format!("/v2/a/tags/list?{query}")).await.is(200);
        let tags = answer.json()["tags"].clone();
        (tags, next(&answer).is_some())
    };
    assert_eq!(tags("n=2").await, (json!(["a", "B"]), true));
    assert_eq!(tags("n=4").await, (json!(["a", "B", "c", "d"]), true));
    assert_eq!(tags("n=5").await, (json!(["a", "B", "c", "d", "e"]), false));
    assert_eq!(tags("n=0").await, (json!([]), false));
    assert_eq!(tags("n=2&last=B").await, (json!(["c", "d"]), true));
    assert_eq!(tags("last=c").await, (json!(["d", "e"]), false));
    // `last` need not be one of them.
    assert_eq!(tags("last=bb").await, (json!(["c", "d", "e"]), false));
    assert_eq!(tags("last=e").await, (json!([]), false));
    let everything = (json!(["a", "B", "c", "d", "e"]), false);
    assert_eq!(tags("n=99999999999999999999999999999").await, everything);
    for n in ["-1", "a", "", "1.5", "+2"] {
        client.get(&format!("/v2/a/tags/list?n={n}")).await.refused(400, "UNSUPPORTED");
    }
    let (mut url, mut seen) = (Some("/v2/a/tags/list?n=2".to_owned()), Vec::new());
    while let Some(page) = url {
        let answer = client.get(&page).await.is(200);
        seen.extend(answer.json()["tags"].as_array().unwrap().clone());
        url = next(&answer);
    }
    assert_eq!(seen, ["a", "B", "c", "d", "e"]);
}

// covers: DIST-EXT-05, DIST-EXT-07
#[tokio::test]
async fn the_catalog_comes_in_bounded_pages() {
    let mut limits = Limits::default();
    limits.page = 2;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    for name in ["c", "a/b", "a", "b"] {
        client.push_blob(name, b"{}").await;
    }
    let (mut url, mut pages) = (Some("/v2/_catalog?n=1000000".to_owned()), Vec::new());
    while let Some(page) = url {
        let answer = client.get(&page).await.is(200);
        pages.push(answer.json()["repositories"].clone());
        url = next(&answer);
    }
    assert_eq!(pages, [json!(["a", "a/b"]), json!(["b", "c"])]);
}

/// Pushes a manifest with this subject; its digest.
async fn refer(client: &Client, subject: &Digest, more: Value) -> Digest {
    let mut more = more;
    more["subject"] = json!({"mediaType": MANIFEST, "digest": subject.as_str(), "size": 5});
    let text = manifest(&more).to_string();
    let digest = Digest::sha256(&text);
    client.put_manifest("a", digest.as_str(), MANIFEST, text.as_bytes()).await.is(201);
    digest
}

fn referrers(subject: &Digest) -> String {
    format!("/v2/a/referrers/{subject}")
}

// covers: DIST-REF-01, DIST-REF-02
#[tokio::test]
async fn no_referrers_are_an_empty_index() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let empty = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
    let subject = Digest::sha256("x");
    for path in [referrers(&subject), format!("/v2/unknown/referrers/{subject}")] {
        let answer = client.get(&path).await.is(200);
        assert_eq!(answer.header("content-type"), Some(INDEX));
        assert_eq!(answer.header("oci-filters-applied"), None);
        assert_eq!(answer.json(), empty);
    }
    for bad in ["v1", "sha256:abc", "sha256:"] {
        client.get(&format!("/v2/a/referrers/{bad}")).await.refused(400, "DIGEST_INVALID");
    }
}

// covers: DIST-REF-02, DIST-REF-03, DIST-REF-04
#[tokio::test]
async fn referrers_are_described_by_type_and_annotations() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let subject = Digest::sha256("subject");
    let annotations = json!({"org.example.a": "1", "org.example.b": "ü"});
    let typed = json!({"artifactType": "application/vnd.example+type", "annotations": annotations});
    let typed = refer(&client, &subject, typed).await;
    let plain = refer(&client, &subject, json!({})).await;
    let named = json!({"mediaType": MANIFEST, "digest": subject.as_str(), "size": 5});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "subject": named});
    let index = index.to_string();
    client.put_manifest("a", "i", INDEX, index.as_bytes()).await.is(201);
    refer(&client, &Digest::sha256("another"), json!({"annotations": {"not": "this"}})).await;

    let answer = client.get(&referrers(&subject)).await.is(200);
    let listed = answer.json()["manifests"].as_array().unwrap().clone();
    let of =
        |digest: &Digest| listed.iter().find(|it| it["digest"] == digest.as_str()).unwrap().clone();
    assert_eq!(listed.len(), 3);
    let size = client.head(&format!("/v2/a/manifests/{typed}")).await;
    let size: u64 = size.header("content-length").unwrap().parse().unwrap();
    let expected = json!({
        "mediaType": MANIFEST,
        "digest": typed.as_str(),
        "size": size,
        "annotations": annotations,
        "artifactType": "application/vnd.example+type",
    });
    assert_eq!(of(&typed), expected);
    assert_eq!(of(&plain)["artifactType"], "application/vnd.oci.empty.v1+json");
    let index = of(&Digest::sha256(&index));
    assert_eq!((&index["mediaType"], index.get("artifactType")), (&json!(INDEX), None));
}

// covers: DIST-REF-06
#[tokio::test]
async fn referrers_are_filtered_by_artifact_type() {
    let client = Client::new().await;
    client.push_blob("a", b"{}").await;
    let subject = Digest::sha256("subject");
    refer(&client, &subject, json!({"artifactType": "a/a"})).await;
    let wanted = refer(&client, &subject, json!({"artifactType": "a/b+c"})).await;
    for query in ["artifactType=a/b+c", "artifactType=a%2Fb%2Bc"] {
        let answer = client.get(&format!("{}?{query}", referrers(&subject))).await.is(200);
        assert_eq!(answer.header("oci-filters-applied"), Some("artifactType"));
        let listed = answer.json()["manifests"].as_array().unwrap().clone();
        let digests: Vec<_> = listed.iter().map(|it| it["digest"].clone()).collect();
        assert_eq!(digests, [wanted.as_str()]);
    }
    let none = client.get(&format!("{}?artifactType=a/x", referrers(&subject))).await.is(200);
    assert_eq!(none.json()["manifests"], json!([]));
}

// covers: DIST-REF-05
#[tokio::test]
async fn referrers_come_in_pages_that_keep_the_filter() {
    let mut limits = Limits::default();
    limits.page = 2;
    // Of the large ones, two do not fit in one index.
    limits.manifest = 4000;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    client.push_blob("a", b"{}").await;
    let subject = Digest::sha256("subject");
    for number in 0..5 {
        for (artifact, padding) in [("small", 1), ("large", 2500)] {
            let annotations = json!({"n": number.to_string(), "padding": "x".repeat(padding)});
            let more = json!({"artifactType": format!("a/{artifact}"), "annotations": annotations});
            refer(&client, &subject, more).await;
        }
    }
    for (artifact, sizes) in [("small", vec![2, 2, 1]), ("large", vec![1; 5])] {
        let first = format!("{}?artifactType=a/{artifact}", referrers(&subject));
        let (mut url, mut seen) = (Some(first), Vec::new());
        let mut found = std::collections::BTreeSet::new();
        while let Some(page) = url {
            let answer = client.get(&page).await.is(200);
            let listed = answer.json()["manifests"].as_array().unwrap().clone();
            seen.push(listed.len());
            found.extend(listed.iter().map(|it| it["annotations"]["n"].to_string()));
            assert!(listed.iter().all(|it| it["artifactType"] == format!("a/{artifact}")));
            url = next(&answer);
        }
        assert_eq!((seen, found.len()), (sizes, 5), "{artifact}");
    }
}

// covers: DIST-REF-10
#[tokio::test]
async fn referrers_from_before_the_api_are_listed() {
    let store = Store::memory();
    let before = Client::of(oci_registry::serve(store.clone()).without_referrers()).await;
    let subject = before.push_image("a", "v1").await;
    before.get(&referrers(&subject)).await.refused(404, "UNSUPPORTED");
    let named = json!({"mediaType": MANIFEST, "digest": subject.as_str(), "size": 5});
    let text = manifest(&json!({"subject": named})).to_string();
    let pushed = before.put_manifest("a", "r", MANIFEST, text.as_bytes()).await.is(201);
    assert_eq!(pushed.header("oci-subject"), None, "a client must see that it has to fall back");

    let after = Client::of(oci_registry::serve(store)).await;
    let listed = after.get(&referrers(&subject)).await.is(200).json();
    assert_eq!(listed["manifests"][0]["digest"], Digest::sha256(&text).as_str());
}

// covers: DIST-GEN-07
#[tokio::test]
async fn the_base_says_that_this_is_a_registry() {
    let client = Client::new().await;
    for path in ["/v2/", "/v2"] {
        let answer = client.get(path).await.is(200);
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
        assert_eq!(answer.json(), json!({}));
    }
    client.head("/v2/").await.is(200);
}

#[tokio::test]
async fn lists_in_pages_are_whole_whatever_their_length() {
    let directory = tempfile::tempdir().unwrap();
    for store in [Store::memory(), Store::directory(directory.path()).unwrap()] {
        let mut limits = Limits::default();
        limits.page = 7;
        let client = Client::of(oci_registry::serve(store).limits(limits)).await;
        let subject = client.push_image("a", "v").await;
        let (mut referrers, mut tags) = (Vec::new(), vec!["v".to_owned()]);
        for number in 0..20 {
            let named = json!({"mediaType": MANIFEST, "digest": subject.as_str(), "size": 5});
            let kind = if number % 10 == 0 { "a/rare" } else { "a/often" };
            let more = json!({"subject": named, "artifactType": kind, "annotations": {"n": number.to_string()}});
            let text = manifest(&more).to_string();
            tags.push(format!("t{number:02}"));
            client.put_manifest("a", &tags[number + 1], MANIFEST, text.as_bytes()).await.is(201);
            referrers.push((Digest::sha256(&text).to_string(), kind));
        }
        tags.sort();
        referrers.sort();
        let all = async |path: &str, list: &str| {
            let (mut url, mut seen) = (Some(path.to_owned()), Vec::new());
            while let Some(page) = url {
                let answer = client.get(&page).await.is(200);
                let part = answer.json()[list].as_array().unwrap().clone();
                assert!(part.len() <= 7);
                seen.extend(part);
                url = next(&answer);
            }
            seen
        };
        assert_eq!(all("/v2/a/tags/list", "tags").await, tags);
        let path = format!("/v2/a/referrers/{subject}");
        let digests = |listed: Vec<Value>| {
            listed.iter().map(|it| it["digest"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let expected: Vec<_> = referrers.iter().map(|it| it.0.clone()).collect();
        assert_eq!(digests(all(&path, "manifests").await), expected);
        // A page is full, or the last, whatever was filtered away.
        let rare: Vec<_> =
            referrers.iter().filter(|it| it.1 == "a/rare").map(|it| it.0.clone()).collect();
        let answer = client.get(&format!("{path}?artifactType=a/rare")).await.is(200);
        assert_eq!(digests(answer.json()["manifests"].as_array().unwrap().clone()), rare);
        assert_eq!(next(&answer), None);
    }
}
