//! What the specification has beside the moving of images: states, tags of a push, extensions, and an authorization for
//! requests of one's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use oci_distribution_client::{Client, Config, Credentials, ErrorKind, Repository};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::distribution::Scope;
use oci_image::{Algorithm, AnyDocument, Descriptor, Digest, Document, Manifest, MediaType};
use oci_registry::Fault;

use crate::fake::{Fake, Seen, answer};
use crate::fixture::{Fixture, chain, quick, registry, repository as served};

pub(crate) const HOST: &str = "registry.example";
const BASIC: (&str, &str) = ("www-authenticate", "Basic realm=x");
pub(crate) const BEARER: (&str, &str) =
    ("www-authenticate", r#"Bearer realm="https://auth.example/token",service="s""#);

pub(crate) fn client(fake: &Fake) -> Client {
    Client::new(Config::default().retry(quick()).transport(fake.clone())).unwrap()
}

fn repository(fake: &Fake) -> Repository {
    client(fake).repository(&format!("{HOST}/team/app")).unwrap()
}

/// The requests, each as `METHOD path?query`.
pub(crate) fn requests(fake: &Fake) -> Vec<String> {
    let line = |seen: &Seen| format!("{} {}", seen.method, seen.uri.path_and_query().unwrap());
    fake.seen().iter().map(line).collect()
}

#[tokio::test]
async fn what_has_not_changed_is_resolved_again_by_a_304() {
    let fixture = Fixture::new();
    let (image, index) = (fixture.amd64.descriptor().clone(), fixture.index.descriptor().clone());
    for entity_tag in [None, Some("W/\"state 1\"")] {
        let moved = Arc::new(AtomicBool::new(false));
        let (has_moved, first, second) = (Arc::clone(&moved), image.clone(), index.clone());
        let expected = entity_tag.map_or(format!("\"{}\"", image.digest), str::to_owned);
        let fake = Fake::new(move |seen| {
            let is_moved = has_moved.load(Ordering::Relaxed);
            let known = seen.headers.get("if-none-match").map(|it| it.to_str().unwrap().to_owned());
            let found = if is_moved { &second } else { &first };
            if !is_moved && known.as_ref() == Some(&expected) {
                return answer(304, &[], "");
            }
            let size = found.size.to_string();
            let mut headers = vec![
                ("content-type", found.media_type.as_str()),
                ("docker-content-digest", found.digest.as_str()),
                ("content-length", size.as_str()),
            ];
            headers.extend(entity_tag.map(|tag| ("etag", tag)));
            answer(200, &headers, "")
        });
        let resolved = repository(&fake).resolve("v1").await.unwrap();
        for _ in 0..2 {
            let again = resolved.latest().await.unwrap().latest().await.unwrap();
            assert_eq!(again.descriptor(), &image);
        }
        moved.store(true, Ordering::Relaxed);
        assert_eq!(resolved.latest().await.unwrap().descriptor(), &index);
        assert_eq!(requests(&fake), vec!["HEAD /v2/team/app/manifests/v1"; 6]);
    }
    // One that answers 304 to what is not conditional has answered nothing.
    let fake = Fake::new(|_| answer(304, &[], ""));
    repository(&fake).resolve("v1").await.unwrap_err();
}

#[tokio::test]
async fn registries_compare_states_or_answer_in_full() {
    let registry = registry().await;
    let fixture = Fixture::new();
    let app = served(&registry, "a");
    app.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
    let resolved = app.resolve("v1").await.unwrap();
    assert_eq!(resolved.latest().await.unwrap().descriptor(), fixture.index.descriptor());
    app.push(&fixture.blobs, fixture.amd64.descriptor()).tag("v1").await.unwrap();
    assert_eq!(resolved.latest().await.unwrap().descriptor(), fixture.amd64.descriptor());
    app.delete_tag("v1").await.unwrap();
    assert_eq!(resolved.latest().await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// A manifest whose config is all that it needs.
fn small() -> (Arc<Memory>, Document<Manifest>) {
    let blobs = Arc::new(Memory::new());
    blobs.put(&Descriptor::empty_json(), b"{}").unwrap();
    let mut manifest = Manifest::new(Descriptor::empty_json());
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    let manifest = Document::new(manifest).unwrap();
    blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
    (blobs, manifest)
}

// covers: DIST-MAN-11
#[tokio::test]
async fn tags_are_set_with_one_push_where_the_registry_does_so() {
    let (blobs, manifest) = small();
    let by_digest =
        format!("PUT /v2/team/app/manifests/{}?tag=a&tag=b&tag=c", manifest.descriptor().digest);
    let by_tag = |tag: &str| format!("PUT /v2/team/app/manifests/{tag}");
    // What it answers to a push with tags, and what is pushed then, first and later.
    let sets_two = (201, vec![("oci-tag", "a"), ("oci-tag", "b"), ("oci-tag", "x")]);
    let table = [
        (sets_two, vec![by_digest.clone(), by_tag("c")], vec![by_digest.clone(), by_tag("c")]),
        ((201, vec![]), vec![by_digest.clone(), by_tag("a"), by_tag("b"), by_tag("c")], vec![]),
        ((414, vec![]), vec![by_digest.clone(), by_tag("a"), by_tag("b"), by_tag("c")], vec![]),
    ];
    for ((status, headers), first, later) in table {
        let case = format!("{status} {headers:?}");
        let fake = Fake::new(move |seen| match seen.method {
            Method::HEAD if seen.uri.path().contains("/blobs/") => {
                answer(200, &[("content-length", "2")], "")
            }
            Method::PUT if seen.uri.query().is_some() => {
                let mut all = headers.clone();
                all.push(("location", "/v2/team/app/manifests/x"));
                answer(status, &all, "")
            }
            Method::PUT => answer(201, &[("location", "/v2/team/app/manifests/x")], ""),
            _ => answer(404, &[], ""),
        });
        let app = repository(&fake);
        for expected in [first, later] {
            let before = fake.seen().len();
            let push = app.push(&blobs, manifest.descriptor());
            push.tag("a").tag("b").tag("c").await.unwrap();
            let puts: Vec<_> = requests(&fake).split_off(before);
            let puts: Vec<_> = puts.into_iter().filter(|it| it.starts_with("PUT")).collect();
            let expected = match expected.is_empty() {
                // It is known by now.
                true => ["a", "b", "c"].map(by_tag).to_vec(),
                false => expected,
            };
            assert_eq!(puts, expected, "{case}");
        }
    }
    let registry = registry().await;
    for fault in [None, Some(Fault::ignore_tags("/manifests/"))] {
        registry.registry().add_faults(fault);
        let app = served(&registry, "a");
        let push = app.push(&blobs, manifest.descriptor());
        (0..23).fold(push, |push, number| push.tag(format!("t{number}"))).await.unwrap();
        assert_eq!(app.tags().await.unwrap().len(), 23);
        app.delete_manifest(&manifest.descriptor().digest).await.unwrap();
    }
}

// covers: DIST-MAN-06
#[tokio::test]
async fn a_push_that_is_answered_with_another_digest_is_refused() {
    let (_, manifest) = small();
    let other = Digest::sha256("other");
    let fake = Fake::new(move |_| {
        answer(201, &[("docker-content-digest", other.as_str()), ("location", "/x")], "")
    });
    let error = repository(&fake).tag("v1", &AnyDocument::Manifest(manifest)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification, "{}", chain(&error));
}

// covers: DIST-PUSH-13
#[tokio::test]
async fn the_algorithm_of_a_chunked_push_is_told_at_its_beginning() {
    for (algorithm, query) in
        [(Algorithm::Sha256, None), (Algorithm::Sha512, Some("digest-algorithm=sha512"))]
    {
        let fake = Fake::new(|seen| match seen.method {
            Method::POST => answer(202, &[("location", "/v2/team/app/blobs/uploads/1")], ""),
            Method::PATCH => answer(202, &[("location", "/v2/team/app/blobs/uploads/1")], ""),
            Method::PUT => answer(201, &[("location", "/x")], ""),
            _ => answer(404, &[], ""),
        });
        let blobs = Arc::new(Memory::new());
        let bytes = b"a config that is none";
        let config = Descriptor::new(
            MediaType::from("application/x"),
            Digest::of(algorithm, bytes),
            bytes.len() as u64,
        );
        blobs.put(&config, bytes).unwrap();
        let manifest = Document::new(Manifest::new(config)).unwrap();
        blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
        repository(&fake).push(&blobs, manifest.descriptor()).chunks(10).await.unwrap();
        let begun = fake.seen().into_iter().find(|seen| seen.method == Method::POST).unwrap();
        assert_eq!(begun.uri.query(), query, "{algorithm}");
    }
}

// covers: DIST-PULL-03
#[tokio::test]
async fn parameters_of_a_content_type_are_ignored() {
    let fixture = Fixture::new();
    let (digest, size) =
        (fixture.index.descriptor().digest.to_string(), fixture.index.descriptor().size);
    let content = fixture.index.bytes().to_vec();
    let fake = Fake::new(move |seen| {
        let size = size.to_string();
        let length = ("content-length", size.as_str());
        let all = [
            ("content-type", "application/vnd.oci.image.index.v1+json; charset=utf-8"),
            ("docker-content-digest", digest.as_str()),
            length,
        ];
        match seen.method {
            Method::HEAD => answer(200, &all, ""),
            _ => answer(200, &all[..2], content.clone()),
        }
    });
    let image = repository(&fake).resolve("v1").await.unwrap();
    assert_eq!(image.descriptor(), fixture.index.descriptor());
    image.manifest().await.unwrap();
}

// covers: DIST-GEN-02, DIST-EXT-04
#[tokio::test]
async fn codes_of_schema_1_and_of_extensions_are_told_as_they_are() {
    for (status, code) in
        [(400, "MANIFEST_UNVERIFIED"), (400, "TAG_INVALID"), (404, "EXTENSION_UNKNOWN")]
    {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#);
        let fake = Fake::new(move |_| answer(status, &[], body.clone()));
        let error = repository(&fake).extensions().await.unwrap_err();
        assert_eq!(error.codes()[0].code.as_str(), code);
        assert_eq!(error.status(), Some(status));
    }
}

// covers: DIST-GEN-04, DIST-GEN-05
#[tokio::test]
async fn what_is_not_a_name_or_a_tag_is_not_asked_for() {
    let fake = Fake::new(|_| answer(404, &[], ""));
    for name in ["UPPER/a", "a/../b", "a//b", "", "-a", "a/b:tag", "a?n=1", "a%2fb"] {
        let error = client(&fake).repository(&format!("{HOST}/{name}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
    }
    let long = "a".repeat(129);
    for tag in ["", "-a", "a/b", "a?n=1", "..", "a b", &long] {
        let error = repository(&fake).resolve(tag).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{tag}");
    }
    assert!(fake.seen().is_empty());
}

// covers: DIST-REF-09
#[tokio::test]
async fn referrers_of_a_long_digest_are_looked_for_under_a_tag_that_is_one() {
    let subject = Digest::of(Algorithm::Sha512, "x");
    let fake = Fake::new(|_| answer(404, &[], ""));
    assert_eq!(repository(&fake).referrers(&subject, None).await.unwrap(), []);
    let tag = format!("GET /v2/team/app/manifests/sha512-{}", &subject.encoded()[..64]);
    assert_eq!(requests(&fake).last(), Some(&tag));
}

// covers: DIST-EXT-02, DIST-EXT-05, DIST-EXT-06
#[tokio::test]
async fn extensions_are_discovered_by_pages_for_a_registry_and_a_repository() {
    let fake = Fake::new(|seen| match (seen.uri.path(), seen.uri.query()) {
        ("/v2/_oci/ext/discover", None) => answer(
            200,
            &[("link", "</v2/_oci/ext/discover?last=_a>; rel=next")],
            r#"{"extensions":[{"name":"_a","url":"https://a.example","endpoints":["_a/x"]}]}"#,
        ),
        ("/v2/_oci/ext/discover", Some(_)) => {
            answer(200, &[], r#"{"extensions":[{"name":"_b","url":"b","endpoints":[]}]}"#)
        }
        ("/v2/team/app/_oci/ext/discover", None) => answer(200, &[], r#"{"extensions":[]}"#),
        _ => answer(404, &[], ""),
    });
    let client = client(&fake);
    let found = client.extensions(HOST).await.unwrap().extensions;
    let names: Vec<_> = found.iter().map(|it| (it.name.as_str(), it.endpoints.len())).collect();
    assert_eq!(names, [("_a", 1), ("_b", 0)]);
    assert_eq!(repository(&fake).extensions().await.unwrap().extensions, []);
    let accepts = |seen: &Seen| seen.headers["accept"] == "application/json";
    assert!(fake.seen().iter().all(accepts));
    let other = client.repository(&format!("{HOST}/other")).unwrap();
    assert_eq!(other.extensions().await.unwrap_err().kind(), ErrorKind::NotFound);
    let page = Fake::new(|_| answer(200, &[], "<html>"));
    let error = self::client(&page).extensions(HOST).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{}", chain(&error));
}

#[tokio::test]
async fn a_mirror_that_answers_for_another_registry_is_passed_over() {
    for (named, is_used) in [
        (None, true),
        (Some("registry.example"), true),
        (Some("REGISTRY.example:443"), true),
        (Some("other.example"), false),
        (Some("registry.example.evil"), false),
    ] {
        let (here, there) = (Digest::sha256("mirror"), Digest::sha256("registry"));
        let digests = (here.clone(), there.clone());
        let fake = Fake::new(move |seen| {
            let is_mirror = seen.host() == "mirror.example";
            let digest = if is_mirror { &digests.0 } else { &digests.1 };
            let mut headers = vec![
                ("content-type", "application/vnd.oci.image.index.v1+json"),
                ("docker-content-digest", digest.as_str()),
                ("content-length", "10"),
            ];
            headers.extend(named.filter(|_| is_mirror).map(|named| ("oci-namespace", named)));
            answer(200, &headers, "")
        });
        let config = Config::default().mirror(HOST, "mirror.example").transport(fake.clone());
        let app = Client::new(config).unwrap().repository(&format!("{HOST}/team/app")).unwrap();
        let found = app.resolve("v1").await.unwrap();
        assert_eq!(found.descriptor().digest, if is_used { here } else { there }, "{named:?}");
        assert_eq!(fake.seen()[0].uri.query(), Some("ns=registry.example"));
    }
}

#[tokio::test]
async fn an_authorization_for_other_requests_is_what_the_registry_asks_for() {
    let login = || Credentials::basic("alice", "canary");
    for (challenge, expected) in [(BASIC, "Basic YWxpY2U6Y2FuYXJ5"), (BEARER, "Bearer canary-t")] {
        let fake = Fake::new(move |seen| match (seen.uri.path(), seen.authorization()) {
            ("/token", Some(_)) => answer(200, &[], r#"{"token":"canary-t","expires_in":300}"#),
            (_, Some(_)) => answer(200, &[], "{}"),
            _ => answer(401, &[challenge], ""),
        });
        let config = Config::default().credentials(HOST, login()).transport(fake.clone());
        let client = Client::new(config).unwrap();
        let scope = Scope::new("team/app".parse().unwrap(), ["pull"]);
        for _ in 0..3 {
            let value = client.danger_authorization(HOST, [&scope]).await.unwrap().unwrap();
            assert_eq!(value.to_str().unwrap(), expected);
            assert!(value.is_sensitive() && !format!("{value:?}").contains("canary"));
        }
        let asked = requests(&fake);
        let tokens: Vec<_> = asked.iter().filter(|it| it.contains("/token")).collect();
        assert_eq!(tokens.len(), usize::from(challenge == BEARER), "{asked:?}");
        let is_scoped = |it: &&String| it.contains("scope=repository%3Ateam%2Fapp%3Apull");
        assert!(tokens.iter().all(is_scoped), "{asked:?}");
        let other = ["repository:team/other:pull,push"];
        client.danger_authorization(HOST, other).await.unwrap().unwrap();
    }
    let open = Fake::new(|_| answer(200, &[], "{}"));
    let none: [&str; 0] = [];
    assert_eq!(client(&open).danger_authorization(HOST, none).await.unwrap(), None);
    let closed = Fake::new(|_| answer(401, &[BASIC], ""));
    let error = client(&closed).danger_authorization(HOST, none).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}", chain(&error));
}
