//! Users of a file.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use oci_registry::{Auth, Grant, Htpasswd, Store};
use oci_testing::program::run;

use crate::client::Client;

/// Lines as `htpasswd` writes them.
fn lines(users: &[(&str, &str)]) -> String {
    users.iter().fold(String::new(), |mut text, (name, password)| {
        let printed = run("htpasswd", &["-nbB", "-C", "4", name, password]).good();
        let _ = writeln!(text, "{}", printed.trim());
        text
    })
}

async fn status(client: &mut Client, name: &str, password: &str) -> u16 {
    let basic = BASE64_STANDARD.encode(format!("{name}:{password}"));
    client.credentials = Some(format!("Basic {basic}"));
    client.get("/v2/").await.status.as_u16()
}

#[tokio::test]
async fn the_users_of_a_file_log_in_until_it_changes() {
    oci_testing::needs!("htpasswd");
    let users = Htpasswd::parse(&lines(&[("alice", "secret"), ("bob", "other")])).unwrap();
    let auth = Auth::basic().htpasswd(users.clone(), [Grant::all("*")]);
    let mut client = Client::of(oci_registry::serve(Store::memory()).auth(auth)).await;
    let long = "x".repeat(100);
    for (name, password, expected) in [
        ("alice", "secret", 200),
        ("alice", "secret", 200),
        ("alice", "other", 401),
        ("carol", "secret", 401),
        ("alice", "", 401),
        ("bob", "other", 200),
        ("bob", &long, 401),
    ] {
        assert_eq!(status(&mut client, name, password).await, expected, "{name}:{password}");
    }
    // A text that is wrong changes nothing; one that is right ends what was known.
    users.replace("alice:secret").unwrap_err();
    assert_eq!(status(&mut client, "alice", "secret").await, 200);
    users.replace(&lines(&[("alice", "new")])).unwrap();
    assert_eq!(status(&mut client, "alice", "secret").await, 401);
    assert_eq!(status(&mut client, "alice", "new").await, 200);
    assert_eq!(status(&mut client, "bob", "other").await, 401);
}

#[tokio::test]
async fn the_users_of_a_file_get_and_refresh_tokens() {
    oci_testing::needs!("htpasswd");
    let users = Htpasswd::parse(&lines(&[("alice", "secret")])).unwrap();
    let auth = Auth::bearer().htpasswd(users.clone(), [Grant::all("*")]);
    let mut client = Client::of(oci_registry::serve(Store::memory()).auth(auth)).await;
    client.credentials = Some(format!("Basic {}", BASE64_STANDARD.encode("alice:secret")));
    let path = "/token?scope=repository:a:pull,push&offline_token=true";
    let answer = client.get(path).await.is(200).json();
    let refresh = format!(
        "grant_type=refresh_token&refresh_token={}",
        answer["refresh_token"].as_str().unwrap()
    );
    client.credentials = None;
    let request =
        |client: &Client| client.request(reqwest::Method::POST, "/token").body(refresh.clone());
    client.send(request(&client)).await.is(200);
    users.replace("").unwrap();
    client.send(request(&client)).await.is(401);
}

#[test]
fn what_is_wrong_in_a_file_is_named_by_its_line() {
    oci_testing::needs!("htpasswd");
    let repeated = lines(&[("a", "x"), ("a", "y")]);
    for (text, line, reason) in [
        ("# users\n\nalice", 3, "it is not `NAME:HASH`"),
        ("alice:{SHA}x", 1, "the hash is not one by bcrypt, as `htpasswd -B` makes it"),
        (&repeated, 2, "the name was there before"),
    ] {
        let error = Htpasswd::parse(text).unwrap_err();
        let expected = format!("cannot read line {line} of the users: {reason}");
        assert_eq!(error.to_string(), expected);
    }
}
