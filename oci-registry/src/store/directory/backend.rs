use std::fs;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use oci_digest::Digest;
use oci_image::{RepositoryName, Tag};

use super::super::{
    Backend, Blob, BoxFuture, Collection, Condition, Entries, Filter, Record, Resumed, Session,
    Stage, Value, Write,
};
use super::root::{Root, touch};
use super::staged::{OnDisk, Staged};
use super::{Directory, found, path};

/// Runs what may wait for a disk where waiting is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await?
}

impl Directory {
    fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Root>) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'a, io::Result<T>> {
        let root = self.0.clone();
        Box::pin(blocking(move || work(&root)))
    }
}

impl Backend for Directory {
    fn stage<'a>(
        &'a self,
        session: Option<&'a Session>,
    ) -> BoxFuture<'a, io::Result<Box<dyn Stage>>> {
        let Some(session) = session else {
            let staged: Box<dyn Stage> = Box::new(Staged::temporary(self.0.clone()));
            return Box::pin(std::future::ready(Ok(staged)));
        };
        let path = path::session(&self.0.path, session);
        self.run(move |root| {
            let mut staged = Staged::session(root.clone(), path);
            staged.file()?;
            let staged: Box<dyn Stage> = Box::new(staged);
            Ok(staged)
        })
    }

    fn resume<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, io::Result<Option<Resumed>>> {
        let path = path::session(&self.0.path, session);
        self.run(move |root| {
            let Some(metadata) = found(fs::metadata(&path))? else { return Ok(None) };
            let staged = Staged::resumed(root.clone(), path, metadata.len());
            let staged: Box<dyn Stage> = Box::new(staged);
            Ok(Some((staged, metadata.modified()?)))
        })
    }

    fn expire(&self, before: SystemTime) -> BoxFuture<'_, io::Result<()>> {
        self.run(move |root| {
            for upload in fs::read_dir(path::uploads(&root.path))? {
                let upload = upload?;
                // What has no extension is being written.
                if upload.path().extension().is_none() {
                    continue;
                }
                let metadata = found(upload.metadata())?;
                let modified = metadata.map(|it| it.modified()).transpose()?;
                if modified.is_some_and(|modified| modified < before) {
                    found(fs::remove_file(upload.path()))?;
                }
            }
            Ok(())
        })
    }

    fn open<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<Option<Blob>>> {
        let (name, digest) = (name.clone(), digest.clone());
        self.run(move |root| {
            let Some((file, metadata)) = root.open(&name, &digest)? else { return Ok(None) };
            let content = OnDisk(Arc::new(file));
            Ok(Some(Blob::new(metadata.len(), metadata.modified()?, content)))
        })
    }

    fn link<'a>(
        &'a self,
        from: &'a RepositoryName,
        to: &'a RepositoryName,
        blob: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let (from, to, blob) = (from.clone(), to.clone(), blob.clone());
        self.run(move |root| root.link(&from, &to, &blob))
    }

    fn unlink<'a>(
        &'a self,
        name: &'a RepositoryName,
        blob: &'a Digest,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let (name, blob, condition) = (name.clone(), blob.clone(), condition.clone());
        self.run(move |root| root.unlink(&name, &blob, &condition))
    }

    fn quarantine<'a>(
        &'a self,
        name: &'a RepositoryName,
        blob: &'a Digest,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let (name, blob, condition) = (name.clone(), blob.clone(), condition.clone());
        self.run(move |root| root.quarantine(&name, &blob, &condition))
    }

    fn read<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
    ) -> BoxFuture<'a, io::Result<Option<Value>>> {
        let (name, record) = (name.clone(), record.clone());
        self.run(move |root| root.read(&name, &record))
    }

    fn read_tagged<'a>(
        &'a self,
        name: &'a RepositoryName,
        tag: &'a Tag,
    ) -> BoxFuture<'a, io::Result<Option<(Digest, Value)>>> {
        let (name, tag) = (name.clone(), tag.clone());
        self.run(move |root| root.read_tagged(&name, &tag))
    }

    fn write<'a>(
        &'a self,
        name: &'a RepositoryName,
        records: &'a [Write],
    ) -> BoxFuture<'a, io::Result<bool>> {
        let (name, records) = (name.clone(), records.to_vec());
        self.run(move |root| {
            let stage = |write: &Write| {
                let mut staged = Staged::temporary(root.clone());
                staged.append(&write.value)?;
                let file = staged.file()?;
                // Clocks of file systems lag behind.
                touch(file)?;
                file.sync_all()?;
                Ok(staged)
            };
            // A full disk is met here, where there is nothing yet to undo.
            let staged = records.iter().map(stage).collect::<io::Result<Vec<_>>>()?;
            root.write(&staged, &name, &records)
        })
    }

    fn remove<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let (name, record, condition) = (name.clone(), record.clone(), condition.clone());
        self.run(move |root| root.remove(&name, &record, &condition))
    }

    fn renew<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let (name, digest) = (name.clone(), digest.clone());
        self.run(move |root| root.renew(&name, &digest))
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
        self.run(move |root| {
            root.list(&name, &collection, &mut |name| entries.add(name))?;
            Ok(entries.in_order())
        })
    }

    fn knows<'a>(&'a self, name: &'a RepositoryName) -> BoxFuture<'a, io::Result<bool>> {
        let name = name.clone();
        self.run(move |root| root.knows(&name))
    }

    fn repositories<'a>(
        &'a self,
        filter: Filter,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, io::Result<Vec<String>>> {
        let mut entries = Entries::new(after, most);
        self.run(move |root| {
            root.repositories(&mut |name| {
                if filter(name) {
                    entries.add(name.as_str());
                }
            })?;
            Ok(entries.in_order())
        })
    }
}
