//! What servers send a client where to go, when to come again, and what logins are written to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use oci_distribution_client::http::{Request, Response, StatusCode, Uri, header};
use oci_distribution_client::transport::{Body, BoxFuture, Transport, TransportError};
use oci_distribution_client::{Client, Config, Credentials, LoginFile, Retry};
use serde_json::{Map, Value};
use tokio::runtime::Builder;

const HOST: &str = "registry.example";
const SECRET: &str = "Y2FuYXJ5OmNhbmFyeQ==";

/// Answers each request with this status and this header, and remembers where it went, with what login.
#[derive(Clone, Debug)]
struct Answers {
    status: StatusCode,
    header: (header::HeaderName, header::HeaderValue),
    seen: Arc<Mutex<Vec<(Uri, bool)>>>,
}

impl Transport for Answers {
    fn send(
        &self,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        let login = request.headers().get(header::AUTHORIZATION);
        let is_secret = login.is_some_and(|login| login.as_bytes().ends_with(SECRET.as_bytes()));
        if let Ok(mut seen) = self.seen.lock() {
            seen.push((request.uri().clone(), is_secret));
        }
        let mut answer = Response::new(Body::empty());
        if login.is_none() && request.uri().host() == Some(HOST) {
            let challenge = header::HeaderValue::from_static("Basic realm=x");
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        } else {
            *answer.status_mut() = self.status;
            answer.headers_mut().insert(self.header.0.clone(), self.header.1.clone());
        }
        Box::pin(async { Ok(answer) })
    }
}

/// Resolves a tag of a registry that answers so; gives where requests went, and how long it took by the clock of the
/// runtime, which stands still.
fn ask(
    status: StatusCode,
    name: header::HeaderName,
    data: &[u8],
) -> Option<(Vec<(Uri, bool)>, Duration)> {
    let header = (name, header::HeaderValue::from_bytes(data).ok()?);
    let answers = Answers { status, header, seen: Arc::default() };
    let transport = answers.clone();
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let elapsed = runtime.block_on(async move {
        let config = Config::default().transport(transport);
        let config = config.credentials(HOST, Credentials::basic("canary", "canary"));
        let repository = Client::new(config).unwrap().repository(&format!("{HOST}/a")).unwrap();
        let start = tokio::time::Instant::now();
        let _ = repository.resolve("v1").await;
        start.elapsed()
    });
    let seen = answers.seen.lock().unwrap().clone();
    Some((seen, elapsed))
}

/// Wherever a redirect leads, requests stay on https, and the login stays with its origin.
pub fn client_location(data: &[u8]) {
    let asked = ask(StatusCode::TEMPORARY_REDIRECT, header::LOCATION, data);
    for (uri, is_secret) in asked.into_iter().flat_map(|(seen, _)| seen) {
        assert_eq!(uri.scheme_str(), Some("https"), "{uri}");
        let is_own = uri.host() == Some(HOST) && uri.port_u16().unwrap_or(443) == 443;
        assert!(is_own || !is_secret, "{uri}");
        assert!(!uri.authority().is_some_and(|it| it.as_str().contains('@')), "{uri}");
    }
}

/// Whatever a registry says of when to come again, it is not waited for longer than each attempt may.
pub fn client_retry_after(data: &[u8]) {
    let Some((_, elapsed)) = ask(StatusCode::TOO_MANY_REQUESTS, header::RETRY_AFTER, data) else {
        return;
    };
    let retry = Retry::default();
    assert!(elapsed <= retry.longest_retry_after * retry.attempts, "{elapsed:?}");
}

/// A login that is stored is read, is all that changes, and is gone when it is erased.
pub fn login_file(data: &[u8]) {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let file = LoginFile::open(directory.path().join("auth.json"));
    std::fs::write(file.path(), data).unwrap();
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let before = others(data);
        let login = Credentials::basic("alice", "secret");
        if file.store("stored.example", &login).await.is_err() {
            assert_eq!(std::fs::read(file.path()).unwrap(), data);
            return;
        }
        let stored = std::fs::read(file.path()).unwrap();
        assert_eq!(others(&stored), before);
        assert!(file.erase("stored.example").await.unwrap());
        assert_eq!(others(&std::fs::read(file.path()).unwrap()), before);
        assert!(Config::default().login_file(file.path()).is_ok());
    });
}

/// All but the logins for one registry.
fn others(data: &[u8]) -> Map<String, Value> {
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let mut root: Map<String, Value> = serde_json::from_slice(text).unwrap_or_default();
    let auths = root.remove("auths");
    if let Some(Value::Object(mut auths)) = auths {
        auths.retain(|key, _| !key.to_ascii_lowercase().contains("stored.example"));
        if !auths.is_empty() {
            root.insert("auths".to_owned(), auths.into());
        }
    }
    root
}
