//! The events of `trace.rs` without the feature `tracing`: nothing.

use std::path::Path;
use std::time::Duration;

use crate::ContainerId;
use crate::plan::Step;

pub(crate) fn launched(_: &Path, _: i32) {}

pub(crate) fn step_done(_: usize, _: &Step, _: Duration) {}

pub(crate) fn hook_ended(_: &Path, _: bool, _: Duration) {}

pub(crate) fn lock_wait(_: &ContainerId) {}

pub(crate) fn cgroup_busy(_: &Path, _: Duration) {}
