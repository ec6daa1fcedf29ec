//! What a tree looks like, without what is in its files.

use oci_image::Digest;
use oci_image::oci_digest::{Algorithm, Hasher};
use rustix::fs::FileType;

use super::error::PackError;
use super::walk::visit;
use super::xattr::all_xattrs;
use crate::{Root, XattrFilter};

/// The digest of all names of a tree with type, mode, owner, time, size, link, device and extended
/// attributes of each. Attributes that the host keeps in its own way do not count.
pub(crate) fn listing(root: &Root) -> Result<Digest, PackError> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    let filter = XattrFilter::default();
    visit(root, &mut |node| {
        part(node.path.as_bytes());
        let (stat, mtime) = (&node.stat, node.mtime());
        // How large a directory is, the filesystem decides.
        let size = if node.is_directory() { 0 } else { stat.st_size };
        part(
            format!(
                "{:o} {}:{} {mtime} {size} {}",
                stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev
            )
            .as_bytes(),
        );
        if node.file_type() == FileType::Symlink {
            part(&node.target()?);
        }
        for (name, value) in all_xattrs(node, root, &filter)? {
            part(&name);
            part(&value);
        }
        Ok(())
    })?;
    Ok(hasher.finish())
}
