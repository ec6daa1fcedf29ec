use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use oci_image::annotations::REF_NAME;
use oci_image::blob::BlobSink as _;
use oci_image::distribution::stated_media_type;
use oci_image::images::Images as _;
use oci_image::oci_digest::Digest;
use oci_image::{AnyDocument, Descriptor, MediaType, RepositoryName, Tag, json};
use oci_layout::Layout;
use oci_registry::bytes::Bytes;
use oci_registry::store::{
    Backend, Blob, BoxFuture, Collection, Condition, Content, Entries, Filter, PIECE, Record,
    Resumed, Session, Stage, Value, Write,
};

use crate::Result;

/// One repository: the images that an image layout names, such as `skopeo copy … oci:DIR:TAG` makes one.
///
/// Names in the layout that are not tags are not listed. What is pushed by digest, as manifests of an index are, is
/// stored and not listed in `index.json`, unless it has a subject. Nothing but tags is deleted: other images may share
/// the blobs, and `oci-inspect gc` removes what none needs.
#[derive(Clone, Debug)]
pub(crate) struct LayoutStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    layout: Layout,
    name: RepositoryName,
    /// Held from the look at what is there to the change.
    changing: Mutex<()>,
}

/// The largest manifest that is read, in bytes: as a registry takes them.
const MANIFEST: u64 = 4 << 20;

impl LayoutStore {
    /// The layout in a directory, which is made if there is none. The repository has the name of the directory.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let layout = if path.join("oci-layout").exists() {
            Layout::open(path)?
        } else {
            Layout::create(path)?
        };
        let path = fs::canonicalize(path)?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = name.to_ascii_lowercase().parse().map_err(|error| {
            format!("cannot serve the layout in `{}` by its name: {error}", path.display())
        })?;
        Ok(Self(Arc::new(Shared { layout, name, changing: Mutex::new(()) })))
    }

    fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'a, io::Result<T>> {
        let shared = self.0.clone();
        Box::pin(blocking(move || work(&shared)))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await?
}

fn unsupported(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, message)
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

impl Shared {
    fn check_name(&self, name: &RepositoryName) -> io::Result<()> {
        if *name == self.name {
            return Ok(());
        }
        Err(unsupported(&format!("cannot write to `{name}`: this is the layout `{}`", self.name)))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.layout.path().join(digest.blob_path())
    }

    fn open(&self, digest: &Digest) -> io::Result<Option<(File, fs::Metadata)>> {
        let Some(file) = found(File::open(self.path(digest)))? else { return Ok(None) };
        let metadata = file.metadata()?;
        Ok(Some((file, metadata)))
    }

    /// The entry of a name.
    fn named(&self, tag: &Tag) -> io::Result<Option<Descriptor>> {
        Ok(self.layout.index()?.named(tag.as_str()).next().cloned())
    }

    /// A manifest as the registry keeps it: a line with its media type, and its bytes.
    fn manifest(&self, digest: &Digest) -> io::Result<Option<Value>> {
        let Some((mut file, metadata)) = self.open(digest)? else { return Ok(None) };
        if metadata.len() > MANIFEST {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let index = self.layout.index()?;
        let listed = index.manifests.iter().find(|entry| entry.digest == *digest);
        let media_type = match listed {
            Some(entry) => Some(entry.media_type.clone()),
            None => stated_media_type(&bytes).filter(MediaType::is_manifest_or_index),
        };
        let Some(media_type) = media_type else { return Ok(None) };
        let value = [media_type.as_str().as_bytes(), b"\n", &bytes].concat();
        Ok(Some(Value::new(value.into(), metadata.modified()?)))
    }

    fn read(&self, record: &Record) -> io::Result<Option<Value>> {
        match record {
            Record::Manifest(digest) => self.manifest(digest),
            Record::Tag(tag) => Ok(self
                .named(tag)?
                .map(|entry| Value::new(entry.digest.to_string().into(), SystemTime::UNIX_EPOCH))),
            Record::Referrer { subject, referrer } => {
                let document = self.document(referrer)?;
                let document = document.filter(|it| is_about(it, subject));
                let text = document.map(|it| json::to_vec(&it.as_referrer())).transpose();
                let text = text.map_err(io::Error::other)?;
                Ok(text.map(|text| Value::new(text.into(), SystemTime::UNIX_EPOCH)))
            }
        }
    }

    fn document(&self, digest: &Digest) -> io::Result<Option<AnyDocument>> {
        let Some(manifest) = self.manifest(digest)? else { return Ok(None) };
        let (descriptor, bytes) = parse(digest, &manifest.bytes)?;
        Ok(AnyDocument::parse(bytes.to_vec(), &descriptor).ok())
    }

    fn write(&self, records: &[Write]) -> io::Result<bool> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        for write in records {
            let current = self.read(&write.record)?;
            let current = current.as_ref().map(|value| (&*value.bytes, value.modified));
            if !write.condition.holds(current) {
                return Ok(false);
            }
        }
        let mut pushed = None;
        for write in records {
            match (&write.record, &pushed) {
                (Record::Manifest(digest), _) => pushed = Some(self.put(digest, &write.value)?),
                (Record::Referrer { .. }, Some(pushed)) => self.layout.add(pushed)?,
                (Record::Tag(tag), Some(pushed)) => self.layout.tag(tag.as_str(), pushed)?,
                _ => return Err(unsupported("names are written with what they name")),
            }
        }
        Ok(true)
    }

