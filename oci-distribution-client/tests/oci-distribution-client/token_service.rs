//! Against `docker-registry` with a token service of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oci_distribution_client::{Client, Config, Credentials, ErrorKind};
use oci_testing::docker_registry::DockerRegistry;
use rcgen::{KeyPair, SigningKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::fixture::{chain, quick};
use crate::peers::round_trip;
use crate::secure::Pair;

const SERVICE: &str = "tests";

/// Signs tokens for alice, by her password or her identity token.
struct TokenService {
    address: SocketAddr,
    /// The methods by which it was asked.
    asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl TokenService {
    async fn start(pair: &Pair) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, pair) = (listener.local_addr().unwrap(), pair.clone());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let method = answer(stream, &pair).await;
                log.lock().unwrap().push(method);
            }
        });
        Self { address, asked, task }
    }
}

impl Drop for TokenService {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request; gives its method.
async fn answer(stream: TcpStream, pair: &Pair) -> String {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).await.unwrap() > 0, "{head}");
    }
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut form = vec![0; length];
    stream.read_exact(&mut form).await.unwrap();
    let (method, rest) = head.split_once(' ').unwrap();
    let path = rest.split_once(' ').unwrap().0;
    let mut url = Url::parse(&format!("http://localhost{path}")).unwrap();
    if method == "POST" {
        url.set_query(Some(std::str::from_utf8(&form).unwrap()));
    }
    let basic = format!("Basic {}", STANDARD.encode("alice:secret"));
    let is_alice = header("authorization") == Some(basic)
        || url.query_pairs().any(|pair| pair == ("refresh_token".into(), "canary".into()));
    let (status, body) = match is_alice {
        true => ("200 OK", json!({"token": token(&url, pair), "expires_in": 300})),
        false => ("401 Unauthorized", json!({"details": "who are you?"})),
    };
    let body = body.to_string();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    method.to_owned()
}

/// What it asks for, signed.
fn token(url: &Url, pair: &Pair) -> String {
    let scopes = url.query_pairs().filter(|(name, _)| name == "scope");
    let scopes =
        scopes.flat_map(|(_, scopes)| scopes.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let access: Vec<Value> = scopes
        .filter_map(|scope| {
            let (resource, actions) = scope.rsplit_once(':')?;
            let (kind, name) = resource.split_once(':')?;
            let actions: Vec<_> = actions.split(',').collect();
            Some(json!({"type": kind, "name": name, "actions": actions}))
        })
        .collect();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
    let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(certificate)]});
    let claims = json!({
        "iss": SERVICE, "sub": "alice", "aud": SERVICE, "access": access, "jti": "1",
        "iat": now, "nbf": now - 60, "exp": now + 300,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = KeyPair::from_pem(&pair.key).unwrap().sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(numbers(&signature)))
}

/// The two numbers of a signature in DER, each of 32 bytes.
fn numbers(der: &[u8]) -> Vec<u8> {
    let (mut numbers, mut rest) = (Vec::new(), &der[2..]);
    for _ in 0..2 {
        let (number, behind) = rest[2..].split_at(rest[1].into());
        let number = &number[number.len().saturating_sub(32)..];
        numbers.extend(std::iter::repeat_n(0, 32 - number.len()).chain(number.iter().copied()));
        rest = behind;
    }
    numbers
}

#[tokio::test]
async fn docker_registry_takes_the_tokens_of_its_service() {
    oci_testing::needs!("docker-registry");
    let directory = oci_testing::directory();
    let path = directory.path();
    let pair = Pair::self_signed(&["tests"], 2100);
    std::fs::write(path.join("roots.pem"), &pair.certificate).unwrap();
    let service = TokenService::start(&pair).await;
    let (realm, roots) = (format!("http://{}", service.address), path.join("roots.pem"));
    let auth = format!(
        "auth: {{token: {{realm: '{realm}/token', service: {SERVICE}, issuer: {SERVICE}, rootcertbundle: '{}'}}}}",
        roots.display()
    );
    let registry = DockerRegistry::start(path, &auth).unwrap();
    let host = registry.host();
    let config = Config::default().plain_http(host).retry(quick());
    let config = config.danger_token_server(host, &realm);
    let client = |login| Client::new(config.clone().credentials(host, login)).unwrap();

    round_trip(&client(Credentials::basic("alice", "secret")), host).await;
    let asked = || std::mem::take(&mut *service.asked.lock().unwrap());
    assert!(asked().iter().all(|method| method == "GET"));
    let app = client(Credentials::identity_token("canary")).repository(&format!("{host}/team/app"));
    app.unwrap().resolve("v1").await.unwrap();
    assert_eq!(asked(), ["POST"]);

    let strangers = [
        Client::new(config.clone()).unwrap(),
        client(Credentials::basic("alice", "wrong")),
        client(Credentials::identity_token("wrong")),
    ];
    for stranger in strangers {
        let app = stranger.repository(&format!("{host}/team/app")).unwrap();
        let error = app.resolve("v1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}", chain(&error));
        assert!(!chain(&error).contains("wrong"), "{}", chain(&error));
    }
}
