use oci_image::reference::{BrokenRule, ReferenceError, RegistryName};
use oci_image::{Digest, Reference, RepositoryName, Tag, TagOrDigest};
use proptest::prelude::*;

const SHA: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

// covers: DIST-GEN-04, DIST-GEN-05, DIST-GEN-06
#[test]
fn references_are_read_as_docker_reads_them() {
    for (text, registry, repository, tag, digest) in [
        ("debian", "docker.io", "library/debian", None, None),
        ("debian:12", "docker.io", "library/debian", Some("12"), None),
        ("team/app", "docker.io", "team/app", None, None),
        ("docker.io/debian", "docker.io", "library/debian", None, None),
        ("index.docker.io/debian", "docker.io", "library/debian", None, None),
        ("index.docker.io/team/app", "docker.io", "team/app", None, None),
        ("localhost/app", "localhost", "app", None, None),
        ("localhost:5000/app:v1", "localhost:5000", "app", Some("v1"), None),
        ("LOCAL/app", "LOCAL", "app", None, None),
        ("[::1]:5000/a/b:v1", "[::1]:5000", "a/b", Some("v1"), None),
        ("[fe80::1]/a", "[fe80::1]", "a", None, None),
        ("127.0.0.1/a__b/c---d/e.f", "127.0.0.1", "a__b/c---d/e.f", None, None),
        ("ghcr.io/o/a:V_1.0-x@SHA", "ghcr.io", "o/a", Some("V_1.0-x"), Some(SHA)),
        ("ghcr.io/o/a@SHA", "ghcr.io", "o/a", None, Some(SHA)),
        ("debian@SHA", "docker.io", "library/debian", None, Some(SHA)),
        ("a@x+y:z", "docker.io", "library/a", None, Some("x+y:z")),
    ] {
        let reference: Reference = text.replace("SHA", SHA).parse().unwrap();
        assert_eq!(reference.registry(), registry, "{text}");
        assert_eq!(reference.repository(), repository, "{text}");
        assert_eq!(reference.tag().map(Tag::as_str), tag, "{text}");
        assert_eq!(reference.digest().map(Digest::as_str), digest, "{text}");
        assert_eq!(reference.to_string().parse(), Ok(reference), "{text}");
    }
}

#[test]
fn references_are_converted_from_text_and_to_it() {
    let text = format!("ghcr.io/owner/app:v1@{SHA}");
    let reference = Reference::try_from(text.as_str()).unwrap();
    assert_eq!(Reference::try_from(text.clone()), Ok(reference.clone()));
    assert_eq!([String::from(&reference), String::from(reference)], [text.clone(), text]);
    let refused = "a:-".parse::<Reference>();
    assert!(refused.is_err());
    assert_eq!(
        [Reference::try_from("a:-"), Reference::try_from(String::from("a:-"))],
        [refused.clone(), refused]
    );
}

// covers: DIST-GEN-04, DIST-GEN-05, DIST-GEN-06
#[test]
fn what_is_not_a_reference_is_refused() {
    for text in [
        "",
        "/",
        ":",
        "@",
        "a/",
        "/a",
        "a//b",
        "a:",
        "a@",
        "a:b:c/",
        "a b",
        "a/B",
        "ghcr.io/UPPER/a",
        "http://a/b",
        "ghcr.io/",
        "ghcr.io:/a",
        "ghcr.io:x/a",
        "ghcr.io:65536/a",
        "ghcr.io:+1/a",
        "-a.io/b",
        "a-.io/b",
        "a..io/b",
        ".io/b",
        "[::1/a",
        "[::1]x/a",
        "[1.2.3.4]/a",
        "[::1%eth0]/a",
        "a/../b",
        "a/.",
        "a._b",
        "a___b",
        "a.-b",
        "-a",
        "a-",
        "_a",
        "a_",
        "a:.x",
        "a:-x",
        "a:x/y",
        "a@sha256:x",
        "a@sha256",
        "a@b@c:d",
        "a\n",
        "a:v\n",
        "\u{e9}",
        "a:\u{e9}",
        "user@host/a",
        "a.io/b?c",
        "a.io/b%2fc",
    ] {
        assert!(text.parse::<Reference>().is_err(), "{text:?}");
    }
    assert!(format!("a:{}", "t".repeat(128)).parse::<Reference>().is_ok());
    assert!(format!("a:{}", "t".repeat(129)).parse::<Reference>().is_err());
    assert!(format!("a.io/{}", "n".repeat(255)).parse::<Reference>().is_ok());
    assert!(format!("a.io/{}", "n".repeat(256)).parse::<Reference>().is_err());
}

