use std::time::{Duration, SystemTime};

use oci_distribution_client::header::{
    Challenge, ContentRange, next_link, retry_after, uploaded, warnings,
};
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
        assert_eq!(next_link(value), expected, "{value}");
    }
}

#[test]
fn ranges_are_exact_or_nothing() {
    let range = |value| ContentRange::parse(value).map(|r| (r.first, r.last, r.total));
    let table = [
        ("bytes 0-9/10", Some((0, 9, Some(10)))),
        ("bytes 5-5/*", Some((5, 5, None))),
        ("bytes 0-9/9", None),
        ("bytes 9-0/10", None),
        ("bytes */10", None),
        ("bytes +0-9/10", None),
        ("bytes 0-18446744073709551616/*", None),
        ("items 0-9/10", None),
        ("0-9/10", None),
    ];
    for (value, expected) in table {
        assert_eq!(range(value), expected, "{value}");
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
        assert_eq!(uploaded(value), expected, "{value}");
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let table = [
        ("0", Some(0)),
        (" 120 ", Some(120)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
        ("Sun Nov  6 08:50:37 1994", Some(60)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("99999999999999999999999", None),
    ];
    for (value, expected) in table {
        assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value}");
    }
}

// covers: DIST-ERR-04
#[test]
fn warnings_are_printable() {
    let table: [(&str, &[&str]); 6] = [
        (r#"299 - "a \"b\"""#, &["a \"b\""]),
        (r#"299 - "a", 199 - "b", 299 x "c" "Sun, 06 Nov 1994 08:49:37 GMT""#, &["a", "c"]),
        ("299 - \"\u{1b}[31mred\u{202e}\u{61c}\"", &["[31mred"]),
        (r#"110 - "stale""#, &[]),
        ("299", &[]),
        ("", &[]),
    ];
    for (value, expected) in table {
        let found: Vec<_> = warnings(value).iter().map(|text| text.trim().to_owned()).collect();
        assert_eq!(found, expected, "{value:?}");
    }
}

/// Text made of what the parsers look for.
fn soup() -> impl Strategy<Value = String> {
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
    fn no_text_makes_a_parser_panic_or_invent(text in soup()) {
        for challenge in Challenge::parse(&text) {
            prop_assert!(!challenge.scheme.is_empty());
            prop_assert_eq!(&challenge.scheme, &challenge.scheme.to_ascii_lowercase());
        }
        if let Some(link) = next_link(&text) {
            let bracketed = format!("<{}>", link);
            prop_assert!(text.contains(&bracketed));
        }
        if let Some(range) = ContentRange::parse(&text) {
            prop_assert!(range.first <= range.last);
            prop_assert!(range.total.is_none_or(|total| range.last < total));
        }
        if let Some(length) = uploaded(&text) {
            prop_assert!(length > 1);
        }
        let _ = retry_after(&text, SystemTime::UNIX_EPOCH);
        for warning in warnings(&text) {
            prop_assert!(!warning.chars().any(char::is_control));
        }
    }

    #[test]
    fn what_is_written_as_a_challenge_is_read_back(
        scheme in "[a-z]{1,8}",
        parameters in proptest::collection::btree_map("[a-z]{1,8}", "[ -~]{0,20}", 0..5),
    ) {
        let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
        let written: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let text = format!("{scheme} {}", written.join(", "));
        prop_assert_eq!(challenges(&text), vec![(scheme, parameters.into_iter().collect::<Vec<_>>())]);
    }

    #[test]
    fn what_is_written_as_a_range_is_read_back(first in any::<u64>(), length in 1_u64.., more in any::<u64>()) {
        let last = first.saturating_add(length - 1);
        let total = last.saturating_add(1).saturating_add(more);
        prop_assume!(total > last);
        let read = ContentRange::parse(&format!("bytes {first}-{last}/{total}")).unwrap();
        prop_assert_eq!((read.first, read.last, read.total), (first, last, Some(total)));
    }
}
