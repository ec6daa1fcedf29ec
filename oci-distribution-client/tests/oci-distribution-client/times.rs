//! Each limit on time, on both sides of it. Time is paused: it is as late as what is waited for.

use std::time::Duration;

use futures_util::stream::unfold;
use http::{Method, Response};
use oci_distribution_client::transport::{Body, TransportError};
use oci_distribution_client::{
    Client, Config, Credentials, Error, ErrorKind, Limits, Repository, Retry,
};
use oci_image::distribution::referrers_tag;
use oci_image::{AnyDocument, Descriptor, Document, Manifest, MediaType};
use tokio::time::Instant;

use crate::fake::{Fake, Seen, answer};
use crate::fixture::{Fixture, chain};

const HOST: &str = "registry.example";
const LIMIT: Duration = Duration::from_secs(3);
const EARLY: Duration = Duration::from_millis(2_900);
const LATE: Duration = Duration::from_millis(3_100);
/// Longer than any limit is waited for here.
const HOUR: Duration = Duration::from_secs(3600);

fn config(limit: impl FnOnce(&mut Limits)) -> Config {
    let (mut limits, mut retry) = (Limits::default(), Retry::default());
    limit(&mut limits);
    retry.attempts = 1;
    Config::default().limits(limits).retry(retry)
}

fn repository(config: Config) -> Repository {
    Client::new(config).unwrap().repository(&format!("{HOST}/a")).unwrap()
}

#[track_caller]
fn is_timeout<T>(result: Result<T, Error>) {
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", chain(&error));
}

