use std::io;

use futures_util::TryStreamExt as _;
use object_store::ObjectMeta;
use object_store::path::Path;
use oci_image::RepositoryName;

use super::super::{Collection, Entries, Filter};
use super::object::failed;
use super::{Bucket, path};

impl Bucket {
    pub(super) async fn list(
        &self,
        name: &RepositoryName,
        kind: &Collection,
        after: Option<&str>,
        most: usize,
    ) -> io::Result<Vec<String>> {
        let collection = path::collection(name, kind);
        let offset = after.map(|after| path::listed(name, kind, after));
        let name_of = |meta: &ObjectMeta| {
            // An empty one was removed.
            path::name_in(&collection, kind, &meta.location).filter(|_| meta.size > 0)
        };
        self.names(&collection, offset, Entries::new(after, most), most, &name_of).await
    }

    pub(super) async fn repositories(
        &self,
        filter: Filter,
        after: Option<&str>,
        most: usize,
    ) -> io::Result<Vec<String>> {
        let after_name = after.and_then(|after| after.parse().ok());
        let offset = after_name.map(|after| path::known(&after));
        let name_of = |meta: &ObjectMeta| {
            let name = path::known_name(&meta.location).filter(|name| filter(name))?;
            Some(name.to_string())
        };
        let names = Path::from(path::KNOWN);
        self.names(&names, offset, Entries::new(after, most), most, &name_of).await
    }

    async fn names(
        &self,
        prefix: &Path,
        offset: Option<Path>,
        mut entries: Entries,
        most: usize,
        name_of: &(dyn Fn(&ObjectMeta) -> Option<String> + Sync),
    ) -> io::Result<Vec<String>> {
        let mut objects = match offset.filter(|_| self.is_ordered) {
            Some(offset) => self.store.list_with_offset(Some(prefix), &offset),
            None => self.store.list(Some(prefix)),
        };
        let mut seen = 0;
        while let Some(meta) = objects.try_next().await.map_err(failed)? {
            let Some(name) = name_of(&meta) else { continue };
            entries.add(&name);
            seen += 1;
            if self.is_ordered && seen >= most {
                break;
            }
        }
        Ok(entries.in_order())
    }
}
