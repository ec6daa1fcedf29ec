//! Trees of files as values.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) what: What,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) mtime: (i64, i64),
    pub(crate) xattrs: BTreeMap<String, Vec<u8>>,
    /// The first path of the same file.
    pub(crate) same_as: Option<String>,
}

/// The type of a file, and its content.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum What {
    File(Vec<u8>),
    Directory,
    Symlink(Vec<u8>),
    CharDevice(u64),
    BlockDevice(u64),
    Fifo,
    Socket,
}

impl std::fmt::Debug for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(bytes) if bytes.len() > 64 => write!(f, "File({} bytes)", bytes.len()),
            Self::File(bytes) => write!(f, "File({})", bytes.escape_ascii()),
            Self::Directory => f.write_str("Directory"),
            Self::Symlink(target) => write!(f, "Symlink({})", target.escape_ascii()),
            Self::CharDevice(number) => write!(f, "CharDevice({number})"),
            Self::BlockDevice(number) => write!(f, "BlockDevice({number})"),
            Self::Fifo => f.write_str("Fifo"),
            Self::Socket => f.write_str("Socket"),
        }
    }
}

pub(crate) type Tree = BTreeMap<String, Node>;

/// All that is below a directory, and itself as `.`.
pub(crate) fn tree(root: &Path) -> Tree {
    let mut paths = vec![root.to_owned()];
    let mut tree = Tree::new();
    let mut first = BTreeMap::new();
    let mut place = 0;
    while place < paths.len() {
        let path = paths[place].clone();
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            let from = place + 1;
            paths[from..].sort();
        }
        let below = path.strip_prefix(root).unwrap();
        let name = match below.as_os_str().is_empty() {
            true => ".".into(),
            false => below.as_os_str().as_bytes().escape_ascii().to_string(),
        };
        let mut node = node(&path, &metadata);
        if !metadata.is_dir() && metadata.nlink() > 1 {
            let id = (metadata.dev(), metadata.ino());
            node.same_as = Some(first.entry(id).or_insert_with(|| name.clone()).clone());
        }
        tree.insert(name, node);
        place += 1;
    }
    tree
}

fn node(path: &Path, metadata: &Metadata) -> Node {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        What::File(std::fs::read(path).unwrap())
    } else if kind.is_dir() {
        What::Directory
    } else if kind.is_symlink() {
        What::Symlink(std::fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec())
    } else if kind.is_char_device() {
        What::CharDevice(metadata.rdev())
    } else if kind.is_block_device() {
        What::BlockDevice(metadata.rdev())
    } else if kind.is_fifo() {
        What::Fifo
    } else {
        What::Socket
    };
    Node {
        what,
        mode: metadata.mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
        mtime: (metadata.mtime(), metadata.mtime_nsec()),
        xattrs: xattrs(path),
        same_as: None,
    }
}

fn xattrs(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 1 << 16];
    let Ok(length) = rustix::fs::llistxattr(path, &mut names[..]) else { return BTreeMap::new() };
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let value = |name: &[u8]| {
        let mut value = vec![0; 1 << 16];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        value.truncate(length);
        value
    };
    names.map(|name| (String::from_utf8_lossy(name).into_owned(), value(name))).collect()
}

/// The paths of a tree with a word on each: a file's content, a link's target.
pub(crate) fn outline(root: &Path) -> Vec<String> {
    let line = |(path, node): (&String, &Node)| match &node.what {
        What::File(content) => format!("{path}: {}", content.escape_ascii()),
        What::Directory => format!("{path}/"),
        What::Symlink(target) => format!("{path} -> {}", target.escape_ascii()),
        other => format!("{path} {other:?}"),
    };
    tree(root).iter().filter(|(path, _)| *path != ".").map(line).collect()
}
