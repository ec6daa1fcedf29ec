//! What users of the crate may rely on.

mod blobs;
mod fixture;
mod garbage;
mod index;
mod layout;
