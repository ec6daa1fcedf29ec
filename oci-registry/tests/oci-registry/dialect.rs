use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use oci_digest::Digest;
use oci_registry::{Auth, Dialect, Grant, Limits, Store};
use reqwest::Method;
use serde_json::json;

use crate::client::{Answer, Client, MANIFEST, manifest};

/// A registry of a dialect that has the image `v1` in `a`.
async fn speaking(dialect: Dialect) -> Client {
    let store = Store::memory();
    Client::of(oci_registry::serve(store.clone())).await.push_image("a", "v1").await;
    Client::of(oci_registry::serve(store).dialect(dialect)).await
}

/// What is answered to a request without a body.
async fn answered(dialect: Dialect, method: Method, path: &str) -> Answer {
    let client = speaking(dialect).await;
    client.send(client.request(method, path).header("content-length", 0)).await
}

#[test]
fn every_quirk_has_a_public_source() {
    for dialect in Dialect::ALL {
        assert!(!dialect.quirks().is_empty(), "{}", dialect.name());
        for quirk in dialect.quirks() {
            let source = quirk.source();
            let is_issue = source.split_once('#').is_some_and(|(repository, number)| {
                repository.split('/').count() == 2 && number.parse::<u32>().is_ok()
            });
            assert!(is_issue || source.starts_with("https://"), "{source}");
            assert!(!quirk.text().is_empty());
        }
    }
}

#[tokio::test]
async fn dialects_answer_as_recorded() {
    let empty = Digest::EMPTY_JSON;
    let (image, blob) = ("/v2/a/manifests/v1", format!("/v2/a/blobs/{empty}"));
    let referrers = format!("/v2/a/referrers/{empty}");
    let missing = format!("/v2/a/manifests/{empty}");
    let mount = format!("/v2/b/blobs/uploads/?mount={empty}&from=nowhere");
    let cases = [
        (Dialect::DOCKER_HUB, Method::DELETE, image, 405),
        (Dialect::DOCKER_HUB, Method::DELETE, &blob, 405),
        (Dialect::ECR_PUBLIC, Method::HEAD, &blob, 401),
        (Dialect::ECR_PUBLIC, Method::GET, &blob, 200),
        (Dialect::ARTIFACT_REGISTRY, Method::GET, &referrers, 302),
        (Dialect::GHCR, Method::GET, &referrers, 303),
        (Dialect::GHCR, Method::DELETE, image, 405),
        (Dialect::GITLAB, Method::GET, &referrers, 404),
        (Dialect::HARBOR, Method::POST, &mount, 401),
        (Dialect::ARTIFACTORY, Method::GET, &referrers, 406),
        (Dialect::ARTIFACTORY, Method::GET, "/v2/a/manifests/v2", 403),
        (Dialect::ARTIFACTORY, Method::GET, image, 200),
        (Dialect::ARTIFACTORY, Method::DELETE, "/v2/a/manifests/v2", 404),
        (Dialect::DISTRIBUTION_2, Method::DELETE, image, 400),
        (Dialect::DISTRIBUTION_2, Method::DELETE, &missing, 404),
        (Dialect::DISTRIBUTION_2, Method::GET, &referrers, 404),
        (Dialect::DISTRIBUTION_3, Method::DELETE, image, 202),
        (Dialect::OLAREG, Method::DELETE, image, 405),
        (Dialect::OLAREG, Method::DELETE, &blob, 405),
        (Dialect::GITEA, Method::GET, &referrers, 404),
    ];
    for (dialect, method, path, status) in cases {
        let answer = answered(dialect, method.clone(), path).await;
        assert_eq!(answer.status.as_u16(), status, "{} {method} {path}", dialect.name());
    }
}

