mod cases;
mod conversion;
mod defaults;
#[cfg(target_os = "linux")]
mod rootfs;
mod users;
