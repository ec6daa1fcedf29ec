//! Containers on this kernel.

mod attack;
mod caller;
mod fixture;
mod life;
mod oracle;
mod sight;
