use oci_image::distribution::{
    Catalog, ErrorCode, ErrorResponse, Extensions, RegistryError, TagList,
};
use oci_image::json::{self, Value};

fn round_trip<T: serde::Serialize + serde::de::DeserializeOwned>(text: &str) -> T {
    let value: T = json::from_slice(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(json::to_vec(&value).unwrap()).unwrap(), text);
    value
}

// covers: DIST-ERR-01, DIST-ERR-03
#[test]
fn an_error_body_keeps_any_detail() {
    let body: ErrorResponse = round_trip(
        r#"{"errors":[{"code":"DENIED","message":"no","detail":[1.0,{"a":null}],"x":1},{"code":"DENIED","message":"","detail":null},{"code":"DENIED"}]}"#,
    );
    assert_eq!(body.errors.len(), 3);
    assert!(matches!(&body.errors[0].detail, Some(Value::Array(_))));
    assert_eq!(body.errors[1].detail, None);
}

// covers: DIST-ERR-02, DIST-EXT-04, DIST-GEN-02
#[test]
fn every_code_parses_and_prints_listed_or_not() {
    for (text, code) in [
        ("BLOB_UNKNOWN", ErrorCode::BlobUnknown),
        ("BLOB_UPLOAD_INVALID", ErrorCode::BlobUploadInvalid),
        ("BLOB_UPLOAD_UNKNOWN", ErrorCode::BlobUploadUnknown),
        ("DIGEST_INVALID", ErrorCode::DigestInvalid),
        ("MANIFEST_BLOB_UNKNOWN", ErrorCode::ManifestBlobUnknown),
        ("MANIFEST_INVALID", ErrorCode::ManifestInvalid),
        ("MANIFEST_UNKNOWN", ErrorCode::ManifestUnknown),
        ("NAME_INVALID", ErrorCode::NameInvalid),
        ("NAME_UNKNOWN", ErrorCode::NameUnknown),
        ("SIZE_INVALID", ErrorCode::SizeInvalid),
        ("UNAUTHORIZED", ErrorCode::Unauthorized),
        ("DENIED", ErrorCode::Denied),
        ("UNSUPPORTED", ErrorCode::Unsupported),
        ("TOOMANYREQUESTS", ErrorCode::TooManyRequests),
        ("EXTENSION_UNKNOWN", ErrorCode::ExtensionUnknown),
        ("TAG_INVALID", ErrorCode::from("TAG_INVALID")),
        ("lower case", ErrorCode::from("lower case")),
    ] {
        let body: ErrorResponse = round_trip(&format!(r#"{{"errors":[{{"code":"{text}"}}]}}"#));
        assert_eq!(body.errors[0].code, code);
        assert_eq!((ErrorCode::from(text), code.as_str()), (code.clone(), text));
        assert_eq!(code.is_listed(), ErrorCode::LISTED.contains(&code));
    }
    assert_eq!(ErrorCode::LISTED.len(), 15);
}

#[test]
fn what_is_not_an_error_body_is_refused() {
    for text in ["{}", r#"{"errors":{}}"#, r#"{"errors":[{}]}"#, r#"{"errors":[{"code":1}]}"#, "[]"]
    {
        assert!(json::from_slice::<ErrorResponse>(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_registry_cannot_write_control_characters_to_a_terminal() {
    let mut error = RegistryError::new(ErrorCode::Denied);
    assert_eq!(error.to_string(), "DENIED");
    error.message = Some("\u{1b}[2Jgone\n".into());
    assert_eq!(error.to_string(), r"DENIED: \u{1b}[2Jgone\n");
    error.code = ErrorCode::from("\u{1b}[2J");
    assert!(!error.to_string().contains('\u{1b}'));
}

// covers: DIST-LIST-01
#[test]
fn a_tag_list_may_be_empty_or_null() {
    let list: TagList = round_trip(r#"{"name":"a/b","tags":["v1","v2"]}"#);
    assert_eq!(list.tags, ["v1", "v2"]);
    for text in [r#"{"name":"a","tags":[]}"#, r#"{"name":"a","tags":null}"#] {
        assert!(round_trip::<TagList>(text).tags.is_empty());
    }
    assert!(json::from_slice::<TagList>(br#"{"tags":[]}"#).is_err());
}

// covers: DIST-EXT-06
#[test]
fn extensions_name_their_endpoints() {
    let body: Extensions = round_trip(
        r#"{"extensions":[{"name":"_oci","url":"https://example.com","endpoints":["_oci/ext/discover"]}]}"#,
    );
    assert_eq!(body.extensions[0].endpoints, ["_oci/ext/discover"]);
    for missing in ["name", "url", "endpoints"] {
        let text = r#"{"extensions":[{"name":"_oci","url":"u","endpoints":[]}]}"#
            .replace(&format!("\"{missing}\""), "\"other\"");
        assert!(json::from_slice::<Extensions>(text.as_bytes()).is_err(), "{missing}");
    }
}

#[test]
fn a_catalog_lists_repositories() {
    let body: Catalog = round_trip(r#"{"repositories":["a","b/c"]}"#);
    assert_eq!(body.repositories, ["a", "b/c"]);
}
