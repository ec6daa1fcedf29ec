//! Documents that show every member, and how to change them anywhere.

use oci_image::json::{self, Error, Value};
use oci_image::validate::{Finding, Lint};
use oci_runtime::spec::ContainerProcessState;
use oci_runtime::{Features, Spec, State};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) struct Document {
    pub(crate) name: &'static str,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Member(String),
    Element(usize),
}

macro_rules! documents {
    ($($name:literal),*) => {
        /// Every document of this directory.
        pub(crate) fn all() -> Vec<Document> {
            vec![$(Document {
                name: $name,
                value: value(include_str!(concat!("documents/", $name, ".json"))),
            }),*]
        }
    };
}

documents!(
    "linux",
    "windows",
    "solaris",
    "vm",
    "vm-go",
    "zos",
    "freebsd",
    "state",
    "container-process-state",
    "features"
);

pub(crate) fn document(name: &str) -> Document {
    all().into_iter().find(|document| document.name == name).unwrap()
}

pub(crate) fn value(text: &str) -> Value {
    json::from_slice(text.as_bytes()).unwrap()
}

impl Document {
    /// Reads another value as this kind of document and prints it.
    pub(crate) fn print(&self, value: &Value) -> Result<Value, Error> {
        self.read(value, &|value| self::value(&String::from_utf8(json_of(value)).unwrap()))
    }

    /// Reads another value as this kind of document and lints it.
    pub(crate) fn lint(&self, value: &Value) -> Result<Vec<Finding>, Error> {
        self.read(value, &|value| value.findings())
    }

    fn read<R>(&self, value: &Value, then: &dyn Fn(&dyn Model) -> R) -> Result<R, Error> {
        match self.name {
            "state" => read::<State, R>(value, then),
            "container-process-state" => read::<ContainerProcessState, R>(value, then),
            "features" => read::<Features, R>(value, then),
            _ => read::<Spec, R>(value, then),
        }
    }
}

trait Model {
    fn json(&self) -> Vec<u8>;
    fn findings(&self) -> Vec<Finding>;
}

impl<T: Serialize + Lint> Model for T {
    fn json(&self) -> Vec<u8> {
        json::to_vec(self).unwrap()
    }

    fn findings(&self) -> Vec<Finding> {
        self.lint()
    }
}

fn json_of(model: &dyn Model) -> Vec<u8> {
    model.json()
}

fn read<T: DeserializeOwned + Serialize + Lint, R>(
    value: &Value,
    then: &dyn Fn(&dyn Model) -> R,
) -> Result<R, Error> {
    let model: T = json::from_slice(value.to_string().as_bytes())?;
    Ok(then(&model))
}

/// The way to every value below this one, and to itself.
pub(crate) fn places(value: &Value) -> Vec<Vec<Step>> {
    let mut all = vec![Vec::new()];
    let mut below = |step: Step, value: &Value| {
        all.extend(places(value).into_iter().map(|rest| [vec![step.clone()], rest].concat()));
    };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| below(Step::Member(name.clone()), value));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(number, value)| below(Step::Element(number), value));
        }
        _ => {}
    }
    all
}

pub(crate) fn at<'a>(mut value: &'a mut Value, place: &[Step]) -> &'a mut Value {
    for step in place {
        value = match (step, value) {
            (Step::Member(name), Value::Object(members)) => members.get_mut(name).unwrap(),
            (Step::Element(number), Value::Array(items)) => &mut items[*number],
            (step, value) => panic!("{step:?} into {value}"),
        };
    }
    value
}

pub(crate) fn members<'a>(
    value: &'a mut Value,
    place: &[Step],
) -> &'a mut std::collections::BTreeMap<String, Value> {
    match at(value, place) {
        Value::Object(members) => members,
        other => panic!("{other} is not an object"),
    }
}

/// The place as a JSON pointer.
pub(crate) fn pointer(place: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Member(name) => format!("/{name}"),
        Step::Element(number) => format!("/{number}"),
    };
    place.iter().map(step).collect()
}

/// Whether the members of an object are names that the user chooses.
pub(crate) fn is_map(place: &[Step]) -> bool {
    const MAPS: [&str; 7] =
        ["annotations", "sysctl", "unified", "rdma", "netDevices", "timeOffsets", "credentialSpec"];
    matches!(place.last(), Some(Step::Member(name)) if MAPS.contains(&name.as_str()))
        && pointer(place) != "/linux/netDevices/enabled"
}
