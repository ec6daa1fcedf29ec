//! Credentials that a program provides, and those that helpers keep.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use oci_distribution_client::transport::BoxFuture;
use oci_distribution_client::{
    Client, Config, CredentialError, CredentialProvider, CredentialRequest, Credentials, ErrorKind,
    Limits, Repository,
};

use crate::fake::{Fake, answer};
use crate::fixture::{chain, quick};

const BASIC: (&str, &str) = ("www-authenticate", "Basic realm=x");
const BEARER: (&str, &str) = ("www-authenticate", r#"Bearer realm="https://auth.example/token""#);

type Answer = dyn Fn(usize) -> Result<Option<Credentials>, CredentialError> + Send + Sync;

/// Gives what a function of the number of requests before says, and remembers what it was asked.
#[derive(Clone)]
struct Scripted {
    answer: Arc<Answer>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn new(
        answer: impl Fn(usize) -> Result<Option<Credentials>, CredentialError> + Send + Sync + 'static,
    ) -> Self {
        Self { answer: Arc::new(answer), asked: Arc::default() }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl CredentialProvider for Scripted {
    fn credentials<'a>(
        &'a self,
        request: &'a CredentialRequest<'a>,
    ) -> BoxFuture<'a, Result<Option<Credentials>, CredentialError>> {
        let mut asked = self.asked.lock().unwrap();
        let answer = (self.answer)(asked.len());
        let scheme = request.challenge.map_or("none", |challenge| &challenge.scheme);
        asked.push(format!(
            "{} {} {} {scheme} {}",
            request.registry,
            request.repository.unwrap(),
            request.scopes.join(" "),
            if request.is_refused { "refused" } else { "first" },
        ));
        Box::pin(async move { answer })
    }
}

fn repository(provider: &Scripted, fake: &Fake) -> Repository {
    let config = Config::default().credential_provider(provider.clone()).retry(quick());
    Client::new(config.transport(fake.clone())).unwrap().repository("registry.example/app").unwrap()
}

fn password(number: usize) -> Credentials {
    Credentials::basic("u", number.to_string())
}

#[tokio::test]
async fn a_provider_is_asked_for_what_is_wanted_and_again_when_that_is_refused() {
    // `u:0` is good at first, then `u:1`.
    let good = Arc::new(Mutex::new("dTow"));
    for (challenge, scheme) in [(BASIC, "basic"), (BEARER, "bearer")] {
        *good.lock().unwrap() = "dTow";
        let now = Arc::clone(&good);
        let fake = Fake::new(move |seen| {
            let login = seen.authorization().map(|it| it.split(' ').nth(1).unwrap());
            match (seen.uri.path(), login) {
                // The token is the login.
                ("/token", Some(login)) => answer(200, &[], format!(r#"{{"token":"{login}"}}"#)),
                (_, Some(login)) if login == *now.lock().unwrap() => answer(404, &[], ""),
                _ => answer(401, &[challenge], ""),
            }
        });
        let provider = Scripted::new(|number| Ok(Some(password(number))));
        let repository = repository(&provider, &fake);
        for password in ["dTow", "dTow", "dTox", "dTox"] {
            *good.lock().unwrap() = password;
            let error = repository.resolve("v1").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
        }
        let asked = |how| format!("registry.example app repository:app:pull {scheme} {how}");
        assert_eq!(provider.asked(), [asked("first"), asked("refused")]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_gives_is_used_for_as_long_as_it_says() {
    let hour = Duration::from_secs(3600);
    let token = |number: usize| Credentials::registry_token(number.to_string());
    for challenge in [BASIC, BEARER] {
        let give = move |number| if challenge == BASIC { password(number) } else { token(number) };
        let fake = Fake::new(move |seen| match seen.authorization() {
            None => answer(401, &[challenge], ""),
            Some(_) => answer(404, &[], ""),
        });
        for (life, after_half, after_all) in
            [(Some(hour), 1, 2), (Some(Duration::ZERO), 2, 3), (None, 1, 1)]
        {
            let provider = Scripted::new(move |number| {
                Ok(Some(match life {
                    Some(life) => give(number).valid_for(life),
                    None => give(number),
                }))
            });
            let repository = repository(&provider, &fake);
            for (number, wait) in [(1, hour / 2), (after_half, hour), (after_all, hour)] {
                repository.resolve("v1").await.unwrap_err();
                // A request without an answer to HEAD is sent as GET, too.
                let asked = provider.asked().len();
                let expected = if life == Some(Duration::ZERO) { 2 * number } else { number };
                assert_eq!(asked, expected, "{life:?}");
                tokio::time::advance(wait).await;
            }
        }
    }
}

#[tokio::test]
async fn the_first_that_has_credentials_gives_them() {
    let fake = Fake::new(|seen| match seen.authorization() {
        None => answer(401, &[BASIC], ""),
        Some(_) => answer(404, &[], ""),
    });
    let none = Scripted::new(|_| Ok(None));
    let some = Scripted::new(|_| Ok(Some(password(1))));
    let json = r#"{"auths": {"registry.example": {"auth": "Yjoy"}}}"#;
    let given = |config: Config| {
        let fake = fake.clone();
        async move {
            let client = Client::new(config.transport(fake.clone())).unwrap();
            let repository = client.repository("registry.example/app").unwrap();
            repository.resolve("v1").await.unwrap_err();
            fake.seen().iter().rev().find_map(|seen| seen.authorization().map(str::to_owned))
        }
    };
    let config = || Config::default().login_json(json).unwrap().credential_provider(none.clone());
    assert_eq!(given(config()).await.as_deref(), Some("Basic Yjoy"));
    let config = || config().credential_provider(some.clone());
    assert_eq!(given(config()).await.as_deref(), Some("Basic dTox"));
    let own = Credentials::basic("a", "1");
    let config = || config().credentials("registry.example", own.clone());
    assert_eq!(given(config()).await.as_deref(), Some("Basic YTox"));
    let ended = Credentials::basic("x", "y").valid_for(Duration::ZERO);
    let config = || config().credentials("registry.example", ended.clone());
    assert_eq!(given(config()).await.as_deref(), Some("Basic YTox"));
    assert_eq!((none.asked().len(), some.asked().len()), (2, 1));
}

/// Takes its time.
#[derive(Debug)]
struct Slow(Duration);

impl CredentialProvider for Slow {
    fn credentials<'a>(
        &'a self,
        _: &'a CredentialRequest<'a>,
    ) -> BoxFuture<'a, Result<Option<Credentials>, CredentialError>> {
        Box::pin(async {
            tokio::time::sleep(self.0).await;
            Ok(Some(password(1)))
        })
    }
}

#[tokio::test]
async fn a_configuration_without_logins_has_none_that_it_was_given() {
    let fake = Fake::new(|_| answer(401, &[BASIC], ""));
    let provider = Scripted::new(|_| Ok(Some(password(0))));
    let file = r#"{"auths":{"registry.example":{"auth":"dTow"}}}"#;
    let config = Config::default().credential_provider(provider.clone());
    let config = config.login_json(file).unwrap();
    let given = config.clone().credentials("registry.example", password(0));
    let is_authorized = || fake.seen().iter().any(|seen| seen.authorization().is_some());
    for config in [given.clone().without_logins(), config.without_logins(), given] {
        assert!(!is_authorized() && provider.asked().is_empty());
        let client = Client::new(config.transport(fake.clone())).unwrap();
        let app = client.repository("registry.example/app").unwrap();
        assert_eq!(app.resolve("v1").await.unwrap_err().kind(), ErrorKind::Unauthorized);
    }
    assert!(is_authorized());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_or_takes_too_long_fails_the_request_and_says_why() {
    let fake = Fake::new(|seen| match seen.authorization() {
        None => answer(401, &[BASIC], ""),
        Some(_) => answer(404, &[], ""),
    });
    let failing = Scripted::new(|_| Err("the keychain is locked".into()));
    let error = repository(&failing, &fake).resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = chain(&error);
    assert!(text.contains("get credentials for `registry.example`"), "{text}");
    assert!(text.contains("the keychain is locked"), "{text}");
    for (seconds, kind) in [(2, ErrorKind::NotFound), (4, ErrorKind::Configuration)] {
        let mut limits = Limits::default();
        limits.helper = Duration::from_secs(3);
        let config = Config::default().limits(limits).transport(fake.clone());
        let config = config.credential_provider(Slow(Duration::from_secs(seconds)));
        let client = Client::new(config).unwrap();
        let repository = client.repository("registry.example/app").unwrap();
        let error = repository.resolve("v1").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", chain(&error));
        let is_told = chain(&error).contains("took longer than 3 s (`Limits::helper`)");
        assert_eq!(is_told, kind == ErrorKind::Configuration);
    }
}

#[cfg(all(unix, feature = "credential-helpers"))]
pub(crate) mod helpers {
    use std::collections::BTreeMap;
    use std::path::Path;

    use oci_distribution_client::CredentialHelper;

    use super::*;
    use crate::credential_helpers::make_helper;

    /// A helper that keeps logins as files beside it, and fails for servers that are named so.
    pub(crate) fn keeping(home: &Path) -> CredentialHelper {
        std::fs::create_dir(home.join("kept")).unwrap();
        // `make_helper` reads one line of the input as `$server`.
        let script = r#"cd "$(dirname "$0")/kept"
            case "$1 $server" in
              *fails*) echo "the keychain is locked, you sent $server"; exit 1;;
              "store "*) file=$(echo "$server" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/' | tr / _)
                echo "$server" > "$file";;
              "get "*) cat "$(echo "$server" | tr / _)" 2>/dev/null ||
                { echo "credentials not found in native keychain"; exit 1; };;
              "erase "*) rm "$(echo "$server" | tr / _)" 2>/dev/null ||
                { echo "credentials not found in native keychain"; exit 1; };;
              "list "*) printf '{'; comma=
                for file in *; do printf '%s"%s":"user"' "$comma" "$file"; comma=,; done
                printf '}';;
            esac"#;
        make_helper(home, "keep", script);
        let search = std::env::join_paths([home, Path::new("/bin"), Path::new("/usr/bin")]);
        CredentialHelper::new("keep").search_path(search.unwrap())
    }

    #[tokio::test]
    async fn a_helper_keeps_gives_lists_and_erases_logins() {
        let home = tempfile::tempdir().unwrap();
        let helper = keeping(home.path());
        let alice = Credentials::basic("alice", "pass \"word\"");
        let token = Credentials::identity_token("token");
        assert_eq!(helper.get("a.example").await.unwrap(), None);
        helper.store("a.example", &alice).await.unwrap();
        helper.store("b.example:5000", &token).await.unwrap();
        assert_eq!(helper.get("a.example").await.unwrap(), Some(alice));
        assert_eq!(helper.get("b.example:5000").await.unwrap(), Some(token));
        let listed = ["a.example", "b.example:5000"].map(|it| (it.to_owned(), "user".to_owned()));
        assert_eq!(helper.list().await.unwrap(), BTreeMap::from(listed));
        assert!(helper.erase("a.example").await.unwrap());
        assert!(!helper.erase("a.example").await.unwrap());
        assert_eq!(helper.get("a.example").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_helper_that_fails_is_quoted_without_the_secret() {
        let home = tempfile::tempdir().unwrap();
        let helper = keeping(home.path());
        let login = Credentials::basic("alice", "canary-password");
        let store = helper.store("fails", &login).await.unwrap_err();
        let get = helper.get("fails").await.map(drop).unwrap_err();
        let erase = helper.erase("fails").await.map(drop).unwrap_err();
        let plain = CredentialHelper::new("../x").get("a").await.map(drop).unwrap_err();
        let token = Credentials::registry_token("canary-token");
        let token = helper.store("a", &token).await.unwrap_err();
        for (error, words) in [
            (&store, "cannot store the login with the credential helper"),
            (&get, "it failed: the keychain is locked"),
            (&erase, "cannot erase the login with"),
            (&plain, "its name is not that of a program"),
            (&token, "not registry tokens"),
        ] {
            let text = format!("{} {error:?} {error:#?}", chain(error));
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(text.contains(words) && !text.contains("canary"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_helper_is_a_provider_for_any_registry() {
        let home = tempfile::tempdir().unwrap();
        let helper = keeping(home.path());
        helper.store("registry.example", &Credentials::basic("a", "1")).await.unwrap();
        let fake = Fake::new(|seen| match seen.authorization() {
            None => answer(401, &[BASIC], ""),
            Some(_) => answer(404, &[], ""),
        });
        let config = Config::default().credential_provider(helper).transport(fake.clone());
        let client = Client::new(config).unwrap();
        client.repository("registry.example/a").unwrap().resolve("v1").await.unwrap_err();
        assert_eq!(fake.seen().last().unwrap().authorization(), Some("Basic YTox"));
    }
}
