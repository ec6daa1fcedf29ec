//! Each limit, on both sides of it.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response};
use oci_distribution_client::transport::Body;
use oci_distribution_client::{Client, Config, Credentials, Error, ErrorKind, Limits, Repository};
use oci_image::blob::Memory;
use oci_image::{AnyDocument, Descriptor, Document, Index, Manifest, MediaType};

use super::fake::{Fake, Seen, answer};
use super::fixture::{Fixture, chain, config, quick, registry, repository};

const HOST: &str = "registry.example";

/// A repository whose registry answers by a script, and the limits of its client.
fn scripted(
    script: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
    limit: impl FnOnce(&mut Limits),
) -> Repository {
    let config = Config::default().transport(Fake::new(script)).retry(quick());
    let config = config.credentials(HOST, Credentials::basic("user", "password"));
    limited(config, &format!("{HOST}/a"), limit)
}

fn limited(config: Config, name: &str, limit: impl FnOnce(&mut Limits)) -> Repository {
    let mut limits = Limits::default();
    limit(&mut limits);
    Client::new(config.limits(limits)).unwrap().repository(name).unwrap()
}

#[track_caller]
fn is_over_the_limit<T>(result: Result<T, Error>) {
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{}", chain(&error));
}

// covers: DIST-MAN-08
#[tokio::test]
async fn manifests_are_bounded() {
    let registry = registry().await;
    let fixture = Fixture::new();
    let pushed = repository(&registry, "a");
    pushed.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    let size = fixture.amd64.descriptor().size;
    let limited =
        |size| limited(config(&registry), &pushed.to_string(), |limits| limits.manifest = size);
    limited(size).manifest(fixture.amd64.descriptor()).await.unwrap();
    is_over_the_limit(limited(size - 1).manifest(fixture.amd64.descriptor()).await);
}

/// A manifest that is asked for by a tag has no descriptor that says how long it is.
#[tokio::test]
async fn manifests_are_bounded_where_a_tag_names_them() {
    let mut index = Index::new();
    index.media_type = Some(MediaType::IMAGE_INDEX);
    let document = Document::new(index).unwrap();
    let (size, content) = (document.descriptor().size, document.bytes().to_vec());
    let script = move |seen: &Seen| match seen.method {
        Method::HEAD => answer(405, &[], ""),
        _ => answer(200, &[("content-type", MediaType::IMAGE_INDEX.as_str())], content.clone()),
    };
    let limited = |size| scripted(script.clone(), |limits| limits.manifest = size);
    assert_eq!(limited(size).resolve("v1").await.unwrap().digest, document.descriptor().digest);
    is_over_the_limit(limited(size - 1).resolve("v1").await);
}

#[tokio::test]
async fn configs_and_what_is_pushed_are_bounded_as_manifests() {
    let registry = registry().await;
    let pushed = repository(&registry, "a");
    let built = oci_image::build::Builder::new(&oci_image::Platform::host());
    let built = built.label("org.example", "0".repeat(10_000)).build().unwrap();
    pushed.push(&built, &built.descriptor()).tag("v1").await.unwrap();
    let manifest = pushed.image("v1").await.unwrap();
    let limited =
        |size| limited(config(&registry), &pushed.to_string(), |limits| limits.manifest = size);
    let config = manifest.image().await.unwrap().config().descriptor().size;
    assert!(config > built.descriptor().size);
    limited(config).image("v1").await.unwrap().image().await.unwrap();
    is_over_the_limit(match limited(config - 1).image("v1").await {
        Ok(image) => image.image().await.map(drop),
        Err(error) => Err(error),
    });
    let size = built.descriptor().size;
    limited(size).push(&built, &built.descriptor()).await.unwrap();
    limited(size - 1).push(&built, &built.descriptor()).await.unwrap_err();
}

#[tokio::test]
async fn answers_of_the_base_are_bounded() {
    let client = |size| {
        let registry = ("docker-distribution-api-version", "registry/2.0");
        let fake = Fake::new(move |_| answer(200, &[registry], "{}"));
        let mut limits = Limits::default();
        limits.error = size;
        Client::new(Config::default().transport(fake).retry(quick()).limits(limits)).unwrap()
    };
    client(2).check(HOST).await.unwrap();
    is_over_the_limit(client(1).check(HOST).await);
    assert_eq!(client(2).danger_authorization(HOST, [""]).await.unwrap(), None);
    is_over_the_limit(client(1).danger_authorization(HOST, [""]).await);
}