    fn put(&self, digest: &Digest, value: &Bytes) -> io::Result<Descriptor> {
        let (descriptor, bytes) = parse(digest, value)?;
        if let Some(mut writer) = self.layout.create(&descriptor)? {
            writer.write_all(&bytes)?;
            writer.commit()?;
        }
        Ok(descriptor)
    }

    fn untag(&self, tag: &Tag, condition: &Condition) -> io::Result<bool> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.read(&Record::Tag(tag.clone()))?;
        let holds = condition.holds(current.as_ref().map(|it| (&*it.bytes, it.modified)));
        if current.is_none() || !holds {
            return Ok(false);
        }
        self.layout.untag(tag.as_str())?;
        Ok(true)
    }

    fn list(&self, collection: &Collection, entries: &mut Entries) -> io::Result<()> {
        let index = self.layout.index()?;
        for entry in &index.manifests {
            match collection {
                Collection::Tags => {
                    let name = entry.annotations.get(REF_NAME);
                    let tag = name.filter(|name| name.parse::<Tag>().is_ok());
                    tag.into_iter().for_each(|tag| entries.add(tag));
                }
                Collection::Referrers(subject) => {
                    if self.document(&entry.digest)?.is_some_and(|it| is_about(&it, subject)) {
                        entries.add(entry.digest.as_str());
                    }
                }
                Collection::Blobs | Collection::Manifests => {
                    return Err(unsupported("the blobs of a layout are not listed"));
                }
            }
        }
        Ok(())
    }
}

fn is_about(document: &AnyDocument, subject: &Digest) -> bool {
    document.subject().is_some_and(|it| it.digest == *subject)
}

/// The parts of a manifest as the registry keeps it.
fn parse(digest: &Digest, value: &Bytes) -> io::Result<(Descriptor, Bytes)> {
    let end = value.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    let media_type = String::from_utf8_lossy(&value[..end]).into_owned();
    let bytes = value.slice(value.len().min(end + 1)..);
    let media_type = MediaType::from(media_type);
    Ok((Descriptor::new(media_type, digest.clone(), bytes.len() as u64), bytes))
}

impl Backend for LayoutStore {
    fn stage<'a>(&'a self, _: Option<&'a Session>) -> BoxFuture<'a, io::Result<Box<dyn Stage>>> {
        let shared = self.0.clone();
        Box::pin(blocking(move || {
            let file = tempfile::NamedTempFile::new_in(shared.layout.path())?;
            let staged: Box<dyn Stage> = Box::new(Staged { file: Arc::new(file), size: 0, shared });
            Ok(staged)
        }))
    }

    fn resume<'a>(&'a self, _: &'a Session) -> BoxFuture<'a, io::Result<Option<Resumed>>> {
        Box::pin(async { Ok(None) })
    }

    fn expire(&self, _: SystemTime) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn open<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<Option<Blob>>> {
        let (name, digest) = (name.clone(), digest.clone());
        self.run(move |shared| {
            if name != shared.name {
                return Ok(None);
            }
            let Some((file, metadata)) = shared.open(&digest)? else { return Ok(None) };
            Ok(Some(Blob::new(metadata.len(), metadata.modified()?, OnDisk(Arc::new(file)))))
        })
    }

