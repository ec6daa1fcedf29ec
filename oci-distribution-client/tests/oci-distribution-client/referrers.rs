//! The list of referrers that clients keep where the registry keeps none.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, Response, StatusCode};
use oci_distribution_client::transport::Body;
use oci_distribution_client::{Client, Config, ErrorKind, Repository};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::distribution::referrers_tag;
use oci_image::{AnyDocument, Descriptor, Digest, Document, Index, Manifest, MediaType};
use oci_registry::{Fault, Server, Store};

use crate::fake::{Fake, Seen, answer};
use crate::fixture::{Fixture, blob, chain, repository, start};

/// A registry without the API, with an image.
async fn with_image(faults: Vec<Fault>) -> (Server, Fixture) {
    let (serve, fixture) =
        (oci_registry::serve(Store::memory()).without_referrers(), Fixture::new());
    let registry = start(serve).await;
    let app = repository(&registry, "team/app");
    app.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
    registry.registry().add_faults(faults);
    (registry, fixture)
}

/// The artifact number `number` that refers to `subject`.
fn artifact(blobs: &Arc<Memory>, subject: &Descriptor, number: usize) -> Descriptor {
    let config = blob(blobs, MediaType::EMPTY_JSON, b"{}");
    let mut manifest = Manifest::new(config);
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.artifact_type = Some(MediaType::from("application/x.sbom"));
    manifest.subject = Some(subject.clone());
    manifest.annotations.insert("org.example.number".to_owned(), number.to_string());
    let manifest = Document::new(manifest).unwrap();
    blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
    manifest.descriptor().clone()
}

async fn listed(app: &Repository, subject: &Digest) -> Vec<Digest> {
    let listed = app.referrers(subject, None).await.unwrap();
    let mut digests: Vec<_> = listed.into_iter().map(|entry| entry.digest).collect();
    digests.sort();
    digests
}

// covers: DIST-MAN-10, DIST-DEL-04
#[tokio::test(flavor = "multi_thread")]
async fn of_many_clients_at_once_none_loses_its_referrer() {
    let cases = [
        ("compares", 20, vec![]),
        ("ignores conditions", 5, vec![Fault::ignore_conditions("/manifests/")]),
        ("has no entity tags", 5, vec![Fault::without_header("/manifests/", "etag")]),
        ("has weak entity tags", 5, vec![Fault::set_header("/manifests/", "etag", "W/\"1\"")]),
    ];
    for (case, clients, faults) in cases {
        let (registry, fixture) = with_image(faults).await;
        let subject = fixture.amd64.descriptor();
        let artifacts: Vec<_> =
            (0..clients).map(|number| artifact(&fixture.blobs, subject, number)).collect();
        let pushes = artifacts.iter().map(async |artifact| {
            let app = repository(&registry, "team/app");
            app.push(&fixture.blobs, artifact).await.unwrap();
        });
        join_all(pushes).await;
        let mut expected: Vec<_> = artifacts.iter().map(|it| it.digest.clone()).collect();
        expected.sort();
        let app = repository(&registry, "team/app");
        assert_eq!(listed(&app, &subject.digest).await, expected, "{case}");

        let deletions = artifacts[..clients / 2].iter().map(async |artifact| {
            let app = repository(&registry, "team/app");
            app.delete_manifest(&artifact.digest).await.unwrap();
        });
        join_all(deletions).await;
        let mut expected: Vec<_> =
            artifacts[clients / 2..].iter().map(|it| it.digest.clone()).collect();
        expected.sort();
        assert_eq!(listed(&app, &subject.digest).await, expected, "{case}: deletion");
    }
}

