mod store;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci_image::{Index, LayoutFile, json};

use crate::blob::Blobs;
use crate::files::{Disk, Files, read_limited, sync_directory};
use crate::lock::{Lock, WORK, ensure_dir};
use crate::session::{LazySession, Session};
use crate::{Durability, Error, ErrorKind, Fault, LayoutOptions};

pub(crate) const LAYOUT_FILE: &str = "oci-layout";
pub(crate) const INDEX_FILE: &str = "index.json";
pub(crate) const BLOBS: &str = "blobs";

/// A directory in the [image layout](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md).
///
/// Any number of handles, threads and processes may read and write one directory at a time. A handle
/// holds the directory open, so it remains valid when the directory is renamed. A clone shares the handle.
#[derive(Clone, Debug)]
pub struct Layout {
    path: PathBuf,
    files: Arc<dyn Files>,
    blobs: Blobs,
    session: Arc<LazySession>,
    durability: Durability,
    shared_blobs: Option<PathBuf>,
}

impl Layout {
    /// Opens the layout at `path`, or makes an empty one there if there is none.
    ///
    /// The parent of `path` must exist. An interrupted creation is completed.
    ///
    /// # Errors
    /// If the directory cannot be made, holds a layout that [`open`](Self::open) refuses, or holds other
    /// files and no layout ([`ErrorKind::NotEmpty`]): nothing is added to it then.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        LayoutOptions::new().create(path)
    }

    /// Opens the layout at `path`.
    ///
    /// # Errors
    /// If it does not exist, or if it is of another version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        LayoutOptions::new().open(path)
    }

    /// The path by which the layout was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn files(&self) -> &dyn Files {
        &*self.files
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// The directory of blobs that other layouts may use too.
    pub(crate) fn shared_blobs(&self) -> Option<&Path> {
        self.shared_blobs.as_deref()
    }

    /// The session of this handle in the layout's own directory. The caller holds no lock.
    pub(crate) fn session(&self) -> io::Result<Arc<Session>> {
        self.session.get()
    }
}

