use std::io;
use std::time::SystemTime;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use oci_digest::Digest;
use oci_image::RepositoryName;
use uuid::Uuid;

use super::super::{
    Backend, Blob, BoxFuture, Collection, Condition, Filter, Record, Resumed, Session, Stage,
    Value, Write,
};
use super::data::Link;
use super::object::{failed, modified};
use super::staged::Staged;

use super::{Bucket, Objects, content, path};

impl Backend for Objects {
    fn stage<'a>(
        &'a self,
        session: Option<&'a Session>,
    ) -> BoxFuture<'a, io::Result<Box<dyn Stage>>> {
        Box::pin(async move {
            if let Some(session) = session {
                self.0.put_empty(path::upload(session.id)).await?;
                self.0.put_empty(path::session(session)).await?;
            }
            let staged: Box<dyn Stage> = Box::new(Staged::new(self.0.clone(), session));
            Ok(staged)
        })
    }

    fn resume<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, io::Result<Option<Resumed>>> {
        Box::pin(async move {
            let mut staged = Staged::new(self.0.clone(), Some(session));
            let used = staged.look().await?;
            Ok(used.map(|used| (Box::new(staged) as Box<dyn Stage>, used)))
        })
    }

    fn expire(&self, before: SystemTime) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(self.0.expire(before))
    }

    fn open<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<Option<Blob>>> {
        Box::pin(async move {
            let Some(link) = self.0.value(&path::blob(name, digest)).await? else {
                return Ok(None);
            };
            let Link { data, size, .. } = Link::parse(&link.bytes)?;
            let parts = if size > 0 { vec![(path::part(data, 0), size)] } else { Vec::new() };
            let content = content::Objects::new(self.0.clone(), parts);
            Ok(Some(Blob::new(size, link.modified, content)))
        })
    }

    fn link<'a>(
        &'a self,
        from: &'a RepositoryName,
        to: &'a RepositoryName,
        blob: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(self.0.mount(from, to, blob))
    }

    fn unlink<'a>(
        &'a self,
        name: &'a RepositoryName,
        blob: &'a Digest,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(self.0.unlink(name, blob, condition))
    }

    fn read<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
    ) -> BoxFuture<'a, io::Result<Option<Value>>> {
        Box::pin(async move { self.0.value(&path::record(name, record)).await })
    }

    fn write<'a>(
        &'a self,
        name: &'a RepositoryName,
        records: &'a [Write],
    ) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(self.0.write(name, records))
    }

    fn remove<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(async move {
            let removed = self.0.remove_if(&path::record(name, record), condition).await?;
            Ok(removed.is_some())
        })
    }

    fn renew<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(async move {
            let blob = self.0.renew(&path::blob(name, digest)).await?;
            let manifest = Record::Manifest(digest.clone());
            Ok(self.0.renew(&path::record(name, &manifest)).await? || blob)
        })
    }

    fn reclaim(&self, before: SystemTime) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(self.0.reclaim(before))
    }

    fn list<'a>(
        &'a self,
        name: &'a RepositoryName,
        collection: &'a Collection,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, io::Result<Vec<String>>> {
        Box::pin(self.0.list(name, collection, after, most))
    }

    fn knows<'a>(&'a self, name: &'a RepositoryName) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(async move { self.0.knows(name).await })
    }

    fn repositories<'a>(
        &'a self,
        filter: Filter,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, io::Result<Vec<String>>> {
        Box::pin(self.0.repositories(filter, after, most))
    }
}

impl Bucket {
    async fn write(&self, name: &RepositoryName, records: &[Write]) -> io::Result<bool> {
        let mut puts = Vec::new();
        for write in records {
            let path = path::record(name, &write.record);
            let Some(mode) = self.mode(&path, &write.condition).await? else { return Ok(false) };
            puts.push((path, &write.value, mode));
        }
        for (path, value, mode) in puts {
            if !self.put_by(&path, value, mode).await? {
                return Ok(false);
            }
        }
        self.make_known(name).await?;
        Ok(true)
    }

    async fn knows(&self, name: &RepositoryName) -> io::Result<bool> {
        Ok(self.is_remembered(name) || self.get(&path::known(name)).await?.is_some())
    }

    async fn expire(&self, before: SystemTime) -> io::Result<()> {
        let mut uploads = self.store.list(Some(&Path::from(path::UPLOADS)));
        while let Some(meta) = uploads.try_next().await.map_err(failed)? {
            if modified(&meta) < before
                && let Some(id) = path::id(&meta.location)
                && self.expire_upload(id, before).await?
            {
                self.delete(&meta.location).await?;
            }
        }
        Ok(())
    }

    /// False if it was written to since. Data of one that was committed stays.
    async fn expire_upload(&self, id: Uuid, before: SystemTime) -> io::Result<bool> {
        let objects: Vec<_> =
            self.store.list(Some(&path::data(id))).try_collect().await.map_err(failed)?;
        if objects.iter().any(|meta| modified(meta) >= before) {
            return Ok(false);
        }
        if objects.iter().any(|meta| path::is_session(&meta.location)) {
            for meta in &objects {
                self.delete(&meta.location).await?;
            }
        }
        Ok(true)
    }
}