#[tokio::test]
async fn a_registry_that_refuses_conditions_gets_none() {
    for status in [400, 405, 412, 501] {
        let status = StatusCode::from_u16(status).unwrap();
        let (registry, fixture) = with_image(vec![]).await;
        let subject = fixture.amd64.descriptor();
        let artifact = artifact(&fixture.blobs, subject, 0);
        let path = format!("/manifests/{}", referrers_tag(&subject.digest));
        registry.registry().add_faults([Fault::status(path, status).method(Method::PUT).times(1)]);
        let app = repository(&registry, "team/app");
        app.push(&fixture.blobs, &artifact).await.unwrap();
        assert_eq!(listed(&app, &subject.digest).await, [artifact.digest], "{status}");
    }
}

#[tokio::test]
async fn the_answers_of_registries_without_the_api_mean_the_tag() {
    for status in [400, 404, 405, 406, 410, 415, 501] {
        let status = StatusCode::from_u16(status).unwrap();
        let (registry, fixture) = with_image(vec![Fault::status("/referrers/", status)]).await;
        let app = repository(&registry, "team/app");
        let subject = fixture.amd64.descriptor();
        assert_eq!(listed(&app, &subject.digest).await, [], "{status}");
        let artifact = artifact(&fixture.blobs, subject, 0);
        app.push(&fixture.blobs, &artifact).await.unwrap();
        let expected = std::slice::from_ref(&artifact.digest);
        assert_eq!(listed(&app, &subject.digest).await, expected, "{status}");
        app.delete_manifest(&artifact.digest).await.unwrap();
        assert_eq!(listed(&app, &subject.digest).await, [], "{status}");
    }
}

