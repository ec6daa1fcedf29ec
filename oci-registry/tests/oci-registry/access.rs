use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use oci_digest::Digest;
use oci_registry::{Access, Action, Auth, Caller, Denied, Grant, Robot, Rule, Rules, Store};
use serde_json::json;

use crate::auth::{basic, routes};
use crate::client::{Client, MANIFEST, manifest};

/// Every set of rights.
fn rights() -> Vec<Vec<Action>> {
    let chosen = |set: usize| move |index: &usize| set >> index & 1 == 1;
    let of = |set: usize| (0..3).filter(chosen(set)).map(|index| Action::ALL[index]).collect();
    (0..8).map(of).collect()
}

fn login(client: &Client, name: &str) -> Client {
    Client { credentials: Some(basic(name, "secret")), ..client.clone() }
}

/// A client with a token for all of `team/app` that its user may have.
async fn token(client: &Client, name: &str) -> Client {
    let path = "/token?service=oci-registry&scope=repository:team/app:pull,push,delete";
    let answer = login(client, name).get(path).await.is(200).json();
    let token = answer["token"].as_str().unwrap();
    Client { credentials: Some(format!("Bearer {token}")), ..client.clone() }
}

fn users(auth: Auth) -> Auth {
    rights().into_iter().enumerate().fold(auth, |auth, (number, rights)| {
        auth.user(format!("user{number}"), "secret", [Grant::new("team/app", rights)])
    })
}

fn schemes() -> Vec<(&'static str, Auth)> {
    vec![
        ("basic", Auth::basic()),
        ("bearer", Auth::bearer()),
        #[cfg(feature = "jwt")]
        ("jwt", Auth::bearer().sign(oci_registry::JwtSigner::random().unwrap())),
    ]
}

async fn user(client: &Client, scheme: &str, name: &str) -> Client {
    match scheme {
        "basic" => login(client, name),
        _ => token(client, name).await,
    }
}

#[tokio::test]
async fn every_route_asks_for_its_right_and_for_no_other() {
    for (scheme, auth) in schemes() {
        let client = Client::of(oci_registry::serve(Store::memory()).auth(users(auth))).await;
        for (number, rights) in rights().into_iter().enumerate() {
            let user = user(&client, scheme, &format!("user{number}")).await;
            for (method, path, action) in routes() {
                let answer = user.send(user.request(method.clone(), &path).body("")).await;
                let refused = matches!(answer.status.as_u16(), 401 | 403);
                let shown = format!("{scheme} {rights:?}: {method} {path}: {answer:?}");
                assert_eq!(refused, !rights.contains(&action), "{shown}");
            }
            let elsewhere = user.get("/v2/team/other/manifests/v1").await;
            assert!(matches!(elsewhere.status.as_u16(), 401 | 403), "{scheme} {elsewhere:?}");
            user.get("/v2/").await.is(200);
            user.get("/v2/_catalog").await.is(200);
        }
        for path in ["/v2/", "/v2/_catalog"] {
            client.get(path).await.refused(401, "UNAUTHORIZED");
        }
    }
}

fn rules() -> Rules {
    Rules::new([
        Rule::new("admin", [Grant::all("*")]),
        Rule::new("ci-*", [Grant::new("team/*", [Action::Pull, Action::Push])]),
        Rule::new("*", [Grant::new("public/*", [Action::Pull])]),
        Rule::anonymous([Grant::new("public/open", [Action::Pull])]),
    ])
}

fn by_rules(auth: Auth) -> Auth {
    let all = || [Grant::all("*")];
    let auth = auth.anonymous(all());
    ["admin", "ci-1", "ci", "eve"]
        .into_iter()
        .fold(auth, |auth, name| auth.user(name, "secret", all()))
}

