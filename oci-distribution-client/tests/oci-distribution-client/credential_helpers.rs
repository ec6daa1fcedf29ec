//! Programs that keep logins.

use std::path::Path;
use std::sync::{Arc, Mutex};
#[cfg(target_os = "linux")]
use std::time::Duration;

use oci_distribution_client::{Client, Config, ErrorKind, Limits};

use crate::auth::{authorization_for, environment};
use crate::fake::{Fake, answer};
use crate::fixture::chain;

/// Makes the credential helper `name` in `home`.
pub(crate) fn make_helper(home: &Path, name: &str, script: &str) {
    let path = home.join(format!("docker-credential-{name}"));
    let text = path.with_extension("text");
    std::fs::write(&text, format!("#!/bin/sh\nread -r server\n{script}\n")).unwrap();
    // What is open for writing here, a fork of another thread's inherits, and it is not run.
    let install =
        std::process::Command::new("install").args(["-m", "755"]).args([text, path]).status();
    assert!(install.unwrap().success());
}

/// The configuration with the login file and the helpers in `home`.
pub(crate) fn at_home(home: &Path) -> Config {
    let search = std::env::join_paths([home, Path::new("/bin"), Path::new("/usr/bin")]).unwrap();
    environment(&[("DOCKER_CONFIG", home), ("PATH", Path::new(&search))])
}

#[tokio::test]
async fn a_credential_helper_is_asked_once_and_again_when_its_answer_is_refused() {
    let home = tempfile::tempdir().unwrap();
    // Each answer has another password: 1, 2, …
    let script = r#"echo >> "$0.asked"
        printf '{"Username":"u","Secret":"%s"}' "$(wc -l < "$0.asked" | tr -d ' ')""#;
    make_helper(home.path(), "count", script);
    let file = r#"{"credHelpers": {"registry.example": "count"}}"#;
    std::fs::write(home.path().join("config.json"), file).unwrap();
    // `u:1` is good at first, then `u:2`.
    let good = Arc::new(Mutex::new("Basic dTox"));
    let now = Arc::clone(&good);
    let fake = Fake::new(move |seen| match seen.authorization() == Some(*now.lock().unwrap()) {
        true => answer(404, &[], ""),
        false => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
    });
    let client = Client::new(at_home(home.path()).transport(fake.clone())).unwrap();
    let repository = client.repository("registry.example/app").unwrap();
    for password in ["Basic dTox", "Basic dToy"] {
        *good.lock().unwrap() = password;
        let (one, other) = tokio::join!(repository.resolve("v1"), repository.resolve("v2"));
        for error in [one.unwrap_err(), other.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
        }
    }
    let asked = std::fs::read(home.path().join("docker-credential-count.asked")).unwrap();
    assert_eq!(asked, b"\n\n");
}

#[tokio::test]
async fn credential_helpers_are_asked_and_never_quoted() {
    let home = tempfile::tempdir().unwrap();
    let helper = |name: &str, script: &str| make_helper(home.path(), name, script);
    helper(
        "good",
        r#"printf '{"ServerURL":"%s","Username":"%s","Secret":"5"}' "$server" "$server""#,
    );
    helper("none", "echo 'credentials not found in native keychain'; exit 1");
    helper("bad", "echo canary-secret; echo canary-secret >&2; exit 1");
    helper("odd", "echo canary-secret");
    let file = r#"{"credsStore": "none", "credHelpers": {"good.example": "good",
        "bad.example": "bad", "odd.example": "odd", "gone.example": "gone", "x.example": "../x"},
        "auths": {"file.example": {"auth": "Yjoy"}}}"#;
    let path = home.path().join("config.json");
    std::fs::write(&path, file).unwrap();
    let config = || at_home(home.path());
    // `good.example:5`
    let good = authorization_for(config(), "good.example/a").await;
    assert_eq!(good.as_deref(), Some("Basic Z29vZC5leGFtcGxlOjU="));
    assert_eq!(authorization_for(config(), "file.example/a").await.as_deref(), Some("Basic Yjoy"));
    assert_eq!(authorization_for(config(), "other.example/a").await, None);
    for host in ["bad.example", "odd.example", "gone.example", "x.example"] {
        let fake = Fake::new(|_| answer(401, &[("www-authenticate", "Basic realm=x")], ""));
        let client = Client::new(config().transport(fake)).unwrap();
        let repository = client.repository(&format!("{host}/a")).unwrap();
        let error = repository.resolve("v1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{host}");
        let text = format!("{} {error:?}", chain(&error));
        assert!(text.contains("docker-credential-") && !text.contains("canary"), "{text}");
        let is_no_program = text.contains("its name is not that of a program");
        assert_eq!(is_no_program, host == "x.example", "{text}");
    }
}

/// Why a client does not log in that has this credential helper.
async fn refusal_of_helper(home: &Path, script: &str, limits: Limits) -> String {
    make_helper(home, "test", script);
    let file = r#"{"credHelpers": {"registry.example": "test"}}"#;
    std::fs::write(home.join("config.json"), file).unwrap();
    let fake = Fake::new(|_| answer(401, &[("www-authenticate", "Basic realm=x")], ""));
    let client = Client::new(at_home(home).limits(limits).transport(fake)).unwrap();
    let repository = client.repository("registry.example/a").unwrap();
    let error = repository.resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    chain(&error)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_credential_helper_that_takes_too_long_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let mut limits = Limits::default();
    limits.helper = Duration::from_secs(3);
    let script = r#"echo $$ > "$0.pid"; exec sleep 20"#;
    let refusal = refusal_of_helper(home.path(), script, limits).await;
    assert!(refusal.contains("it took longer than 3 s"), "{refusal}");

    let pid = std::fs::read_to_string(home.path().join("docker-credential-test.pid")).unwrap();
    let command = Path::new("/proc").join(pid.trim()).join("cmdline");
    let began = std::time::Instant::now();
    // One that has ended has no words, if it is not gone.
    while std::fs::read(&command).is_ok_and(|words| !words.is_empty()) {
        assert!(began.elapsed() < Duration::from_secs(10), "the helper runs on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn no_more_is_read_of_a_credential_helper_than_a_login_can_be() {
    let home = tempfile::tempdir().unwrap();
    let script = r#"head -c 2000000 /dev/zero | tr '\0' ' '; echo '{"Username":"u","Secret":"p"}'"#;
    let refusal = refusal_of_helper(home.path(), script, Limits::default()).await;
    // If it wrote the rest into a pipe that nobody reads, it failed.
    let is_refused = refusal.contains("the JSON of a login") || refusal.contains("it failed");
    assert!(is_refused, "{refusal}");
}
