mod builder;
mod cases;
mod conversion;
mod defaults;
mod documents;
mod edits;
mod lint;
#[cfg(target_os = "linux")]
mod rootfs;
mod users;
mod wire;
