use std::fmt::Display;

use super::{Finding, Level, Lint};
use crate::json::{Members, Value, pointer};

/// Collects findings and knows the place in the document where the lint is.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    place: String,
    found: Vec<Finding>,
}

impl Findings {
    /// None, at the top of the document.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found.
    pub fn into_vec(self) -> Vec<Finding> {
        self.found
    }

    /// Adds an error about this place.
    pub fn error(&mut self, id: &'static str, message: impl Into<String>) {
        self.add(id, Level::Error, message.into());
    }

    /// Adds a warning about this place.
    pub fn warning(&mut self, id: &'static str, message: impl Into<String>) {
        self.add(id, Level::Warning, message.into());
    }

    /// Goes one step deeper, to a member's name or the number of an element, and back.
    pub fn at<R>(&mut self, step: impl Display, look: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.place.len();
        self.place.push('/');
        self.place.push_str(&pointer::step(&step.to_string()));
        let result = look(self);
        self.place.truncate(length);
        result
    }

    /// Lints a member's value.
    pub fn member(&mut self, name: &str, value: &(impl Lint + ?Sized)) {
        self.at(name, |findings| value.lint_into(findings));
    }

    /// Looks at each element of a member that is a list.
    pub fn each<T>(&mut self, name: &str, list: &[T], mut look: impl FnMut(&mut Self, &T)) {
        self.at(name, |findings| {
            for (number, element) in list.iter().enumerate() {
                findings.at(number, |findings| look(findings, element));
            }
        });
    }

    /// Looks at what every document must be, in members that the model does not know: JSON that
    /// has one meaning everywhere (I-JSON).
    pub fn unknown(&mut self, members: &Members) {
        for (name, value) in members {
            self.at(name, |findings| findings.value(value));
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Number(number) if !number.fits_double() => {
                let message = format!("`{}` is not exact as a double", number.as_str());
                self.warning("IMG-GEN-05", message);
            }
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.at(number, |findings| findings.value(item));
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.at(name, |findings| findings.value(value));
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, id: &'static str, level: Level, message: String) {
        self.found.push(Finding { id, level, pointer: self.place.clone(), message });
    }
}
