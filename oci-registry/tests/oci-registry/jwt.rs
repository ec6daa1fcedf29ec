use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oci_registry::{Action, Auth, Grant, JwtKeys, JwtSigner, Store};
use oci_testing::needs;
use oci_testing::program::run;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::auth::basic;
use crate::client::Client;

const ISSUER: &str = "https://tokens.example";

/// Another token service than ours, with a key of Ed25519.
struct Service(Ed25519KeyPair);

impl Service {
    fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn key_set(&self) -> String {
        let x = BASE64_URL_SAFE_NO_PAD.encode(self.0.public_key());
        let other = json!({"kty": "oct", "kid": "1", "k": x});
        let mine = json!({"kty": "OKP", "crv": "Ed25519", "kid": "1", "use": "sig", "x": x});
        json!({"keys": [other, mine]}).to_string()
    }

    fn sign(&self, head: &str, claims: &str) -> String {
        let encode = |part: &str| BASE64_URL_SAFE_NO_PAD.encode(part);
        let signed = format!("{}.{}", encode(head), encode(claims));
        let signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// A registry that takes its tokens.
    async fn registry(&self) -> Client {
        let keys = JwtKeys::parse(&self.key_set()).unwrap();
        let auth = Auth::bearer().service("here").realm("https://tokens.example/token");
        Client::of(oci_registry::serve(Store::memory()).auth(auth.jwt(ISSUER, keys))).await
    }
}

fn bearer(client: &Client, token: &str) -> Client {
    Client { credentials: Some(format!("Bearer {token}")), ..client.clone() }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

const HEAD: &str = r#"{"alg":"EdDSA","typ":"JWT","kid":"1"}"#;

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ["elsewhere", "here"], "sub": "alice",
        "exp": now() + 300, "nbf": now(), "iat": now(), "jti": "1",
        "access": [
            {"type": "repository", "name": "team/app", "actions": ["pull", "push"]},
            {"type": "repository", "name": "*", "actions": ["*"]},
            {"type": "registry", "name": "catalog", "actions": ["*"]},
        ],
    })
}

