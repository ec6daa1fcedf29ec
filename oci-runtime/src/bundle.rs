//! A directory with a root filesystem, and what to do with it.
//!
//! Unpacking an image ends with a directory `rootfs` and the image's config; running a container begins with a bundle.
//! [`Bundle::from_image`] leads from the one to the other, and [`Bundle::write`] keeps the result for other runtimes.

use std::path::{Path, PathBuf};

use oci_image::json;

use crate::function::CalledFunction;
use crate::spec::Root;
use crate::{Error, ErrorKind, Spec};

/// The file of a bundle that has its specification.
const CONFIG: &str = "config.json";

/// A directory that holds a root filesystem, and the specification of the container to make of it ([bundle.md]).
///
/// ```no_run
/// use oci_runtime::Bundle;
/// # let config: oci_image::Config = oci_image::json::from_slice(b"")?;
///
/// // An image was unpacked to bundle/rootfs, and `config` is its config.
/// let mut bundle = Bundle::from_image(&config, "bundle")?;
/// bundle.spec_mut().hostname = Some("web".into());
/// bundle.write()?; // bundle/config.json, for other runtimes and for Bundle::open
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [bundle.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/bundle.md
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    dir: PathBuf,
    spec: Spec,
    function: Option<CalledFunction>,
}

impl Bundle {
    /// A bundle whose specification is in memory; paths of the specification begin at `dir`.
    pub fn new(dir: impl Into<PathBuf>, spec: Spec) -> Self {
        Self { dir: dir.into(), spec, function: None }
    }

    /// Has a function of the program that becomes the init be the process of the container, in place of a program of the
    /// root filesystem: one of those that it passes to [`init_with`](crate::init_with), such as an interpreter of
    /// WebAssembly. `process` of the specification counts as for a program, but `args` may be empty.
    ///
    /// The function is called with `input`, at most 1 MiB; what is longer goes by [`Stdio::descriptors`]. It runs in the
    /// memory of the init, which is a process of its own and has been told the plan: code that the container's owner does
    /// not trust is for the function to confine.
    ///
    /// [`write`](Self::write) writes the specification alone.
    ///
    /// [`Stdio::descriptors`]: crate::Stdio::descriptors
    #[must_use]
    pub fn function(mut self, name: impl Into<String>, input: impl Into<Vec<u8>>) -> Self {
        self.function = Some(CalledFunction { name: name.into(), input: input.into() });
        self
    }

    /// The bundle of an image whose root filesystem was unpacked to `rootfs` in `dir`, with the specification of
    /// [`Spec::from_image`]. Nothing is written.
    ///
    /// # Errors
    /// Those of [`Spec::from_image`].
    #[cfg(target_os = "linux")]
    pub fn from_image(config: &oci_image::Config, dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let dir = dir.into();
        let spec = Spec::from_image(config, dir.join(Root::DEFAULT_PATH)).map_err(|error| {
            let action = format!("make a bundle of the image in `{}`", dir.display());
            Error::because(ErrorKind::Bundle, action, error)
        })?;
        Ok(Self::new(dir, spec))
    }

    /// Opens a bundle on disk and reads its `config.json`.
    ///
    /// # Errors
    /// If the directory is missing or its `config.json` is not a specification.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let absolute = std::path::absolute(dir).map_err(|error| {
            Error::because(ErrorKind::Bundle, format!("open bundle `{}`", dir.display()), error)
        })?;
        let config = absolute.join(CONFIG);
        let action = || format!("read `{}`", config.display());
        let text =
            read(&config).map_err(|error| Error::because(ErrorKind::Bundle, action(), error))?;
        let spec = json::from_slice(&text)
            .map_err(|error| Error::because(ErrorKind::Bundle, action(), error))?;
        Ok(Self::new(absolute, spec))
    }

    /// Writes `config.json` in the directory, which must exist. One that is there is replaced as a whole.
    ///
    /// # Errors
    /// If it cannot be written; then there is the old one, or none.
    pub fn write(&self) -> Result<(), Error> {
        let (path, new) = (self.dir.join(CONFIG), self.dir.join(".config.json.new"));
        let action = || format!("write `{}`", path.display());
        let text = json::to_vec(&self.spec)
            .map_err(|error| Error::because(ErrorKind::Bundle, action(), error))?;
        // A reader sees the old file or the new one: rename(2) replaces in one step.
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(|error| Error::because(ErrorKind::Bundle, action(), error))
    }

    /// The directory that relative paths of the specification begin at.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The specification.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The same with another directory.
    #[cfg(target_os = "linux")]
    pub(crate) fn at(self, dir: PathBuf) -> Self {
        Self { dir, ..self }
    }

    pub(crate) fn process_function(&self) -> Option<&CalledFunction> {
        self.function.as_ref()
    }

    /// The specification, to be changed before a container is made.
    pub fn spec_mut(&mut self) -> &mut Spec {
        &mut self.spec
    }
}

/// Reads a document up to its limit, and a byte more so that the limit is seen to be passed.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(json::DOCUMENT_LIMIT as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}
