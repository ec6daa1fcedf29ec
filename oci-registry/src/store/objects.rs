use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;
use object_store::path::Path;
use oci_image::RepositoryName;

use super::BoxFuture;

mod backend;
mod content;
mod data;
mod list;
mod object;
mod path;
mod staged;

/// Content in an object store (S3, Google Cloud Storage, Azure and what speaks their protocols), which any number of
/// processes serve at a time, without a lock between them.
///
/// ```
/// use std::sync::Arc;
///
/// use oci_registry::object_store::memory::InMemory;
/// use oci_registry::{Store, store::Objects};
///
/// let store = Store::new(Objects::new(Arc::new(InMemory::new())));
/// ```
///
/// It needs conditional puts (`PutMode::Update`), which the local file system of the crate `object_store` lacks:
/// [`Store::directory`](crate::Store::directory) is for that. In a bucket that has other content too, use a
/// `PrefixStore`.
///
/// ```text
/// names/NAME!                                   a repository that is known
/// repositories/NAME/_blobs/ALGORITHM/ENCODED    which data the blob is, its size, and where it was pushed to
///                   _manifests/ALGORITHM/ENCODED
///                   _tags/LOWERCASE,TAG
///                   _referrers/ALGORITHM/ENCODED/ALGORITHM:ENCODED
/// data/UUID/OFFSET                              the bytes of a blob from there on; one that is a blob has only 0
///          /of.SHA256                           it is an upload session, of the repository whose name has this digest
///          /in.SHA256                           the repository whose name has this digest has it by a mount
/// unlinked/UUID                                 a repository had this data, and no longer has it
/// uploads/UUID                                  an upload session, to be found without looking at all data
/// ```
///
/// An object of a repository begins with a line that is another one at each write, so that no two are equal. What is
/// removed under a condition becomes an empty object, as object stores remove without conditions only.
#[derive(Clone)]
pub struct Objects(Arc<Bucket>);

#[derive(Clone)]
struct Bucket {
    store: Arc<dyn ObjectStore>,
    is_ordered: bool,
    redirect: Option<Redirect>,
    /// Repositories that this process knows to be known.
    known: Arc<Mutex<HashSet<RepositoryName>>>,
}

/// Gives a URL of an object.
type Redirect = Arc<dyn Fn(Path) -> BoxFuture<'static, io::Result<String>> + Send + Sync>;

/// How many repositories are remembered.
const KNOWN: usize = 10_000;

impl Objects {
    /// What is in an object store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        let known = Arc::default();
        Self(Arc::new(Bucket { store, is_ordered: false, redirect: None, known }))
    }

    /// Lists come in the order of their names, as those of S3 (but not of S3 Express), Google Cloud Storage and Azure: a
    /// page of a list then costs as much as it is long.
    pub fn in_order(mut self) -> Self {
        Arc::make_mut(&mut self.0).is_ordered = true;
        self
    }

    /// Sends clients that read a blob to a URL of its object, such as a presigned one.
    pub fn redirects(
        mut self,
        url: impl Fn(Path) -> BoxFuture<'static, io::Result<String>> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.0).redirect = Some(Arc::new(url));
        self
    }
}

impl Bucket {
    /// Has the repository be listed. Asks the store once for each repository that this process writes to.
    async fn make_known(&self, name: &RepositoryName) -> io::Result<()> {
        if self.is_remembered(name) {
            return Ok(());
        }
        self.put_empty(path::known(name)).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(name.clone());
        Ok(())
    }

    fn is_remembered(&self, name: &RepositoryName) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.0.store).finish()
    }
}
