use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use oci_digest::Digest;
use oci_registry::{Action, Auth, Grant, Limits, Store};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, MANIFEST, manifest};

pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")))
}

fn users(auth: Auth) -> Auth {
    auth.user("admin", "root", [Grant::all("*")])
        .user("puller", "1", [Grant::new("team/app", [Action::Pull])])
        .user("pusher", "2", [Grant::new("team/app", [Action::Push])])
        .user("deleter", "3", [Grant::new("team/app", [Action::Delete])])
        .user("other", "4", [Grant::all("other/*")])
        .anonymous([Grant::new("public/*", [Action::Pull])])
}

/// A registry with an image of each team, and a handle for each user.
async fn registry(auth: Auth) -> Client {
    let store = Store::memory();
    let open = Client::of(oci_registry::serve(store.clone())).await;
    for name in ["team/app", "other/app", "public/app", "secret/app"] {
        open.push_image(name, "v1").await;
    }
    Client::of(oci_registry::serve(store).auth(users(auth))).await
}

fn login(client: &Client, name: &str, password: &str) -> Client {
    Client { credentials: Some(basic(name, password)), ..client.clone() }
}

/// Every route of `team/app`, with what it needs.
pub(crate) fn routes() -> Vec<(Method, String, Action)> {
    let empty = Digest::EMPTY_JSON;
    let session = "00000000-0000-4000-8000-000000000000";
    let path = |rest: &str| format!("/v2/team/app/{rest}");
    vec![
        (Method::GET, path("manifests/v1"), Action::Pull),
        (Method::HEAD, path("manifests/v1"), Action::Pull),
        (Method::GET, path(&format!("manifests/{empty}")), Action::Pull),
        (Method::GET, path(&format!("blobs/{empty}")), Action::Pull),
        (Method::HEAD, path(&format!("blobs/{empty}")), Action::Pull),
        (Method::GET, path("tags/list"), Action::Pull),
        (Method::HEAD, path("tags/list"), Action::Pull),
        (Method::GET, path(&format!("referrers/{empty}")), Action::Pull),
        (Method::PUT, path("manifests/v1"), Action::Push),
        (Method::POST, path("blobs/uploads/"), Action::Push),
        (Method::POST, path(&format!("blobs/uploads/?mount={empty}&from=team/app")), Action::Push),
        (Method::POST, path(&format!("blobs/uploads/?digest={empty}")), Action::Push),
        (Method::GET, path(&format!("blobs/uploads/{session}")), Action::Push),
        (Method::PATCH, path(&format!("blobs/uploads/{session}")), Action::Push),
        (Method::PUT, path(&format!("blobs/uploads/{session}?digest={empty}")), Action::Push),
        (Method::DELETE, path(&format!("blobs/uploads/{session}")), Action::Push),
        (Method::DELETE, path("manifests/nothing"), Action::Delete),
        (Method::DELETE, path(&format!("manifests/{}", Digest::sha256("x"))), Action::Delete),
        (Method::DELETE, path(&format!("blobs/{}", Digest::sha256("x"))), Action::Delete),
    ]
}

#[tokio::test]
async fn every_route_challenges_who_shows_no_credentials() {
    let client = registry(Auth::basic()).await;
    for (method, path, _) in routes() {
        let answer = client.send(client.request(method.clone(), &path).body("")).await.is(401);
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"oci-registry\""));
    }
}

