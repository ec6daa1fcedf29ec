//! One step of a history for each layer: without it no program says which step made which layer, and
//! many refuse the image.

use crate::History;

/// Whether the step changed files, and so has a layer.
pub(super) fn has_layer(step: &History) -> bool {
    step.empty_layer != Some(true)
}

/// How many of the steps have a layer.
pub(super) fn steps_with_layer(history: &[History]) -> usize {
    history.iter().filter(|step| has_layer(step)).count()
}

/// The step, which has a layer whatever it says.
pub(super) fn with_layer(step: History) -> History {
    History { empty_layer: None, ..step }
}

/// Makes a history count the layers: steps that say nothing stand in for those that lack at its end, and
/// of too many the newest count as steps that changed no file.
pub(super) fn settle(history: &mut Vec<History>, layers: usize) {
    let steps = steps_with_layer(history);
    let too_many = steps.saturating_sub(layers);
    for step in history.iter_mut().rev().filter(|step| has_layer(step)).take(too_many) {
        step.empty_layer = Some(true);
    }
    history.extend(std::iter::repeat_n(History::new(), layers.saturating_sub(steps)));
}

/// As [`settle`], where there is a history: an image may have none.
pub(super) fn settle_if_any(history: &mut Vec<History>, layers: usize) {
    if !history.is_empty() {
        settle(history, layers);
    }
}
