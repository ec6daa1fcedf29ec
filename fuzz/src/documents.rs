//! JSON documents: nothing is lost, and every finding has a place.

use std::fmt::Debug;

use oci_image::json::{self, Value};
use oci_image::{
    Config, Descriptor, Document, Index, LayoutFile, Lint, Manifest, MediaType, Model,
    distribution::{ErrorResponse, TagList},
};
use oci_runtime::spec::{Features, Spec, State};
use serde::{Serialize, de::DeserializeOwned};

macro_rules! targets {
    ($($name:ident: $type:ty, $property:ident;)*) => {$(
        #[doc = concat!("What holds for any [`", stringify!($type), "`].")]
        pub fn $name(data: &[u8]) {
            $property::<$type>(data);
        }
    )*};
}

targets! {
    image_descriptor: Descriptor, value;
    image_index: Index, document;
    image_manifest: Manifest, document;
    image_config: Config, document;
    image_layout: LayoutFile, document;
    dist_error: ErrorResponse, value;
    dist_tags: TagList, value;
    runtime_config: Spec, value;
    runtime_state: State, value;
    runtime_features: Features, value;
}

/// What is read is written with every member and number as it was, and reads the same again.
fn value<T: Serialize + DeserializeOwned + Lint + PartialEq + Debug>(data: &[u8]) {
    let Ok(value) = json::from_slice::<T>(data) else { return };
    let written = json::to_vec(&value).unwrap();
    assert_eq!(json::from_slice::<T>(&written).as_ref(), Ok(&value));
    let tree: Value = json::from_slice(data).unwrap();
    assert_eq!(json::from_slice::<Value>(&written).as_ref(), Ok(&tree));
    for finding in value.lint() {
        assert!(has_place(&tree, &finding.pointer), "{finding}");
    }
}

/// The same through `Document`: the bytes are kept, and an edit that changes nothing loses nothing.
fn document<T: Model + Lint + PartialEq + Debug + Clone>(data: &[u8]) {
    value::<T>(data);
    let media_type = json::from_slice::<T>(data).ok().and_then(|value| value.media_type().cloned());
    let media_type = media_type.unwrap_or_else(|| T::MEDIA_TYPES[0].clone());
    let Ok(document) = Document::<T>::from_own_bytes(data, media_type) else { return };
    assert_eq!(document.bytes(), data);
    let edited = document.edit(|_| ()).unwrap();
    assert_eq!(edited.value(), document.value());
    assert!(Document::<T>::parse(data, &Descriptor::of(MediaType::from("x"), data)).is_err());
}

/// Whether a JSON pointer leads to a value, or to a member that an object lacks.
fn has_place(tree: &Value, pointer: &str) -> bool {
    let Some(pointer) = pointer.strip_prefix('/') else { return pointer.is_empty() };
    let (step, rest) = match pointer.find('/') {
        Some(end) => pointer.split_at(end),
        None => (pointer, ""),
    };
    let name = step.replace("~1", "/").replace("~0", "~");
    match tree {
        Value::Object(members) => {
            members.get(&name).map_or(rest.is_empty(), |value| has_place(value, rest))
        }
        Value::Array(items) => name
            .parse()
            .ok()
            .and_then(|number: usize| items.get(number))
            .is_some_and(|value| has_place(value, rest)),
        _ => false,
    }
}
