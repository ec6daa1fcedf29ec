use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oci_distribution_client::transport::{Body, BoxFuture, Transport, TransportError};
use oci_distribution_client::{Client, Config, Credentials, ErrorKind};
use oci_image::blob::Memory;
use oci_registry::{Action, Auth, Fault, Grant, Server, Store};

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, chain, quick, start};

async fn server(auth: Auth) -> Server {
    start(oci_registry::serve(Store::memory()).auth(auth)).await
}

fn client_as(registry: &Server, user: &str, password: &str) -> Client {
    let host = registry.address().to_string();
    let config = Config::default().plain_http(&host).retry(quick());
    Client::new(config.credentials(host, Credentials::basic(user, password))).unwrap()
}

fn alice(auth: Auth) -> Auth {
    auth.user("alice", "secret", [Grant::all("team/*"), Grant::new("base/*", [Action::Pull])]).user(
        "root",
        "secret",
        [Grant::all("*")],
    )
}

// covers: DIST-GEN-07
#[tokio::test]
async fn basic_and_token_logins_work_and_wrong_ones_are_told() {
    for auth in [Auth::basic(), Auth::bearer()] {
        let registry = server(alice(auth)).await;
        let name = format!("{}/team/app", registry.address());
        let fixture = Fixture::new();

        let repository = client_as(&registry, "alice", "secret").repository(&name).unwrap();
        repository.push(&fixture.blobs, fixture.amd64.descriptor()).tag("v1").await.unwrap();
        assert_eq!(repository.tags().await.unwrap(), ["v1"]);
        let store = Arc::new(Memory::new());
        let image = repository.resolve("v1").await.unwrap();
        repository.pull(&image, &store).await.unwrap();
        repository.delete_tag("v1").await.unwrap();

        let wrong = client_as(&registry, "alice", "wrong").repository(&name).unwrap();
        let error = wrong.resolve("v1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}", chain(&error));
        assert!(!chain(&error).contains("wrong"), "{}", chain(&error));

        let anonymous = Config::default().plain_http(registry.address().to_string());
        let anonymous = Client::new(anonymous.retry(quick())).unwrap().repository(&name).unwrap();
        let error = anonymous.resolve("v1").await.unwrap_err();
        let kinds = [ErrorKind::Unauthorized, ErrorKind::Denied];
        assert!(kinds.contains(&error.kind()), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_of_a_push_is_replaced() {
    for uses in [1, 2, 3] {
        let registry = server(alice(Auth::bearer()).token_uses(uses)).await;
        let name = format!("{}/team/app", registry.address());
        let repository = client_as(&registry, "alice", "secret").repository(&name).unwrap();
        let fixture = Fixture::new();
        let push = repository.push(&fixture.blobs, fixture.index.descriptor());
        push.tag("v1").jobs(1).await.unwrap();
        let store = Arc::new(Memory::new());
        repository.pull(fixture.index.descriptor(), &store).jobs(1).await.unwrap();
        assert_eq!(store.digests(), fixture.blobs.digests());
    }
}

// covers: DIST-GEN-07
#[tokio::test]
async fn a_login_can_be_checked_before_anything_is_done() {
    for auth in [Auth::basic(), Auth::bearer()] {
        let registry = server(alice(auth)).await;
        let host = registry.address().to_string();
        client_as(&registry, "alice", "secret").check(&host).await.unwrap();
        let error = client_as(&registry, "alice", "wrong").check(&host).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}", chain(&error));
        registry.registry().add_faults([Fault::status("/v2/", http::StatusCode::NOT_FOUND)]);
        let error = client_as(&registry, "alice", "secret").check(&host).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_token_whose_way_breaks_off_is_asked_for_again() {
    let registry = server(alice(Auth::bearer())).await;
    let name = format!("{}/team/app", registry.address());
    for fault in [Fault::cut_body("/token", 5), Fault::disconnect("/token")] {
        registry.registry().add_faults([fault.times(2)]);
        let repository = client_as(&registry, "alice", "secret").repository(&name).unwrap();
        let error = repository.resolve("v1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    }
}

// covers: DIST-PUSH-12
#[tokio::test]
async fn a_mount_asks_for_a_token_that_reads_its_source() {
    let registry = server(alice(Auth::bearer())).await;
    let fixture = Fixture::new();
    let root = client_as(&registry, "root", "secret");
    let base = root.repository(&format!("{}/base/debian", registry.address())).unwrap();
    base.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    let secret = root.repository(&format!("{}/secret/app", registry.address())).unwrap();
    secret.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();

    let client = client_as(&registry, "alice", "secret");
    let app = client.repository(&format!("{}/team/app", registry.address())).unwrap();
    let push = app.push(&fixture.blobs, fixture.amd64.descriptor());
    let pushed = push.mount_from("base/debian").tag("v1").await.unwrap();
    assert_eq!((pushed.mounted, pushed.moved), (5, 1));
    // Where she may not read, the bytes are sent.
    let other = client.repository(&format!("{}/team/other", registry.address())).unwrap();
    let push = other.push(&fixture.blobs, fixture.amd64.descriptor());
    let pushed = push.mount_from("secret/app").tag("v1").await.unwrap();
    assert_eq!((pushed.mounted, pushed.moved), (0, 6));
    assert_eq!(registry.registry().open_uploads(), 0);
}

#[tokio::test]
async fn an_identity_token_is_exchanged_by_post_as_often_as_needed() {
    let asked = AtomicUsize::new(0);
    let fake = Fake::new(move |seen| match (seen.uri.path(), seen.authorization()) {
        ("/token", _) if asked.fetch_add(1, Ordering::Relaxed) < 2 => answer(502, &[], ""),
        ("/token", None) if seen.method == "POST" => {
            let body = String::from_utf8_lossy(&seen.body).into_owned();
            let is_right = body.contains("grant_type=refresh_token")
                && body.contains("refresh_token=identity%2Btoken")
                && body.contains("service=s")
                && body.contains("scope=repository%3Aapp%3Apull");
            answer(if is_right { 200 } else { 400 }, &[], r#"{"access_token":"t"}"#)
        }
        (_, Some("Bearer t")) => answer(404, &[], ""),
        _ => {
            let challenge = r#"Bearer realm="https://auth.example/token",service="s""#;
            answer(401, &[("www-authenticate", challenge)], "")
        }
    });
    let config = Config::default()
        .credentials("registry.example", Credentials::identity_token("identity+token"))
        .retry(quick())
        .transport(fake);
    let client = Client::new(config).unwrap();
    let error = client.repository("registry.example/app").unwrap().resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
}

/// It gives a token, and has nothing.
fn empty_registry() -> Fake {
    Fake::new(|seen| match (seen.uri.path(), seen.authorization()) {
        ("/token", _) => answer(200, &[], r#"{"token":"t","expires_in":300}"#),
        (_, Some("Bearer t")) => answer(404, &[], ""),
        _ => {
            let challenge = r#"Bearer realm="https://auth.example/token",service="s""#;
            answer(401, &[("www-authenticate", challenge)], "")
        }
    })
}

#[tokio::test]
async fn one_token_serves_many_requests() {
    let fake = empty_registry();
    let client = Client::new(Config::default().transport(fake.clone())).unwrap();
    let repository = client.repository("registry.example/app").unwrap();
    for _ in 0..5 {
        repository.resolve("v1").await.unwrap_err();
    }
    let seen = fake.seen();
    assert_eq!(seen.iter().filter(|seen| seen.uri.path() == "/token").count(), 1);
    let challenged = seen.iter().filter(|seen| seen.host() == "registry.example");
    assert_eq!(challenged.filter(|seen| seen.authorization().is_none()).count(), 1);
}

/// Answers requests without a token when two of them are there.
struct AnswersInPairs(Fake, tokio::sync::Barrier);

impl std::fmt::Debug for AnswersInPairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnswersInPairs")
    }
}

impl Transport for AnswersInPairs {
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> BoxFuture<'_, Result<http::Response<Body>, TransportError>> {
        Box::pin(async move {
            let is_token = request.uri().path() == "/token";
            if !is_token && !request.headers().contains_key(http::header::AUTHORIZATION) {
                self.1.wait().await;
            }
            self.0.send(request).await
        })
    }
}

#[tokio::test]
async fn one_token_serves_requests_that_were_challenged_at_once() {
    let fake = empty_registry();
    let together = AnswersInPairs(fake.clone(), tokio::sync::Barrier::new(2));
    let client = Client::new(Config::default().transport(together)).unwrap();
    let repository = client.repository("registry.example/app").unwrap();
    let (one, other) = tokio::join!(repository.resolve("v1"), repository.resolve("v2"));
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    }
    assert_eq!(fake.seen().iter().filter(|seen| seen.uri.path() == "/token").count(), 1);
}

/// Who asks `registry`, by what it is sent.
pub(crate) async fn authorization_for(config: Config, name: &str) -> Option<String> {
    let fake = Fake::new(|seen| match seen.authorization() {
        None => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
        Some(_) => answer(404, &[], ""),
    });
    let client = Client::new(config.transport(fake.clone()).retry(quick())).unwrap();
    let _ = client.repository(name).unwrap().resolve("v1").await;
    fake.seen().iter().find_map(|seen| seen.authorization().map(str::to_owned))
}

pub(crate) fn environment(variables: &[(&str, &Path)]) -> Config {
    let variables: HashMap<String, OsString> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_os_str().to_owned()))
        .collect();
    Config::from_variables(|name| variables.get(name).cloned()).unwrap()
}

#[tokio::test]
async fn logins_are_found_in_files_by_the_best_key() {
    let home = tempfile::tempdir().unwrap();
    let docker = home.path().join(".docker");
    std::fs::create_dir(&docker).unwrap();
    // Basic of `a:1` and so on.
    let file = r#"{"auths": {
        "https://index.docker.io/v1/": {"auth": "YTox"},
        "plain.example": {"auth": "Yjoy"},
        "https://url.example/v2/": {"auth": "Yzoz"},
        "ports.example:5000": {"username": "d", "password": "4"},
        "deep.example/team": {"auth": "ZTo1"},
        "deep.example/team/app": {"auth": "Zjo2"},
        "empty.example": {}
    }, "HttpHeaders": {"X-Odd": "kept"}}"#;
    std::fs::write(docker.join("config.json"), file).unwrap();
    let table = [
        ("debian", Some("Basic YTox")),
        ("docker.io/team/app", Some("Basic YTox")),
        ("plain.example/a", Some("Basic Yjoy")),
        ("url.example/a", Some("Basic Yzoz")),
        ("ports.example:5000/a", Some("Basic ZDo0")),
        ("ports.example/a", None),
        ("deep.example/team/app", Some("Basic Zjo2")),
        ("deep.example/team/other", Some("Basic ZTo1")),
        ("deep.example/teammate", None),
        ("empty.example/a", None),
        ("plain.example.evil/a", None),
        ("evil-plain.example/a", None),
    ];
    for (name, expected) in table {
        let config = environment(&[("HOME", home.path())]);
        assert_eq!(authorization_for(config, name).await.as_deref(), expected, "{name}");
    }
}

#[test]
fn a_login_file_that_cannot_be_read_is_an_error_without_its_text() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("auth.json");
    let variables =
        |name: &str| (name == "REGISTRY_AUTH_FILE").then(|| file.as_os_str().to_owned());
    let error = Config::from_variables(variables).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    std::fs::write(&file, r#"{"auths": {"a": {"auth": canary"#).unwrap();
    let text = chain(&Config::from_variables(variables).unwrap_err());
    assert!(text.contains("auth.json") && !text.contains("canary"), "{text}");
    assert!(Config::from_variables(|_| None).is_ok());
}
