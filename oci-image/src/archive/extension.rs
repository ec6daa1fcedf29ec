//! The headers that only describe the entry after them.

use super::error::Fault;
use super::pax::{self, Records};
use super::{Defect, LimitExceeded, Limits};

/// What was said before an entry.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    /// Where the first one stands.
    pub(super) offset: Option<u64>,
    pub(super) pax: Option<Records>,
    pub(super) long_name: Option<Vec<u8>>,
    pub(super) long_link: Option<Vec<u8>>,
}

impl Extensions {
    /// How long one of a type may be in bytes, and what to say if it is longer.
    pub(super) fn limit(kind: u8, limits: &Limits) -> (usize, LimitExceeded) {
        match kind {
            b'x' | b'g' => (limits.pax_bytes, LimitExceeded::PaxBytes(limits.pax_bytes)),
            _ => {
                let with_end = limits.path_bytes.saturating_add(1);
                (with_end, LimitExceeded::PathBytes(limits.path_bytes))
            }
        }
    }

    pub(super) fn add(
        &mut self,
        kind: u8,
        body: &[u8],
        offset: u64,
        limits: &Limits,
    ) -> Result<(), Fault> {
        if kind == b'g' {
            pax::check_global(body)?;
            // Go forgets what stands before a global header, others keep it.
            let is_first =
                self.pax.is_none() && self.long_name.is_none() && self.long_link.is_none();
            // An entry has to follow this one, too: Python refuses an archive that ends here.
            self.offset.get_or_insert(offset);
            return if is_first { Ok(()) } else { Err(Defect::ExtensionAlone.into()) };
        }
        self.offset.get_or_insert(offset);
        let taken = match kind {
            // Go and GNU tar forget the first one. Python does not, and forgets what the second has of attributes.
            b'x' => {
                let next = Records::parse(body, limits)?;
                let is_safe = |first: &Records| {
                    *first == next || *first == Records::default() && !next.has_attributes()
                };
                let taken = self.pax.as_ref().is_some_and(|first| !is_safe(first));
                self.pax = Some(next);
                taken
            }
            b'L' => is_other(&mut self.long_name, long(body)?),
            _ => is_other(&mut self.long_link, long(body)?),
        };
        let (path, link) = match &self.pax {
            Some(records) => (records.path.is_some(), records.link.is_some()),
            None => (false, false),
        };
        let both = path && self.long_name.is_some() || link && self.long_link.is_some();
        match taken || both {
            true => Err(Defect::ExtensionTwice.into()),
            false => Ok(()),
        }
    }
}

/// Refuses text that continues in the padding: Python reads records to the end of the last block, and GNU
/// tar and Python a long name up to its NUL byte.
pub(super) fn check_end(kind: u8, body: &[u8], padding: &[u8]) -> Result<(), Defect> {
    match (kind, body.last(), padding.first()) {
        (_, _, None | Some(0)) | (b'L' | b'K', Some(0), _) => Ok(()),
        (b'L' | b'K', ..) => Err(Defect::LongName),
        _ => Err(Defect::PaxRecord),
    }
}

/// Whether there was another name before.
fn is_other(known: &mut Option<Vec<u8>>, name: Vec<u8>) -> bool {
    let is_other = known.as_ref().is_some_and(|known| *known != name);
    *known = Some(name);
    is_other
}

/// The text of a GNU long name: up to a NUL byte, if there is one.
fn long(body: &[u8]) -> Result<Vec<u8>, Defect> {
    match body.split(|byte| *byte == 0).next() {
        None | Some(b"") => Err(Defect::LongName),
        Some(text) => Ok(text.to_vec()),
    }
}
