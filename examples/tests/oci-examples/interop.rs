//! What the programs of the field make of our work, and we of theirs.

mod archive;
mod auth;
mod buildah;
mod bundle;
mod debian;
mod mirror;
mod ours;
mod passage;
mod platforms;
mod token_server;
