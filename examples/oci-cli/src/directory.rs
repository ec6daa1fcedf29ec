//! One image in a directory of its own, as skopeo's `dir:` has it: `manifest.json`, and beside it each
//! blob by its digest without the algorithm, manifests of an index with `.manifest.json` behind that.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci_image::blob::{BlobSink, BlobSource, BlobSourceExt, BlobWriter};
use oci_image::images::Images;
use oci_image::oci_digest::{VerifyReader, VerifyWriter};
use oci_image::{AnyDocument, Descriptor, Index, MediaType, json};
use tempfile::{Builder, NamedTempFile};

const ROOT: &str = "manifest.json";
const KINDS: [MediaType; 4] = [
    MediaType::IMAGE_MANIFEST,
    MediaType::IMAGE_INDEX,
    MediaType::DOCKER_MANIFEST,
    MediaType::DOCKER_MANIFEST_LIST,
];

const VERSION: (&str, &str) = ("version", "Directory Transport Version: 1.1\n");

/// A directory with one image.
#[derive(Clone, Debug)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// What is in `manifest.json`, or is to be.
    root: Descriptor,
}

impl Directory {
    /// The image that is in a directory.
    ///
    /// # Errors
    /// If there is none, or its manifest or index is wrong.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let limit = json::DOCUMENT_LIMIT as u64 + 1;
        File::open(path.join(ROOT))
            .and_then(|file| file.take(limit).read_to_end(&mut bytes))
            .map_err(|error| about("read the manifest in", path, error))?;
        let root = described(&bytes).map_err(|error| about("read the manifest in", path, error))?;
        Ok(Self(Arc::new(Inner { path: path.to_owned(), root })))
    }

    /// A directory for an image, which need not exist. If it holds another image, that is replaced when the
    /// new one is whole; if it holds something else, it is refused.
    ///
    /// # Errors
    /// If it cannot be made, or holds something else.
    pub fn create(path: &Path, root: &Descriptor) -> io::Result<Self> {
        fs::create_dir_all(path).map_err(|error| about("create", path, error))?;
        let is_empty =
            fs::read_dir(path).map_err(|error| about("read", path, error))?.next().is_none();
        let (name, text) = VERSION;
        if !is_empty && !path.join(name).exists() {
            let reason = io::Error::other("it holds something else than an image");
            return Err(about("write an image to", path, reason));
        }
        fs::write(path.join(name), text).map_err(|error| about("write to", path, error))?;
        Ok(Self(Arc::new(Inner { path: path.to_owned(), root: root.clone() })))
    }

    /// What the directory holds.
    pub fn root(&self) -> &Descriptor {
        &self.0.root
    }

    /// Removes what an image that was here before has left, once this one is whole.
    ///
    /// # Errors
    /// If the image is not whole, or something cannot be removed.
    pub fn remove_others(&self) -> io::Result<()> {
        let mut kept = HashSet::new();
        for node in self.walk(self.root()) {
            kept.insert(self.file(&node?.descriptor));
        }
        for entry in fs::read_dir(&self.0.path)? {
            let entry = entry?;
            if is_of_an_image(&entry.file_name()) && !kept.contains(&entry.path()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn file(&self, blob: &Descriptor) -> PathBuf {
        let encoded = blob.digest.encoded();
        if blob.digest == self.0.root.digest {
            return self.0.path.join(ROOT);
        }
        match blob.media_type.is_manifest_or_index() {
            true => self.0.path.join(format!("{encoded}.{ROOT}")),
            false => self.0.path.join(encoded),
        }
    }
}

/// Whether a file is named as a blob, or as a manifest of an index: whatever else is there stays.
fn is_of_an_image(name: &OsStr) -> bool {
    let name = name.to_str().unwrap_or_default();
    let encoded = name.strip_suffix(ROOT).and_then(|it| it.strip_suffix('.')).unwrap_or(name);
    encoded.len() >= 64 && encoded.bytes().all(|it| it.is_ascii_hexdigit())
}

/// The descriptor of a document: of the kind that it says it is, or as which it can be read.
fn described(bytes: &[u8]) -> io::Result<Descriptor> {
    let mut reason = None;
    for media_type in KINDS {
        let descriptor = Descriptor::of(media_type, bytes);
        match AnyDocument::parse(bytes, &descriptor) {
            Ok(_) => return Ok(descriptor),
            Err(error) => reason = reason.or(Some(error)),
        }
    }
    Err(reason
        .map_or(ErrorKind::InvalidData.into(), |it| io::Error::new(ErrorKind::InvalidData, it)))
}

fn about(action: &str, path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {action} `{}`: {error}", path.display()))
}

impl BlobSource for Directory {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        match File::open(self.file(blob)) {
            Ok(file) => Ok(Some(Box::new(VerifyReader::new(file, &blob.digest, blob.size)?))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Images for Directory {
    fn index(&self) -> io::Result<Cow<'_, Index>> {
        let mut index = Index::new();
        index.manifests.push(self.0.root.clone());
        Ok(Cow::Owned(index))
    }

    fn place(&self) -> String {
        format!("directory `{}`", self.0.path.display())
    }
}

impl BlobSink for Directory {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        // Nobody else verifies what is there.
        if let Some(mut held) = self.open(blob)?
            && io::copy(&mut held, &mut io::sink()).is_ok()
        {
            return Ok(None);
        }
        // With the permissions that the umask leaves, as any new file.
        let permissions = Permissions::from_mode(0o666);
        let file = Builder::new().permissions(permissions).tempfile_in(&self.0.path)?;
        let content = VerifyWriter::new(file, &blob.digest, blob.size)?;
        Ok(Some(Box::new(Writer { content, path: self.file(blob) })))
    }
}

struct Writer {
    content: VerifyWriter<NamedTempFile>,
    path: PathBuf,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.content.flush()
    }
}

impl BlobWriter for Writer {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let file = self.content.finish()?;
        file.as_file().sync_all()?;
        file.persist(self.path)?;
        Ok(())
    }
}
