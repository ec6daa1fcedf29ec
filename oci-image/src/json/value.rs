use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

use super::DEPTH_LIMIT;

/// Any JSON value, read from and written to JSON text without loss. Closed by nature: JSON has these.
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was spelled.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object, its members by name.
    Object(BTreeMap<String, Value>),
}

/// A JSON number as it was spelled: `1.0`, `1e0` and `1` are three numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number(Box<str>);

impl Number {
    /// The number's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a double, as which many programs read numbers, holds it: whole numbers up to 2^53
    /// and any fraction that is not too large.
    pub fn fits_double(&self) -> bool {
        if self.0.contains(['.', 'e', 'E']) {
            return self.0.parse().is_ok_and(f64::is_finite);
        }
        self.0.parse().is_ok_and(|number: i128| number.unsigned_abs() <= 1 << 53)
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(number.to_string().into())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl Value {
    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let mut parser = Parser { rest: raw.get(), depth: 0 };
        parser.value().map_err(D::Error::custom)
    }
}

/// Reads text that is known to be JSON by its syntax.
struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'n') => Ok(self.literal(4, Value::Null)),
            Some(b't') => Ok(self.literal(4, Value::Bool(true))),
            Some(b'f') => Ok(self.literal(5, Value::Bool(false))),
            _ => Ok(Value::Number(Number(self.number().into()))),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, String>) -> Result<Value, String> {
        if self.depth == DEPTH_LIMIT {
            return Err(format!("nesting is over {DEPTH_LIMIT} levels"));
        }
        self.depth += 1;
        self.skip(1);
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        while !self.take(b']') {
            items.push(self.value()?);
            self.take(b',');
        }
        Ok(Value::Array(items))
    }

    fn object(&mut self) -> Result<Value, String> {
        let mut members = BTreeMap::new();
        while !self.take(b'}') {
            self.peek();
            let name = self.string()?;
            self.take(b':');
            let value = self.value()?;
            if members.contains_key(&name) {
                return Err(format!("duplicate member `{name}`"));
            }
            members.insert(name, value);
            self.take(b',');
        }
        Ok(Value::Object(members))
    }

    fn string(&mut self) -> Result<String, String> {
        let mut end = 1;
        let bytes = self.rest.as_bytes();
        while let Some(&byte) = bytes.get(end) {
            match byte {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        let (token, rest) = self.rest.split_at_checked(end + 1).ok_or("unclosed string")?;
        self.rest = rest;
        serde_json::from_str(token).map_err(|error| error.to_string())
    }

    fn number(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        let (token, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        token
    }

    fn literal(&mut self, length: usize, value: Value) -> Value {
        self.skip(length);
        value
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest.as_bytes().first().copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.skip(1);
        }
        there
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }
}
