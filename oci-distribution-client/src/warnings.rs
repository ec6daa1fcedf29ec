use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use http::header::{self, HeaderMap};
use oci_image::distribution::warnings;
use oci_image::reference::RegistryName;

use crate::auth::Secrets;
use crate::text::printable;

/// What a registry wants its users to know, or what was odd about its answers. Show it to a human, and do not act on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Warning {
    /// The registry.
    pub registry: RegistryName,
    /// The words, printable, at most 4096 bytes.
    pub text: String,
}

/// The most warnings that are kept.
const WARNINGS: usize = 100;

/// The longest text of a warning that is kept, in bytes.
const TEXT: usize = 4096;

/// The warnings of all registries, each once.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<HashSet<Warning>>);

impl Warnings {
    /// Keeps those in the headers of an answer, without the secrets that it quotes.
    pub(crate) fn note(
        &self,
        registry: &RegistryName,
        headers: &HeaderMap,
        secrets: impl Fn() -> Secrets,
    ) {
        let values = headers.get_all(header::WARNING).iter();
        for text in values.filter_map(|value| value.to_str().ok()).flat_map(warnings) {
            self.add(registry, &secrets().hidden_in(&text));
        }
    }

    pub(crate) fn add(&self, registry: &RegistryName, text: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < WARNINGS {
            let text = printable(text, TEXT);
            kept.insert(Warning { registry: registry.clone(), text });
        }
    }

    pub(crate) fn all(&self) -> Vec<Warning> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = kept.iter().cloned().collect();
        all.sort();
        all
    }
}
