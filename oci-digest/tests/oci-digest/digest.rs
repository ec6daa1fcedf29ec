use std::collections::{BTreeSet, HashSet};

use oci_digest::{Algorithm, Digest, ParseError};

const EMPTY: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn hex(length: usize) -> String {
    "0123456789abcdef".repeat(length / 16)
}

// covers: IMG-DIG-01, IMG-DIG-03, IMG-DESC-04
#[test]
fn every_digest_of_the_grammar_parses_and_prints_itself() {
    for (text, algorithm, encoded) in [
        (
            "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
            "multihash+base58",
            "QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
        ),
        (
            "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
            "sha256+b64u",
            "LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
        ),
        ("a.b_c-d+e:A=_-9", "a.b_c-d+e", "A=_-9"),
        ("0:0", "0", "0"),
        ("md5:d41d8cd98f00b204e9800998ecf8427e", "md5", "d41d8cd98f00b204e9800998ecf8427e"),
    ] {
        let digest: Digest = text.parse().unwrap();
        assert_eq!((digest.to_string().as_str(), digest.as_str()), (text, text));
        assert_eq!((digest.algorithm_name(), digest.encoded()), (algorithm, encoded));
        assert_eq!(digest.algorithm(), None);
    }
}

// covers: IMG-DIG-01
#[test]
fn what_breaks_the_grammar_is_refused() {
    for text in [
        "",
        ":",
        "sha256",
        "sha256:",
        ":abc",
        "a::b",
        "a:b:c",
        "+a:b",
        "a+:b",
        "a++b:c",
        "A:b",
        "a b:c",
        "a:b c",
        "a:b/c",
        "a:..",
        "a:b.c",
        "a:b+c",
        "a/b:c",
        "../a:b",
        "a:\u{e9}",
        "\u{e9}:a",
        "a:b\n",
        " a:b",
        "a:b\0",
        "sha256:../../../../etc/passwd",
    ] {
        assert!(text.parse::<Digest>().is_err(), "{text:?}");
    }
}

// covers: IMG-DIG-02, IMG-DIG-08, IMG-DIG-10, IMG-DIG-11
#[test]
fn registered_algorithms_require_exactly_their_hexadecimal() {
    for (algorithm, length) in [("sha256", 64), ("sha384", 96), ("sha512", 128), ("blake3", 64)] {
        let good = format!("{algorithm}:{}", hex(length));
        assert_eq!(good.parse::<Digest>().unwrap().as_str(), good);
        let refused = Err(ParseError::Registered { text: String::new(), length });
        for bad in [
            good.to_uppercase().replacen(&algorithm.to_uppercase(), algorithm, 1),
            good[..good.len() - 1].to_owned(),
            format!("{good}0"),
            format!("{}g", &good[..good.len() - 1]),
            format!("{}F", &good[..good.len() - 1]),
            format!("{algorithm}:a"),
        ] {
            let error = bad.parse::<Digest>().map_err(|error| match error {
                ParseError::Registered { length, .. } => {
                    ParseError::Registered { text: String::new(), length }
                }
                other => other,
            });
            assert_eq!(error, refused, "{bad}");
        }
    }
}

#[test]
fn registered_algorithms_are_told_from_the_merely_grammatical() {
    for (algorithm, length) in [("sha256", 64), ("sha384", 96), ("sha512", 128), ("blake3", 64)] {
        let digest: Digest = format!("{algorithm}:{}", hex(length)).parse().unwrap();
        assert!(digest.is_registered(), "{digest}");
    }
    for text in ["app:1", "md5:5d41402abc4b2a76b9719d911017c592", "sha256+b64:abc"] {
        assert!(!text.parse::<Digest>().unwrap().is_registered(), "{text}");
    }
}

// covers: IMG-LAYOUT-05
#[test]
fn a_blob_path_and_its_digest_are_one_to_one() {
    let digest = Digest::sha256("hello");
    let path = format!("blobs/sha256/{}", digest.encoded());
    assert_eq!((digest.blob_path(), Digest::from_blob_path(&path)), (path, Some(digest)));
    let hex = hex(64);
    for path in [
        format!("/blobs/sha256/{hex}"),
        format!("blobs/sha256/{hex}/"),
        format!("blobs/sha256:{hex}"),
        format!("blobs/../sha256/{hex}"),
        format!("sha256/{hex}"),
        "blobs/sha256/0".into(),
        "blobs/sha256/".into(),
        "blobs/sha256".into(),
    ] {
        assert_eq!(Digest::from_blob_path(&path), None, "{path}");
    }
}

#[test]
fn errors_name_the_text_and_what_it_lacks() {
    let error = |text: &str| text.parse::<Digest>().unwrap_err().to_string();
    assert_eq!(error("\u{1b}[2J"), r"cannot use `\u{1b}[2J` as a digest: it has no colon");
    assert_eq!(error("latest"), "cannot use `latest` as a digest: it has no colon");
    assert_eq!(
        error("SHA256:a"),
        "cannot use `SHA256:a` as a digest: it has no valid algorithm before the colon"
    );
    assert_eq!(
        error("a:"),
        "cannot use `a:` as a digest: it has no valid encoded part after the colon"
    );
    assert_eq!(
        error("sha256:a"),
        "cannot use `sha256:a` as a digest: it does not have 64 lower-case hexadecimal characters"
    );
}

#[test]
fn the_length_is_bounded() {
    let of = |length: usize| format!("a:{}", "b".repeat(length - 2));
    assert!(of(Digest::MAX_LENGTH).parse::<Digest>().is_ok());
    let length = Digest::MAX_LENGTH + 1;
    assert_eq!(of(length).parse::<Digest>(), Err(ParseError::TooLong { length }));
}

// covers: IMG-DIG-06
#[test]
fn the_empty_json_constant_is_the_digest_of_two_bytes() {
    assert_eq!(Digest::EMPTY_JSON, Digest::sha256("{}"));
    assert_eq!(Digest::EMPTY_JSON, EMPTY.parse().unwrap());
    assert_eq!(Digest::EMPTY_JSON.algorithm(), Some(Algorithm::Sha256));
    assert_eq!(Digest::try_from(EMPTY.to_owned()), Ok(Digest::EMPTY_JSON));
}

#[test]
fn digests_are_found_by_their_text_in_sets() {
    let digests = [Digest::EMPTY_JSON, "a:b".parse().unwrap()];
    let hashed: HashSet<Digest> = digests.iter().cloned().collect();
    let ordered: BTreeSet<Digest> = digests.into_iter().collect();
    for text in [EMPTY, "a:b"] {
        assert!(hashed.contains(text) && ordered.contains(text), "{text}");
    }
    assert_eq!(ordered.first().map(Digest::as_str), Some("a:b"));
}

#[test]
fn printing_respects_the_requested_width() {
    let digest: Digest = "a:b".parse().unwrap();
    assert_eq!(format!("{digest:>5}|{digest:.1}|{digest:?}"), "  a:b|a|Digest(a:b)");
}

#[test]
fn algorithms_are_known_by_their_names() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        assert_eq!(algorithm.to_string(), algorithm.name());
    }
    assert_eq!(Algorithm::from_name("SHA256"), None);
}