#[tokio::test]
async fn a_token_of_another_service_is_good_for_what_it_says() {
    let service = Service::new();
    let client = service.registry().await;
    let challenge = client.get("/v2/").await.refused(401, "UNAUTHORIZED");
    let expected = "Bearer realm=\"https://tokens.example/token\",service=\"here\"";
    assert_eq!(challenge.header("www-authenticate"), Some(expected));
    let alice = bearer(&client, &service.sign(HEAD, &claims().to_string()));
    alice.get("/v2/").await.is(200);
    alice.push_image("team/app", "v1").await;
    alice.get("/v2/team/app/manifests/v1").await.is(200);
    alice.delete("/v2/team/app/manifests/v1").await.is(401);
    alice.get("/v2/other/app/manifests/v1").await.is(401);
    // It gives none itself.
    client.get("/token").await.refused(404, "UNSUPPORTED");
    client.server.registry().revoke_tokens("alice");
    alice.get("/v2/").await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_it_is_good_for_nothing() {
    let service = Service::new();
    let client = service.registry().await;
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        service.sign(HEAD, &claims.to_string())
    };
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        service.sign(HEAD, &claims.to_string())
    };
    let headed = |head: &str| service.sign(head, &claims().to_string());
    let good = service.sign(HEAD, &claims().to_string());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let unsigned = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let x = BASE64_URL_SAFE_NO_PAD.encode(Service::new().0.public_key());
    let own_key =
        format!(r#"{{"alg":"EdDSA","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}},"kid":"1"}}"#);
    let twice = claims().to_string().replacen('{', "{\"sub\":\"root\",", 1);
    for (token, wrong) in [
        (with("iss", json!("https://other.example")), "another issuer"),
        (without("iss"), "no issuer"),
        (with("aud", json!("elsewhere")), "for another registry"),
        (with("aud", json!([])), "for nobody"),
        (without("aud"), "no audience"),
        (with("exp", json!(now() - 61)), "it has ended"),
        (with("exp", json!((now() + 300).to_string())), "an end that is text"),
        (without("exp"), "no end"),
        (with("nbf", json!(now() + 120)), "it has not begun"),
        (with("nbf", json!("0")), "a start that is text"),
        (with("iat", json!(true)), "no time"),
        (with("sub", json!(["alice"])), "a list of users"),
        (with("access", json!({})), "no list of scopes"),
        (headed(r#"{"alg":"none","kid":"1"}"#), "no algorithm"),
        (headed(r#"{"alg":"HS256","kid":"1"}"#), "a shared secret"),
        (headed(r#"{"alg":"ES256","kid":"1"}"#), "the algorithm of another key"),
        (headed(r#"{"alg":"EdDSA","kid":"2"}"#), "another key"),
        (headed(r#"{"alg":"EdDSA","kid":"1","crit":["exp"]}"#), "an extension"),
        (headed(r#"{"alg":"EdDSA","kid":1}"#), "a number"),
        (headed(r#"{"alg":"EdDSA","alg":"EdDSA"}"#), "said twice"),
        (Service::new().sign(HEAD, &claims().to_string()), "signed by somebody"),
        (Service::new().sign(&own_key, &claims().to_string()), "a key of its own"),
        (service.sign(HEAD, &twice), "two users"),
        (format!("{unsigned}.{}.", signed.split_once('.').unwrap().1), "not signed"),
        (format!("{signed}."), "signature cut off"),
        (format!("{good}="), "padding"),
        (format!("{good}.{good}"), "two tokens"),
        (String::new(), "nothing"),
    ] {
        let answer = bearer(&client, &token).get("/v2/").await;
        assert_eq!(answer.status, 401, "{wrong}: {answer:?}");
    }
    bearer(&client, &good).get("/v2/").await.is(200);
    // Clocks differ by a little.
    bearer(&client, &with("exp", json!(now() - 30))).get("/v2/").await.is(200);
    bearer(&client, &headed(r#"{"alg":"EdDSA"}"#)).get("/v2/").await.is(200);
}

#[tokio::test]
async fn replicas_with_one_key_take_each_others_tokens() {
    let (signer, store) = (JwtSigner::random().unwrap(), Store::memory());
    let auth = |signer: &JwtSigner| {
        Auth::bearer()
            .user("alice", "secret", [Grant::new("team/*", [Action::Pull, Action::Push])])
            .anonymous([Grant::new("public/*", [Action::Pull])])
            .sign(signer.clone())
    };
    let serve = |signer| oci_registry::serve(store.clone()).auth(auth(signer));
    let first = Client::of(serve(&signer)).await;
    let second = Client::of(serve(&signer)).await;
    let stranger = Client::of(serve(&JwtSigner::random().unwrap())).await;
    let alice = Client { credentials: Some(basic("alice", "secret")), ..first.clone() };
    let scope = "scope=repository:team/app:pull,push,delete&scope=repository:public/app:pull";
    let answer = alice.get(&format!("/token?{scope}&offline_token=true")).await.is(200).json();
    let token = answer["token"].as_str().unwrap();
    for client in [&first, &second] {
        let client = bearer(client, token);
        client.push_image("team/app", "v1").await;
        client.delete("/v2/team/app/manifests/v1").await.is(401);
        client.get("/v2/public/app/manifests/v1").await.is(401);
    }
    bearer(&stranger, token).get("/v2/").await.refused(401, "UNAUTHORIZED");
    assert!(answer["refresh_token"].is_string());
    let answer = first.get("/token?scope=repository:public/app:pull,push").await.is(200).json();
    let anybody = bearer(&second, answer["token"].as_str().unwrap());
    anybody.get("/v2/public/app/tags/list").await.is(404);
    anybody.post("/v2/public/app/blobs/uploads/").await.is(401);
    // What is told to others verifies it, too.
    let keys = JwtKeys::parse(&signer.key_set()).unwrap();
    let other = Auth::bearer().jwt("oci-registry", keys);
    let other = Client::of(oci_registry::serve(store.clone()).auth(other)).await;
    bearer(&other, token).get("/v2/team/app/manifests/v1").await.is(200);
}

#[test]
fn a_key_of_openssl_signs_and_others_are_refused() {
    needs!("openssl");
    let made = |curve: &str| {
        let curve = format!("ec_paramgen_curve:{curve}");
        run("openssl", &["genpkey", "-algorithm", "EC", "-pkeyopt", &curve]).good()
    };
    let pem = made("P-256");
    let signer = JwtSigner::from_pem(&pem).unwrap();
    assert_eq!(signer.key_set(), JwtSigner::from_pem(&pem).unwrap().key_set());
    assert!(!format!("{signer:?}").contains("PRIVATE"));
    let sec1 = pem.replace("PRIVATE", "EC PRIVATE");
    for text in ["", "-----BEGIN PRIVATE KEY-----", &sec1, &made("P-384")] {
        let error = JwtSigner::from_pem(text).unwrap_err().to_string();
        assert!(error.starts_with("cannot use the key that signs tokens: "), "{error}");
    }
}

#[test]
fn keys_that_cannot_verify_are_refused() {
    for text in [
        "",
        "[]",
        r#"{"keys":[]}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":[{"kty":"oct","k":"AA"}]}"#,
        r#"{"kty":"OKP","crv":"Ed25519","x":"!"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","x":"AA","use":"enc"}"#,
    ] {
        let error = JwtKeys::parse(text).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the keys of tokens: "), "{text}: {error}");
    }
    let keys = JwtKeys::parse(&Service::new().key_set()).unwrap();
    assert!(keys.replace("{}").is_err());
    keys.replace(&Service::new().key_set()).unwrap();
}
