//! What a store knows of a layer, beside its directory.

use std::fs;
use std::io;
use std::path::Path;

use oci_image::Digest;

use crate::Root;
use crate::pack::listing;

/// Written before the layer appears, and as durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The digest of the list of its files.
    pub(super) listing: Digest,
    /// The name of the layer that it lies above.
    pub(super) below: Option<String>,
    /// What it was unpacked with.
    pub(super) options: String,
}

impl Record {
    /// Of a layer that is whole.
    pub(super) fn of(layer: &Path, below: Option<&Path>, options: &str) -> io::Result<Self> {
        let name = below.and_then(Path::file_name).and_then(|name| name.to_str());
        Ok(Self {
            listing: list(layer)?,
            below: name.map(str::to_owned),
            options: options.to_owned(),
        })
    }

    /// `None` if there is none, or none that says anything.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let listing = lines.next()?.strip_prefix("listing ")?.parse().ok()?;
        let below = lines.next()?.strip_prefix("below ")?;
        let options = lines.next()?.strip_prefix("options ")?.to_owned();
        // What was cut off lacks the last line.
        (lines.next() == Some("end")).then(|| Self {
            listing,
            below: (!below.is_empty()).then(|| below.to_owned()),
            options,
        })
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let Self { listing, below, options } = self;
        let below = below.as_deref().unwrap_or_default();
        fs::write(path, format!("listing {listing}\nbelow {below}\noptions {options}\nend\n"))
    }

    /// Whether the layer has the files that it had.
    pub(super) fn is_true_of(&self, layer: &Path) -> io::Result<bool> {
        Ok(self.listing == list(layer)?)
    }
}

fn list(layer: &Path) -> io::Result<Digest> {
    listing(&Root::open(layer)?).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_are_cut_off_say_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record");
        assert_eq!(Record::read(&path).unwrap(), None);
        let listing = Digest::sha256("x");
        for below in [None, Some("sha256-0123".to_owned())] {
            let record = Record { listing: listing.clone(), below, options: "a, b".into() };
            record.write(&path).unwrap();
            assert_eq!(Record::read(&path).unwrap(), Some(record));
            let text = fs::read_to_string(&path).unwrap();
            for length in 0..text.len() - 1 {
                fs::write(&path, &text[..length]).unwrap();
                assert_eq!(Record::read(&path).unwrap(), None, "{length}");
            }
        }
    }
}