// covers: DIST-GEN-07
#[tokio::test]
async fn the_base_asks_who_it_is() {
    let client = registry(Auth::basic()).await;
    let refused = client.get("/v2/").await.refused(401, "UNAUTHORIZED");
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"oci-registry\""));
    login(&client, "other", "4").get("/v2/").await.is(200);
    for (name, password) in [("admin", ""), ("admin", "root "), ("nobody", "root"), ("", "")] {
        login(&client, name, password).get("/v2/").await.refused(401, "UNAUTHORIZED");
    }
    for credentials in ["Basic", "Basic !", "Bearer x", "basic YQ==", "root"] {
        let client = Client { credentials: Some(credentials.into()), ..client.clone() };
        client.get("/v2/public/app/manifests/v1").await.refused(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_not_distinguished_from_what_is_not_there() {
    let client = login(&registry(Auth::basic()).await, "other", "4");
    let there = client.get("/v2/secret/app/manifests/v1").await.refused(403, "DENIED");
    let absent = client.get("/v2/absent/app/manifests/v1").await.refused(403, "DENIED");
    let same = String::from_utf8(absent.body).unwrap().replace("absent/app", "secret/app");
    assert_eq!(String::from_utf8(there.body).unwrap(), same);
}

#[tokio::test]
async fn anonymous_clients_may_what_is_granted_to_them() {
    let client = registry(Auth::basic()).await;
    client.get("/v2/public/app/manifests/v1").await.is(200);
    client.post("/v2/public/app/blobs/uploads/").await.refused(401, "UNAUTHORIZED");
    client.get("/v2/public/manifests/v1").await.refused(401, "UNAUTHORIZED");
    client.get("/v2/publicity/app/manifests/v1").await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_mount_needs_to_read_its_source() {
    let client = login(&registry(Auth::basic()).await, "other", "4");
    let content = client.push_blob("other/app", b"mine").await;
    let mount = |digest: &Digest, from: &str| {
        let path = format!("/v2/other/new/blobs/uploads/?mount={digest}&from={from}");
        let client = client.clone();
        async move { client.post(&path).await }
    };
    mount(&content, "other/app").await.is(201);
    // There or not there, readable or not: an upload session.
    mount(&Digest::EMPTY_JSON, "secret/app").await.is(202);
    mount(&Digest::EMPTY_JSON, "team/app").await.is(202);
    client.get(&format!("/v2/other/new/blobs/{}", Digest::EMPTY_JSON)).await.is(404);
    // Nor does a manifest reach what is elsewhere.
    let text = manifest(&json!({})).to_string();
    let put = client.put_manifest("other/new", "v1", MANIFEST, text.as_bytes()).await;
    put.refused(404, "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn the_catalog_lists_what_the_client_may_pull() {
    let client = registry(Auth::basic()).await;
    client.get("/v2/_catalog").await.is(401);
    let listed = async |name, password| {
        let answer = login(&client, name, password).get("/v2/_catalog").await.is(200);
        answer.json()["repositories"].clone()
    };
    assert_eq!(listed("puller", "1").await, json!(["team/app"]));
    assert_eq!(listed("pusher", "2").await, json!([]));
    let all = json!(["other/app", "public/app", "secret/app", "team/app"]);
    assert_eq!(listed("admin", "root").await, all);
}

async fn token(client: &Client, query: &str) -> Value {
    client.get(&format!("/token?{query}")).await.is(200).json()
}

fn with_token(client: &Client, answer: &Value) -> Client {
    let token = answer["token"].as_str().unwrap();
    Client { credentials: Some(format!("Bearer {token}")), ..client.clone() }
}

#[tokio::test]
async fn a_challenge_leads_to_a_token() {
    let client = registry(Auth::bearer()).await;
    let base = client.get("/v2/").await.refused(401, "UNAUTHORIZED");
    let realm = format!("Bearer realm=\"{}\",service=\"oci-registry\"", client.url("/token"));
    assert_eq!(base.header("www-authenticate"), Some(realm.as_str()));
    let refused = client.post("/v2/team/app/blobs/uploads/").await.is(401);
    let scope = "repository:team/app:pull,push";
    let challenge = format!("{realm},scope=\"{scope}\"");
    assert_eq!(refused.header("www-authenticate"), Some(challenge.as_str()));

    let answer = token(&login(&client, "admin", "root"), &format!("scope={scope}")).await;
    assert_eq!((&answer["access_token"], &answer["expires_in"]), (&answer["token"], &json!(300)));
    assert_eq!(answer.get("refresh_token"), None);
    let admin = with_token(&client, &answer);
    admin.get("/v2/").await.is(200);
    admin.post("/v2/team/app/blobs/uploads/").await.is(202);
    // It is good for what was asked, though the user may more.
    for (method, path) in
        [(Method::GET, "/v2/other/app/manifests/v1"), (Method::DELETE, "/v2/team/app/manifests/v1")]
    {
        let refused = admin.send(admin.request(method, path)).await.is(401);
        assert!(
            refused.header("www-authenticate").unwrap().ends_with(",error=\"insufficient_scope\"")
        );
    }
}

#[tokio::test]
async fn the_challenge_of_a_mount_names_both_repositories() {
    let client = registry(Auth::bearer()).await;
    let digest = Digest::EMPTY_JSON;
    let challenge = async |query: &str| {
        let answer = client.post(&format!("/v2/team/new/blobs/uploads/?{query}")).await.is(401);
        let challenge = answer.header("www-authenticate").unwrap();
        challenge.split_once(",scope=").unwrap().1.trim_matches('"').to_owned()
    };
    let target = "repository:team/new:pull,push";
    let both = challenge(&format!("mount={digest}&from=other/app")).await;
    assert_eq!(both, format!("{target} repository:other/app:pull"));
    for query in [
        format!("mount={digest}"),
        format!("mount={digest}&from=team/new"),
        format!("mount={digest}&from=.."),
        "from=other/app".to_owned(),
        String::new(),
    ] {
        assert_eq!(challenge(&query).await, target, "{query}");
    }
    // A token for what the challenge says is enough.
    let answer =
        token(&login(&client, "admin", "root"), &format!("scope={}", both.replace(' ', "%20")))
            .await;
    let path = format!("/v2/team/new/blobs/uploads/?mount={digest}&from=other/app");
    with_token(&client, &answer).post(&path).await.is(201);
}

#[tokio::test]
async fn a_token_is_good_for_what_its_user_may() {
    let client = registry(Auth::bearer()).await;
    let puller = login(&client, "puller", "1");
    let query =
        "scope=repository:team/app:*&scope=repository:secret/app:pull%20repository:other/app:pull";
    let puller = with_token(&client, &token(&puller, query).await);
    puller.get("/v2/team/app/manifests/v1").await.is(200);
    for path in ["/v2/secret/app/tags/list", "/v2/other/app/tags/list"] {
        puller.get(path).await.is(401);
    }
    puller.post("/v2/team/app/blobs/uploads/").await.is(401);
    // Several scopes in one value, as a query or a form writes spaces.
    for space in ["%20", "+"] {
        let query = format!("scope=repository:team/app:pull{space}repository:other/app:pull,push");
        let admin = with_token(&client, &token(&login(&client, "admin", "root"), &query).await);
        admin.get("/v2/team/app/tags/list").await.is(200);
        admin.post("/v2/other/app/blobs/uploads/").await.is(202);
    }
    let anonymous =
        with_token(&client, &token(&client, "scope=repository:public/app:pull,push").await);
    anonymous.get("/v2/public/app/manifests/v1").await.is(200);
    anonymous.post("/v2/public/app/blobs/uploads/").await.is(401);
}

#[tokio::test]
async fn tokens_are_not_given_to_strangers() {
    let client = registry(Auth::bearer()).await;
    for credentials in [basic("admin", "wrong"), "Basic !".into(), "Bearer x".into(), "x".into()] {
        let client = Client { credentials: Some(credentials), ..client.clone() };
        client.get("/token?scope=repository:team/app:pull").await.refused(401, "UNAUTHORIZED");
    }
    let forged = Client { credentials: Some("Bearer forged".into()), ..client.clone() };
    let refused = forged.get("/v2/team/app/tags/list").await.is(401);
    assert!(refused.header("www-authenticate").unwrap().ends_with(",error=\"invalid_token\""));
    // A password is no token.
    login(&client, "admin", "root").get("/v2/team/app/tags/list").await.is(401);
}

#[tokio::test]
async fn refresh_tokens_bring_new_tokens() {
    let client = registry(Auth::bearer()).await;
    let post = async |form: &str| {
        let request = client.request(Method::POST, "/token").body(form.to_owned());
        client.send(request.header("content-type", "application/x-www-form-urlencoded")).await
    };
    let scope = "scope=repository%3Ateam%2Fapp%3Apull&service=s&client_id=c";
    let form =
        format!("grant_type=password&username=admin&password=root&access_type=offline&{scope}");
    let first = post(&form).await.is(200).json();
    let refresh = first["refresh_token"].as_str().unwrap();
    let second =
        post(&format!("grant_type=refresh_token&refresh_token={refresh}&{scope}")).await.is(200);
    for answer in [first.clone(), second.json()] {
        with_token(&client, &answer).get("/v2/team/app/tags/list").await.is(200);
    }
    for form in [
        "grant_type=password&username=admin&password=wrong",
        "grant_type=refresh_token&refresh_token=x",
        "grant_type=refresh_token",
        "grant_type=magic",
        "",
    ] {
        post(form).await.refused(401, "UNAUTHORIZED");
    }
    let offline = token(&login(&client, "admin", "root"), "offline_token=true").await;
    assert!(offline["refresh_token"].is_string());
}

#[tokio::test]
async fn a_form_that_asks_for_a_token_is_bounded() {
    let client = registry(Auth::bearer()).await;
    let form = "grant_type=password&username=admin&password=root&client_id=";
    for (length, status) in [(64 << 10, 200), ((64 << 10) + 1, 413)] {
        let form = format!("{form}{}", "c".repeat(length - form.len()));
        client.send(client.request(Method::POST, "/token").body(form)).await.is(status);
    }
}

#[tokio::test]
async fn a_token_ends_by_uses_and_by_age() {
    let client = registry(Auth::bearer().token_uses(2)).await;
    let admin = login(&client, "admin", "root");
    let twice = with_token(&client, &token(&admin, "scope=repository:team/app:pull").await);
    twice.get("/v2/team/app/tags/list").await.is(200);
    twice.get("/v2/team/app/tags/list").await.is(200);
    twice.get("/v2/team/app/tags/list").await.is(401);
    let client = registry(Auth::bearer().token_age(Duration::ZERO)).await;
    let admin = login(&client, "admin", "root");
    let never = with_token(&client, &token(&admin, "scope=repository:team/app:pull").await);
    never.get("/v2/team/app/tags/list").await.is(401);
}

#[tokio::test]
async fn tokens_are_bounded_in_number_and_nobody_takes_those_of_others() {
    let mut limits = Limits::default();
    limits.tokens = 4;
    let serve = oci_registry::serve(Store::memory()).auth(users(Auth::bearer())).limits(limits);
    let client = Client::of(serve).await;
    let scope = "scope=repository:team/new:pull,push&offline_token=true";
    let admin = login(&client, "admin", "root");
    let given = token(&admin, scope).await;
    for _ in 0..20 {
        token(&client, "").await;
        token(&login(&client, "other", "4"), "offline_token=true").await;
    }
    with_token(&client, &given).post("/v2/team/new/blobs/uploads/").await.is(202);
    let refresh = given["refresh_token"].as_str().unwrap();
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    client.send(client.request(Method::POST, "/token").body(form)).await.is(200);
    // Who takes more than there are loses those that it used longest ago.
    let first = token(&admin, scope).await;
    for _ in 0..4 {
        token(&admin, scope).await;
    }
    with_token(&client, &first).get("/v2/").await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn refresh_tokens_end() {
    let refresh = async |client: &Client, answer: &Value| {
        let token = answer["refresh_token"].as_str().unwrap();
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        client.send(client.request(Method::POST, "/token").body(form)).await
    };
    let client = registry(Auth::bearer().refresh_age(Duration::ZERO)).await;
    let answer = token(&login(&client, "admin", "root"), "offline_token=true").await;
    refresh(&client, &answer).await.refused(401, "UNAUTHORIZED");

    let client = registry(Auth::bearer()).await;
    let admin = token(&login(&client, "admin", "root"), "offline_token=true").await;
    let other = token(&login(&client, "other", "4"), "offline_token=true").await;
    client.server.registry().revoke_tokens("admin");
    refresh(&client, &admin).await.refused(401, "UNAUTHORIZED");
    with_token(&client, &admin).get("/v2/").await.refused(401, "UNAUTHORIZED");
    refresh(&client, &other).await.is(200);
    with_token(&client, &other).get("/v2/").await.is(200);
}

#[tokio::test]
async fn the_host_in_a_challenge_is_a_host() {
    let client = registry(Auth::bearer()).await;
    for (host, expected) in [
        ("registry.example:5000", "http://registry.example:5000/token"),
        ("[::1]:5000", "http://[::1]:5000/token"),
        ("", "http://localhost/token"),
    ] {
        let answer = client.send(client.request(Method::GET, "/v2/").header("host", host)).await;
        let challenge = answer.is(401).header("www-authenticate").unwrap().to_owned();
        assert_eq!(challenge, format!("Bearer realm=\"{expected}\",service=\"oci-registry\""));
    }
    for host in ["user@evil", "a\",scope=\"x"] {
        client.send(client.request(Method::GET, "/v2/").header("host", host)).await.is(400);
    }
    let elsewhere = registry(Auth::bearer().realm("https://auth.example/token")).await;
    let answer = elsewhere.get("/v2/").await.is(401);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer realm=\"https://auth.example/token\""));
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", users(Auth::bearer()));
    assert!(shown.contains("puller") && !shown.contains("root"), "{shown}");
}

#[tokio::test]
async fn a_pattern_covers_what_is_below_its_slash_alone() {
    let auth = Auth::basic().anonymous([Grant::new("tea*", [Action::Pull])]);
    let client = Client::of(oci_registry::serve(Store::memory()).auth(auth)).await;
    client.get("/v2/team/manifests/v1").await.is(401);
}
