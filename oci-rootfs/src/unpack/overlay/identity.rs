//! What the files of an unpacked layer depend on, besides the layers.

use oci_image::Digest;
use rustix::process::{getegid, geteuid};

use crate::unpack::{Owners, UnpackOptions, Xattrs};

/// How many characters of the digest tell identities apart.
const LENGTH: usize = 16;

/// All that decides what the files become.
pub(super) fn text(options: &UnpackOptions) -> String {
    // Named one by one, so that nobody adds one without looking here.
    let UnpackOptions {
        limits: _,
        owners,
        owner_xattr,
        devices,
        xattrs,
        xattr_filter,
        progress: _,
    } = options;
    let mut text = format!("owners {owners:?}, devices {devices:?}, xattrs {xattrs:?}");
    text.push_str(&format!(", left out {:?}", xattr_filter.sorted()));
    if *owners == Owners::Caller {
        text.push_str(&format!(", recorded by {owner_xattr:?}"));
    }
    // Whose the files are, or what may be set, depends on who unpacks.
    if *owners == Owners::Caller || *xattrs == Xattrs::WherePossible {
        text.push_str(&format!(", by {}:{}", geteuid().as_raw(), getegid().as_raw()));
    }
    text
}

/// The name of a layer's directory.
pub(super) fn name(chain_id: &Digest, text: &str) -> String {
    let digest = Digest::sha256(text);
    let identity: String = digest.encoded().chars().take(LENGTH).collect();
    format!("{}-{}-{identity}", chain_id.algorithm_name(), chain_id.encoded())
}

/// The chain ID in the name of a layer's directory; `None` if it is another name.
pub(super) fn chain_id(name: &str) -> Option<Digest> {
    let (chain_id, identity) = name.rsplit_once('-')?;
    let is_identity =
        identity.len() == LENGTH && identity.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (algorithm, encoded) = chain_id.split_once('-').filter(|_| is_identity)?;
    format!("{algorithm}:{encoded}").parse().ok()
}
