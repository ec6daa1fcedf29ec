//! Without the feature `systemd`: the plan refuses to ask for a unit, but a record may have one.

use std::io;

use super::Unit;
use crate::plan::CgroupWrite;

pub(super) fn start(_: &Unit, _: &[CgroupWrite], _: i32) -> io::Result<String> {
    Err(unsupported())
}

pub(super) fn update(_: &Unit, _: &[CgroupWrite]) -> io::Result<()> {
    Err(unsupported())
}

pub(super) fn stop(_: &Unit) -> io::Result<()> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this program is built without the feature `systemd`",
    )
}
