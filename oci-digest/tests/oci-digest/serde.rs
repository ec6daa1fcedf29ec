use oci_digest::Digest;

#[test]
fn a_digest_is_its_text_in_json() {
    let text = format!("\"{}\"", Digest::EMPTY_JSON);
    assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), Digest::EMPTY_JSON);
    assert_eq!(serde_json::to_string(&Digest::EMPTY_JSON).unwrap(), text);
    for bad in ["\"latest\"", "1", "null", "[]", "\"sha256:A\""] {
        assert!(serde_json::from_str::<Digest>(bad).is_err(), "{bad}");
    }
}
