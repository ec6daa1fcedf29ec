//! Logins as they are found, expire, and are asked for late.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oci_distribution_client::{Client, Config, Credentials, Error, ErrorKind};

#[cfg(unix)]
use crate::credential_helpers::{at_home, make_helper};
use crate::fake::{Fake, answer};
use crate::fixture::{chain, quick};

const BASIC: (&str, &str) = ("www-authenticate", "Basic realm=x");
pub(crate) const BEARER: (&str, &str) =
    ("www-authenticate", r#"Bearer realm="https://auth.example/token",service="s""#);

pub(crate) async fn resolve(config: Config, name: &str) -> Error {
    let client = Client::new(config.retry(quick())).unwrap();
    client.repository(name).unwrap().resolve("v1").await.unwrap_err()
}

/// What a registry that has nothing and takes any login is sent, or why it is sent nothing.
pub(crate) async fn sent(config: Config, name: &str) -> Result<Option<String>, String> {
    let fake = Fake::new(|seen| match seen.authorization() {
        None => answer(401, &[BASIC], ""),
        Some(_) => answer(404, &[], ""),
    });
    let error = resolve(config.transport(fake.clone()), name).await;
    let sent = fake.seen().iter().find_map(|seen| seen.authorization().map(str::to_owned));
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::Unauthorized => Ok(sent),
        _ => Err(chain(&error)),
    }
}

/// A configuration with this login file.
fn file(text: impl AsRef<[u8]>) -> Result<Config, Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    std::fs::write(&path, text).unwrap();
    Config::default().login_file(path)
}

