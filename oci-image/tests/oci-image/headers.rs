use oci_image::distribution::{
    Challenge, ContentRange, Endpoint, ErrorResponse, RangeRequest, RegistryError, Scope,
    Selection, UploadProgress, next_link, referrers_tag, target_of_next, warning, warnings,
};
use oci_image::{Algorithm, Digest};
use proptest::prelude::*;

fn challenges(value: &str) -> Vec<(String, Vec<(String, String)>)> {
    let parsed = Challenge::parse(value).into_iter();
    parsed.map(|challenge| (challenge.scheme, challenge.parameters)).collect()
}

#[test]
fn challenges_are_read_as_rfc_9110_has_them() {
    let one = |scheme: &str, parameters: &[(&str, &str)]| {
        let parameters = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        (scheme.to_owned(), parameters.collect::<Vec<_>>())
    };
    let table = [
        (r#"Basic realm="x""#, vec![one("basic", &[("realm", "x")])]),
        (
            r#"Bearer realm="https://a/t",service="s",scope="repository:a:pull,push""#,
            vec![one(
                "bearer",
                &[("realm", "https://a/t"), ("service", "s"), ("scope", "repository:a:pull,push")],
            )],
        ),
        (
            r#"BEARER Realm = "a\"b\\c" , X=1"#,
            vec![one("bearer", &[("realm", "a\"b\\c"), ("x", "1")])],
        ),
        (
            r#"Negotiate abc==, Basic realm="x", NTLM, Bearer realm=https://a/t"#,
            vec![
                one("negotiate", &[]),
                one("basic", &[("realm", "x")]),
                one("ntlm", &[]),
                one("bearer", &[("realm", "https://a/t")]),
            ],
        ),
        (
            r#"Bearer realm="https://good/",realm="https://evil/", Basic realm=b"#,
            vec![one("basic", &[("realm", "b")])],
        ),
        (r#"Bearer realm="unclosed"#, vec![one("bearer", &[("realm", "unclosed")])]),
        ("", vec![]),
        (",,, ", vec![]),
        ("=x", vec![]),
        (r#"realm="x""#, vec![]),
    ];
    for (value, expected) in table {
        assert_eq!(challenges(value), expected, "{value}");
    }
    assert_eq!(challenges(&format!("Basic realm={}", "x".repeat(1 << 20))), vec![]);
}

// covers: DIST-LIST-04, DIST-REF-05
#[test]
fn the_next_link_is_found_among_others() {
    let table = [
        ("</v2/a?n=1>; rel=\"next\"", Some("/v2/a?n=1")),
        ("<a>;rel=next", Some("a")),
        ("<a>; rel=\"prev\", <b>; title=\"x, y; z\"; rel=\"last NEXT\"", Some("b")),
        ("<a,b>; REL=next", Some("a,b")),
        ("<a>; rel=nextx", None),
        ("<a>", None),
        ("<a", None),
        ("a; rel=next", None),
        ("<a>; title=\"<b>; rel=next\"", None),
        ("", None),
    ];
    for (value, expected) in table {
        assert_eq!(target_of_next(value), expected, "{value}");
    }
}

#[test]
fn ranges_are_exact_or_nothing() {
    let part =
        |first: u64, last: u64, total: Option<u64>| Some(format!("{first}-{last} of {total:?}"));
    let shown = |range| match range {
        ContentRange::Part { range, total } => format!("{range} of {total:?}"),
        other => other.to_string(),
    };
    let table = [
        ("bytes 0-9/10", part(0, 9, Some(10))),
        ("bytes 5-5/*", part(5, 5, None)),
        ("bytes */10", Some("bytes */10".to_owned())),
        ("bytes 0-9/9", None),
        ("bytes 9-0/10", None),
        ("bytes */*", None),
        ("bytes +0-9/10", None),
        ("bytes 0-18446744073709551616/*", None),
        ("items 0-9/10", None),
        ("0-9/10", None),
    ];
    for (value, expected) in table {
        assert_eq!(ContentRange::parse(value).map(shown), expected, "{value}");
    }
    let table = [
        ("0-9", Some(10)),
        ("bytes=0-9", Some(10)),
        ("0-0", None),
        ("1-9", None),
        ("0--1", None),
        ("0-18446744073709551615", None),
        ("", None),
    ];
    for (value, expected) in table {
        let progress = UploadProgress::parse(value);
        assert_eq!(progress.map(UploadProgress::bytes), expected, "{value}");
    }
}

#[test]
fn only_warnings_for_users_are_read() {
    let table: [(&str, &[&str]); 5] = [
        (r#"299 - "a \"b\"""#, &["a \"b\""]),
        (r#"299 - "a", 199 - "b", 299 x "c" "Sun, 06 Nov 1994 08:49:37 GMT""#, &["a", "c"]),
        (r#"110 - "stale""#, &[]),
        ("299", &[]),
        ("", &[]),
    ];
    for (value, expected) in table {
        assert_eq!(warnings(value), expected, "{value:?}");
    }
}

#[test]
fn what_can_be_read_of_an_error_body_is_read() {
    let table = [
        (r#"{"errors":[{"code":"DENIED","message":"no","x":1}]}"#, "DENIED: no"),
        (r#"{"errors":[{"message":"no"},{"code":7}]}"#, "UNKNOWN: no UNKNOWN"),
        (r#"{"errors":[{"code":"A","message":{"a":1}}],"errors2":[]}"#, "A"),
        (r#"{"errors":null}"#, ""),
        (r#"{"message":"no"}"#, ""),
        ("<html>", ""),
        ("", ""),
    ];
    for (body, expected) in table {
        let errors = ErrorResponse::read(body.as_bytes()).errors;
        let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(text.join(" "), expected, "{body}");
    }
}

#[test]
fn a_scope_covers_what_asks_for_no_more() {
    let scope = |text| Scope::parse(text).unwrap();
    let push = scope("repository:a/b:push,pull");
    assert!(push.covers(&scope("repository:a/b:pull")) && push.covers(&push));
    assert!(!push.covers(&scope("repository:a/b:pull,delete")));
    assert!(!push.covers(&scope("repository:a:pull")));
    for other in ["registry:catalog:*", "repository:A:pull", "repository:a", "", "repository::pull"]
    {
        assert_eq!(Scope::parse(other), None, "{other}");
    }
}

// covers: DIST-REF-09
#[test]
fn referrers_tags_are_tags() {
    let sha256 = Digest::sha256("x");
    assert_eq!(referrers_tag(&sha256).as_str(), format!("sha256-{}", sha256.encoded()));
    let sha512 = Digest::of(Algorithm::Sha512, "x");
    assert_eq!(referrers_tag(&sha512).as_str(), format!("sha512-{}", &sha512.encoded()[..64]));
    let odd: Digest = format!("{}+b:a=b_{}", "a".repeat(40), "c".repeat(80)).parse().unwrap();
    let tag = referrers_tag(&odd);
    assert_eq!(tag.as_str(), format!("{}-a-b_{}", "a".repeat(32), "c".repeat(60)));
    assert_eq!(tag.as_str().parse(), Ok(tag));
}

/// The examples of the specification's main branch.
// covers: DIST-REF-09
#[test]
fn referrers_tags_of_odd_digests_are_those_of_the_specification() {
    let letters = "a".repeat(64);
    let odd = "test+algorithm+using+algorithm+separators+and+lots+of+characters+to+excercise+overall+\
        truncation:alsoSome=InTheEncodedSectionToShowHyphenReplacementAndLotsAndLotsOfCharacters\
        ToExcerciseEncodedTruncation";
    for (subject, tag) in [
        (format!("sha256:{letters}"), format!("sha256-{letters}")),
        (format!("sha512:{letters}{letters}"), format!("sha512-{letters}")),
        (
            odd.to_owned(),
            "test-algorithm-using-algorithm-s-alsoSome-InTheEncodedSectionToShowHyphenReplacement\
             AndLotsAndLot"
                .to_owned(),
        ),
    ] {
        assert_eq!(referrers_tag(&subject.parse().unwrap()).as_str(), tag, "{subject}");
    }
}

/// Text made of what the parsers look for.
fn header_like_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[ -~]{0,6}",
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just(",".to_owned()),
        Just(";".to_owned()),
        Just("=".to_owned()),
        Just("<é>".to_owned()),
        Just("rel=next".to_owned()),
        Just("Bearer ".to_owned()),
        Just("299 - ".to_owned()),
        Just("bytes ".to_owned()),
        "[0-9]{1,22}",
        Just("-".to_owned()),
        Just("/".to_owned()),
    ];
    proptest::collection::vec(word, 0..30).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic_or_invent(text in header_like_text()) {
        for challenge in Challenge::parse(&text) {
            prop_assert!(!challenge.scheme.is_empty());
            prop_assert_eq!(&challenge.scheme, &challenge.scheme.to_ascii_lowercase());
        }
        if let Some(link) = target_of_next(&text) {
            let bracketed = format!("<{}>", link);
            prop_assert!(text.contains(&bracketed));
        }
        if let Some(range) = ContentRange::parse(&text) {
            prop_assert_eq!(ContentRange::parse(&range.to_string()), Some(range));
        }
        if let Some(range) = RangeRequest::parse(&text) {
            prop_assert_eq!(RangeRequest::parse(&range.to_string()), Some(range));
            prop_assert!(range.within(0) == Selection::Unsatisfiable);
        }
        if let Some(progress) = UploadProgress::parse(&text) {
            prop_assert!(progress.bytes() > 1);
            prop_assert_eq!(UploadProgress::parse(&progress.to_string()), Some(progress));
        }
        let _ = (warnings(&text), Endpoint::parse(&text), Scope::parse(&text));
        let _ = ErrorResponse::read(text.as_bytes());
    }

    #[test]
    fn what_is_written_is_read_back(text in "[ -~]{0,40}", path in "[a-z0-9/?=&%._-]{1,40}") {
        let expected: Vec<String> = (!text.is_empty()).then(|| text.clone()).into_iter().collect();
        prop_assert_eq!(warnings(&warning(&text)), expected);
        let link = next_link(&path);
        prop_assert_eq!(target_of_next(&link), Some(path.as_str()));
    }

    #[test]
    fn what_is_written_as_a_challenge_is_read_back(
        scheme in "[a-z]{1,8}",
        parameters in proptest::collection::btree_map("[a-z]{1,8}", "[ -~]{0,20}", 0..5),
    ) {
        let challenge = parameters.into_iter().fold(Challenge::new(&scheme), |challenge, (name, value)| {
            challenge.with(&name, value)
        });
        prop_assert_eq!(Challenge::parse(&challenge.to_string()), vec![challenge]);
    }
}

#[test]
fn what_other_bodies_say_of_a_failure_is_read() {
    let table = [
        (r#"{"message":"no"}"#, Some("UNKNOWN: no")),
        (r#"{"code":"A","message":"no"}"#, Some("A: no")),
        (r#"{"details":"no"}"#, Some("UNKNOWN: no")),
        (r#"{"error":"invalid_grant","error_description":"no"}"#, Some("invalid_grant: no")),
        (r#"{"error":"invalid_grant"}"#, Some("invalid_grant")),
        (r#"{"error":"not that way"}"#, Some("UNKNOWN: not that way")),
        (r#"{"error":{"message":"no"}}"#, Some("UNKNOWN: no")),
        (r#"{"type":"about:blank","title":"t","detail":"d"}"#, Some("UNKNOWN: d")),
        (r#""no""#, Some("UNKNOWN: no")),
        ("<html><TITLE>\nNo way </TITLE>", Some("UNKNOWN: No way")),
        ("<h1 class=\"x\">No</h1>", Some("UNKNOWN: No")),
        (" no \n", Some("UNKNOWN: no")),
        ("{}", None),
        ("{\"token\":\"x\"}", None),
        ("[]", None),
        ("<html>", None),
        ("<title>", None),
        ("", None),
    ];
    for (body, expected) in table {
        let error = RegistryError::explaining(body.as_bytes());
        assert_eq!(error.map(|error| error.to_string()).as_deref(), expected, "{body}");
    }
    assert_eq!(RegistryError::explaining(b"\xff\xfe"), None);
}
