//! `policy.json`: what is demanded of which image.

use std::sync::Arc;

use oci_distribution_client::transport::BoxFuture;
use oci_distribution_client::{
    Candidate, Client, ErrorKind, PolicyFile, Refusal, Requirement, SignedRequirement, Verifier,
};
use oci_image::blob::Memory;

use crate::fixture::{Fixture, chain, config};
use crate::policy::served;

const FILE: &str = r#"{
    "default": [{"type": "reject"}],
    "transports": {
        "docker": {
            "Accepted.example": [{"type": "insecureAcceptAnything"}],
            "accepted.example/not": [{"type": "reject"}],
            "accepted.example/not/but/this": [{"type": "insecureAcceptAnything"}],
            "accepted.example/not/but/this:old": [{"type": "reject"}],
            "*.below.example": [{"type": "insecureAcceptAnything"}],
            "signed.example": [
                {"type": "insecureAcceptAnything"},
                {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/key"}
            ]
        },
        "dir": {"": [{"type": "insecureAcceptAnything"}]}
    }
}"#;

fn file(json: &str) -> PolicyFile {
    PolicyFile::parse(json.as_bytes(), "test.json")
        .unwrap_or_else(|error| panic!("{}", chain(&error)))
}

#[test]
fn the_most_specific_scope_decides() {
    use Requirement::{InsecureAcceptAnything as Accept, Reject};
    let file = file(FILE);
    let requirements = |image: &str| {
        let image: oci_image::Reference = image.parse().unwrap();
        file.requirements(image.registry(), image.repository(), &image.tag_or_digest()).to_vec()
    };
    let hex = "0".repeat(64);
    for (image, expected) in [
        ("accepted.example/app:v1", Accept),
        ("ACCEPTED.example/app:v1", Accept),
        ("accepted.example/not", Reject),
        ("accepted.example/not/app", Reject),
        ("accepted.example/nothing", Accept),
        ("accepted.example/not/but/this", Accept),
        ("accepted.example/not/but/this/below", Accept),
        ("accepted.example/not/but/this:old", Reject),
        (&format!("accepted.example/not/but/this:old@sha256:{hex}"), Accept),
        ("accepted.example:5000/app", Reject),
        ("a.below.example/app", Accept),
        ("b.a.below.example:5000/app", Accept),
        ("below.example/app", Reject),
        ("other.example/app", Reject),
    ] {
        assert_eq!(requirements(image), [expected], "{image}");
    }
    let signed = requirements("signed.example/app");
    let [Accept, Requirement::Signed(signed)] = signed.as_slice() else { panic!("{signed:?}") };
    assert_eq!(signed.kind, "signedBy");
    assert_eq!(signed.members.keys().collect::<Vec<_>>(), ["keyPath", "keyType"]);
    let all = self::file(
        r#"{"default": [{"type": "reject"}], "transports": {"docker": {"": [{"type": "insecureAcceptAnything"}]}}}"#,
    );
    let image: oci_image::Reference = "a.example/app".parse().unwrap();
    let found = all.requirements(image.registry(), image.repository(), &image.tag_or_digest());
    assert_eq!(found, [Accept]);
}

#[test]
fn a_policy_file_that_is_not_understood_is_refused() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"default": []}"#,
        r#"{"default": [{"type": "other"}]}"#,
        r#"{"default": [{}]}"#,
        r#"{"default": [{"type": "reject", "type": "insecureAcceptAnything"}]}"#,
        r#"{"default": [{"type": "reject", "except": "me"}]}"#,
        r#"{"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}]}"#,
        r#"{"default": [{"type": "reject"}], "transport": {}}"#,
        r#"{"default": [{"type": "reject"}], "transports": {"docker": {"a": []}}}"#,
        r#"{"default": [{"type": "reject"}], "transports": {"other": {"a": [{"type": "x"}]}}}"#,
        r#"{"default": [{"type": "reject"}], "transports": {"docker": {"a": [{"type": "reject"}], "a": [{"type": "reject"}]}}}"#,
        r#"{"default": [{"type": "reject"}], "transports": {"docker": {}, "docker": {}}}"#,
        r#"{"default": [{"type": "reject"}]} x"#,
    ] {
        let error = PolicyFile::parse(json.as_bytes(), "test.json").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{json}");
        assert!(error.to_string().starts_with("cannot read the policy `test.json`"), "{error}");
    }
    let missing = PolicyFile::read("/nonexistent/policy.json").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Configuration);
}

#[derive(Debug)]
struct Key(&'static str);

impl Verifier for Key {
    fn verify<'a>(
        &'a self,
        requirement: &'a SignedRequirement,
        _: &'a Candidate<'a>,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        let key = requirement.members.get("keyPath").and_then(|value| value.as_str());
        let result = match key == Some(self.0) {
            true => Ok(()),
            false => Err("no signature by this key".into()),
        };
        Box::pin(async { result })
    }
}

#[tokio::test]
async fn a_policy_file_decides_and_asks_its_verifier() {
    let fixture = Fixture::new();
    let server = served(&fixture).await;
    let host = server.address();
    let resolve = async |requirement: &str, key: Option<&'static str>, name: &str| {
        let json = format!(
            r#"{{"default": [{{"type": "reject"}}],
                "transports": {{"docker": {{"{host}/team/app:v1": [{requirement}]}}}}}}"#
        );
        let file = self::file(&json);
        let file = match key {
            Some(key) => file.verifier(Key(key)),
            None => file,
        };
        let client = Client::new(config(&server).policy(file)).unwrap();
        let app = client.repository(&format!("{host}/team/app")).unwrap();
        let image = app.resolve(name).await?;
        // The scope of the tag is that of all manifests of the index.
        image.repository().pull(&image, &Arc::new(Memory::new())).await.map(drop)
    };
    let (accept, signed) = (
        r#"{"type": "insecureAcceptAnything"}"#,
        r#"{"type": "sigstoreSigned", "keyPath": "/key"}"#,
    );
    resolve(accept, None, "v1").await.unwrap();
    resolve(signed, Some("/key"), "v1").await.unwrap();
    let digest = &fixture.index.descriptor().digest;
    for (requirement, key, name, reason) in [
        (accept, None, digest.as_str(), "it is rejected by `test.json`"),
        (signed, Some("/other"), "v1", "no signature by this key"),
        (signed, None, "v1", "there is nothing to verify it"),
    ] {
        let error = resolve(requirement, key, name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Policy);
        assert!(chain(&error).contains(reason), "{}", chain(&error));
    }
}
