use oci_image::json::model;

model! {
    /// Who a process runs as.
    pub struct User {
        /// The user ID; required but on Windows.
        optional uid: u32 = "uid";
        /// The group ID; required but on Windows.
        optional gid: u32 = "gid";
        /// The mask of file modes.
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
