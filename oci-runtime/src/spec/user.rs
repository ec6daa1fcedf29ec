use oci_image::json::model;

model! {
    /// Who a process runs as.
    pub struct User {
        /// The user ID; required but on Windows.
        optional uid: u32 = "uid";
        /// The group ID; required but on Windows.
        optional gid: u32 = "gid";
        /// The mask of file modes. If it is absent, containers of this crate have 022.
        optional umask: u32 = "umask";
        /// More groups.
        list additional_gids: Vec<u32> = "additionalGids";
        /// The name, on Windows.
        optional username: String = "username";
    }
}

impl User {
    /// A user and a group by their numbers.
    pub fn posix(uid: u32, gid: u32) -> Self {
        Self { uid: Some(uid), gid: Some(gid), ..Self::new() }
    }
}

/// The ID that a text is: decimal digits only, without leading zeros, below 2^32-1, which the kernel
/// takes for "no ID".
pub(super) fn parse_id(text: &str) -> Option<u32> {
    let exact = text == "0" || !text.starts_with('0');
    let digits = exact && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&id| digits && id != u32::MAX)
}
