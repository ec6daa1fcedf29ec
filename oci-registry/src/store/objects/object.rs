use std::io;
use std::time::SystemTime;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Error, ObjectMeta, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
};
use uuid::Uuid;

use super::super::{Condition, Value, invalid};
use super::Bucket;

/// An object of a repository.
pub(super) struct Object {
    /// None if it was removed.
    pub(super) value: Option<Value>,
    version: UpdateVersion,
}

impl Object {
    fn holds(&self, condition: &Condition) -> bool {
        let value = self.value.as_ref();
        condition.holds(value.map(|value| (&*value.bytes, value.modified)))
    }
}

pub(super) fn modified(meta: &ObjectMeta) -> SystemTime {
    meta.last_modified.into()
}

pub(super) fn failed(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => io::ErrorKind::AlreadyExists,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        Error::NotImplemented { .. } | Error::NotSupported { .. } => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

pub(super) fn found<T>(result: Result<T, Error>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Whether another process was first.
fn is_overtaken(error: &Error) -> bool {
    matches!(
        error,
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }
    )
}

/// The line that no other object has, and the value.
fn stamped(value: &Bytes) -> PutPayload {
    let stamp = format!("{}\n", Uuid::new_v4());
    [Bytes::from(stamp), value.clone()].into_iter().collect()
}

const STAMP: usize = 37;

impl Bucket {
    pub(super) async fn get(&self, path: &Path) -> io::Result<Option<Object>> {
        let Some(answer) = found(self.store.get(path).await)? else { return Ok(None) };
        let meta = answer.meta.clone();
        let bytes = answer.bytes().await.map_err(failed)?;
        let version = UpdateVersion { e_tag: meta.e_tag.clone(), version: meta.version.clone() };
        if bytes.is_empty() {
            return Ok(Some(Object { value: None, version }));
        }
        if bytes.len() < STAMP {
            return Err(invalid(format!("the object `{path}` is damaged")));
        }
        let value = Some(Value::new(bytes.slice(STAMP..), modified(&meta)));
        Ok(Some(Object { value, version }))
    }

    /// The value of an object, if it was not removed.
    pub(super) async fn value(&self, path: &Path) -> io::Result<Option<Value>> {
        Ok(self.get(path).await?.and_then(|object| object.value))
    }

    pub(super) async fn put(&self, path: &Path, value: &Bytes) -> io::Result<()> {
        self.store.put(path, stamped(value)).await.map(drop).map_err(failed)
    }

    pub(super) async fn put_empty(&self, path: Path) -> io::Result<()> {
        self.store.put(&path, PutPayload::new()).await.map(drop).map_err(failed)
    }

    pub(super) async fn delete(&self, path: &Path) -> io::Result<()> {
        found(self.store.delete(path).await).map(drop)
    }

    /// How a value is put, if the condition holds now.
    pub(super) async fn mode(
        &self,
        path: &Path,
        condition: &Condition,
    ) -> io::Result<Option<PutMode>> {
        if *condition == Condition::Always {
            return Ok(Some(PutMode::Overwrite));
        }
        Ok(match self.get(path).await? {
            Some(object) if object.holds(condition) => Some(PutMode::Update(object.version)),
            None if condition.holds(None) => Some(PutMode::Create),
            _ => None,
        })
    }

    /// False if another process was first.
    pub(super) async fn put_by(
        &self,
        path: &Path,
        value: &Bytes,
        mode: PutMode,
    ) -> io::Result<bool> {
        self.put_payload(path, stamped(value), mode).await
    }

    pub(super) async fn put_payload(
        &self,
        path: &Path,
        payload: PutPayload,
        mode: PutMode,
    ) -> io::Result<bool> {
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.put_opts(path, payload, options).await {
            Ok(_) => Ok(true),
            Err(error) if is_overtaken(&error) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes an object if it is there and the condition holds; its value.
    pub(super) async fn remove_if(
        &self,
        path: &Path,
        condition: &Condition,
    ) -> io::Result<Option<Value>> {
        let Some(object) = self.get(path).await? else { return Ok(None) };
        if object.value.is_none() || !object.holds(condition) {
            return Ok(None);
        }
        if *condition == Condition::Always {
            self.delete(path).await?;
            return Ok(object.value);
        }
        let mode = PutMode::Update(object.version);
        let is_removed = self.put_payload(path, PutPayload::new(), mode).await?;
        Ok(object.value.filter(|_| is_removed))
    }

    /// Has an object be as if it was written now. False if there is none.
    pub(super) async fn renew(&self, path: &Path) -> io::Result<bool> {
        loop {
            let Some(object) = self.get(path).await? else { return Ok(false) };
            let Some(value) = object.value else { return Ok(false) };
            if self.put_by(path, &value.bytes, PutMode::Update(object.version)).await? {
                return Ok(true);
            }
            // Another process was first, and renewed or removed it.
        }
    }
}