    fn link<'a>(
        &'a self,
        from: &'a RepositoryName,
        to: &'a RepositoryName,
        blob: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(async move { Ok(from == to && self.open(to, blob).await?.is_some()) })
    }

    fn unlink<'a>(
        &'a self,
        _: &'a RepositoryName,
        _: &'a Digest,
        _: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(async { Err(unsupported("blobs of a layout are not deleted one by one")) })
    }

    fn read<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
    ) -> BoxFuture<'a, io::Result<Option<Value>>> {
        let (name, record) = (name.clone(), record.clone());
        self.run(move |shared| if name == shared.name { shared.read(&record) } else { Ok(None) })
    }

    fn write<'a>(
        &'a self,
        name: &'a RepositoryName,
        records: &'a [Write],
    ) -> BoxFuture<'a, io::Result<bool>> {
        let (name, records) = (name.clone(), records.to_vec());
        self.run(move |shared| {
            shared.check_name(&name)?;
            shared.write(&records)
        })
    }

    fn remove<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let (name, record, condition) = (name.clone(), record.clone(), condition.clone());
        self.run(move |shared| match record {
            Record::Tag(tag) if name == shared.name => shared.untag(&tag, &condition),
            _ if name != shared.name => Ok(false),
            _ => Err(unsupported("manifests of a layout are not deleted one by one")),
        })
    }

    fn renew<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(async move { Ok(self.open(name, digest).await?.is_some()) })
    }

    fn list<'a>(
        &'a self,
        name: &'a RepositoryName,
        collection: &'a Collection,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, io::Result<Vec<String>>> {
        let (name, collection) = (name.clone(), collection.clone());
        let mut entries = Entries::new(after, most);
        self.run(move |shared| {
            if name == shared.name {
                shared.list(&collection, &mut entries)?;
            }
            Ok(entries.in_order())
        })
    }

    fn knows<'a>(&'a self, name: &'a RepositoryName) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(async move { Ok(*name == self.0.name) })
    }

    fn repositories<'a>(
        &'a self,
        filter: Filter,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, io::Result<Vec<String>>> {
        let mut entries = Entries::new(after, most);
        if filter(&self.0.name) {
            entries.add(self.0.name.as_str());
        }
        Box::pin(async move { Ok(entries.in_order()) })
    }
}

struct OnDisk(Arc<File>);

impl Content for OnDisk {
    fn read(&mut self, range: Range<u64>) -> BoxFuture<'_, io::Result<Bytes>> {
        let file = self.0.clone();
        Box::pin(blocking(move || {
            let mut file = &*file;
            file.seek(SeekFrom::Start(range.start))?;
            let length = (range.end - range.start).min(PIECE as u64);
            let mut bytes = Vec::new();
            file.take(length).read_to_end(&mut bytes)?;
            Ok(bytes.into())
        }))
    }
}

/// A blob that is being pushed: a file beside the blobs, without a name of theirs.
struct Staged {
    file: Arc<tempfile::NamedTempFile>,
    size: u64,
    shared: Arc<Shared>,
}

impl Stage for Staged {
    fn size(&mut self) -> BoxFuture<'_, io::Result<u64>> {
        Box::pin(std::future::ready(Ok(self.size)))
    }

    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>> {
        let (file, size) = (self.file.clone(), self.size);
        self.size += bytes.len() as u64;
        Box::pin(blocking(move || {
            let mut file = file.as_file();
            file.seek(SeekFrom::Start(size))?;
            file.write_all(&bytes)
        }))
    }

    fn settle(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn content(&mut self) -> BoxFuture<'_, io::Result<Blob>> {
        let (file, size) = (self.file.clone(), self.size);
        Box::pin(blocking(move || {
            let file = OnDisk(Arc::new(file.reopen()?));
            Ok(Blob::new(size, SystemTime::now(), file))
        }))
    }

    fn commit<'a>(
        self: Box<Self>,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<()>> {
        let (name, digest) = (name.clone(), digest.clone());
        Box::pin(blocking(move || {
            self.shared.check_name(&name)?;
            let media_type = MediaType::from("application/octet-stream".to_owned());
            let descriptor = Descriptor::new(media_type, digest, self.size);
            let Some(mut writer) = self.shared.layout.create(&descriptor)? else { return Ok(()) };
            let mut file = self.file.as_file();
            file.rewind()?;
            io::copy(&mut file, &mut writer)?;
            writer.commit()
        }))
    }

    fn discard(self: Box<Self>) -> BoxFuture<'static, io::Result<()>> {
        Box::pin(blocking(move || {
            drop(self);
            Ok(())
        }))
    }
}
