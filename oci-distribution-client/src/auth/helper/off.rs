use std::ffi::OsStr;

use super::Output;

/// Runs nothing.
pub(super) async fn exchange(
    _program: &str,
    _verb: &str,
    _input: &[u8],
    _path: Option<&OsStr>,
) -> Result<Output, String> {
    Err("this build does not have the feature `credential-helpers`".to_owned())
}
