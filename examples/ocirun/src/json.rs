//! JSON for people.

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::PrettyFormatter;

use crate::Result;

/// A value over several lines, each level with one more `indent`.
pub(crate) fn pretty(value: &impl Serialize, indent: &str) -> Result<String> {
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    value.serialize(&mut Serializer::with_formatter(&mut text, formatter))?;
    Ok(String::from_utf8(text)?)
}