#[tokio::test]
async fn a_redirect_of_a_dialect_leads_to_a_page() {
    for dialect in [Dialect::ARTIFACT_REGISTRY, Dialect::GHCR] {
        let client = speaking(dialect).await;
        let path = format!("/v2/a/referrers/{}", Digest::EMPTY_JSON);
        let location = client.get(&path).await.header("location").unwrap().to_owned();
        let page = client.get(&location).await.is(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    }
}

#[tokio::test]
async fn chunks_are_answered_as_recorded() {
    let cases = [
        (Dialect::ECR, 201, Some("0-1")),
        (Dialect::PULP, 204, Some("0-4")),
        (Dialect::ZOT, 202, Some("0-1")),
        (Dialect::GITEA, 202, Some("0-4")),
        (Dialect::ARTIFACT_REGISTRY, 405, None),
    ];
    for (dialect, status, range) in cases {
        let client = speaking(dialect).await;
        let session = client.session("a").await;
        client.patch(&session, Some("0-2"), b"abc").await;
        let answer = client.patch(&session, Some("3-4"), b"de").await;
        assert_eq!(answer.status.as_u16(), status, "{}", dialect.name());
        assert_eq!(answer.header("range"), range, "{}", dialect.name());
        // What is said otherwise is stored all the same.
        if status < 300 {
            let digest = Digest::sha256("abcde");
            client.put(&format!("{session}?digest={digest}"), b"").await.is(201);
        }
    }
}

#[tokio::test]
async fn bodies_are_refused_by_their_length() {
    let large = vec![0; (4 << 20) + 1];
    for (dialect, length, status) in
        [(Dialect::GHCR, 4 << 20, 202), (Dialect::GHCR, large.len(), 416)]
    {
        let client = speaking(dialect).await;
        let session = client.session("a").await;
        let range = format!("0-{}", length - 1);
        client.patch(&session, Some(&range), &large[..length]).await.is(status);
    }
}

#[tokio::test]
async fn gitlab_takes_a_tag_for_a_digest() {
    let client = speaking(Dialect::GITLAB).await;
    let image = client.get("/v2/a/manifests/v1").await.is(200);
    let digest = image.header("docker-content-digest").unwrap().to_owned();
    let found = client.get(&format!("/v2/a/manifests/{}", digest.replace(':', "-"))).await.is(200);
    assert_eq!(found.body, image.body);
}

#[tokio::test]
async fn quay_and_nexus_say_less_of_a_manifest() {
    let text = manifest(&json!({"subject": {
        "mediaType": MANIFEST, "digest": Digest::sha256("x").as_str(), "size": 1,
    }}));
    for (dialect, missing, there) in [
        (Dialect::QUAY, "oci-subject", "docker-content-digest"),
        (Dialect::NEXUS, "docker-content-digest", "oci-subject"),
    ] {
        let client = speaking(dialect).await;
        let put = client.put_manifest("a", "v2", MANIFEST, text.to_string().as_bytes()).await;
        let put = put.is(201);
        assert_eq!(put.header(missing), None, "{}", dialect.name());
        assert!(put.header(there).is_some(), "{}", dialect.name());
    }
}

fn basic() -> String {
    format!("Basic {}", BASE64_STANDARD.encode("alice:secret"))
}

async fn with_login(dialect: Dialect) -> Client {
    let auth = dialect.auth().user("alice", "secret", [Grant::all("*")]);
    Client::of(oci_registry::serve(Store::memory()).dialect(dialect).auth(auth)).await
}

#[tokio::test]
async fn dialects_have_their_own_token_services() {
    let all = ["access_token", "expires_in", "token"];
    let cases: [(Dialect, &str, &[&str]); 5] = [
        (Dialect::ARTIFACT_REGISTRY, "/v2/token", &all),
        (Dialect::ACR, "/oauth2/token", &["access_token"]),
        (Dialect::GITLAB, "/jwt/auth", &all),
        (Dialect::HARBOR, "/service/token", &all),
        (Dialect::GITEA, "/v2/token", &["token"]),
    ];
    for (dialect, path, expected) in cases {
        let client = with_login(dialect).await;
        let challenge =
            client.get("/v2/").await.is(401).header("www-authenticate").unwrap().to_owned();
        assert!(challenge.contains(&client.url(path)), "{challenge}");
        let answer =
            client.send(client.request(Method::GET, path).header("authorization", basic()));
        let answer = answer.await.is(200).json();
        let members: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, expected, "{}", dialect.name());
        client.get("/token").await.is(404);
    }
}

#[tokio::test]
async fn passwords_are_taken_where_that_is_recorded() {
    for (dialect, status) in
        [(Dialect::ECR, 200), (Dialect::HARBOR, 200), (Dialect::GITEA, 200), (Dialect::QUAY, 401)]
    {
        let client = with_login(dialect).await;
        let answer =
            client.send(client.request(Method::GET, "/v2/").header("authorization", basic()));
        answer.await.is(status);
    }
    let challenges = |answer: Answer| {
        let values = answer.headers.get_all("www-authenticate").iter();
        let schemes =
            values.map(|value| value.to_str().unwrap().split(' ').next().unwrap().to_owned());
        schemes.collect::<Vec<_>>()
    };
    let harbor = with_login(Dialect::HARBOR).await;
    assert_eq!(challenges(harbor.get("/v2/").await.is(401)), ["Bearer", "Basic"]);
    let expired = harbor.request(Method::GET, "/v2/").header("authorization", "Bearer x");
    assert_eq!(challenges(harbor.send(expired).await.is(401)), ["Basic"]);
}

#[tokio::test]
async fn gitlab_grants_the_last_scope_alone() {
    let client = with_login(Dialect::GITLAB).await;
    let token = "/jwt/auth?scope=repository:a:pull&scope=repository:b:pull,push";
    let answer = client.send(client.request(Method::GET, token).header("authorization", basic()));
    let token = answer.await.is(200).json()["token"].as_str().unwrap().to_owned();
    for (path, status) in [("/v2/a/tags/list", 401), ("/v2/b/tags/list", 404)] {
        let request = client.request(Method::GET, path);
        client.send(request.header("authorization", format!("Bearer {token}"))).await.is(status);
    }
}

#[tokio::test]
async fn tags_are_listed_whole_where_there_are_no_pages() {
    let store = Store::memory();
    let mut limits = Limits::default();
    limits.page = 1;
    for (dialect, pages) in [(Dialect::DISTRIBUTION_2, false), (Dialect::DISTRIBUTION_3, true)] {
        let serve = oci_registry::serve(store.clone()).limits(limits.clone()).dialect(dialect);
        let client = Client::of(serve).await;
        client.push_image("a", "v1").await;
        client.push_image("a", "v2").await;
        let list = client.get("/v2/a/tags/list?n=1").await.is(200);
        let expected = if pages { json!(["v1"]) } else { json!(["v1", "v2"]) };
        assert_eq!((list.json()["tags"].clone(), list.header("link").is_some()), (expected, pages));
    }
}

#[test]
fn a_dialect_without_a_recorded_login_has_tokens() {
    assert_eq!(format!("{:?}", Dialect::ZOT.auth()), format!("{:?}", Auth::bearer()));
    assert_eq!(format!("{:?}", Dialect::ECR.auth()), format!("{:?}", Auth::basic()));
}