#[tokio::test]
async fn a_limit_above_the_default_is_for_manifests_however_they_are_read() {
    const DEFAULT: usize = 4 << 20;
    let mut manifest = Manifest::new(Descriptor::empty_json());
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.annotations.insert("org.example.long".to_owned(), "x".repeat(DEFAULT));
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let descriptor = Descriptor::of(MediaType::IMAGE_MANIFEST, &bytes);
    let fake = Fake::new(move |seen| match seen.method {
        Method::HEAD => answer(405, &[], ""),
        _ => answer(200, &[], bytes.clone()),
    });
    for (size, is_taken) in [(descriptor.size, true), (DEFAULT as u64, false)] {
        let config = Config::default().transport(fake.clone());
        let repository = limited(config, &format!("{HOST}/a"), |limits| limits.manifest = size);
        assert_eq!(repository.resolve("v1").await.is_ok(), is_taken);
        assert_eq!(repository.manifest(&descriptor).await.is_ok(), is_taken);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_refused_by_the_length_that_is_announced_and_by_what_is_received() {
    let page = r#"{"name":"a","tags":[]}"#;
    let size = page.len() as u64;
    let read = async |limit, body: fn(u64) -> Body| {
        let script = move |_: &Seen| Response::new(body(r#"{"name":"a","tags":[]}"#.len() as u64));
        scripted(script, |limits| limits.page = limit).tags().await
    };
    // Of what is announced nothing is waited for.
    let announced = |size| Body::stream(futures_util::stream::pending(), Some(size));
    let received = |_| {
        let halves = r#"{"name":"a","tags":[]}"#.as_bytes().chunks(12);
        let halves: Vec<_> = halves.map(|half| Ok(half.into())).collect();
        Body::stream(futures_util::stream::iter(halves), None)
    };
    assert_eq!(read(size, received).await.unwrap().len(), 0);
    is_over_the_limit(read(size - 1, received).await);
    is_over_the_limit(read(size - 1, announced).await);
}

#[tokio::test]
async fn pages_are_bounded_in_size_and_number() {
    let page = r#"{"name":"a","tags":["t"]}"#;
    let script = |seen: &Seen| {
        let last = seen.uri.query().and_then(|query| query.rsplit_once("last=t"));
        let page = last.map_or(1, |(_, number)| number.parse::<u32>().unwrap() + 1);
        let link = format!("</v2/a/tags/list?n=1&last=t{page}>; rel=\"next\"");
        let next = [("link", link.as_str())];
        answer(200, if page < 3 { &next } else { &[] }, r#"{"name":"a","tags":["t"]}"#)
    };
    let size = page.len() as u64;
    assert_eq!(scripted(script, |limits| limits.page = size).tags().await.unwrap().len(), 3);
    is_over_the_limit(scripted(script, |limits| limits.page = size - 1).tags().await);
    assert_eq!(scripted(script, |limits| limits.pages = 3).tags().await.unwrap().len(), 3);
    is_over_the_limit(scripted(script, |limits| limits.pages = 2).tags().await);
    assert_eq!(scripted(script, |limits| limits.list = 3 * size).tags().await.unwrap().len(), 3);
    is_over_the_limit(scripted(script, |limits| limits.list = 3 * size - 1).tags().await);
}

#[tokio::test]
async fn answers_of_token_servers_are_bounded() {
    let body = r#"{"token":"t"}"#;
    let script = |seen: &Seen| match (seen.uri.path(), seen.authorization()) {
        ("/token", _) => answer(200, &[], r#"{"token":"t"}"#),
        (_, Some("Bearer t")) => answer(200, &[], r#"{"name":"a","tags":[]}"#),
        _ => {
            let challenge = format!(r#"Bearer realm="https://{HOST}/token",service="s""#);
            answer(401, &[("www-authenticate", &challenge)], "")
        }
    };
    let size = body.len() as u64;
    scripted(script, |limits| limits.token = size).tags().await.unwrap();
    scripted(script, |limits| limits.token = size - 1).tags().await.unwrap_err();
}

#[tokio::test]
async fn bodies_of_errors_are_bounded() {
    let body = r#"{"errors":[{"code":"DENIED","message":"no"}]}"#;
    let script = |_: &Seen| answer(403, &[], r#"{"errors":[{"code":"DENIED","message":"no"}]}"#);
    for (size, codes) in [(body.len(), 1), (body.len() - 1, 0)] {
        let error = scripted(script, |limits| limits.error = size as u64).tags().await.unwrap_err();
        assert_eq!((error.status(), error.codes().len()), (Some(403), codes), "{}", chain(&error));
    }
}

#[tokio::test]
async fn redirects_are_bounded() {
    let script = |seen: &Seen| match seen.uri.path() {
        "/v2/a/tags/list" => answer(307, &[("location", "/1")], ""),
        "/1" => answer(307, &[("location", "/2")], ""),
        _ => answer(200, &[], r#"{"name":"a","tags":[]}"#),
    };
    scripted(script, |limits| limits.redirects = 2).tags().await.unwrap();
    is_over_the_limit(scripted(script, |limits| limits.redirects = 1).tags().await);
}

/// Pulls an index, in an index, of the images of the fixture: three documents one below the other, four in all.
#[tokio::test]
async fn graphs_are_bounded_in_depth_number_and_bytes() {
    let registry = registry().await;
    let fixture = Fixture::new();
    let mut outer = Index::new();
    outer.media_type = Some(MediaType::IMAGE_INDEX);
    outer.manifests = vec![fixture.index.descriptor().clone()];
    let outer = Document::new(outer).unwrap();
    let pushed = repository(&registry, "a");
    pushed.push(&fixture.blobs, fixture.index.descriptor()).await.unwrap();
    pushed.tag("outer", &AnyDocument::Index(outer.clone())).await.unwrap();
    let manifests = fixture.index.value().manifests.iter().map(|it| it.size).sum::<u64>();
    let size = manifests + fixture.index.descriptor().size + outer.descriptor().size;
    let pull = async |limit: &dyn Fn(&mut oci_image::graph::Limits)| {
        let repository = limited(config(&registry), &pushed.to_string(), |limits| {
            limit(&mut limits.graph);
        });
        repository.pull(outer.descriptor(), &Arc::new(Memory::new())).await
    };
    pull(&|limits| (limits.depth, limits.documents, limits.bytes) = (3, 4, size)).await.unwrap();
    is_over_the_limit(pull(&|limits| limits.depth = 2).await);
    is_over_the_limit(pull(&|limits| limits.documents = 3).await);
    is_over_the_limit(pull(&|limits| limits.bytes = size - 1).await);
}

#[tokio::test(start_paused = true)]
async fn a_commit_has_a_deadline_of_its_own() {
    let fixture = Fixture::new();
    let second = Duration::from_secs(1);
    let location = ("location", "/v2/a/blobs/uploads/1");
    // After what the last bytes took, of which `Limits::stall` is the most.
    for (commit, is_pushed) in [(18 * second, false), (20 * second, true)] {
        let fake = Fake::new(move |seen| match seen.method {
            Method::POST => answer(202, &[location], ""),
            Method::PUT => answer(201, &[location], ""),
            _ => answer(404, &[], ""),
        });
        let fake = fake.thinking(move |seen| match seen.method {
            Method::PUT => 20 * second,
            _ => Duration::ZERO,
        });
        let mut retry = quick();
        retry.attempts = 1;
        let config = Config::default().transport(fake).retry(retry);
        let repository = limited(config, &format!("{HOST}/a"), |limits| {
            (limits.stall, limits.response, limits.commit) = (second, second, commit);
        });
        let pushed = repository.push_blob(&fixture.blobs, &fixture.layers[2]).await;
        let kind = pushed.map_err(|error| error.kind());
        assert_eq!(kind, if is_pushed { Ok(()) } else { Err(ErrorKind::Timeout) });
    }
}
