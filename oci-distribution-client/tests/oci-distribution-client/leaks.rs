//! A credential goes to the origin that it is for, and nowhere else.

use std::sync::Arc;

use http::Response;
use oci_distribution_client::transport::Body;
use oci_distribution_client::{
    Client, Config, Credentials, Error, ErrorKind, LoginFile, Repository,
};
use oci_image::blob::Memory;
use oci_image::{AnyDocument, Digest};

use crate::fake::{Fake, Seen, answer};
use crate::fixture::{Fixture, chain, quick};

pub(crate) const USER: &str = "canary-user";
pub(crate) const PASSWORD: &str = "canary-password-42";
pub(crate) const HOME: &str = "registry.example";

pub(crate) fn client(fake: &Fake, config: Config) -> Client {
    let credentials = Credentials::basic(USER, PASSWORD);
    let config = config.credentials(HOME, credentials).retry(quick()).transport(fake.clone());
    Client::new(config).unwrap()
}

fn repository(fake: &Fake) -> Repository {
    client(fake, Config::default()).repository(&format!("{HOME}/team/app")).unwrap()
}

/// Every kind of request that there is, each with its outcome.
pub(crate) async fn everything(repository: &Repository) -> Vec<(&'static str, Error)> {
    let fixture = Fixture::new();
    let digest = Digest::sha256("x");
    let manifest = AnyDocument::Manifest(fixture.amd64.clone());
    let memory = Arc::new(Memory::new());
    let mut errors = Vec::new();
    let mut note = |name, result: Result<(), Error>| {
        errors.extend(result.err().map(|error| (name, error)));
    };
    note("resolve", repository.resolve("v1").await.map(drop));
    note("manifest", repository.manifest(fixture.amd64.descriptor()).await.map(drop));
    note("blob", repository.blob(&fixture.layers[2]).unwrap().read_to_end(1 << 20).await.map(drop));
    note("range", repository.danger_blob_range(&digest, 0, 9).await.map(drop));
    note("has", repository.has_blob(&fixture.layers[2]).await.map(drop));
    note("pull", repository.pull(fixture.amd64.descriptor(), &memory).await.map(drop));
    note("push", repository.push(&fixture.blobs, fixture.amd64.descriptor()).await.map(drop));
    let chunked = repository.push(&fixture.blobs, fixture.amd64.descriptor()).chunks(1 << 20);
    note("chunks", chunked.await.map(drop));
    let mounted = repository.push(&fixture.blobs, fixture.amd64.descriptor());
    note("mount", mounted.mount_from("other").await.map(drop));
    note("tag", repository.tag("v1", &manifest).await);
    note("tags", repository.tags().await.map(drop));
    note("pages", repository.tags().page_size(2).after("a").await.map(drop));
    note("extensions", repository.extensions().await.map(drop));
    note("referrers", repository.referrers(&digest, None).await.map(drop));
    note("delete manifest", repository.delete_manifest(&digest).await);
    note("delete tag", repository.delete_tag("v1").await);
    note("delete blob", repository.delete_blob(&digest).await);
    errors
}

/// The requests that are for a registry and not for a repository, each with its outcome.
pub(crate) async fn everything_of(client: &Client) -> Vec<(&'static str, Error)> {
    let home = tempfile::tempdir().unwrap();
    let file = LoginFile::open(home.path().join("auth.json"));
    let login = Credentials::basic(USER, PASSWORD);
    let scopes = ["repository:team/app:pull"];
    let outcomes = [
        ("check", client.check(HOME).await),
        ("login", client.login(HOME, &login, &file).await),
        ("catalog", client.catalog(HOME).unwrap().await.map(drop)),
        ("extensions", client.extensions(HOME).await.map(drop)),
        ("authorization", client.danger_authorization(HOME, scopes).await.map(drop)),
    ];
    outcomes.into_iter().filter_map(|(name, outcome)| Some((name, outcome.err()?))).collect()
}

fn asks_for_password(_: &Seen) -> Response<Body> {
    let challenge = r#"Basic realm="x", Bearer realm="https://elsewhere.example/token""#;
    answer(401, &[("www-authenticate", challenge)], "")
}

