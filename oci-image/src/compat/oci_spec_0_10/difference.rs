use std::collections::BTreeMap;

use super::place::{Place, Step};
use crate::json::Value;

/// In what one document differs from another that should say the same.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// What only the first says, or says otherwise.
    pub(super) lost: Vec<Place>,
    /// What only the second says.
    pub(super) added: Vec<Place>,
}

impl Difference {
    pub(super) fn between(before: &Value, after: &Value) -> Self {
        let mut difference = Self::default();
        difference.compare(before, after, &mut Place::default());
        difference
    }

    fn compare(&mut self, before: &Value, after: &Value, place: &mut Place) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => self.members(before, after, place),
            (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
                if is_reordered(before, after) {
                    return;
                }
                for (index, (before, after)) in before.iter().zip(after).enumerate() {
                    place.within(Step::Element(index), |place| self.compare(before, after, place));
                }
            }
            _ if before == after => {}
            _ => self.lost.push(place.clone()),
        }
    }

    /// A member that is `null` is one that is absent.
    fn members(
        &mut self,
        before: &BTreeMap<String, Value>,
        after: &BTreeMap<String, Value>,
        place: &mut Place,
    ) {
        let said = |value: &&Value| **value != Value::Null;
        for (name, value) in before {
            place.within(Step::Member(name.clone()), |place| match after.get(name).filter(said) {
                Some(after) => self.compare(value, after, place),
                None if *value != Value::Null => self.lost.push(place.clone()),
                None => {}
            });
        }
        for name in after.iter().filter(|(_, value)| said(value)).map(|(name, _)| name) {
            if before.get(name).filter(said).is_none() {
                place.within(Step::Member(name.clone()), |place| self.added.push(place.clone()));
            }
        }
    }
}

/// Whether two lists of words differ by order alone, as sets do where a hash orders them.
fn is_reordered(before: &[Value], after: &[Value]) -> bool {
    let sorted = |values: &[Value]| {
        let mut words: Vec<_> = values.iter().map(Value::as_str).collect::<Option<_>>()?;
        words.sort_unstable();
        Some(words.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    sorted(before).is_some_and(|before| sorted(after) == Some(before))
}
