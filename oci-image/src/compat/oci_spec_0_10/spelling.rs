//! `oci-spec` writes two members of platforms otherwise than the specification.

use crate::json::Value;

/// By the specification, and by `oci-spec`.
const NAMES: [(&str, &str); 2] = [("os.version", "os_version"), ("os.features", "os_features")];

/// The name of a platform's member as `oci-spec` spells it.
pub(super) fn to_oci_spec(tree: &mut Value, is_platform: bool) {
    rename(tree, is_platform, &NAMES);
}

/// The name of a platform's member as the specification spells it.
pub(super) fn to_specification(tree: &mut Value, is_platform: bool) {
    rename(tree, is_platform, &NAMES.map(|(ours, theirs)| (theirs, ours)));
}

/// How the specification spells a name of `oci-spec`.
pub(super) fn specified(name: &str) -> &str {
    NAMES.iter().find(|(_, theirs)| *theirs == name).map_or(name, |(ours, _)| ours)
}

fn rename(value: &mut Value, is_platform: bool, names: &[(&str, &str)]) {
    match value {
        Value::Object(members) => {
            if is_platform {
                for (from, to) in names {
                    // A member that has the other name already is not one of platforms.
                    match members.remove(*from) {
                        Some(value) => members.insert((*to).to_owned(), value),
                        None => members.remove(*to),
                    };
                }
            }
            for (name, value) in members {
                rename(value, name == "platform", names);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, false, names)),
        _ => {}
    }
}
