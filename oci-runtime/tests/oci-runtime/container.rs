//! Containers on this kernel.

mod attack;
mod caller;
mod cgroup;
mod devices;
mod exec;
mod fixture;
mod hooks;
mod leftover;
mod life;
mod limits;
mod mounts;
mod oracle;
mod sight;
