//! Layers in the form in which the kernel's overlay filesystem keeps them.

use std::collections::BTreeMap;

use super::{Change, Device, Entry, EntryPath, Kind, Metadata};

/// The form in which an overlay filesystem keeps changes, by the namespace of its extended attributes.
/// Closed by nature: an overlay is mounted with the option `userxattr` or without it.
///
/// In this form, a character device 0/0 is a whiteout, an attribute makes a directory opaque, and
/// both stand in a tree like any other file. A file that only looks like one of them has its
/// attributes escaped (`trusted.overlay.overlay.opaque`).
///
/// ```
/// use oci_image::layer::{Change, Overlay};
///
/// let gone = Change::Whiteout("etc/motd".parse()?);
/// let device = Overlay::Trusted.encoder().push(gone.clone())?;
/// assert_eq!(device[0].to_string(), "c0000 0:0 0:0 /etc/motd");
/// assert_eq!(Overlay::Trusted.decode(device[0].clone())?, [gone]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overlay {
    /// `trusted.overlay.*`: the form of an overlay mounted by root.
    Trusted,
    /// `user.overlay.*`: the form of one mounted with the option `userxattr`.
    User,
}

/// Why a change cannot be written in the form of an overlay, or read from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OverlayError {
    /// The opaque marker does not follow its directory, so there is nothing to put the attribute on.
    #[error(
        "cannot convert the opaque marker of `{0}`: it does not follow directly after the directory"
    )]
    OpaqueAlone(EntryPath),
    /// A device 0/0 would hide what it is to be.
    #[error(
        "cannot convert `{0}`: it is a character device 0/0, which an overlay takes for a whiteout"
    )]
    Device(EntryPath),
    /// The entry is a part of a file in a lower layer (`redirect`, `metacopy`), which has to be
    /// at hand to make it whole.
    #[error("cannot convert `{path}`: its attribute `overlay.{attribute}` leads to another layer")]
    Incomplete {
        /// The entry.
        path: EntryPath,
        /// The attribute's name behind the prefix.
        attribute: String,
    },
}

/// What an overlay takes for a whiteout.
const WHITEOUT: Device = Device { major: 0, minor: 0 };

impl Overlay {
    /// What the names of its attributes begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.",
            Self::User => "user.overlay.",
        }
    }

    /// Translates changes to this form, one after the other.
    pub fn encoder(self) -> OverlayEncoder {
        OverlayEncoder { overlay: self, directory: None }
    }

    /// Translates a change from this form: a whiteout, or the entry, followed by an opaque marker
    /// if it is such a directory. The overlay's own attributes are left out.
    ///
    /// # Errors
    /// If the entry is incomplete without another layer.
    pub fn decode(self, change: Change) -> Result<Vec<Change>, OverlayError> {
        let Change::Upsert(mut entry) = change else { return Ok(vec![change]) };
        let own = self.take_attributes(&mut entry.metadata);
        for attribute in ["redirect", "metacopy"] {
            if own.contains_key(attribute.as_bytes()) {
                let attribute = attribute.to_owned();
                return Err(OverlayError::Incomplete { path: entry.path, attribute });
            }
        }
        let is_whiteout = match entry.kind {
            Kind::CharDevice(device) => device == WHITEOUT,
            Kind::File { size: 0 } => own.contains_key(&b"whiteout"[..]),
            _ => false,
        };
        if is_whiteout {
            return Ok(vec![Change::Whiteout(entry.path)]);
        }
        // Another value, `x`, only says that whiteouts in the directory are files with an attribute.
        let hides = own.get(&b"opaque"[..]).is_some_and(|value| value == b"y");
        let opaque = (hides && entry.kind == Kind::Directory).then(|| entry.path.clone());
        let mut changes = vec![Change::Upsert(entry)];
        changes.extend(opaque.map(Change::Opaque));
        Ok(changes)
    }

    /// Takes the overlay's own attributes out, by their names behind the prefix, and unescapes those
    /// of the file that look like them.
    fn take_attributes(self, metadata: &mut Metadata) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let prefix = self.prefix().as_bytes();
        let mut own = BTreeMap::new();
        for (name, value) in std::mem::take(&mut metadata.xattrs) {
            let Some(rest) = name.strip_prefix(prefix) else {
                metadata.xattrs.insert(name, value);
                continue;
            };
            match rest.strip_prefix(b"overlay.") {
                Some(escaped) => metadata.xattrs.insert([prefix, escaped].concat(), value),
                None => own.insert(rest.to_vec(), value),
            };
        }
        own
    }

    /// Escapes the attributes of a file that the overlay would take for its own.
    fn escape(self, metadata: &mut Metadata) {
        let prefix = self.prefix().as_bytes();
        let escaped = std::mem::take(&mut metadata.xattrs).into_iter().map(|(name, value)| {
            match name.strip_prefix(prefix) {
                Some(rest) => ([prefix, b"overlay.", rest].concat(), value),
                None => (name, value),
            }
        });
        metadata.xattrs = escaped.collect();
    }
}

/// Translates changes to an overlay's form.
///
/// It holds a directory back until the next change, which may be its opaque marker: give it changes
/// in the [canonical order](Change::canonical_cmp), and do not forget to [`finish`](Self::finish).
#[derive(Debug)]
pub struct OverlayEncoder {
    overlay: Overlay,
    directory: Option<Entry>,
}

impl OverlayEncoder {
    /// Takes a change; gives those that are ready, the one taken as the last of them unless it is a
    /// directory. The content of a file belongs to that last one.
    ///
    /// # Errors
    /// If the change cannot be written in the form.
    pub fn push(&mut self, change: Change) -> Result<Vec<Change>, OverlayError> {
        let mut ready = Vec::with_capacity(2);
        match change {
            Change::Opaque(path) => {
                let Some(directory) = self.directory.as_mut().filter(|entry| entry.path == path)
                else {
                    return Err(OverlayError::OpaqueAlone(path));
                };
                let name = format!("{}opaque", self.overlay.prefix());
                directory.metadata.xattrs.insert(name.into_bytes(), b"y".to_vec());
            }
            Change::Whiteout(path) => {
                ready.extend(self.finish());
                let kind = Kind::CharDevice(WHITEOUT);
                ready.push(Entry::new(path, kind, Metadata::default()).into());
            }
            Change::Upsert(entry) if entry.kind == Kind::CharDevice(WHITEOUT) => {
                return Err(OverlayError::Device(entry.path));
            }
            Change::Upsert(mut entry) => {
                ready.extend(self.finish());
                self.overlay.escape(&mut entry.metadata);
                match entry.kind {
                    Kind::Directory => self.directory = Some(entry),
                    _ => ready.push(entry.into()),
                }
            }
        }
        Ok(ready)
    }

    /// The last directory, if it was held back.
    pub fn finish(&mut self) -> Option<Change> {
        self.directory.take().map(Change::Upsert)
    }
}