fn assert_no_secret_elsewhere(fake: &Fake, what: &str) {
    for seen in fake.seen() {
        if seen.host() == HOME {
            continue;
        }
        let text = format!("{seen:?} {}", String::from_utf8_lossy(&seen.body));
        assert_eq!(seen.authorization(), None, "{what}: {text}");
        assert!(!text.contains("canary"), "{what}: {text}");
    }
}

// covers: DIST-GEN-09
#[tokio::test]
async fn no_redirect_carries_a_credential_to_another_origin() {
    let targets = [
        "https://elsewhere.example/v2/x",
        "https://registry.example:444/v2/x",
        "https://registry.example.evil/v2/x",
        "//elsewhere.example/v2/x",
        "https://registry.example@elsewhere.example/v2/x",
        "https://canary:pass@elsewhere.example/v2/x",
        "http://registry.example/v2/x",
        "http://registry.example:443/v2/x",
        "http://localhost/v2/x",
        "http://169.254.169.254/latest",
        "ftp://elsewhere.example/",
        "\\\\elsewhere.example/v2/x",
    ];
    for status in [301, 302, 303, 307, 308] {
        for target in targets {
            let fake = Fake::new(move |seen| match (seen.host(), seen.authorization()) {
                (HOME, None) => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
                (HOME, Some(_)) => answer(status, &[("location", target)], ""),
                _ => asks_for_password(seen),
            });
            let errors = everything(&repository(&fake)).await;
            assert!(errors.len() >= 14, "{status} {target}: {errors:?}");
            assert_no_secret_elsewhere(&fake, &format!("{status} to {target}"));
            // Nothing goes out without TLS, with or without a credential.
            let plain = fake.seen().iter().any(|seen| seen.uri.scheme_str() != Some("https"));
            assert!(!plain, "{status} to {target}");
        }
    }
}

#[tokio::test]
async fn the_way_back_from_another_origin_carries_no_credential() {
    let fake = Fake::new(|seen| match (seen.host(), seen.uri.path(), seen.authorization()) {
        (HOME, "/private", Some(_)) => answer(200, &[], "private"),
        (HOME, _, None) => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
        (HOME, ..) => answer(307, &[("location", "https://elsewhere.example/")], ""),
        _ => answer(307, &[("location", "https://registry.example/private")], ""),
    });
    everything(&repository(&fake)).await;
    let back = fake.seen().into_iter().filter(|seen| seen.uri.path() == "/private");
    let back: Vec<_> = back.collect();
    assert!(!back.is_empty());
    assert!(back.iter().all(|seen| seen.authorization().is_none()), "{back:?}");
}

// covers: DIST-PUSH-02
#[tokio::test]
async fn an_upload_to_another_origin_carries_no_credential() {
    let fake = Fake::new(|seen| match (seen.host(), seen.method.as_str()) {
        (HOME, _) if seen.authorization().is_none() => {
            answer(401, &[("www-authenticate", "Basic realm=x")], "")
        }
        (HOME, "HEAD") => answer(404, &[], ""),
        (HOME, "POST") => {
            answer(202, &[("location", "https://storage.example/up?state=a%2Fb")], "")
        }
        (HOME, "PUT") => answer(201, &[("location", "/v2/x")], ""),
        ("storage.example", "PUT") => answer(201, &[], ""),
        _ => asks_for_password(seen),
    });
    let fixture = Fixture::new();
    repository(&fake).push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    assert_no_secret_elsewhere(&fake, "upload");
    let uploads: Vec<_> =
        fake.seen().into_iter().filter(|seen| seen.host() == "storage.example").collect();
    assert_eq!(uploads.len(), 5);
    // The registry's own query stays as it is.
    let query = |seen: &Seen| seen.uri.query().unwrap_or_default().to_owned();
    assert!(uploads.iter().all(|seen| query(seen).starts_with("state=a%2Fb&digest=sha256")));
}

