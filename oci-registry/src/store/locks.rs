use std::hash::{BuildHasher as _, RandomState};

use oci_image::RepositoryName;
use tokio::sync::{Mutex, MutexGuard};

/// Locks of repositories, some of which share one.
#[derive(Default)]
pub(super) struct Locks {
    locks: [Mutex<()>; 32],
    hash: RandomState,
}

impl Locks {
    pub(super) async fn hold(&self, name: &RepositoryName) -> MutexGuard<'_, ()> {
        self.locks[self.hash.hash_one(name) as usize % self.locks.len()].lock().await
    }
}
