mod cases;
mod conversion;
mod defaults;
mod documents;
mod lint;
#[cfg(target_os = "linux")]
mod rootfs;
mod users;
mod wire;