impl LayoutOptions {
    /// Opens the layout at `path`, or makes an empty one there if there is none.
    ///
    /// # Errors
    /// As [`Layout::create`].
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Layout, Error> {
        let path = path.as_ref();
        let failed = |error| Error::io(format!("cannot create layout `{}`", path.display()), error);
        match std::fs::create_dir(path) {
            Ok(()) if self.durability != Durability::Relaxed => {
                sync_parent_of(path).map_err(failed)?;
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        let files = Arc::new(Disk::open(path).map_err(failed)?);
        self.create_in(path, files)
    }

    /// Opens the layout at `path`.
    ///
    /// # Errors
    /// As [`Layout::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Layout, Error> {
        let path = path.as_ref();
        let files = Disk::open(path).map_err(|error| cannot_open(path, error))?;
        self.open_in(path, Arc::new(files))
    }

    /// Looks for all that is wrong with the layout at `path`, as [`Layout::fsck`] does, even where
    /// [`open`](Self::open) refuses it: a broken file `oci-layout` or one of another version is a fault then.
    ///
    /// # Errors
    /// If the directory does not exist or cannot be read.
    pub fn fsck(&self, path: impl AsRef<Path>) -> Result<Vec<Fault>, Error> {
        let path = path.as_ref();
        let files = Disk::open(path).map_err(|error| cannot_open(path, error))?;
        self.layout(path, Arc::new(files))?.fsck()
    }

    pub(crate) fn create_in(&self, path: &Path, files: Arc<dyn Files>) -> Result<Layout, Error> {
        let failed = |error| Error::io(format!("cannot create layout `{}`", path.display()), error);
        let layout = self.layout(path, Arc::clone(&files))?;
        if is_missing(&*files, LAYOUT_FILE).map_err(failed)? {
            check_unused(&layout)?;
            self.fill(&layout).map_err(failed)?;
        }
        check_version(path, &*files)?;
        Ok(layout)
    }

    /// Makes what is missing. The file `oci-layout`, by which programs recognise a layout, comes last: a program that
    /// sees it sees the rest too, also after a crash in between.
    fn fill(&self, layout: &Layout) -> io::Result<()> {
        let files = layout.files();
        let session = layout.session()?;
        let write = |path: &str, content: Vec<u8>| {
            let mut temporary = session.temporary()?;
            temporary.write_all(&content)?;
            temporary.sync(self.durability)?;
            temporary.keep(path, self.durability)
        };
        ensure_dir(files, BLOBS)?;
        let _lock = Lock::exclusive(files)?;
        if is_missing(files, INDEX_FILE)? {
            let mut index = Index::new();
            index.media_type = Some(oci_image::MediaType::IMAGE_INDEX);
            write(INDEX_FILE, json::to_vec(&index).map_err(io::Error::other)?)?;
        }
        if is_missing(files, LAYOUT_FILE)? {
            write(LAYOUT_FILE, json::to_vec(&LayoutFile::new()).map_err(io::Error::other)?)?;
        }
        Ok(())
    }

    pub(crate) fn open_in(&self, path: &Path, files: Arc<dyn Files>) -> Result<Layout, Error> {
        check_version(path, &*files)?;
        self.layout(path, files)
    }

    fn layout(&self, path: &Path, files: Arc<dyn Files>) -> Result<Layout, Error> {
        let session = Arc::new(LazySession::new(Arc::clone(&files)));
        let (blob_files, prefix, blob_session) = match &self.shared_blobs {
            None => (Arc::clone(&files), "blobs/", Arc::clone(&session)),
            Some(shared) => {
                let failed = |error| {
                    Error::io(format!("cannot open blob directory `{}`", shared.display()), error)
                };
                let shared: Arc<dyn Files> = Arc::new(Disk::open(shared).map_err(failed)?);
                (Arc::clone(&shared), "", Arc::new(LazySession::new(shared)))
            }
        };
        Ok(Layout {
            path: path.to_owned(),
            files,
            blobs: Blobs::new(blob_files, prefix, blob_session, self),
            session,
            durability: self.durability,
            shared_blobs: self.shared_blobs.clone(),
        })
    }
}

fn cannot_open(path: &Path, error: io::Error) -> Error {
    Error::io(format!("cannot open layout `{}`", path.display()), error)
}

/// An interrupted creation leaves some of what a layout has, without the file `oci-layout`.
/// A directory with anything else belongs to somebody else.
fn check_unused(layout: &Layout) -> Result<(), Error> {
    let cannot = format!("cannot create layout `{}`", layout.path.display());
    let files = layout.files();
    let entries = files.list(".").map_err(|error| Error::io(&*cannot, error))?;
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    if has(LAYOUT_FILE) {
        return Ok(()); // Another process has completed it meanwhile.
    }
    let ours = [WORK, BLOBS, INDEX_FILE];
    if let Some(foreign) = entries.iter().find(|it| !ours.iter().any(|name| it.name == *name)) {
        let name = foreign.name.display();
        let text =
            format!("{cannot}: the directory is not a layout and not empty: it has `{name}`");
        return Err(Error::new(ErrorKind::NotEmpty, text));
    }
    if has(INDEX_FILE) {
        layout.read_index()?;
    }
    Ok(())
}

fn is_missing(files: &dyn Files, path: &str) -> io::Result<bool> {
    match files.open(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

fn check_version(path: &Path, files: &dyn Files) -> Result<(), Error> {
    let found = layout_file(files).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let path = path.display();
            let text = format!("cannot open layout `{path}`: it has no file `{LAYOUT_FILE}`");
            Error::new(ErrorKind::NotFound, text)
        }
        _ => cannot_open(path, error),
    });
    let layout = found?.map_err(|error| {
        Error::invalid(
            format!(
                "cannot open layout `{}`: its file `{LAYOUT_FILE}` is not valid",
                path.display()
            ),
            error,
        )
    })?;
    if layout.image_layout_version != LayoutFile::VERSION {
        return Err(Error::new(
            ErrorKind::Version,
            format!(
                "cannot open layout `{}`: it is of version `{}`, not `{}`",
                path.display(),
                layout.image_layout_version,
                LayoutFile::VERSION
            ),
        ));
    }
    Ok(())
}

/// Reads the file `oci-layout`.
pub(crate) fn layout_file(files: &dyn Files) -> io::Result<Result<LayoutFile, json::Error>> {
    let bytes = read_limited(files.open(LAYOUT_FILE)?, json::DOCUMENT_LIMIT)?;
    Ok(json::from_slice(&bytes))
}

fn sync_parent_of(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    sync_directory(std::fs::File::open(parent)?)
}