#[tokio::test]
async fn of_several_keys_of_a_registry_the_exact_one_counts_and_an_empty_one_hides_none() {
    // Basic of `a:1` and so on.
    let (one, two) = ("Basic YTox", "Basic Yjoy");
    let table = [
        (r#""ghcr.io": {"auth": "YTox"}, "https://ghcr.io/v1/": {"auth": "Yjoy"}"#, "ghcr.io", one),
        (r#""ghcr.io": {"auth": "YTox"}, "GHCR.IO": {"auth": "Yjoy"}"#, "ghcr.io", one),
        (r#""ghcr.io": {}, "https://ghcr.io": {"auth": "Yjoy"}"#, "ghcr.io", two),
        (r#""ghcr.io": {"auth": "YTox"}, "https://ghcr.io": {}"#, "ghcr.io", one),
        (r#""ghcr.io": {"auth": ""}, "https://ghcr.io": {"auth": "Yjoy"}"#, "ghcr.io", two),
        (r#""ghcr.io": null, "https://ghcr.io": {"auth": "Yjoy"}"#, "ghcr.io", two),
        (r#""ghcr.io": 5, "https://ghcr.io": {"auth": "Yjoy"}"#, "ghcr.io", two),
        (r#""GHCR.io": {"auth": "YTox"}"#, "ghcr.io", one),
        (r#""ghcr.io:443": {"auth": "YTox"}"#, "ghcr.io", one),
        (r#""ghcr.io/team": {}, "ghcr.io": {"auth": "YTox"}"#, "ghcr.io", one),
        (
            r#""docker.io": {"auth": "YTox"}, "https://index.docker.io/v1/": {"auth": "Yjoy"}"#,
            "docker.io",
            one,
        ),
        (
            r#""a": {}, "registry-1.docker.io": {"auth": "YTox"},
               "https://index.docker.io/v1/": {"auth": "Yjoy"}"#,
            "docker.io",
            two,
        ),
        (r#""https://registry-1.docker.io/v2/": {"auth": "YTox"}"#, "docker.io", one),
        (r#""registry.hub.docker.com": {"auth": "YTox"}"#, "docker.io", one),
        (r#""hub.docker.com": {"auth": "YTox"}"#, "docker.io", one),
        (r#""index.docker.io": {"auth": "YTox"}"#, "docker.io", one),
    ];
    for (auths, host, expected) in table {
        let config = file(format!(r#"{{"auths": {{{auths}}}}}"#)).unwrap();
        let sent = sent(config, &format!("{host}/team/app")).await.unwrap();
        assert_eq!(sent.as_deref(), Some(expected), "{auths}");
    }
}

#[tokio::test]
async fn credentials_from_code_are_for_each_name_of_the_registry() {
    let names = ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
    for (given, host) in names
        .map(|name| (name, "docker.io"))
        .into_iter()
        .chain([("GHCR.io", "ghcr.io"), ("ghcr.io:443", "ghcr.io")])
    {
        let config = Config::default().credentials(given, Credentials::basic("a", "1"));
        let sent = sent(config, &format!("{host}/team/app")).await.unwrap();
        assert_eq!(sent.as_deref(), Some("Basic YTox"), "{given}");
    }
}

#[tokio::test]
async fn of_credentials_from_code_the_exact_name_counts_and_none_that_have_ended() {
    let (a, b) = (Credentials::basic("a", "1"), Credentials::basic("b", "2"));
    let ended = b.clone().valid_for(Duration::ZERO);
    for (host, first, then, last) in
        [("ghcr.io", "ghcr.io", "ghcr.io:443", b), ("ghcr.io", "ghcr.io", "ghcr.io", ended)]
    {
        let config = Config::default().credentials(first, a.clone()).credentials(then, last);
        let sent = sent(config, &format!("{host}/team/app")).await.unwrap();
        assert_eq!(sent.as_deref(), Some("Basic YTox"), "{host}");
    }
}

#[tokio::test]
async fn credentials_that_are_refused_are_not_sent_again() {
    let token = Credentials::registry_token("t");
    for (challenge, given) in [(BASIC, Credentials::basic("a", "1")), (BEARER, token)] {
        let fake = Fake::new(move |_| answer(401, &[challenge], ""));
        let config = Config::default().credentials("registry.example", given);
        let error = resolve(config.transport(fake.clone()), "registry.example/app").await;
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}", chain(&error));
        assert!(chain(&error).contains("refuses the configured credentials"), "{}", chain(&error));
        let sent = fake.seen().iter().filter(|seen| seen.authorization().is_some()).count();
        assert_eq!(sent, 1, "{challenge:?}");
    }
}

/// By the specification a token lives for a minute at least, whatever the server says.
#[tokio::test(start_paused = true)]
async fn a_token_is_used_for_a_minute_at_least_and_not_in_its_last_seconds() {
    for (says, least) in [(1, 60), (100, 100)] {
        let fake = Fake::new(move |seen| match (seen.uri.path(), seen.authorization()) {
            ("/token", _) => answer(200, &[], format!(r#"{{"token":"t","expires_in":{says}}}"#)),
            (_, Some(_)) => answer(404, &[], ""),
            _ => answer(401, &[BEARER], ""),
        });
        let config = Config::default().transport(fake.clone()).retry(quick());
        let repository = Client::new(config).unwrap().repository("registry.example/app").unwrap();
        for (wait, tokens) in [(0, 1), (least - 6, 1), (2, 2)] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            let error = repository.resolve("v1").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
            let asked = fake.seen().iter().filter(|seen| seen.uri.path() == "/token").count();
            assert_eq!(asked, tokens, "after {wait} s of a life of {says} s");
        }
    }
}

#[tokio::test]
async fn nulls_byte_order_marks_and_empty_files_are_no_logins() {
    for text in [
        "",
        " \n",
        "\u{feff}",
        "null",
        "{}",
        r#"{"auths": null, "credHelpers": null, "credsStore": null}"#,
        r#"{"auths": {}, "credsStore": ""}"#,
        r#"{"auths": {"ghcr.io": null}}"#,
        r#"{"auths": {"ghcr.io": {"auth": null, "username": null, "identitytoken": null}}}"#,
        r#"{"credHelpers": {"ghcr.io": null}}"#,
        r#"{"credHelpers": {"ghcr.io": ""}, "credsStore": "missing"}"#,
    ] {
        assert_eq!(sent(file(text).unwrap(), "ghcr.io/app").await, Ok(None), "{text}");
    }
    let marked = "\u{feff}{\"auths\": {\"ghcr.io\": {\"auth\": \"YTox\"}}}";
    let sent = sent(file(marked).unwrap(), "ghcr.io/app").await.unwrap();
    assert_eq!(sent.as_deref(), Some("Basic YTox"));
    for text in ["{", "[1]", "\"text\"", "{\"auths\": 5}"] {
        assert_eq!(file(text).unwrap_err().kind(), ErrorKind::Configuration, "{text}");
    }
}

#[tokio::test]
async fn logins_of_the_environment_go_before_those_of_files() {
    let home = tempfile::tempdir().unwrap();
    let files = home.path().join("containers");
    std::fs::create_dir(&files).unwrap();
    let file = r#"{"auths": {"ghcr.io": {"auth": "YTox"}, "file.example": {"auth": "YTox"}}}"#;
    std::fs::write(files.join("auth.json"), file).unwrap();
    let config = |json: &'static str| {
        Config::from_variables(|name| match name {
            "DOCKER_AUTH_CONFIG" => Some(json.into()),
            "XDG_RUNTIME_DIR" => Some(home.path().into()),
            _ => None,
        })
    };
    let json = r#"{"auths": {"ghcr.io": {"auth": "Yjoy"}}}"#;
    for (name, expected) in [("ghcr.io/app", "Basic Yjoy"), ("file.example/app", "Basic YTox")] {
        let sent = sent(config(json).unwrap(), name).await.unwrap();
        assert_eq!(sent.as_deref(), Some(expected), "{name}");
    }
    let text = chain(&config(r#"{"auths": {"ghcr.io": {"auth": canary"#).unwrap_err());
    assert!(text.contains("`DOCKER_AUTH_CONFIG`") && !text.contains("canary"), "{text}");
    let given = Config::default().login_json(json).unwrap();
    assert_eq!(sent(given, "ghcr.io/app").await.unwrap().as_deref(), Some("Basic Yjoy"));
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_concerns_its_registry_alone() {
    for entry in [
        r#""auths": {"bad.example": 5, "good.example": {"auth": "YTox"}}"#,
        r#""auths": {"bad.example": {"auth": 5}, "good.example": {"auth": "YTox"}}"#,
        r#""auths": {"bad.example": {"auth": "?"}, "good.example": {"auth": "YTox"}}"#,
        r#""auths": {"bad.example": {"auth": "YQ=="}, "good.example": {"auth": "YTox"}}"#,
        r#""credHelpers": {"bad.example": 5}, "auths": {"good.example": {"auth": "YTox"}}"#,
    ] {
        let config = || file(format!("{{{entry}}}")).unwrap();
        assert_eq!(sent(config(), "other.example/app").await, Ok(None), "{entry}");
        let good = sent(config(), "good.example/app").await.unwrap();
        assert_eq!(good.as_deref(), Some("Basic YTox"), "{entry}");
        let reason = sent(config(), "bad.example/app").await.unwrap_err();
        assert!(reason.contains("for `bad.example` in `"), "{entry}: {reason}");
    }
}

/// A home with a helper for `registry.example` that has another password each time: 1, 2, …
#[cfg(unix)]
fn counting_helper() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let script = r#"echo >> "$0.asked"
        printf '{"Username":"u","Secret":"%s"}' "$(wc -l < "$0.asked" | tr -d ' ')""#;
    make_helper(home.path(), "count", script);
    let file = r#"{"credHelpers": {"registry.example": "count"}}"#;
    std::fs::write(home.path().join("config.json"), file).unwrap();
    home
}

#[cfg(unix)]
fn asked(home: &Path) -> usize {
    std::fs::read(home.join("docker-credential-count.asked")).map_or(0, |lines| lines.len())
}

#[cfg(unix)]
#[tokio::test]
async fn a_login_that_expires_is_asked_for_again_once_however_that_is_told() {
    let expired =
        r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired."}]}"#;
    for (status, body) in [(401, ""), (403, ""), (403, expired), (400, expired)] {
        for is_bearer in [false, true] {
            let case = format!("{status} {body} {is_bearer}");
            let home = counting_helper();
            // `u:1` is good at first, then `u:2`.
            let good = Arc::new(Mutex::new("dTox"));
            let now = Arc::clone(&good);
            let fake = Fake::new(move |seen| {
                let good = *now.lock().unwrap();
                let login = seen.authorization().map(|it| it.split(' ').nth(1).unwrap());
                match (seen.uri.path(), login) {
                    // The token is the login.
                    ("/token", Some(login)) => {
                        answer(200, &[], format!(r#"{{"token":"{login}"}}"#))
                    }
                    (_, None) if is_bearer => answer(401, &[BEARER], ""),
                    (_, None) => answer(401, &[BASIC], ""),
                    (_, Some(login)) if login == good => answer(404, &[], ""),
                    _ if status == 401 && is_bearer => answer(401, &[BEARER], ""),
                    _ if status == 401 => answer(401, &[BASIC], ""),
                    _ => answer(status, &[], body),
                }
            });
            let config = at_home(home.path()).transport(fake.clone()).retry(quick());
            let app = Client::new(config).unwrap().repository("registry.example/app").unwrap();
            for password in ["dTox", "dToy"] {
                *good.lock().unwrap() = password;
                let error = app.resolve("v1").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound, "{case}: {}", chain(&error));
            }
            assert_eq!(asked(home.path()), 2, "{case}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_denied_to_a_good_login_asks_for_another_once() {
    let home = counting_helper();
    let fake = Fake::new(|seen| match seen.authorization() {
        None => answer(401, &[BASIC], ""),
        Some(_) => answer(403, &[], ""),
    });
    let config = at_home(home.path()).transport(fake.clone()).retry(quick());
    let app = Client::new(config).unwrap().repository("registry.example/app").unwrap();
    for _ in 0..5 {
        assert_eq!(app.resolve("v1").await.unwrap_err().kind(), ErrorKind::Denied);
    }
    assert_eq!(asked(home.path()), 2);
    // Other refusals tell nothing of the login.
    let home = counting_helper();
    let fake = Fake::new(|seen| match seen.authorization() {
        None => answer(401, &[BASIC], ""),
        Some(_) => answer(400, &[], r#"{"errors":[{"code":"MANIFEST_INVALID","message":"no"}]}"#),
    });
    let config = at_home(home.path()).transport(fake.clone()).retry(quick());
    let app = Client::new(config).unwrap().repository("registry.example/app").unwrap();
    for _ in 0..5 {
        assert_eq!(app.resolve("v1").await.unwrap_err().kind(), ErrorKind::Refused);
    }
    assert_eq!(asked(home.path()), 1);
}

#[tokio::test]
async fn a_registry_that_hides_what_it_has_from_strangers_is_asked_for_its_challenge() {
    let ways = [401, 403, 404].map(|hides| [(hides, BASIC), (hides, BEARER)]);
    for (hides, challenge) in ways.concat() {
        let hidden = move |login: Option<Credentials>| {
            let fake = Fake::new(move |seen| match (seen.uri.path(), seen.authorization()) {
                ("/token", Some(_)) => answer(200, &[], r#"{"token":"t"}"#),
                ("/v2/", None) => answer(401, &[challenge], ""),
                (_, None) => answer(hides, &[], ""),
                // It is there.
                _ => answer(418, &[], ""),
            });
            let config = Config::default().transport(fake.clone());
            let config = match login {
                Some(login) => config.credentials("registry.example", login),
                None => config,
            };
            (config, fake)
        };
        let (config, _) = hidden(Some(Credentials::basic("alice", "secret")));
        let error = resolve(config, "registry.example/app").await;
        assert_eq!(error.status(), Some(418), "{hides} {challenge:?}: {}", chain(&error));
        // Without a login there is nothing to ask for.
        let (config, fake) = hidden(None);
        let error = resolve(config, "registry.example/app").await;
        assert_eq!(error.status(), Some(hides));
        assert!(fake.seen().iter().all(|seen| seen.uri.path() != "/v2/"));
    }
    // One that has no challenge is asked for it once.
    let fake = Fake::new(|_| answer(404, &[], ""));
    let login = Credentials::basic("alice", "secret");
    let config = Config::default().credentials("registry.example", login).transport(fake.clone());
    let app = Client::new(config).unwrap().repository("registry.example/app").unwrap();
    for _ in 0..3 {
        assert_eq!(app.resolve("v1").await.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(fake.seen().iter().filter(|seen| seen.uri.path() == "/v2/").count(), 1);
    assert!(fake.seen().iter().all(|seen| seen.authorization().is_none()));
}

#[tokio::test]
async fn a_redirect_to_another_registry_is_answered_there_as_a_stranger() {
    let fake = Fake::new(|seen| match (seen.host(), seen.uri.path(), seen.authorization()) {
        ("facade.example", _, None) => answer(401, &[BASIC], ""),
        ("facade.example", path, Some(_)) => {
            let to = format!("https://registry.example{path}");
            answer(307, &[("location", &to)], "")
        }
        ("auth.example", _, None) => answer(200, &[], r#"{"token":"stranger"}"#),
        ("registry.example", _, Some("Bearer stranger")) => answer(418, &[], ""),
        _ => answer(401, &[BEARER], ""),
    });
    let config = Config::default().transport(fake.clone());
    let config = config.credentials("facade.example", Credentials::basic("alice", "canary"));
    // Not even its own login goes to what another server chose.
    let config = config.credentials("registry.example", Credentials::basic("bob", "canary"));
    let error = resolve(config, "facade.example/app").await;
    assert_eq!(error.status(), Some(418), "{}", chain(&error));
    for seen in fake.seen() {
        let is_login = seen.authorization().is_some_and(|it| it.starts_with("Basic"));
        assert!(!is_login || seen.host() == "facade.example", "{seen:?}");
    }
}

#[tokio::test]
async fn the_life_of_a_token_may_be_a_text() {
    for life in [r#""3600""#, "3600", "3600.5", "null", "-1", r#""x""#, "1e300", "[]"] {
        let body = format!(r#"{{"token":"t","expires_in":{life}}}"#);
        let fake = Fake::new(move |seen| match (seen.uri.path(), seen.authorization()) {
            ("/token", _) => answer(200, &[], body.clone()),
            (_, None) => answer(401, &[BEARER], ""),
            _ => answer(404, &[], ""),
        });
        let error = resolve(Config::default().transport(fake), "registry.example/app").await;
        assert_eq!(error.kind(), ErrorKind::NotFound, "{life}: {}", chain(&error));
    }
}
