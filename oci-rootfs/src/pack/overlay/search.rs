//! A name that is looked up in one layer after the other.

use std::os::fd::OwnedFd;

use oci_image::layer::{EntryPath, Overlay};
use rustix::fs::FileType;

use super::attribute::{Attributes, is_whiteout};
use crate::pack::error::{PackError, Reason};
use crate::pack::node::Node;
use crate::root::Root;

/// A directory of one layer to look in.
pub(super) struct Base {
    pub(super) path: EntryPath,
    pub(super) fd: OwnedFd,
}

/// The state of a look-up between two layers, as `struct ovl_lookup_data` of the kernel has it.
pub(super) struct Search<'a> {
    form: Overlay,
    /// What is looked up, for errors.
    path: &'a EntryPath,
    /// The names to go through in the next layer.
    names: Vec<Vec<u8>>,
    /// Whether they start from the root of the layer.
    is_absolute: bool,
    /// Whether a directory was found: then only directories count.
    is_directory: bool,
    /// The size of a file of which only the attributes were found yet.
    metacopy: Option<i64>,
    was_redirected: bool,
    /// The attribute that says that layers below have more, which was not found yet.
    awaits: Option<&'static str>,
    stops: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(form: Overlay, path: &'a EntryPath, name: &[u8]) -> Self {
        Self {
            form,
            path,
            names: vec![name.to_vec()],
            is_absolute: false,
            is_directory: false,
            metacopy: None,
            was_redirected: false,
            awaits: None,
            stops: false,
        }
    }

    /// Whether layers below have no say.
    pub(super) fn stops(&self) -> bool {
        self.stops
    }

    /// Whether the next layer is to be searched from its root.
    pub(super) fn is_absolute(&self) -> bool {
        self.is_absolute
    }

    /// Whether it is found elsewhere in the layers below.
    pub(super) fn was_redirected(&self) -> bool {
        self.was_redirected
    }

    /// Refuses what was not found whole.
    pub(super) fn check(&self, has_lower: bool) -> Result<(), PackError> {
        let Some(attribute) = self.awaits else { return Ok(()) };
        let (path, xattr) = (self.path.clone(), self.xattr(attribute));
        Err(match has_lower {
            true => Reason::NotBelow { path, xattr }.into(),
            false => Reason::NeedsLower { path, xattr }.into(),
        })
    }

    /// Looks in one layer, where `base` is the directory that corresponds or the root.
    pub(super) fn look(&mut self, base: Base, root: &Root) -> Result<Option<Node>, PackError> {
        let (mut here, mut at) = (base, 0);
        while let Some(name) = self.names.get(at) {
            let is_last = at + 1 == self.names.len();
            let node = Node::open(&here.fd, &here.path, name)?;
            let Some(node) = node else { return Ok(None) };
            if is_whiteout(&node, self.form) {
                self.stops = true;
                return Ok(None);
            }
            let attributes = Attributes::read(&node, root, self.form)?;
            let is_known = match node.is_directory() {
                true => self.see_directory(&attributes, is_last)?,
                false => self.see_file(&node, &attributes, is_last)?,
            };
            match is_known {
                Known::Nothing => return Ok(None),
                Known::All => {}
                Known::Part => at = self.redirect(&attributes, at)?,
            }
            at += 1;
            if at == self.names.len() {
                return Ok(Some(node));
            }
            here = Base { path: node.path, fd: node.fd };
        }
        Ok(None)
    }

    fn see_directory(
        &mut self,
        attributes: &Attributes,
        is_last: bool,
    ) -> Result<Known, PackError> {
        if is_last {
            if self.metacopy.is_some() {
                return Err(self.is_not_below("metacopy"));
            }
            self.is_directory = true;
            self.awaits = None;
        }
        if attributes.is_opaque() {
            self.stops = true;
            return Ok(Known::All);
        }
        Ok(Known::Part)
    }

    fn see_file(
        &mut self,
        node: &Node,
        attributes: &Attributes,
        is_last: bool,
    ) -> Result<Known, PackError> {
        if self.is_directory || !is_last {
            self.stops = true;
            return Ok(Known::Nothing);
        }
        let is_regular = node.file_type() == FileType::RegularFile;
        if self.metacopy.is_some_and(|size| !is_regular || size != node.stat.st_size) {
            // The content is another one than the upper directory was made above.
            return Err(self.is_not_below("metacopy"));
        }
        self.awaits = None;
        if !is_regular || attributes.get("metacopy").is_none() {
            self.stops = true;
            return Ok(Known::All);
        }
        self.metacopy = Some(node.stat.st_size);
        self.awaits = Some("metacopy");
        Ok(Known::Part)
    }

    /// Follows the redirect of what is called by the name `at`, and says where its name stands then.
    fn redirect(&mut self, attributes: &Attributes, at: usize) -> Result<usize, PackError> {
        let Some(redirect) = attributes.get("redirect") else { return Ok(at) };
        let rest = self.names.split_off(at + 1);
        match redirect.strip_prefix(b"/") {
            Some(absolute) => {
                self.names = absolute.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
                self.is_absolute = true;
                // What an opaque directory on the way hides is asked for by name.
                self.stops = false;
            }
            None if redirect.contains(&b'/') => return Err(self.is_not_below("redirect")),
            None => {
                self.names.truncate(at);
                self.names.push(redirect.to_vec());
            }
        }
        if self.names.iter().any(|name| matches!(name.as_slice(), b"" | b"." | b"..")) {
            return Err(self.is_not_below("redirect"));
        }
        self.was_redirected = true;
        self.awaits = self.awaits.or(Some("redirect"));
        let at = self.names.len() - 1;
        self.names.extend(rest);
        Ok(at)
    }

    fn is_not_below(&self, attribute: &str) -> PackError {
        Reason::NotBelow { path: self.path.clone(), xattr: self.xattr(attribute) }.into()
    }

    fn xattr(&self, attribute: &str) -> String {
        format!("{}{attribute}", self.form.prefix())
    }
}

/// What one layer says of a name.
enum Known {
    /// That there is nothing.
    Nothing,
    /// All that there is.
    All,
    /// Layers below may have more of it.
    Part,
}
