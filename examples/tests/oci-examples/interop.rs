//! What the programs of the field make of our work, and we of theirs.

mod auth;
mod bundle;
mod debian;
mod docker_registry;
mod ours;
mod passage;
mod token_server;
