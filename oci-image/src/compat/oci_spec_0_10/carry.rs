use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::difference::Difference;
use super::place::{Place, Step};
use super::{ConversionError, Converted, Counterpart, spelling};
use crate::json::{self, Value};

/// Leaves out, one after the other, what the counterpart refuses; then compares the rest.
pub(super) fn to_oci_spec<T: Counterpart>(
    value: &T,
) -> Result<Converted<T::OciSpec>, ConversionError> {
    let document = tree(value)?;
    let mut refused = BTreeSet::new();
    loop {
        let rest = without(&document, &refused, &mut Place::default());
        let (path, message) = match read(&rest, T::IS_PLATFORM)? {
            Ok(value) => return compared::<T>(value, &document, &rest, refused),
            Err(refusal) => refusal,
        };
        let place = original(&document, &refused, &path);
        if place.is_top() || !refused.insert(place) {
            return Err(ConversionError::Refused { message });
        }
    }
}

/// Reports what the counterpart refused and what it dropped.
fn compared<T: Counterpart>(
    value: T::OciSpec,
    document: &Value,
    rest: &Value,
    refused: BTreeSet<Place>,
) -> Result<Converted<T::OciSpec>, ConversionError> {
    let mut written = tree(&value)?;
    spelling::to_specification(&mut written, T::IS_PLATFORM);
    let difference = Difference::between(rest, &written);
    let dropped = difference.lost.iter().map(|place| original(document, &refused, place));
    let mut lost: Vec<_> = dropped.chain(refused.iter().cloned()).collect();
    lost.sort();
    // A value inside of one that is lost is not reported too; it follows directly after it.
    lost.dedup_by(|next, kept| next.0.starts_with(&kept.0));
    Ok(converted(value, lost, difference.added))
}

pub(super) fn from_oci_spec<T: Counterpart>(
    counterpart: &T::OciSpec,
) -> Result<Converted<T>, ConversionError> {
    let mut document = tree(counterpart)?;
    spelling::to_specification(&mut document, T::IS_PLATFORM);
    let bytes = json::to_vec(&document).map_err(unwritable)?;
    let value = json::from_slice_with_limit(&bytes, usize::MAX)
        .map_err(|source| ConversionError::Invalid { source })?;
    let difference = Difference::between(&document, &tree(&value)?);
    Ok(converted(value, difference.lost, difference.added))
}

fn converted<T>(
    value: T,
    lost: impl IntoIterator<Item = Place>,
    added: impl IntoIterator<Item = Place>,
) -> Converted<T> {
    let pointers = |place: Place| place.to_string();
    Converted {
        value,
        lost: lost.into_iter().map(pointers).collect(),
        added: added.into_iter().map(pointers).collect(),
    }
}

fn tree(value: &impl Serialize) -> Result<Value, ConversionError> {
    let bytes = json::to_vec(value).map_err(unwritable)?;
    json::from_slice_with_limit(&bytes, usize::MAX).map_err(unwritable)
}

fn unwritable(error: json::Error) -> ConversionError {
    ConversionError::Unwritable { message: error.to_string() }
}

/// The counterpart that a document makes, or where and why it is refused.
#[allow(clippy::type_complexity)]
fn read<T: DeserializeOwned>(
    document: &Value,
    is_platform: bool,
) -> Result<Result<T, (Place, String)>, ConversionError> {
    let mut document = document.clone();
    spelling::to_oci_spec(&mut document, is_platform);
    let bytes = json::to_vec(&document).map_err(unwritable)?;
    let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
    Ok(serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = place(error.path(), is_platform);
        (place, error.into_inner().to_string())
    }))
}

/// Where an error is, by the names of the specification.
fn place(path: &Path, mut is_platform: bool) -> Place {
    let mut place = Place::default();
    for segment in path {
        match segment {
            Segment::Seq { index } => place.0.push(Step::Element(*index)),
            Segment::Map { key } => {
                let name = if is_platform { spelling::specified(key) } else { key };
                place.0.push(Step::Member(name.to_owned()));
                is_platform = key == "platform";
            }
            // A value is refused with the alternatives that it might be.
            Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    place
}

/// The document without what stands at some places.
fn without(value: &Value, left_out: &BTreeSet<Place>, place: &mut Place) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(name, value)| {
                place.within(Step::Member(name.clone()), |place| {
                    let stays = !left_out.contains(place);
                    stays.then(|| (name.clone(), without(value, left_out, place)))
                })
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => {
            let kept = items.iter().enumerate().filter_map(|(index, value)| {
                place.within(Step::Element(index), |place| {
                    let stays = !left_out.contains(place);
                    stays.then(|| without(value, left_out, place))
                })
            });
            Value::Array(kept.collect())
        }
        other => other.clone(),
    }
}

/// Where in the document something stands that stands at `place` without what is left out: elements
/// before it may be missing.
fn original(document: &Value, left_out: &BTreeSet<Place>, place: &Place) -> Place {
    let mut original = Place::default();
    let mut value = Some(document);
    for step in &place.0 {
        let (step, child) = match (step, value) {
            (Step::Element(index), Some(Value::Array(items))) => {
                let mut kept = (0..items.len()).filter(|&index| {
                    original.within(Step::Element(index), |place| !left_out.contains(place))
                });
                let index = kept.nth(*index).unwrap_or(items.len());
                (Step::Element(index), items.get(index))
            }
            (Step::Member(name), Some(Value::Object(members))) => {
                (Step::Member(name.clone()), members.get(name))
            }
            (step, _) => (step.clone(), None),
        };
        original.0.push(step);
        value = child;
    }
    original
}
