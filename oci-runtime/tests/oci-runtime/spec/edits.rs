//! Changing documents that say more than is known here.

use oci_image::json::{self, Value};
use oci_runtime::spec::{ContainerProcessState, Mount, Status};
use oci_runtime::{Features, Spec, State};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::documents::{Document, Step, all, at, is_map, members, places, value};
use super::wire::any_value;

fn edited<T: Serialize + DeserializeOwned>(document: &Value, edit: impl Fn(&mut T)) -> Value {
    let mut model: T = json::from_slice(document.to_string().as_bytes()).unwrap();
    edit(&mut model);
    value(&String::from_utf8(json::to_vec(&model).unwrap()).unwrap())
}

fn edited_spec(spec: &mut Spec, text: &str) {
    spec.hostname = Some(text.into());
    spec.annotations.insert(text.into(), text.into());
    spec.mounts.push(Mount::new(text.into()));
    if let Some(process) = &mut spec.process {
        process.cwd = text.into();
        process.args.push(text.into());
    }
    if let Some(linux) = &mut spec.linux {
        linux.cgroups_path = Some(text.into());
        linux.masked_paths.push(text.into());
    }
}

fn edited_state(state: &mut State, text: &str) {
    state.status = Status::from(text);
    state.pid = None;
    state.annotations.insert(text.into(), text.into());
}

/// What a program writes that read the document and changed it.
fn edit(name: &str, document: &Value, text: &str) -> Value {
    match name {
        "state" => edited(document, |state| edited_state(state, text)),
        "container-process-state" => edited(document, |process: &mut ContainerProcessState| {
            process.pid = 7;
            edited_state(&mut process.state, text);
        }),
        "features" => edited(document, |features: &mut Features| {
            features.oci_version_max = text.into();
            features.hooks = None;
        }),
        _ => edited(document, |spec| edited_spec(spec, text)),
    }
}

/// Objects whose members the models know.
fn objects(document: &Document) -> Vec<Vec<Step>> {
    let mut whole = document.value.clone();
    let mut places = places(&document.value);
    places.retain(|place| !is_map(place) && matches!(at(&mut whole, place), Value::Object(_)));
    places
}

proptest! {
    /// To change a document that has unknown members is to add them to one that was changed.
    #[test]
    fn edits_commute_with_unknown_members(
        which: proptest::sample::Index,
        place: proptest::sample::Index,
        unknown in any_value(),
        text in "x\\.\\PC{1,8}",
    ) {
        let documents = all();
        let document = which.get(&documents);
        let objects = objects(document);
        let place = &objects[place.index(objects.len())];
        let with = |mut document: Value| {
            members(&mut document, place).insert("x.unknown".into(), unknown.clone());
            document
        };
        let changed = edit(document.name, &document.value, &text);
        prop_assert_ne!(&changed, &document.value);
        prop_assert_eq!(edit(document.name, &with(document.value.clone()), &text), with(changed));
    }
}