#[tokio::test]
async fn a_tag_that_is_denied_because_it_is_not_there_is_an_empty_list() {
    let (registry, fixture) = with_image(vec![]).await;
    let app = repository(&registry, "team/app");
    let subject = fixture.amd64.descriptor();
    let path = format!("/manifests/{}", referrers_tag(&subject.digest));
    let denied = Fault::status(path, StatusCode::FORBIDDEN).method(Method::GET);
    registry.registry().add_faults([denied.clone()]);
    assert_eq!(listed(&app, &subject.digest).await, []);
    // The API may be denied too, and then nothing is known.
    registry.registry().add_faults([Fault::status("/referrers/", StatusCode::FORBIDDEN)]);
    let error = app.referrers(&subject.digest, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{}", chain(&error));

    registry.registry().clear_faults();
    registry.registry().add_faults([denied.times(2)]);
    let artifact = artifact(&fixture.blobs, subject, 0);
    app.push(&fixture.blobs, &artifact).await.unwrap();
    assert_eq!(listed(&app, &subject.digest).await, [artifact.digest]);
}

#[tokio::test]
async fn a_caller_that_may_not_read_a_list_does_not_replace_it() {
    let (registry, fixture) = with_image(vec![Fault::ignore_conditions("/manifests/")]).await;
    let app = repository(&registry, "team/app");
    let subject = fixture.amd64.descriptor();
    let artifacts = [0, 1].map(|number| artifact(&fixture.blobs, subject, number));
    app.push(&fixture.blobs, &artifacts[0]).await.unwrap();
    let denied = Fault::status("/manifests/", StatusCode::FORBIDDEN).method(Method::GET);
    registry.registry().add_faults([denied]);
    let error = app.push(&fixture.blobs, &artifacts[1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{}", chain(&error));
    registry.registry().clear_faults();
    assert_eq!(listed(&app, &subject.digest).await, [artifacts[0].digest.clone()]);
}

#[tokio::test]
async fn a_referrer_that_is_not_visible_yet_is_not_left_out() {
    let not_found = |path: &str, method| Fault::status(path, StatusCode::NOT_FOUND).method(method);
    let (registry, fixture) = with_image(vec![]).await;
    let app = repository(&registry, "team/app");
    let subject = fixture.amd64.descriptor();
    let artifact = artifact(&fixture.blobs, subject, 0);
    let own = not_found(&format!("/manifests/{}", artifact.digest), Method::GET);
    let list = format!("/manifests/{}", referrers_tag(&subject.digest));
    let refused = not_found(&list, Method::PUT);
    registry.registry().add_faults([own.clone(), refused.clone()]);
    let error = app.push(&fixture.blobs, &artifact).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));

    registry.registry().clear_faults();
    registry.registry().add_faults([own, refused.times(1)]);
    app.push(&fixture.blobs, &artifact).await.unwrap();
    assert_eq!(listed(&app, &subject.digest).await, [artifact.digest]);
}

#[tokio::test]
async fn a_failing_registry_is_not_one_without_referrers() {
    let (registry, fixture) = with_image(vec![]).await;
    let app = repository(&registry, "team/app");
    let subject = fixture.amd64.descriptor();
    for (path, status) in [("/referrers/", 500), ("/referrers/", 429), ("/manifests/sha256-", 500)]
    {
        registry.registry().clear_faults();
        let status = StatusCode::from_u16(status).unwrap();
        registry.registry().add_faults([Fault::status(path, status)]);
        app.referrers(&subject.digest, None).await.unwrap_err();
    }
}

/// What is under the tag is none of this scheme: nothing is listed, and it is not written over.
#[tokio::test]
async fn what_is_not_a_list_of_referrers_is_none_and_stays() {
    for case in [
        "the index itself",
        "the index without platforms itself",
        "the manifest itself",
        "another index",
        "another manifest",
    ] {
        let (registry, mut fixture) = with_image(vec![]).await;
        let app = repository(&registry, "team/app");
        if case.contains("without platforms") {
            let strip =
                |index: &mut Index| index.manifests.iter_mut().for_each(|it| it.platform = None);
            fixture.index = fixture.index.edit(strip).unwrap();
            app.tag("v2", &AnyDocument::Index(fixture.index.clone())).await.unwrap();
        }
        let (index, manifest) = (fixture.index.descriptor(), fixture.amd64.descriptor());
        let (subject, tagged) = match case {
            "the index itself" | "the index without platforms itself" => (index, index),
            "the manifest itself" => (manifest, manifest),
            "another index" => (manifest, index),
            _ => (index, manifest),
        };
        let tag = referrers_tag(&subject.digest);
        if case.ends_with("itself") {
            // As some registries resolve such a tag.
            let own = format!("/v2/team/app/manifests/{}", subject.digest);
            registry.registry().add_faults([Fault::redirect(format!("/manifests/{tag}"), &own)]);
        } else {
            let document = match tagged == index {
                true => AnyDocument::Index(fixture.index.clone()),
                false => AnyDocument::Manifest(fixture.amd64.clone()),
            };
            app.tag(tag.as_str(), &document).await.unwrap();
        }
        assert_eq!(listed(&app, &subject.digest).await, [], "{case}");
        let artifact = artifact(&fixture.blobs, subject, 0);
        let error = app.push(&fixture.blobs, &artifact).await.unwrap_err();
        let (kind, words) = match case.ends_with("itself") {
            true => (ErrorKind::Unsupported, "means the subject itself"),
            false => (ErrorKind::Document, "is not a list of referrers: "),
        };
        assert_eq!(error.kind(), kind, "{case}: {}", chain(&error));
        assert!(chain(&error).contains(words), "{}", chain(&error));
        assert_eq!(app.resolve(tag.as_str()).await.unwrap().descriptor(), tagged, "{case}");
    }
}

#[tokio::test]
async fn an_empty_list_of_referrers_is_one() {
    let (registry, fixture) = with_image(vec![]).await;
    let app = repository(&registry, "team/app");
    let subject = fixture.amd64.descriptor();
    let mut index = Index::new();
    index.media_type = Some(MediaType::IMAGE_INDEX);
    let index = AnyDocument::Index(Document::new(index).unwrap());
    app.tag(referrers_tag(&subject.digest).as_str(), &index).await.unwrap();
    let artifact = artifact(&fixture.blobs, subject, 0);
    app.push(&fixture.blobs, &artifact).await.unwrap();
    assert_eq!(listed(&app, &subject.digest).await, [artifact.digest]);
}

fn scripted(
    script: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
) -> (Fake, Repository) {
    let fake = Fake::new(script);
    let client = Client::new(Config::default().transport(fake.clone())).unwrap();
    (fake, client.repository("registry.example/app").unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_page_that_a_registry_redirects_to_is_no_refusal_and_not_waited_for() {
    for status in [200, 401, 403, 429, 500, 503] {
        let (fake, app) = scripted(move |seen| match seen.uri.path() {
            _ if seen.host() == "pages.example" => {
                answer(status, &[("retry-after", "60"), ("content-type", "text/html")], "Sign in")
            }
            path if path.contains("/referrers/") => {
                answer(303, &[("location", "https://pages.example/app%2Freferrers%2Fsha256")], "")
            }
            _ => answer(404, &[], ""),
        });
        let start = tokio::time::Instant::now();
        for _ in 0..3 {
            assert_eq!(app.referrers(&Digest::sha256("subject"), None).await.unwrap(), []);
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "{status}");
        // Where it wants no request for a while, it gets none.
        let asked = fake.seen().iter().filter(|seen| seen.host() == "pages.example").count();
        assert_eq!(asked, if matches!(status, 429 | 503) { 1 } else { 3 }, "{status}");
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_after_a_page_is_not_looked_for_under_the_tag() {
    for status in [404, 405, 400] {
        let (fake, app) = scripted(move |seen| match seen.uri.query() {
            None if seen.uri.path().contains("/referrers/") => {
                let index = r#"{"schemaVersion":2,"manifests":[]}"#;
                let link = ("link", "<?page=2>; rel=\"next\"");
                answer(200, &[("content-type", MediaType::IMAGE_INDEX.as_str()), link], index)
            }
            _ => answer(status, &[], ""),
        });
        let error = app.referrers(&Digest::sha256("subject"), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{status}: {}", chain(&error));
        assert_eq!(fake.seen().len(), 2, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_another_one_redirects_to_is_waited_for() {
    let subject = Digest::sha256("subject");
    let elsewhere = format!("https://other.example/v2/app/referrers/{subject}");
    let refused = std::sync::atomic::AtomicBool::new(false);
    let (_, app) = scripted(move |seen| match seen.host() {
        "other.example" if refused.swap(true, std::sync::atomic::Ordering::Relaxed) => {
            let index = r#"{"schemaVersion":2,"manifests":[]}"#;
            answer(200, &[("content-type", MediaType::IMAGE_INDEX.as_str())], index)
        }
        "other.example" => answer(429, &[("retry-after", "60")], ""),
        _ => answer(307, &[("location", &elsewhere)], ""),
    });
    let start = tokio::time::Instant::now();
    assert_eq!(app.referrers(&subject, None).await.unwrap(), []);
    assert!(start.elapsed() >= Duration::from_secs(60));
}

#[tokio::test]
async fn a_referrer_that_is_listed_twice_is_one() {
    let descriptor = |number: u8| {
        let digest = Digest::sha256([number]);
        format!(r#"{{"mediaType":"{}","digest":"{digest}","size":1}}"#, MediaType::IMAGE_MANIFEST)
    };
    let (one, other) = (descriptor(1), descriptor(2));
    // By one list, and by two pages of it.
    let (_, app) = scripted(move |seen| {
        let index = MediaType::IMAGE_INDEX;
        let next = format!("<{}?page=2>; rel=\"next\"", seen.uri.path());
        let headers = [("content-type", index.as_str()), ("link", &next)];
        let headers = if seen.uri.query().is_some() { &headers[..1] } else { &headers };
        let list = format!(r#"{{"schemaVersion":2,"manifests":[{one},{other},{one}]}}"#);
        answer(200, headers, list)
    });
    let listed = app.referrers(&Digest::sha256("subject"), None).await.unwrap();
    let digests: Vec<_> = listed.into_iter().map(|it| it.digest).collect();
    assert_eq!(digests, [Digest::sha256([1]), Digest::sha256([2])]);
}
