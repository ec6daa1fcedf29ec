//! No text holds a secret: no error, nothing that is shown for debugging, no event.

use std::sync::Arc;

use oci_distribution_client::transport::BoxFuture;
use oci_distribution_client::{
    Candidate, Client, Config, Credentials, ErrorKind, Policy, PolicyFile, Refusal,
    SignedRequirement, Verifier,
};

use crate::fake::{Fake, Seen, answer};
use crate::fixture::{Fixture, chain, quick};
use crate::leaks::{HOME, PASSWORD, USER, client, everything, everything_of};

#[tokio::test]
async fn no_error_no_debug_text_and_no_event_holds_a_secret() {
    let echo = |seen: &Seen| {
        let secret = seen.authorization().unwrap_or_default().to_owned();
        let bare = secret.rsplit(' ').next().unwrap_or_default().to_owned();
        serde_json::json!({"errors": [{"code": bare, "message": format!("you sent {secret}")}]})
            .to_string()
    };
    let scripts: Vec<Fake> = [400, 403, 404, 405, 416, 429, 500, 301, 307, 200, 202]
        .into_iter()
        .flat_map(|status| {
            let basic = Fake::new(move |seen| match seen.authorization() {
                None => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
                Some(secret) => answer(
                    status,
                    &[
                        ("location", "ftp://x/?secret=canary-state"),
                        ("warning", &format!(r#"299 - "you sent {secret}""#)),
                    ],
                    echo(seen),
                ),
            });
            let bearer = Fake::new(move |seen| match (seen.uri.path(), seen.authorization()) {
                ("/token", _) => answer(200, &[], r#"{"token":"canary-token"}"#),
                (_, Some("Bearer canary-token")) => {
                    answer(status, &[("location", "ftp://x/?s=canary-state")], echo(seen))
                }
                _ => {
                    let challenge = r#"Bearer realm="https://auth.example/token",service="s""#;
                    answer(401, &[("www-authenticate", challenge)], "")
                }
            });
            let refused = Fake::new(move |seen| match seen.uri.path() {
                "/token" => answer(status, &[], echo(seen)),
                _ => {
                    let challenge = r#"Bearer realm="https://auth.example/token",service="s""#;
                    answer(401, &[("www-authenticate", challenge)], echo(seen))
                }
            });
            [basic, bearer, refused]
        })
        .collect();
    let encoded = "Y2FuYXJ5LXVzZXI6"; // base64 of `canary-user:`
    #[cfg(feature = "tracing")]
    let events = oci_testing::events::Events::collect("oci_distribution_client");
    for fake in scripts {
        let client = client(&fake, Config::default());
        let repository = client.repository(&format!("{HOME}/team/app")).unwrap();
        let mut errors = everything(&repository).await;
        errors.extend(everything_of(&client).await);
        assert!(!errors.is_empty());
        for (name, error) in errors {
            let text = format!("{} {error:?} {error:#?}", chain(&error));
            let clean = text.replace("canary-user:", "");
            assert!(!clean.contains("canary") && !text.contains(encoded), "{name}: {text}");
        }
        let warnings = client.warnings();
        let text = format!("{client:?} {client:#?} {repository:?} {warnings:?}");
        assert!(!text.contains("canary-p") && !text.contains("canary-t"), "{text}");
        assert!(!text.contains(encoded), "{text}");
    }
    #[cfg(feature = "tracing")]
    {
        let text = events.text();
        assert!(text.contains("received an answer") && text.contains("fetching a token"), "{text}");
        assert!(!text.contains("canary") && !text.contains(encoded), "{text}");
    }
    let config = Config::default()
        .credentials(HOME, Credentials::basic(USER, PASSWORD))
        .credentials("a", Credentials::identity_token("canary-token"))
        .credentials("b", Credentials::registry_token("canary-token"))
        .proxy("http://u:canary-proxy@127.0.0.1:1", "")
        .client_certificate("", "canary-key");
    let text = format!("{config:?} {config:#?}").replace("canary-user", "");
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn the_password_of_a_proxy_is_told_nowhere() {
    let proxied = |url: &str| Client::new(Config::default().retry(quick()).proxy(url, ""));
    let client = proxied("http://u:canary-proxy@127.0.0.1:1").unwrap();
    let repository = client.repository("registry.example/team/app").unwrap();
    let error = repository.resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let mut texts = vec![format!("{client:?} {client:#?} {error:?} {error:#?} {}", chain(&error))];
    for url in [
        "http://u:canary-proxy@[::x",
        "http://u:canary-proxy@",
        "u:canary-proxy@a b",
        "ftp://u:canary-proxy@a",
    ] {
        if let Err(error) = proxied(url) {
            texts.push(format!("{error:?} {error:#?} {}", chain(&error)));
        }
    }
    assert!(texts.len() > 1);
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
}

/// Reads what it needs to decide from the registry.
#[derive(Debug)]
struct Reads;

impl Policy for Reads {
    fn check<'a>(&'a self, candidate: &'a Candidate<'a>) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let shown = format!("{candidate:?} {candidate:#?}");
            assert!(!shown.contains("canary"), "{shown}");
            candidate.referrers(None).await?;
            Ok(())
        })
    }
}

impl Verifier for Reads {
    fn verify<'a>(
        &'a self,
        _: &'a SignedRequirement,
        candidate: &'a Candidate<'a>,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        self.check(candidate)
    }
}

#[tokio::test]
async fn what_a_policy_could_not_read_is_told_without_secrets() {
    const SIGNED: &str = r#"{"default": [{"type": "signedBy", "keyType": "GPGKeys"}]}"#;
    let file = PolicyFile::parse(SIGNED.as_bytes(), "policy.json").unwrap().verifier(Reads);
    let policies: [Arc<dyn Policy>; 2] = [Arc::new(Reads), Arc::new(file)];
    for policy in policies {
        let image = Fixture::new().amd64;
        let (digest, bytes) = (image.descriptor().clone(), image.bytes().to_vec());
        let fake = Fake::new(move |seen| match seen.authorization() {
            None => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
            Some(_) if seen.uri.path().contains("/manifests/") => {
                answer(200, &[("content-type", digest.media_type.as_str())], bytes.clone())
            }
            Some(sent) => {
                let said = serde_json::json!({"errors": [{"code": "DENIED", "message": sent}]});
                answer(403, &[], said.to_string())
            }
        });
        let client = client(&fake, Config::default().policy(policy));
        let repository = client.repository(&format!("{HOME}/app")).unwrap();
        let error = repository.resolve("v1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{}", chain(&error));
        let shown = format!("{} {error:?} {error:#?} {client:?} {client:#?}", chain(&error));
        assert!(shown.contains("<secret>"), "{shown}");
        let encoded = "Y2FuYXJ5LXVzZXI6";
        let clean = shown.replace("canary-user", "");
        assert!(!clean.contains("canary") && !clean.contains(encoded), "{shown}");
    }
}

#[test]
fn a_policy_file_that_is_not_understood_is_told_without_its_keys() {
    for json in [
        r#"{"default": [{"type": "signedBy", "keyData": "canary"}] canary"#,
        r#"{"default": [{"type": "reject", "keyData": "canary"}]}"#,
        r#"{"default": [{"type": 5, "keyData": "canary"}]}"#,
    ] {
        let error = PolicyFile::parse(json.as_bytes(), "policy.json").unwrap_err();
        let shown = format!("{} {error:?} {error:#?}", chain(&error));
        assert!(shown.contains("policy.json") && !shown.contains("canary"), "{shown}");
    }
}
