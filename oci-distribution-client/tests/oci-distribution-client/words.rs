//! The words of helpers, token servers and registries in errors.

use oci_distribution_client::{Config, Credentials};

#[cfg(unix)]
use crate::credential_helpers::{at_home, make_helper};
use crate::fake::{Fake, answer};
use crate::fixture::chain;
#[cfg(unix)]
use crate::logins::sent;
use crate::logins::{BEARER, resolve};

#[cfg(unix)]
#[tokio::test]
async fn a_helper_that_fails_is_quoted_and_its_secrets_are_not() {
    let home = tempfile::tempdir().unwrap();
    let table = [
        (
            "out",
            "echo 'SSO session expired, run aws sso login'; exit 1",
            Some("SSO session expired"),
        ),
        ("err", "echo 'SSO session expired' >&2; exit 3", Some("SSO session expired")),
        ("word", "echo canary; echo canary >&2; exit 1", None),
        ("json", r#"echo '{"Username":"u", "Secret":"canary"}'; exit 1"#, None),
        (
            "long",
            "echo 'token canaryeyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9x is expired'; exit 1",
            Some("token … is expired"),
        ),
        ("escape", "printf 'a \\033[31mred word'; exit 1", Some("a ")),
    ];
    let helpers = table.map(|(name, ..)| format!(r#""{name}.example": "{name}""#)).join(",");
    let file = format!(r#"{{"credHelpers": {{{helpers}}}}}"#);
    std::fs::write(home.path().join("config.json"), file).unwrap();
    for (name, script, words) in table {
        make_helper(home.path(), name, script);
        let reason = sent(at_home(home.path()), &format!("{name}.example/app")).await.unwrap_err();
        assert!(reason.contains("it failed"), "{name}: {reason}");
        assert!(reason.contains(words.unwrap_or_default()), "{name}: {reason}");
        assert!(!reason.contains("canary") && !reason.contains('\u{1b}'), "{name}: {reason}");
    }
}

#[tokio::test]
async fn a_token_server_that_refuses_is_quoted_without_what_it_was_sent() {
    let table = [
        (r#"{"errors":[{"code":"DENIED","message":"account locked"}]}"#, "DENIED: account locked"),
        (r#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
        (
            r#"{"error":"invalid_grant","error_description":"refresh token expired"}"#,
            "invalid_grant: refresh token expired",
        ),
        (r#"{"message":"quota exceeded"}"#, "quota exceeded"),
        ("<html><head><title>Blocked by policy</title></head>", "Blocked by policy"),
        ("maintenance until noon\n", "maintenance until noon"),
        (r#"{"message":"you sent canary-password"}"#, "you sent <secret>"),
    ];
    let logins = [
        Credentials::basic("alice", "canary-password"),
        Credentials::identity_token("canary-password"),
    ];
    for (body, expected) in table {
        for (status, login) in [400, 401, 403, 500, 200].into_iter().zip(logins.iter().cycle()) {
            let fake = Fake::new(move |seen| match seen.uri.path() {
                "/token" => answer(status, &[], body),
                _ => answer(401, &[BEARER], ""),
            });
            let config = Config::default().credentials("registry.example", login.clone());
            let error = resolve(config.transport(fake), "registry.example/app").await;
            let text = chain(&error);
            // The text of a success may be a token.
            let is_quoted = status != 200 || !body.starts_with("maintenance");
            assert_eq!(text.contains(expected), is_quoted, "{status} {body}: {text}");
            assert!(!text.contains("canary"), "{text}");
            assert_eq!(error.codes().is_empty(), !is_quoted, "{status} {body}");
            assert_eq!(error.status(), Some(status).filter(|status| *status != 200), "{text}");
        }
    }
}

/// A form holds a password in other characters.
#[tokio::test]
async fn a_token_server_is_quoted_without_what_it_was_sent_in_a_form() {
    let fake = Fake::new(|seen| match seen.uri.path() {
        "/token" => {
            let sent = String::from_utf8_lossy(&seen.body);
            answer(400, &[], format!(r#"{{"message":"not understood: {sent}"}}"#))
        }
        _ => answer(401, &[BEARER], ""),
    });
    let login = Credentials::identity_token("canary/pass word+&");
    let config = Config::default().credentials("registry.example", login);
    let text = chain(&resolve(config.transport(fake), "registry.example/app").await);
    assert!(text.contains("not understood: ") && text.contains("<secret>"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn a_registrys_words_are_in_the_error_whatever_their_form() {
    for (body, expected) in [
        (r#"{"message":"quota exceeded"}"#, "quota exceeded"),
        (r#"{"error":{"code":403,"message":"project is disabled"}}"#, "project is disabled"),
        ("<html><title>403 Forbidden</title><body>nginx", "403 Forbidden"),
        ("blocked\u{1b}[31m by the firewall", "blocked [31m by the firewall"),
    ] {
        let fake = Fake::new(move |_| answer(403, &[], body));
        let error = resolve(Config::default().transport(fake), "registry.example/app").await;
        assert!(error.codes().len() == 1 && error.to_string().contains(expected), "{error}");
    }
    let long = "x ".repeat(100_000);
    let fake = Fake::new(move |_| answer(403, &[], long.clone()));
    let error = resolve(Config::default().transport(fake), "registry.example/app").await;
    assert!(error.to_string().len() < 1000, "{error}");
}