#[test]
fn a_made_reference_reads_back_as_itself() {
    let reference = Reference::new("docker.io", "debian").unwrap();
    assert_eq!(reference, "debian".parse().unwrap());
    assert_eq!(Reference::new("index.docker.io", "a/b").unwrap().to_string(), "docker.io/a/b");
    let Err(ReferenceError::Registry(error)) = Reference::new("team", "app") else { panic!() };
    assert_eq!((error.text(), error.rule()), ("team", &BrokenRule::Ambiguous));
}

#[test]
fn a_tag_replaces_a_digest_and_a_digest_a_tag() {
    let reference: Reference = format!("a.io/b:v1@{SHA}").parse().unwrap();
    assert_eq!(reference.with_tag("v2".parse().unwrap()).to_string(), "a.io/b:v2");
    assert_eq!(reference.with_digest(Digest::EMPTY_JSON).to_string(), format!("a.io/b@{SHA}"));
    assert_eq!(reference.tag_or_digest().as_str(), SHA);
    assert_eq!(reference.clone().or_latest(), reference);
    let plain: Reference = "a.io/b".parse().unwrap();
    assert_eq!(plain.tag_or_digest(), TagOrDigest::Tag(Tag::LATEST));
    assert_eq!(plain.or_latest().to_string(), "a.io/b:latest");
}

#[test]
fn an_error_says_which_rule_is_broken() {
    let tag = |text: &str| text.parse::<Tag>().unwrap_err().to_string();
    let repository = |text: &str| text.parse::<RepositoryName>().unwrap_err().to_string();
    let registry = |text: &str| text.parse::<RegistryName>().unwrap_err().to_string();
    let long = "t".repeat(129);
    for (message, expected) in [
        (tag(""), "cannot use `` as a tag: it is empty".to_owned()),
        (tag(&long), format!("cannot use `{long}` as a tag: it has 129 bytes, more than 128")),
        (tag(".a"), "cannot use `.a` as a tag: it begins with `.`".into()),
        (tag("a/b"), "cannot use `a/b` as a tag: character 2 is `/`, which is not allowed there".into()),
        (tag("\u{e9}"), "cannot use `\u{e9}` as a tag: character 1 is `\u{e9}`, which is not allowed there".into()),
        (tag("a\n"), "cannot use `a\\n` as a tag: character 2 is `\\n`, which is not allowed there".into()),
        (repository(""), "cannot use `` as a repository name: it is empty".into()),
        (repository("a//b"), "cannot use `a//b` as a repository name: it has an empty component at character 3".into()),
        (repository("a/-b"), "cannot use `a/-b` as a repository name: a component begins with `-` at character 3".into()),
        (repository("a-/b"), "cannot use `a-/b` as a repository name: it, or a component of it, ends with `-` at character 2".into()),
        (repository("a/b.-c"), "cannot use `a/b.-c` as a repository name: `.-` at character 4 is not `.`, `_`, `__` or dashes".into()),
        (repository("App"), "cannot use `App` as a repository name: character 1 is `A`, and letters must be lower case".into()),
        (registry("a.io:x"), "cannot use `a.io:x` as a registry: its port is not a number up to 65535".into()),
        (registry("https://a.io"), "cannot use `https://a.io` as a registry: it is a URL: leave out what stands before the host".into()),
        ("docker://a.io/b:c".parse::<Reference>().unwrap_err().to_string(), "cannot use `docker://a.io/b:c` as a reference: it is a URL: leave out what stands before the host".into()),
        (registry("[::1"), "cannot use `[::1` as a registry: the host in brackets is not an IPv6 address".into()),
        (registry("a..io"), "cannot use `a..io` as a registry: it has an empty component at character 3".into()),
        (registry("a_b.io"), "cannot use `a_b.io` as a registry: character 2 is `_`, which is not allowed there".into()),
        ("a:".parse::<Reference>().unwrap_err().to_string(), "cannot use `` as a tag: it is empty".into()),
        ("sha256:x".parse::<TagOrDigest>().unwrap_err().to_string(), "cannot use `sha256:x` as a digest: it does not have 64 lower-case hexadecimal characters".into()),
    ] {
        assert_eq!(message, expected);
    }
}

proptest! {
    #[test]
    fn parsing_undoes_printing(
        registry in "([a-z0-9]{1,9}\\.io|localhost|\\[::[0-9a-f]{1,4}\\]|[A-Z]{1,3})(:[1-9][0-9]{0,3})?",
        repository in "[a-z0-9]{1,9}(([._/]|__|-{1,3})[a-z0-9]{1,9}){0,4}",
        tag in proptest::option::of("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}"),
        digest in any::<bool>(),
    ) {
        let mut text = format!("{registry}/{repository}");
        tag.iter().for_each(|tag| text += &format!(":{tag}"));
        if digest {
            text += &format!("@{SHA}");
        }
        let reference: Reference = text.parse().unwrap();
        prop_assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn any_text_is_refused_or_reads_back_as_the_same(text in "[a-zA-Z0-9./:@_\\[\\]-]{0,40}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse(), Ok(reference));
        }
    }
}
