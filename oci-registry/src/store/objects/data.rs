//! Whose data is whose.

use std::io;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, PutMode};
use oci_digest::Digest;
use oci_image::RepositoryName;
use uuid::Uuid;

use super::super::{Condition, invalid};
use super::object::{failed, modified};
use super::{Bucket, path};

/// Where the bytes of a blob are: the value of its object.
pub(super) struct Link {
    pub(super) data: Uuid,
    pub(super) size: u64,
    /// The repository that it was pushed to. Others have it by mounts.
    home: RepositoryName,
}

impl Link {
    pub(super) fn parse(value: &[u8]) -> io::Result<Self> {
        let text = std::str::from_utf8(value).map_err(invalid)?;
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or_else(|| invalid("a blob is nowhere"));
        Ok(Self {
            data: Uuid::try_parse(next()?).map_err(invalid)?,
            size: next()?.parse().map_err(invalid)?,
            home: next()?.parse().map_err(invalid)?,
        })
    }

    fn to_value(&self) -> Bytes {
        format!("{} {} {}", self.data, self.size, self.home).into()
    }
}

impl Bucket {
    /// Makes data the blob of a repository. If the repository has it already, that stays, and the data goes.
    pub(super) async fn name(
        &self,
        data: Uuid,
        size: u64,
        name: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<()> {
        let link = Link { data, size, home: name.clone() };
        if !self.put_link(&path::blob(name, digest), &link).await? {
            self.delete(&path::part(data, 0)).await?;
        }
        self.make_known(name).await
    }

    /// Lets a repository have the blob of another one.
    pub(super) async fn mount(
        &self,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<bool> {
        let Some(value) = self.value(&path::blob(from, digest)).await? else { return Ok(false) };
        let link = Link::parse(&value.bytes)?;
        if link.home != *to {
            // Before anything depends on it.
            self.put_empty(path::mounted(link.data, to)).await?;
        }
        self.put_link(&path::blob(to, digest), &link).await?;
        self.make_known(to).await?;
        Ok(true)
    }

    /// False if there is one already, which is renewed.
    async fn put_link(&self, path: &Path, link: &Link) -> io::Result<bool> {
        let value = link.to_value();
        let mut mode = Some(PutMode::Create);
        loop {
            match mode {
                Some(mode) => {
                    if self.put_by(path, &value, mode).await? {
                        return Ok(true);
                    }
                }
                None => {
                    if self.renew(path).await? {
                        return Ok(false);
                    }
                }
            }
            // One that was removed is there, and empty.
            mode = self.mode(path, &Condition::Absent).await?;
        }
    }

    pub(super) async fn unlink(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        condition: &Condition,
    ) -> io::Result<bool> {
        let path = path::blob(name, digest);
        let Some(value) = self.remove_if(&path, condition).await? else { return Ok(false) };
        let link = Link::parse(&value.bytes)?;
        if link.home != *name {
            self.delete(&path::mounted(link.data, name)).await?;
        }
        // Its age is counted from now: who mounts it at this moment has looked at it before.
        let home = format!("{} {digest}", link.home);
        self.put(&path::unlinked(link.data), &home.into()).await?;
        Ok(true)
    }

    /// Deletes data that no repository has.
    pub(super) async fn reclaim(&self, before: SystemTime) -> io::Result<()> {
        let mut unlinked = self.store.list(Some(&Path::from(path::UNLINKED)));
        while let Some(meta) = unlinked.try_next().await.map_err(failed)? {
            let Some(id) = path::id(&meta.location) else { continue };
            if modified(&meta) >= before {
                continue;
            }
            if let Some(value) = self.value(&meta.location).await?
                && !self.is_home(id, &value.bytes).await?
            {
                self.delete_unless_mounted(id).await?;
            }
            self.delete(&meta.location).await?;
        }
        Ok(())
    }

    /// Whether the repository that data was pushed to has it.
    async fn is_home(&self, id: Uuid, home: &[u8]) -> io::Result<bool> {
        let text = std::str::from_utf8(home).map_err(invalid)?;
        let (name, digest) = text.split_once(' ').ok_or_else(|| invalid("data has no home"))?;
        let path = path::blob(&name.parse().map_err(invalid)?, &digest.parse().map_err(invalid)?);
        match self.value(&path).await? {
            Some(value) => Ok(Link::parse(&value.bytes)?.data == id),
            None => Ok(false),
        }
    }

    async fn delete_unless_mounted(&self, id: Uuid) -> io::Result<()> {
        let objects: Vec<ObjectMeta> =
            self.store.list(Some(&path::data(id))).try_collect().await.map_err(failed)?;
        if objects.iter().any(|meta| path::is_mounted(&meta.location)) {
            return Ok(());
        }
        for meta in objects {
            self.delete(&meta.location).await?;
        }
        Ok(())
    }
}