// covers: DIST-EXT-05, DIST-LIST-04
#[tokio::test]
async fn a_link_to_another_origin_is_not_followed() {
    for link in [
        "<https://elsewhere.example/v2/app/tags/list>; rel=next",
        "<//elsewhere.example/>; rel=\"next\"",
        "<http://registry.example/v2/team/app/tags/list?n=2>; rel=next",
        "<https://registry.example:8443/>; rel=next",
    ] {
        let fake = Fake::new(move |seen| match seen.authorization() {
            None => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
            Some(_) => answer(200, &[("link", link)], r#"{"name":"team/app","tags":["a"]}"#),
        });
        let error = repository(&fake).tags().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{link}: {error}");
        assert!(fake.seen().iter().all(|seen| seen.host() == HOME), "{link}");
    }
}

#[tokio::test]
async fn credentials_go_only_to_token_servers_that_are_safe() {
    let table = [
        ("https://auth.example/token", true),
        ("https://registry.example/token", true),
        ("http://auth.example/token", false),
        ("http://registry.example/token", false),
        ("http://registry.example:443/token", false),
        ("http://localhost/token", false),
        ("http://127.0.0.1:5000/token", false),
        ("https://canary:pw@auth.example/token", false),
        ("https://canary@auth.example/token", false),
        ("https://:pw@auth.example/token", false),
        ("file:///etc/passwd", false),
        ("/token", false),
        ("", false),
    ];
    for (realm, is_safe) in table {
        let challenge = format!(r#"Bearer realm="{realm}",service="s",scope="repository:a:pull""#);
        let fake = Fake::new(move |seen| match (seen.uri.path(), seen.authorization()) {
            ("/token", _) => answer(200, &[], r#"{"token":"canary-token"}"#),
            (_, Some("Bearer canary-token")) => answer(404, &[], ""),
            _ => answer(401, &[("www-authenticate", &challenge)], ""),
        });
        let error = repository(&fake).resolve("v1").await.unwrap_err();
        let asked = fake.seen().iter().any(|seen| seen.uri.path() == "/token");
        assert_eq!(asked, is_safe, "{realm}: {error}");
        let expected = if is_safe { ErrorKind::NotFound } else { ErrorKind::Unauthorized };
        assert_eq!(error.kind(), expected, "{realm}: {error}");
    }
}

#[tokio::test]
async fn a_token_server_over_http_gets_credentials_only_where_it_is_named() {
    let challenge = r#"Bearer realm="http://localhost:5001/token",service="s""#;
    for is_named in [false, true] {
        let fake = Fake::new(move |seen| match (seen.uri.path(), seen.authorization()) {
            ("/token", Some(_)) => answer(200, &[], r#"{"access_token":"t"}"#),
            (_, Some("Bearer t")) => answer(404, &[], ""),
            _ => answer(401, &[("www-authenticate", challenge)], ""),
        });
        let mut config = Config::default().plain_http("localhost:5000");
        config = config.credentials("localhost:5000", Credentials::basic(USER, PASSWORD));
        if is_named {
            config = config.danger_token_server("localhost:5000", "http://localhost:5001");
        }
        let client = client(&fake, config);
        let error = client.repository("localhost:5000/a").unwrap().resolve("v1").await.unwrap_err();
        let expected = if is_named { ErrorKind::NotFound } else { ErrorKind::Unauthorized };
        assert_eq!(error.kind(), expected, "{error}");
        let asked = fake.seen().iter().any(|seen| seen.host() == "localhost:5001");
        assert_eq!(asked, is_named);
    }
}

#[test]
fn only_loopback_hosts_are_asked_over_http_without_a_word_of_danger() {
    let table = [
        ("localhost", true),
        ("localhost:5000", true),
        ("127.0.0.1:5000", true),
        ("127.1.2.3", true),
        ("[::1]:5000", true),
        ("localhost.evil.example", false),
        ("localhost.:5000", false),
        ("127.0.0.1.evil.example", false),
        ("127.evil", false),
        ("0.0.0.0:5000", false),
        ("[::2]", false),
        ("user@localhost", false),
        ("localhost/x", false),
        ("registry.example", false),
        ("", false),
    ];
    for (host, is_allowed) in table {
        let fake = Fake::new(|_| answer(404, &[], ""));
        let config = Config::default().plain_http(host).transport(fake);
        assert_eq!(Client::new(config).is_ok(), is_allowed, "{host}");
    }
}

/// An image at home whose only layer is elsewhere.
fn foreign(url: &str) -> (Fake, oci_image::Descriptor) {
    let bytes = b"a layer that may not be distributed";
    let layer_type =
        oci_image::MediaType::from("application/vnd.oci.image.layer.nondistributable.v1.tar");
    let mut layer = oci_image::Descriptor::of(layer_type, bytes);
    layer.urls = vec![url.to_owned()];
    let mut manifest = oci_image::Manifest::new(oci_image::Descriptor::empty_json());
    manifest.layers = vec![layer];
    let manifest = oci_image::Document::new(manifest).unwrap();
    let image = manifest.descriptor().clone();
    let content = manifest.bytes().to_vec();
    let fake = Fake::new(move |seen| match (seen.host(), seen.authorization()) {
        (HOME, None) => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
        (HOME, _) if seen.uri.path().contains("/manifests/") => answer(200, &[], content.clone()),
        (HOME, _) if seen.uri.path().ends_with(Digest::EMPTY_JSON.as_str()) => {
            answer(200, &[], "{}")
        }
        (HOME, _) => answer(404, &[], ""),
        ("open.example", _) => answer(200, &[], bytes.as_slice()),
        _ => asks_for_password(seen),
    });
    (fake, image)
}

// covers: IMG-DESC-09
#[tokio::test]
async fn a_foreign_layer_is_fetched_only_on_request_and_without_credentials() {
    let (fake, image) = foreign("https://open.example/layer?signature=x");
    let repository = repository(&fake);
    let store = Arc::new(Memory::new());
    let error = repository.pull(&image, &store).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    assert!(fake.seen().iter().all(|seen| seen.host() == HOME));
    repository.pull(&image, &store).fetch_foreign_layers().await.unwrap();
    assert_eq!(store.digests().len(), 3);
    assert_no_secret_elsewhere(&fake, "foreign layer");

    for url in [
        "https://elsewhere.example/layer",
        "https://canary-user:canary-password-42@elsewhere.example/layer",
        "http://open.example/layer",
        "file:///etc/passwd",
        "not a url",
    ] {
        let (fake, image) = foreign(url);
        let repository = self::repository(&fake);
        let store = Arc::new(Memory::new());
        let error = repository.pull(&image, &store).fetch_foreign_layers().await.unwrap_err();
        assert_no_secret_elsewhere(&fake, url);
        let plain = fake.seen().iter().any(|seen| seen.uri.scheme_str() != Some("https"));
        assert!(!plain, "{url}: {}", chain(&error));
    }
}

/// A host may be a proxy for others, but nothing is taken for one: it gets no `ns`, and no credential of another host.
// covers: DIST-PROXY-03
#[tokio::test]
async fn no_host_gets_the_credentials_or_the_name_of_its_upstream() {
    for path in ["team/app", "registry.example/team/app"] {
        let fake = Fake::new(|seen| match seen.host() {
            "mirror.example" => asks_for_password(seen),
            _ => answer(404, &[], ""),
        });
        let client = client(&fake, Config::default());
        let repository = client.repository(&format!("mirror.example/{path}")).unwrap();
        let errors = everything(&repository).await;
        assert!(!errors.is_empty());
        assert_no_secret_elsewhere(&fake, path);
        let seen = fake.seen();
        assert!(seen.iter().all(|seen| seen.host() != HOME), "{seen:?}");
        let query = |seen: &Seen| seen.uri.query().unwrap_or_default().to_owned();
        let is_ns = |pair: &str| pair == "ns" || pair.starts_with("ns=");
        assert!(!seen.iter().any(|seen| query(seen).split('&').any(is_ns)), "{seen:?}");
    }
}
