//! Trees of files, described path by path to compare them.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use oci_digest::Digest;
use rustix::fs::{lgetxattr, llistxattr};

/// Each path below `root` with all that a layer stores of it.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut paths = BTreeMap::new();
    let mut links = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        let metadata = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(root).unwrap().to_path_buf();
        if metadata.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            links.entry(metadata.ino()).or_insert_with(Vec::new).push(name.clone());
        }
        paths.insert(name, describe(&path, &metadata));
    }
    for mut group in links.into_values().filter(|group| group.len() > 1) {
        group.sort();
        for name in &group {
            paths.get_mut(name).unwrap().push_str(&format!(" links {group:?}"));
        }
    }
    paths
}

fn describe(path: &Path, metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    let content = if kind.is_file() {
        Digest::sha256(fs::read(path).unwrap()).to_string()
    } else if kind.is_symlink() {
        format!("symlink to {:?}", fs::read_link(path).unwrap())
    } else if kind.is_char_device() || kind.is_block_device() {
        format!("device {}", metadata.rdev())
    } else {
        String::new()
    };
    format!(
        "{:o} {}:{} {}.{:09} {content} {}",
        metadata.mode(),
        metadata.uid(),
        metadata.gid(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        extended_attributes(path)
    )
}

fn extended_attributes(path: &Path) -> String {
    let mut names = vec![0; 65536];
    let length = llistxattr(path, &mut names).unwrap();
    let mut attributes = BTreeMap::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 65536];
        let length = lgetxattr(path, name, &mut value).unwrap();
        value.truncate(length);
        attributes.insert(String::from_utf8_lossy(name).into_owned(), value);
    }
    if attributes.is_empty() { String::new() } else { format!("{attributes:?}") }
}

/// The paths that are not the same in both trees, with what each is.
pub fn differences(left: &Path, right: &Path) -> Vec<String> {
    let (left, right) = (tree(left), tree(right));
    let mut paths: Vec<_> = left.keys().chain(right.keys()).collect();
    paths.sort();
    paths.dedup();
    let differ = paths.into_iter().filter(|path| left.get(*path) != right.get(*path));
    differ.map(|path| format!("{path:?}: {:?} / {:?}", left.get(path), right.get(path))).collect()
}

/// The same without the roots themselves, for which layers need not have an entry.
pub fn differences_below(left: &Path, right: &Path) -> Vec<String> {
    let mut found = differences(left, right);
    found.retain(|difference| !difference.starts_with("\"\":"));
    found
}
