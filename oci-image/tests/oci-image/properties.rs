//! What holds for any document of each kind.

use std::fmt::Debug;

use oci_image::distribution::{Catalog, ErrorResponse, Extensions, TagList};
use oci_image::json::{self, Value};
use oci_image::{Config, Descriptor, Document, Index, LayoutFile, Manifest, MediaType, Model};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

const DESCRIPTOR: &str = r#"{"mediaType":"a/b","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"urls":["https://a/b"],"annotations":{"a.b":"c"},"data":"e30=","platform":{"architecture":"arm64","os":"windows","os.version":"10","os.features":["win32k"],"variant":"v8","features":["x"]},"artifactType":"c/d"}"#;
const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
const TAGS: &str = r#"{"name":"a/b","tags":["1","2"]}"#;
const CATALOG: &str = r#"{"repositories":["a","b"]}"#;
const ERRORS: &str = r#"{"errors":[{"code":"DENIED","message":"no","detail":{"a":[1.50]}}]}"#;
const EXTENSIONS: &str =
    r#"{"extensions":[{"name":"_a","url":"b","description":"c","endpoints":["d"]}]}"#;
const RUN: &str = r#"{"User":"a","ExposedPorts":{"80/tcp":{}},"Env":["A=B"],"Entrypoint":["/a"],"Cmd":["b"],"Volumes":{"/c":{}},"WorkingDir":"/","Labels":{"a":"b"},"StopSignal":"SIGTERM","Healthcheck":{"Test":["NONE"],"Interval":1,"Retries":2},"OnBuild":["RUN a"],"Shell":["sh"],"Tty":true,"StopTimeout":3,"Memory":4}"#;

fn manifest() -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","artifactType":"a/b","config":{DESCRIPTOR},"layers":[{DESCRIPTOR},{DESCRIPTOR}],"subject":{DESCRIPTOR},"annotations":{{"a":"b","c":"d"}}}}"#,
        MediaType::IMAGE_MANIFEST,
    )
}

fn index() -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","artifactType":"a/b","manifests":[{DESCRIPTOR},{DESCRIPTOR}],"subject":{DESCRIPTOR},"annotations":{{"a":"b"}}}}"#,
        MediaType::IMAGE_INDEX,
    )
}

fn config() -> String {
    format!(
        r#"{{"created":"2026-01-01T00:00:00Z","author":"a","architecture":"amd64","os":"linux","os.version":"1","os.features":["a"],"variant":"v1","config":{RUN},"rootfs":{{"type":"layers","diff_ids":["sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"]}},"history":[{{"created":"2026-01-01T00:00:00Z","author":"a","created_by":"b","comment":"c","empty_layer":true}}],"comment":"a","container":"b","container_config":{RUN},"docker_version":"27"}}"#,
    )
}

fn value(text: &str) -> Value {
    json::from_slice(text.as_bytes()).unwrap()
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][-+]?[0-9]{1,3})?"
            .prop_map(|text| value(&text)),
        "\\PC{0,8}".prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            btree_map("[a-z]{0,6}", inner, 0..4).prop_map(Value::Object),
        ]
    })
}

/// A change at some place of a document: what, by what name, and how.
type Change = (proptest::sample::Index, String, Value, u8);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    vec((any::<proptest::sample::Index>(), "[a-zA-Z.]{1,8}", any_value(), 0..5_u8), 0..6)
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// The value of this number, the document itself being 0.
fn nth<'a>(value: &'a mut Value, number: &mut usize) -> Option<&'a mut Value> {
    if *number == 0 {
        return Some(value);
    }
    *number -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, number)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, number)),
        _ => None,
    }
}

fn apply(document: &mut Value, changes: Vec<Change>) {
    for (place, name, new, kind) in changes {
        let mut number = place.index(count(document));
        match (kind, nth(document, &mut number)) {
            (0, Some(Value::Object(members))) => _ = members.insert(name, new),
            (1, Some(Value::Object(members))) => members.retain(|member, _| *member < name),
            (2, Some(Value::Array(items))) => items.clear(),
            (2, Some(member)) => *member = Value::Null,
            (_, Some(Value::Object(members))) => _ = members.insert(format!("x.{name}"), new),
            _ => {}
        }
    }
}

/// What reads is written with every member and number as it was, and reads the same again.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    text: &str,
    changes: Vec<Change>,
) -> Result<(), TestCaseError> {
    let mut document = value(text);
    prop_assert!(json::from_slice::<T>(text.as_bytes()).is_ok());
    apply(&mut document, changes);
    let Ok(read) = json::from_slice::<T>(document.to_string().as_bytes()) else { return Ok(()) };
    let written = json::to_vec(&read).unwrap();
    prop_assert_eq!(json::from_slice::<Value>(&written).unwrap(), document);
    prop_assert_eq!(json::from_slice::<T>(&written).unwrap(), read);
    Ok(())
}

/// To change a document that has unknown members is to add them to one that was changed.
fn commutes<T: Model + Clone + PartialEq + Debug>(
    text: &str,
    unknown: Value,
    edit: impl Fn(&mut T),
) -> Result<(), TestCaseError> {
    let with = |text: &str| {
        let mut document = value(text);
        let Value::Object(members) = &mut document else { panic!("a document is an object") };
        members.insert("com.example.x".into(), unknown.clone());
        document.to_string()
    };
    let edited = |text: &str| {
        let media_type = T::MEDIA_TYPES[0].clone();
        let document = Document::<T>::from_own_bytes(text.as_bytes(), media_type).unwrap();
        let edited = document.edit(&edit).unwrap();
        String::from_utf8(edited.bytes().to_vec()).unwrap()
    };
    prop_assert_eq!(value(&edited(&with(text))), value(&with(&edited(text))));
    prop_assert_ne!(value(&edited(text)), value(text));
    Ok(())
}

proptest! {
    // covers: IMG-GEN-03
    #[test]
    fn what_reads_comes_back(changes in changes()) {
        comes_back::<Descriptor>(DESCRIPTOR, changes.clone())?;
        comes_back::<Manifest>(&manifest(), changes.clone())?;
        comes_back::<Index>(&index(), changes.clone())?;
        comes_back::<Config>(&config(), changes.clone())?;
        comes_back::<LayoutFile>(LAYOUT, changes.clone())?;
        comes_back::<TagList>(TAGS, changes.clone())?;
        comes_back::<Catalog>(CATALOG, changes.clone())?;
        comes_back::<ErrorResponse>(ERRORS, changes.clone())?;
        comes_back::<Extensions>(EXTENSIONS, changes)?;
    }

    #[test]
    fn edits_commute_with_unknown_members(unknown in any_value(), text in "\\PC{1,8}") {
        commutes::<Manifest>(&manifest(), unknown.clone(), |manifest| {
            manifest.annotations.insert(format!("x.{text}"), text.clone());
            manifest.layers.clear();
        })?;
        commutes::<Index>(&index(), unknown.clone(), |index| {
            index.manifests.truncate(1);
            index.subject = None;
        })?;
        commutes::<Config>(&config(), unknown.clone(), |config| {
            config.author = Some(format!("x.{text}"));
            config.history.clear();
        })?;
        commutes::<LayoutFile>(LAYOUT, unknown, |layout| {
            layout.image_layout_version = format!("x.{text}");
        })?;
    }
}
