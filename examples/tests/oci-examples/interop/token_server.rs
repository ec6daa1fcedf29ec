//! A token server for `docker-registry`: it signs what `alice` may do.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::form_urlencoded;

use oci_testing::program::run;

pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "correct horse";

const SERVICE: &str = "registry of the tests";

/// Who asked for which scopes.
pub(crate) type Asked = (Option<String>, Vec<String>);

/// It grants `alice` all that she asks for, others nothing, and refuses wrong passwords.
pub(crate) struct TokenServer {
    address: SocketAddr,
    service: Arc<TokenService>,
    thread: Option<JoinHandle<()>>,
}

struct TokenService {
    directory: PathBuf,
    asked: Mutex<Vec<Asked>>,
    stop: AtomicBool,
}

impl TokenServer {
    /// It keeps its key and certificate in `directory`.
    pub(crate) fn start(directory: &Path) -> Self {
        let place = |name: &str| directory.join(name).to_str().unwrap().to_owned();
        let (key, certificate) = (place("token-key.pem"), place("token-certificate.pem"));
        let words = "req -x509 -newkey rsa:2048 -nodes -subj /CN=tests -days 2 -keyout";
        let mut arguments: Vec<&str> = words.split(' ').collect();
        arguments.extend([&*key, "-out", &certificate]);
        run("openssl", &arguments).good();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let service = Arc::new(TokenService {
            directory: directory.into(),
            asked: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let serving = service.clone();
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if serving.stop.load(Ordering::SeqCst) {
                    return;
                }
                serving.serve(&connection.unwrap());
            }
        });
        Self { address, service, thread: Some(thread) }
    }

    /// Where it is.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the configuration of a registry must have.
    pub(crate) fn settings(&self) -> String {
        let certificate = self.service.directory.join("token-certificate.pem");
        format!(
            "auth: {{token: {{realm: '{}/token', service: '{SERVICE}', issuer: tests, rootcertbundle: '{}'}}}}",
            self.origin(),
            certificate.display()
        )
    }

    /// The requests since the last call.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.service.asked.lock().unwrap())
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.service.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl TokenService {
    fn serve(&self, mut connection: &TcpStream) {
        let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
        let request = lines.next().unwrap_or_default();
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let (status, body) = match self.answer(&request, &headers) {
            Some(token) => ("200 OK", format!("{{\"token\":\"{token}\",\"expires_in\":300}}")),
            None => ("401 Unauthorized", "{}".into()),
        };
        let length = body.len();
        let _ = write!(
            connection,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }

    fn answer(&self, request: &str, headers: &[String]) -> Option<String> {
        let query = request.strip_prefix("GET /token?")?.split(' ').next()?;
        let values: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let named = |name: &str| -> Vec<String> {
            values.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
        };
        assert_eq!(named("service"), [SERVICE]);
        let scopes = named("scope");
        let login = headers.iter().find_map(|line| {
            let (name, value) = line.split_once(": Basic ")?;
            name.eq_ignore_ascii_case("authorization")
                .then(|| BASE64_STANDARD.decode(value).ok())?
        });
        let login = login.map(|login| String::from_utf8(login).unwrap());
        let user = match login.as_deref().and_then(|login| login.split_once(':')) {
            None => None,
            Some((USER, PASSWORD)) => Some(USER.to_owned()),
            Some(_) => return None,
        };
        self.asked.lock().unwrap().push((user.clone(), scopes.clone()));
        Some(self.token(&user.map(|_| scopes).unwrap_or_default()))
    }

    /// A signed statement of what is granted.
    fn token(&self, scopes: &[String]) -> String {
        let certificate =
            std::fs::read_to_string(self.directory.join("token-certificate.pem")).unwrap();
        let der: String = certificate.lines().filter(|line| !line.starts_with("---")).collect();
        let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [der]});
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "iss": "tests",
            "sub": USER,
            "aud": SERVICE,
            "nbf": now - 10,
            "exp": now + 300,
            "access": scopes.iter().flat_map(|scopes| access(scopes)).collect::<Vec<_>>(),
        });
        let text = format!(
            "{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(header.to_string()),
            BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.sign(&text);
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign"])
            .arg(self.directory.join("token-key.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        openssl.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = openssl.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    }
}

/// `repository:NAME:ACTION,ACTION`, several of them apart by spaces, as a token says it.
fn access(scopes: &str) -> Vec<Value> {
    let scope = |scope: &str| {
        let mut parts = scope.splitn(3, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (kind, name) = (part(), part());
        json!({"type": kind, "name": name, "actions": part().split(',').collect::<Vec<_>>()})
    };
    scopes.split(' ').map(scope).collect()
}