fn response(limits: &mut Limits) {
    (limits.response, limits.stall, limits.commit) = (LIMIT, HOUR, HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_registry_and_its_token_server_begin_an_answer_in_time() {
    let script = |seen: &Seen| match (seen.uri.path(), seen.authorization()) {
        ("/token", _) => answer(200, &[], r#"{"token":"t"}"#),
        (_, Some(_)) => answer(200, &[], r#"{"name":"a","tags":[]}"#),
        _ => {
            let challenge = r#"Bearer realm="https://auth.example/token""#;
            answer(401, &[("www-authenticate", challenge)], "")
        }
    };
    for late in ["/v2/a/tags/list", "/token"] {
        for (time, is_in_time) in [(EARLY, true), (LATE, false)] {
            let fake = Fake::new(script).thinking(move |seen| match seen.uri.path() == late {
                true => time,
                false => Duration::ZERO,
            });
            let tags = repository(config(response).transport(fake)).tags().await;
            match is_in_time {
                true => assert_eq!(tags.unwrap().len(), 0),
                false => is_timeout(tags),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_that_is_looked_for_is_waited_for_no_longer_than_an_answer() {
    for (time, is_in_time) in [(EARLY, true), (LATE, false)] {
        let script = |seen: &Seen| match (seen.uri.path(), seen.authorization()) {
            ("/v2/", _) => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
            (_, Some(_)) => answer(200, &[], r#"{"name":"a","tags":[]}"#),
            _ => answer(404, &[], ""),
        };
        let fake = Fake::new(script).thinking(move |seen| match seen.uri.path() {
            "/v2/" => time,
            _ => Duration::ZERO,
        });
        let config = config(response).credentials(HOST, Credentials::basic("user", "password"));
        let tags = repository(config.transport(fake)).tags().await;
        assert_eq!(tags.is_ok(), is_in_time);
    }
}

#[cfg(feature = "machine")]
#[tokio::test(start_paused = true)]
async fn a_registry_that_may_speak_http_is_waited_for_over_https_no_longer_than_an_answer() {
    use oci_distribution_client::machine::RegistriesConf;

    let text = format!("[[registry]]\nlocation = \"{HOST}\"\ninsecure = true\n");
    for (time, scheme) in [(EARLY, "https"), (LATE, "http")] {
        let fake = Fake::new(|_| answer(200, &[], r#"{"name":"a","tags":[]}"#));
        let fake = fake.thinking(move |seen| match seen.uri.scheme_str() {
            Some("https") if seen.uri.path() == "/v2/" => time,
            _ => Duration::ZERO,
        });
        let conf = RegistriesConf::parse(&text, "registries.conf").unwrap();
        let config = config(response).registries_conf(conf).transport(fake.clone());
        repository(config).tags().await.unwrap();
        assert_eq!(fake.seen().last().unwrap().uri.scheme_str(), Some(scheme));
    }
}

/// Bytes, so many in each piece, and so long between them, until all of `text` was sent.
fn dripping(text: &'static str, piece: usize, pause: Duration) -> Body {
    let stream = unfold(text.as_bytes(), move |rest| async move {
        tokio::time::sleep(pause).await;
        let (piece, rest) = rest.split_at(piece.min(rest.len()));
        let piece = Ok::<_, TransportError>(piece.into());
        (!rest.is_empty() || piece.as_ref().is_ok_and(|it: &bytes::Bytes| !it.is_empty()))
            .then_some((piece, rest))
    });
    Body::stream(stream, None)
}

/// Lists tags that are received like this.
async fn drip(
    limit: impl FnOnce(&mut Limits),
    piece: usize,
    pause: Duration,
) -> Result<Vec<String>, Error> {
    const PAGE: &str = r#"{"name":"a","tags":["one","two","three","four","five","six"]}"#;
    let fake = Fake::new(move |_| Response::new(dripping(PAGE, piece, pause)));
    let tags = repository(config(limit).transport(fake)).tags().await;
    tags.map(|tags| tags.iter().map(ToString::to_string).collect())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_or_is_slower_than_the_least_rate_is_given_up() {
    let stall = |limits: &mut Limits| (limits.stall, limits.min_rate) = (LIMIT, 0);
    assert_eq!(drip(stall, 100, EARLY).await.unwrap().len(), 6);
    is_timeout(drip(stall, 100, LATE).await);
    // Ten pieces are received in that time.
    let (stall, second) = (Duration::from_millis(10_500), Duration::from_secs(1));
    let rate = |limits: &mut Limits| (limits.stall, limits.min_rate) = (stall, 2);
    assert_eq!(drip(rate, 3, second).await.unwrap().len(), 6);
    is_timeout(drip(rate, 2, second).await);
}

/// An artifact that refers to what is not there.
fn artifact() -> AnyDocument {
    let mut manifest = Manifest::new(Descriptor::empty_json());
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.artifact_type = Some(MediaType::from("application/x.sbom"));
    manifest.subject = Some(Descriptor::of(MediaType::IMAGE_MANIFEST, b"subject"));
    AnyDocument::Manifest(Document::new(manifest).unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_given_up_when_nothing_of_it_is_taken_for_a_while() {
    let fixture = Fixture::new();
    let image = AnyDocument::Manifest(fixture.amd64.clone());
    for (time, is_in_time) in [(EARLY, true), (LATE, false)] {
        let fake = Fake::new(|_| answer(201, &[("location", "/v2/a/x")], "")).reading(time);
        let limit = |limits: &mut Limits| (limits.stall, limits.response) = (LIMIT, HOUR);
        let pushed = repository(config(limit).transport(fake)).push_manifest(&image).await;
        match is_in_time {
            true => pushed.unwrap(),
            false => is_timeout(pushed),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_of_referrers_is_read_again_after_the_time_that_others_may_take() {
    let (artifact, tag) =
        (artifact(), referrers_tag(&Descriptor::of("x".into(), b"subject").digest));
    for settle in [LIMIT, HOUR] {
        let index = std::sync::Mutex::new((None, Vec::new()));
        let path = format!("/v2/a/manifests/{tag}");
        let times = std::sync::Arc::new(index);
        let known = times.clone();
        // It gives no entity tags.
        let fake = Fake::new(move |seen| {
            let (index, times) = &mut *known.lock().unwrap();
            let is_index = seen.uri.path() == path;
            match (&seen.method, &*index) {
                (&Method::PUT, _) if is_index => {
                    times.push(Instant::now());
                    *index = Some(seen.body.clone());
                    answer(201, &[("location", "/v2/a/x")], "")
                }
                (&Method::PUT, _) => answer(201, &[("location", "/v2/a/x")], ""),
                (_, Some(bytes)) if is_index => {
                    times.push(Instant::now());
                    let kind = [("content-type", "application/vnd.oci.image.index.v1+json")];
                    answer(200, &kind, bytes.clone())
                }
                _ => answer(404, &[], ""),
            }
        });
        let limit = |limits: &mut Limits| limits.referrers_settle = settle;
        repository(config(limit).transport(fake)).push_manifest(&artifact).await.unwrap();
        let (_, times) = &*times.lock().unwrap();
        let [written, read] = times[..] else { panic!("{times:?}") };
        let pause = read - written;
        assert!(pause >= settle && pause <= 3 * settle, "{pause:?} for {settle:?}");
    }
}

#[cfg(feature = "hyper")]
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_made_in_time_is_given_up() {
    // It takes connections and says nothing, so that TLS waits.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap().to_string();
    for limit in [LIMIT, HOUR] {
        let config = config(|limits| (limits.connect, limits.response) = (limit, 2 * HOUR));
        let client = Client::new(config).unwrap();
        let start = Instant::now();
        let error = client.repository(&format!("{host}/a")).unwrap().tags().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{}", chain(&error));
        assert_eq!(start.elapsed().as_secs(), limit.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_no_clock_has_is_as_long_as_any() {
    let fake = Fake::new(|_| answer(429, &[("retry-after", &u64::MAX.to_string())], ""));
    let mut retry = Retry::default();
    retry.longest_retry_after = Duration::MAX;
    let config = Config::default().transport(fake).retry(retry);
    let app = Client::new(config).unwrap().repository("registry.example/app").unwrap();
    tokio::time::timeout(HOUR, app.resolve("v1")).await.unwrap_err();
}
