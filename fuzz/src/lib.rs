#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
// A property that does not hold is reported by a panic: that is what a fuzz target is for.
#![allow(clippy::unwrap_used)]

#[cfg(target_os = "linux")]
pub mod apply;
pub mod client;
pub mod distribution;
pub mod documents;
pub mod hashes;
pub mod layer;
pub mod layouts;
pub mod machine;
pub mod random;
pub mod texts;

/// A name, and a property of arbitrary bytes.
pub type Target = (&'static str, fn(&[u8]));

/// The targets that hold on any machine, by name.
pub const TARGETS: &[Target] = &[
    ("digest", texts::digest),
    ("sha256", hashes::sha256),
    ("reference", texts::reference),
    ("media_type", texts::media_type),
    ("platform", texts::platform),
    ("image_descriptor", documents::image_descriptor),
    ("image_index", documents::image_index),
    ("image_manifest", documents::image_manifest),
    ("image_config", documents::image_config),
    ("image_layout", documents::image_layout),
    ("dist_error", documents::dist_error),
    ("dist_tags", documents::dist_tags),
    ("archive_members", layer::archive_members),
    ("dist_endpoint", distribution::dist_endpoint),
    ("dist_challenge", distribution::dist_challenge),
    ("dist_range", distribution::dist_range),
    ("dist_link", distribution::dist_link),
    ("dist_scope", distribution::dist_scope),
    ("names", distribution::names),
    ("client_location", client::client_location),
    ("client_retry_after", client::client_retry_after),
    ("login_file", client::login_file),
    #[cfg(target_os = "linux")]
    ("layer_apply", apply::layer_apply),
    ("layer_archive", layer::layer_archive),
    ("layer_blob", layer::layer_blob),
    ("layer_compression", layer::layer_compression),
    ("layout_index", layouts::layout_index),
    ("layout_file", layouts::layout_file),
    ("layout_archive", layouts::layout_archive),
    ("docker_manifest", layouts::docker_manifest),
    ("registries_conf", machine::registries_conf),
    ("hosts_toml", machine::hosts_toml),
    ("policy_json", machine::policy_json),
    ("runtime_config", documents::runtime_config),
    ("runtime_state", documents::runtime_state),
    ("runtime_features", documents::runtime_features),
];

/// The targets that run other programs, which not every machine has: python3 and GNU tar.
pub const PEER_TARGETS: &[Target] = &[("layer_peers", layer::layer_peers)];
