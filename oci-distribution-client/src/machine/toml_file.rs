use std::fs::File;
use std::io::{self, ErrorKind as IoErrorKind, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_path_to_error::Path as Place;

use super::FILE_LIMIT;
use crate::error::{Error, ErrorKind};

/// The text of the file at `path`, or `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
    match read_bounded(path) {
        Ok(text) if text.len() as u64 > FILE_LIMIT => {
            Err(unusable(path, format!("it has more than {FILE_LIMIT} bytes")))
        }
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == IoErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_LIMIT + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Reads `text`, which is that of the file at `path`. What stands at a place that `is_secret` is in no error.
pub(super) fn parse<T: DeserializeOwned>(
    text: &str,
    path: &Path,
    is_secret: impl Fn(&Place) -> bool,
) -> Result<T, Error> {
    let parser = toml::Deserializer::parse(text)
        .map_err(|error| unusable(path, format!("{}{}", line(text, &error), error.message())))?;
    serde_path_to_error::deserialize(parser).map_err(|error| {
        let (place, error) = (error.path(), error.inner());
        let at = match place.iter().next() {
            Some(_) => format!("at `{}`: ", place.to_string().escape_debug()),
            None => String::new(),
        };
        let message = match is_secret(place) {
            true => "the value is not of the right kind",
            false => error.message(),
        };
        unusable(path, format!("{}{at}{message}", line(text, error)))
    })
}

/// `line 3: `, where that is known.
fn line(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    before.map_or_else(String::new, |before| format!("line {}: ", before.matches('\n').count() + 1))
}

pub(super) fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Configuration, action(path)).with_source(error)
}

/// Why the file at `path` cannot be used.
pub(super) fn unusable(path: &Path, reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, action(path)).because(reason)
}

fn action(path: &Path) -> String {
    format!("read `{}`", path.display())
}
