//! Containers on this kernel.

mod fixture;
mod life;