#[tokio::test]
async fn rules_say_who_may_do_what_where() {
    let store = Store::memory();
    let open = Client::of(oci_registry::serve(store.clone())).await;
    for name in ["team/app", "public/app", "public/open"] {
        open.push_image(name, "v1").await;
    }
    let serve = oci_registry::serve(store).auth(by_rules(Auth::basic())).authorize(rules());
    let client = Client::of(serve).await;
    for (name, pulls, pushes) in [
        ("admin", ["team/app", "public/app", "public/open"].as_slice(), true),
        ("ci-1", &["team/app", "public/app", "public/open"], true),
        ("ci", &["public/app", "public/open"], false),
        ("eve", &["public/app", "public/open"], false),
        ("", &["public/open"], false),
    ] {
        let user = if name.is_empty() { client.clone() } else { login(&client, name) };
        let no = if name.is_empty() { 401 } else { 403 };
        for repository in ["team/app", "public/app", "public/open"] {
            let status = if pulls.contains(&repository) { 200 } else { no };
            user.get(&format!("/v2/{repository}/manifests/v1")).await.is(status);
        }
        let status = if pushes { 202 } else { no };
        user.post("/v2/team/app/blobs/uploads/").await.is(status);
        if !name.is_empty() {
            let mut listed = user.get("/v2/_catalog").await.json();
            let listed: Vec<String> =
                serde_json::from_value(listed["repositories"].take()).unwrap();
            let mut expected = pulls.to_vec();
            expected.sort_unstable();
            assert_eq!(listed, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_token_is_good_for_what_the_rules_allow_now() {
    let archived = Arc::new(Mutex::new(false));
    let is_archived = archived.clone();
    let closed = move |caller: &Caller, access: Access<'_>| {
        assert_eq!(caller.user.as_deref(), Some("ci-1"));
        match access.action {
            Action::Push if *is_archived.lock().unwrap() => Err(Denied::new("it is archived")),
            _ => Ok(()),
        }
    };
    let serve = oci_registry::serve(Store::memory())
        .auth(by_rules(Auth::bearer()))
        .authorize(rules())
        .authorize(closed);
    let client = Client::of(serve).await;
    let user = token(&client, "ci-1").await;
    user.post("/v2/team/app/blobs/uploads/").await.is(202);
    // The rules do not let it delete, so the token is not for that, and a better one may be asked for.
    let refused = user.delete("/v2/team/app/manifests/v1").await.refused(401, "UNAUTHORIZED");
    assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
    *archived.lock().unwrap() = true;
    // No other token would help.
    let refused = user.post("/v2/team/app/blobs/uploads/").await.refused(403, "DENIED");
    assert_eq!(refused.json()["errors"][0]["message"], "it is archived");
    user.get("/v2/team/app/tags/list").await.is(404);
}

#[tokio::test]
async fn robots_have_rights_of_their_own_and_an_end() {
    let robot = |name: &str| {
        let grants = [Grant::new("team/*", [Action::Pull, Action::Push])];
        Robot::new(name, Digest::sha256("secret"), grants)
    };
    let (hour, now) = (Duration::from_secs(3600), SystemTime::now());
    let auth = Auth::bearer()
        .or_basic()
        .robot(robot("robot$ci"))
        .robot(robot("robot$new").expires(now + hour))
        .robot(robot("robot$old").expires(now - hour));
    let client = Client::of(oci_registry::serve(Store::memory()).auth(auth)).await;
    for name in ["robot$ci", "robot$new"] {
        login(&client, name).post("/v2/team/app/blobs/uploads/").await.is(202);
        login(&client, name).post("/v2/other/app/blobs/uploads/").await.is(401);
        token(&client, name).await.post("/v2/team/app/blobs/uploads/").await.is(202);
    }
    login(&client, "robot$old").get("/v2/").await.refused(401, "UNAUTHORIZED");
    login(&client, "robot$old").get("/token").await.refused(401, "UNAUTHORIZED");
    let wrong = Client { credentials: Some(basic("robot$ci", "guess")), ..client.clone() };
    wrong.get("/v2/").await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn every_decision_is_told() {
    let decisions: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = decisions.clone();
    let auth = Auth::bearer().or_basic().user(
        "alice",
        "secret",
        [Grant::new("team/*", [Action::Pull, Action::Push])],
    );
    let serve = oci_registry::serve(Store::memory()).auth(auth).on_decision(move |it| {
        let user = it.caller.user.as_deref().unwrap_or("-");
        let access = it.access.map(|it| format!("{} {}", it.action.name(), it.repository));
        let denied = it.denied.map(ToString::to_string);
        let line = format!("{} {} {user} {access:?} {denied:?}", it.method, it.path);
        assert!(it.caller.peer.is_some());
        told.lock().unwrap().push(line);
    });
    let client = Client::of(serve).await;
    let alice = login(&client, "alice");
    client.get("/v2/").await.is(401);
    alice.get("/v2/?password=x").await.is(200);
    alice.get("/v2/team/app/tags/list").await.is(404);
    alice.delete("/v2/team/app/manifests/v1").await.is(401);
    let mount = format!("/v2/team/app/blobs/uploads/?mount={}&from=other/app", Digest::EMPTY_JSON);
    alice.post(&mount).await.is(202);
    alice.get("/token?scope=repository:team/app:pull,delete").await.is(200);
    let wrong = Client { credentials: Some(basic("alice", "guess")), ..client.clone() };
    wrong.get("/v2/").await.is(401);
    wrong.get("/token").await.is(401);
    const NO: &str = "Some(\"you may not do this here\")";
    const WRONG: &str = "Some(\"the credentials are not right\")";
    let expected = [
        format!("GET /v2/ - None {NO}"),
        "GET /v2/ alice None None".to_owned(),
        "GET /v2/team/app/tags/list alice Some(\"pull team/app\") None".to_owned(),
        format!("DELETE /v2/team/app/manifests/v1 alice Some(\"delete team/app\") {NO}"),
        "POST /v2/team/app/blobs/uploads/ alice Some(\"push team/app\") None".to_owned(),
        format!("POST /v2/team/app/blobs/uploads/ alice Some(\"pull other/app\") {NO}"),
        "GET /token alice Some(\"pull team/app\") None".to_owned(),
        format!("GET /token alice Some(\"delete team/app\") {NO}"),
        format!("GET /v2/ - None {WRONG}"),
        format!("GET /token - None {WRONG}"),
    ];
    assert_eq!(*decisions.lock().unwrap(), expected);
}

#[tokio::test]
async fn immutable_tags_name_for_good_what_they_named_first() {
    let serve = oci_registry::serve(Store::memory()).immutable_tags("team/*", "v*");
    let client = Client::of(serve).await;
    let first = client.push_image("team/app", "v1").await;
    // The same once more is not a change.
    client.push_image("team/app", "v1").await;
    let other = manifest(&json!({"annotations": {"a": "b"}})).to_string();
    let digest = Digest::sha256(&other);
    let put = async |repository: &str, reference: &str| {
        client.put_manifest(repository, reference, MANIFEST, other.as_bytes()).await
    };
    put("team/app", "v1").await.refused(403, "DENIED");
    put("team/app", &format!("{digest}?tag=latest&tag=v1")).await.refused(403, "DENIED");
    // Nothing of a refused push is there.
    client.get("/v2/team/app/manifests/latest").await.is(404);
    put("team/app", "latest").await.is(201);
    put("team/app", "v2").await.is(201);
    for reference in ["v1", first.as_str()] {
        let path = format!("/v2/team/app/manifests/{reference}");
        client.delete(&path).await.refused(403, "DENIED");
    }
    client.delete("/v2/team/app/manifests/latest").await.is(202);
    let answer = client.get("/v2/team/app/manifests/v1").await.is(200);
    assert_eq!(Digest::sha256(answer.body), first);
    // Other repositories are free.
    client.push_image("other/app", "v1").await;
    put("other/app", "v1").await.is(201);
    client.delete("/v2/other/app/manifests/v1").await.is(202);
}
