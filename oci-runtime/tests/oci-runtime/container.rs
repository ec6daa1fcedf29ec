//! Containers on this kernel.

#[cfg(feature = "tokio")]
mod asynchronous;
mod attack;
mod caller;
mod cgroup;
mod descriptors;
mod devices;
mod directory;
mod driver;
mod dropped;
#[cfg(feature = "tracing")]
mod events;
mod exec;
mod failing_hooks;
mod fixture;
mod freeze;
mod hooks;
mod inherited;
mod init;
mod joining;
mod life;
mod limits;
mod mounts;
mod nested;
mod oracle;
mod program;
mod propagation;
mod rights;
mod sight;
#[cfg(feature = "systemd")]
mod systemd;
mod threads;
mod timeout;
mod update;
