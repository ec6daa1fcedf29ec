//! What the registry tells by events of `tracing`, and what it never tells.

use oci_digest::Digest;
use oci_registry::{Auth, Fault, Grant, Store};
use oci_testing::events::Events;
use reqwest::{Method, StatusCode};

use crate::client::Client;

#[tokio::test]
async fn requests_sessions_and_faults_are_told_without_secrets() {
    let events = Events::collect("oci_registry");
    let auth = Auth::bearer().user("alice", "canary-password", [Grant::all("*")]);
    let fault = Fault::status("/tags/", StatusCode::IM_A_TEAPOT).header("x-secret", "canary-fault");
    let client = Client::of(oci_registry::serve(Store::memory()).auth(auth).faults(fault)).await;
    let form = "grant_type=password&username=alice&password=canary-password&access_type=offline\
                &scope=repository:team/app:pull,push";
    let login = client.request(Method::POST, "/token?x=canary-query").body(form);
    let answer = login.send().await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let token = answer["token"].as_str().unwrap().to_owned();
    let refresh = answer["refresh_token"].as_str().unwrap().to_owned();
    let send = async |method, path: &str, body: &'static str| {
        let request = client.request(method, path).bearer_auth(&token).body(body);
        request.send().await.unwrap()
    };
    let begun = send(Method::POST, "/v2/team/app/blobs/uploads/?x=canary-query", "").await;
    let session = begun.headers()["location"].to_str().unwrap().to_owned();
    let digest = Digest::sha256("canary-content");
    let path = format!("{session}?digest={digest}&state=canary-query");
    let done = send(Method::PUT, &path, "canary-content").await;
    assert_eq!(done.status(), StatusCode::CREATED);
    send(Method::GET, "/v2/team/app/tags/list?n=1&x=canary-query", "").await;
    let wrong = client.request(Method::GET, "/v2/").bearer_auth("canary-token");
    assert_eq!(wrong.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);

    let text = events.text();
    let id = session.rsplit('/').next().unwrap();
    for expected in [
        "DEBUG message=answered method=POST path=\"/token\" status=200 elapsed=",
        &format!("DEBUG message=opened an upload session repository=team/app id={id}"),
        &format!("DEBUG message=answered method=PUT path=\"{session}\" status=201 elapsed="),
        &format!("DEBUG message=closed an upload session id={id}"),
        " method=PUT path=\"/v2/team/app/blobs/uploads/",
        "INFO message=applying faults method=GET path=\"/v2/team/app/tags/list\" faults=1",
        "DEBUG message=answered method=GET path=\"/v2/team/app/tags/list\" status=418 elapsed=",
        "DEBUG message=answered method=GET path=\"/v2/\" status=401 elapsed=",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    for secret in ["canary", token.as_str(), refresh.as_str()] {
        assert!(!text.contains(secret), "{secret}\n{text}");
    }
}
