//! What errors say to those who meet them first.

use std::sync::Arc;

use oci_distribution_client::{Client, Config, Credentials, Error, ErrorKind};
use oci_image::Digest;
use oci_image::blob::Memory;
use oci_registry::{Auth, Fault, Server, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, chain, config, quick, registry, start};

async fn resolve(config: Config, host: &str) -> Error {
    let client = Client::new(config.retry(quick())).unwrap();
    client.repository(&format!("{host}/team/app")).unwrap().resolve("v1").await.unwrap_err()
}

/// A server that answers whatever it gets with these bytes.
async fn raw(bytes: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

#[tokio::test]
async fn a_registry_without_tls_says_which_setting_helps() {
    let registry = registry().await;
    let host = registry.address().to_string();
    let error = resolve(Config::default(), &host).await;
    assert_eq!(error.kind(), ErrorKind::Tls);
    let expected = format!(
        "cannot resolve `v1` in `{host}/team/app`: the server does not speak TLS; a registry that is \
         asked over http is named with `Config::plain_http` (`danger_plain_http` if it is not on this \
         machine)"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_registry_with_tls_that_is_asked_over_http_says_so() {
    // The alert of a TLS server, and the answer of Go's.
    let alert = raw(b"\x15\x03\x01\x00\x02\x02\x46").await;
    let error = resolve(Config::default().plain_http(&alert), &alert).await;
    let expected = format!(
        "cannot resolve `v1` in `{alert}/team/app`: the server does not speak HTTP; a registry that is \
         asked over https is not named with `Config::plain_http`"
    );
    assert_eq!(error.to_string(), expected);

    let go =
        raw(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
            .await;
    let client = Client::new(Config::default().plain_http(&go).retry(quick())).unwrap();
    let error = client.check(&go).await.unwrap_err();
    let expected = format!(
        "cannot log in to `{go}`: the server speaks https there; such a registry is not named with \
         `Config::plain_http`: the answer was 400 Bad Request"
    );
    assert_eq!(error.to_string(), expected);
}

async fn with(auth: Auth) -> Server {
    start(oci_registry::serve(Store::memory()).auth(auth)).await
}

#[tokio::test]
async fn a_registry_that_wants_credentials_says_for_what_and_how_to_give_them() {
    for (auth, status) in [(Auth::basic(), 401), (Auth::bearer(), 401)] {
        let registry = with(auth).await;
        let host = registry.address().to_string();
        let error = resolve(config(&registry), &host).await;
        assert_eq!((error.kind(), error.status()), (ErrorKind::Unauthorized, Some(status)));
        let expected = format!(
            "cannot resolve `v1` in `{host}/team/app`: `{host}` wants credentials for \
             `repository:team/app:pull`, and none are configured for it; give them with \
             `Config::credentials`, or in a login file with `Config::from_environment`: the answer was \
             401 Unauthorized"
        );
        assert!(error.to_string().starts_with(&expected), "{error}");

        let wrong = config(&registry).credentials(&host, Credentials::basic("alice", "canary"));
        let error = resolve(wrong, &host).await;
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(chain(&error).contains("refuses the configured credentials"), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_token_server_that_refuses_anonymous_callers_says_the_same() {
    let fake = Fake::new(|seen| match seen.uri.path() {
        "/token" => answer(401, &[], ""),
        _ => {
            let challenge = r#"Bearer realm="https://auth.example/token",service="s""#;
            answer(401, &[("www-authenticate", challenge)], "")
        }
    });
    let error = resolve(Config::default().transport(fake), "registry.example").await;
    assert_eq!(
        chain(&error),
        "cannot resolve `v1` in `registry.example/team/app`: logging in to `registry.example` failed: \
         cannot get a token for `registry.example` from `https://auth.example/token`: `registry.example` \
         wants credentials for `repository:team/app:pull`, and none are configured for it; give them \
         with `Config::credentials`, or in a login file with `Config::from_environment`: the answer was \
         401 Unauthorized"
    );
}

#[test]
fn settings_that_cannot_be_used_say_why() {
    let table = [
        (
            Config::default().plain_http("registry.example"),
            "cannot use `registry.example` over http: `Config::plain_http` is for registries on this \
             machine, `Config::danger_plain_http` for others",
        ),
        (
            Config::default().plain_http("http://localhost"),
            "cannot use `http://localhost` over http: cannot use `http://localhost` as a registry: \
             it is a URL: leave out what stands before the host",
        ),
        (
            Config::default().mirror("docker.io", "mirror.example/UPPER"),
            "cannot use the mirror `mirror.example/UPPER` of `docker.io`: cannot use `UPPER` as a \
             repository name: character 1 is `U`, and letters must be lower case",
        ),
        (
            Config::default().credentials("https://a.example", Credentials::basic("a", "b")),
            "cannot use the credentials for `https://a.example`: cannot use `https://a.example` as a \
             registry: it is a URL: leave out what stands before the host",
        ),
        (
            Config::default().danger_token_server("a.example", "auth.example"),
            "cannot allow the token server `auth.example`: it is not written as `http://host:port`",
        ),
    ];
    for (config, expected) in table {
        let error = Client::new(config).unwrap_err();
        assert_eq!((error.kind(), chain(&error).as_str()), (ErrorKind::Configuration, expected));
    }
}

/// Kinds of errors, each with how it comes about and what it says.
#[tokio::test]
async fn every_message_says_what_cannot_be_done_to_what() {
    let fixture = Fixture::new();
    let registry = registry().await;
    let host = registry.address().to_string();
    let name = format!("{host}/team/app");
    let client = Client::new(config(&registry)).unwrap();
    let repository = client.repository(&name).unwrap();
    let image = fixture.amd64.descriptor();
    let (layer, digest) = (&fixture.layers[2], Digest::sha256("x"));
    let mut seen = Vec::new();
    let mut note = |kind, error: Error, expected: String| {
        assert_eq!(error.kind(), kind, "{}", chain(&error));
        assert!(chain(&error).starts_with(&expected), "{expected}\n{}", chain(&error));
        seen.push(kind);
    };
    let missing = repository.resolve("v1").await.unwrap_err();
    note(
        ErrorKind::NotFound,
        missing,
        format!("cannot resolve `v1` in `{name}`: the answer was 404 Not Found; "),
    );
    for tag in ["", "a/b"] {
        let expected =
            format!("cannot delete tag `{tag}` of `{name}`: cannot use `{tag}` as a tag: ",);
        note(ErrorKind::Configuration, repository.delete_tag(tag).await.unwrap_err(), expected);
    }
    let error = repository.push(&fixture.blobs, image).mount_from("A").await.unwrap_err();
    let expected = format!(
        "cannot push `{}` to `{name}`: cannot use `A` as a repository name: ",
        image.digest
    );
    note(ErrorKind::Configuration, error, expected);
    let error = repository.push(&Arc::new(Memory::new()), image).await.unwrap_err();
    let expected = format!(
        "cannot push `{0}` to `{name}`: manifest `{0}` cannot be read: cannot find blob `{0}`",
        image.digest
    );
    note(ErrorKind::Source, error, expected);
    repository.push(&fixture.blobs, image).tag("v1").await.unwrap();
    let mut faulty = async |fault: Fault, kind, expected: &str| {
        registry.registry().clear_faults();
        registry.registry().add_faults([fault]);
        let error = repository.pull(image, &Arc::new(Memory::new())).await.unwrap_err();
        note(kind, error, expected.replace("LAYER", layer.digest.as_str()).replace("NAME", &name));
    };
    let path = format!("/blobs/{}", layer.digest);
    let status = |status: u16| Fault::status(&path, http::StatusCode::from_u16(status).unwrap());
    for (fault, kind, expected) in [
        (status(403), ErrorKind::Denied, "the answer was 403 Forbidden; DENIED: "),
        (status(405), ErrorKind::Unsupported, "the answer was 405 Method Not Allowed; "),
        (status(429), ErrorKind::RateLimited, "the answer was 429 Too Many Requests; "),
        (status(400), ErrorKind::Unsupported, "the answer was 400 Bad Request; UNSUPPORTED: "),
        (status(500), ErrorKind::Server, "the answer was 500 Internal Server Error"),
        (Fault::disconnect(&path), ErrorKind::Transport, "the connection failed: "),
        (Fault::redirect_loop(&path), ErrorKind::Limit, "there were more than 5 redirects"),
        (
            Fault::redirect(&path, "ftp://elsewhere.example/"),
            ErrorKind::Protocol,
            "the redirect is refused: it points to what is not http or https",
        ),
        (
            Fault::wrong_bytes(&path),
            ErrorKind::Verification,
            "the content received is not what its descriptor says",
        ),
    ] {
        faulty(fault, kind, &format!("cannot pull blob `LAYER` of `NAME`: {expected}")).await;
    }
    registry.registry().clear_faults();
    let error = repository.delete_blob(&digest).await.unwrap_err();
    note(ErrorKind::NotFound, error, format!("cannot delete blob `{digest}` of `{name}`: "));
    drop(registry);
    let error = repository.tags().await.unwrap_err();
    note(
        ErrorKind::Unreachable,
        error,
        format!("cannot list the tags of `{name}`: cannot connect: "),
    );
    seen.sort_by_key(|kind| format!("{kind:?}"));
    seen.dedup();
    assert_eq!(seen.len(), 12, "{seen:?}");
}
