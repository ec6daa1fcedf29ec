use oci_image::json::{self, Error};
use oci_image::{Descriptor, Index, Manifest};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn manifest(extra: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{DIGEST}","size":2}},"layers":[]{extra}}}"#
    )
}

fn message(error: Error) -> String {
    error.to_string()
}

// covers: IMG-GEN-03, IMG-GEN-02
#[test]
fn unknown_members_survive_with_the_spelling_of_their_numbers() {
    let text = manifest(r#","x.a":[1,1.50,-0,1e400,{"b":null,"c":"\u0000é"}],"x.b":{}"#);
    let value: Manifest = json::from_slice(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(json::to_vec(&value).unwrap()).unwrap(), text);
}

#[test]
fn null_and_empty_lists_are_written_as_they_were_read() {
    for member in [r#""annotations":null"#, r#""annotations":{}"#, r#""subject":null"#] {
        let text = manifest(&format!(",{member}"));
        let value: Manifest = json::from_slice(text.as_bytes()).unwrap();
        assert!(value.annotations.is_empty() && value.subject.is_none());
        assert_eq!(String::from_utf8(json::to_vec(&value).unwrap()).unwrap(), text);
    }
    let text = r#"{"schemaVersion":2,"manifests":null}"#;
    let index: Index = json::from_slice(text.as_bytes()).unwrap();
    assert_eq!(json::to_vec(&index).unwrap(), text.as_bytes());
}

#[test]
fn a_value_that_replaces_null_is_written_in_its_place() {
    let mut value: Manifest =
        json::from_slice(manifest(r#","annotations":null"#).as_bytes()).unwrap();
    value.annotations.insert("a".into(), "b".into());
    let text = String::from_utf8(json::to_vec(&value).unwrap()).unwrap();
    assert_eq!(text, manifest(r#","annotations":{"a":"b"}"#));
}

// covers: IMG-GEN-05, IMG-ANN-02
#[test]
fn members_that_occur_twice_are_refused() {
    for twice in [
        r#","layers":[]"#,
        r#","x":1,"x":1"#,
        r#","x":{"y":1,"y":1}"#,
        r#","annotations":{"a":"","a":""}"#,
        r#","annotations":null,"annotations":null"#,
        r#","x":1,"\u0078":1"#,
    ] {
        let error = json::from_slice::<Manifest>(manifest(twice).as_bytes()).unwrap_err();
        assert!(message(error).starts_with("duplicate member"), "{twice}");
    }
}

#[test]
fn members_that_fold_to_a_known_name_are_refused() {
    for folded in ["Layers", "layer\u{17f}", "LAYERS", "mediatype", "\u{17f}ubject"] {
        let text = manifest(&format!(r#","{folded}":[]"#));
        let error = json::from_slice::<Manifest>(text.as_bytes()).unwrap_err();
        assert!(message(error).contains("only by letter case"), "{folded}");
    }
}

// covers: IMG-DESC-02, IMG-DESC-04, IMG-DESC-06, IMG-MAN-07
#[test]
fn a_missing_member_is_named_with_its_place() {
    let text = manifest("").replace(r#""mediaType":"a/b","#, "");
    let error = json::from_slice::<Manifest>(text.as_bytes()).unwrap_err();
    let Error::Data { pointer, message, .. } = error else { panic!("{error}") };
    assert_eq!((pointer.as_str(), message.as_str()), ("/config", "missing field `mediaType`"));
}

// covers: IMG-DESC-08
#[test]
fn sizes_are_whole_numbers_below_two_to_the_63() {
    for (size, good) in [
        ("0", true),
        ("9223372036854775807", true),
        ("9223372036854775808", false),
        ("-1", false),
        ("1.0", false),
        ("1e3", false),
        ("\"1\"", false),
    ] {
        let text = format!(r#"{{"mediaType":"a/b","digest":"{DIGEST}","size":{size}}}"#);
        assert_eq!(json::from_slice::<Descriptor>(text.as_bytes()).is_ok(), good, "{size}");
    }
}

#[test]
fn arrays_in_place_of_objects_are_refused() {
    let text = format!(r#"["a/b","{DIGEST}",2]"#);
    assert!(json::from_slice::<Descriptor>(text.as_bytes()).is_err());
}

#[test]
fn bytes_after_the_end_and_before_the_start_are_refused() {
    assert!(json::from_slice::<Manifest>(format!("{} x", manifest("")).as_bytes()).is_err());
    assert!(json::from_slice::<Manifest>(format!("\u{feff}{}", manifest("")).as_bytes()).is_err());
    assert!(json::from_slice::<Manifest>(format!("{}\n", manifest("")).as_bytes()).is_ok());
}

#[test]
fn a_document_over_the_limit_is_refused_before_it_is_read() {
    let error = json::from_slice_with_limit::<Manifest>(&[b'x'; 11], 10).unwrap_err();
    assert_eq!(error, Error::TooLarge { size: 11, limit: 10 });
}

#[test]
fn nesting_is_bounded_in_unknown_members() {
    let deep = |levels| manifest(&format!(r#","x":{}{}"#, "[".repeat(levels), "]".repeat(levels)));
    assert!(json::from_slice::<Manifest>(deep(json::DEPTH_LIMIT).as_bytes()).is_ok());
    assert!(json::from_slice::<Manifest>(deep(json::DEPTH_LIMIT + 1).as_bytes()).is_err());
    assert!(json::from_slice::<Manifest>(deep(100_000).as_bytes()).is_err());
}

#[test]
fn a_refused_value_is_named_with_its_place() {
    let entry = |more: &str| format!(r#"{{"mediaType":"a/b","digest":"{DIGEST}","size":2{more}}}"#);
    for (member, place) in [
        (r#""layers":[]"#.to_owned(), ""),
        (r#""subject":[]"#.to_owned(), "/subject"),
        (format!(r#""subject":{}"#, entry(r#","platform":{"os":1}"#)), "/subject/platform/os"),
        (format!(r#""subject":{}"#, entry(r#","urls":[" , \" ]",{}]"#)), "/subject/urls/1"),
        (
            format!(
                r#" "x" : [ {{ "\\" : "}}" }} , 1 ] , "subject" : {} "#,
                entry(r#", "annotations" : { "a" : "" , "\u0062/~c" : 1 } "#)
            ),
            "/subject/annotations/b~1~0c",
        ),
        (r#""x":{"y":[1,{"z":1,"z":1}]}"#.to_owned(), "/x"),
        (r#""X":1,"Layers":[]"#.to_owned(), ""),
        (r#""annotations":{"a":"","a":""}"#.to_owned(), "/annotations"),
    ] {
        let text = manifest(&format!(",{member}"));
        let error = json::from_slice::<Manifest>(text.as_bytes()).unwrap_err();
        let Error::Data { pointer, .. } = error else { panic!("{error}") };
        assert_eq!(pointer, place, "{member}");
    }
}
