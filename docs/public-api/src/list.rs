use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Features that change no public API, and have C built for minutes.
const COSTLY: [&str; 1] = ["aws-lc-rs"];

/// A member that is published.
pub(crate) struct Crate {
    pub(crate) name: String,
    features: Vec<String>,
}

/// The members that are published, by name.
pub(crate) fn published() -> Result<Vec<Crate>, Error> {
    let mut cargo = cargo();
    cargo.args(["metadata", "--format-version", "1", "--no-deps"]);
    let output = cargo.output().map_err(Error::Start)?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(Error::Metadata)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    // Cargo writes `publish = false` as an empty list of registries.
    let published = packages.filter(|package| package["publish"].is_null());
    let mut crates: Vec<_> = published
        .filter_map(|package| {
            let features = package["features"].as_object()?.keys().cloned();
            Some(Crate { name: package["name"].as_str()?.to_owned(), features: features.collect() })
        })
        .collect();
    crates.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(crates)
}

/// The public API of each of the crates, an item a line.
pub(crate) fn list(crates: &[Crate]) -> Result<Vec<(String, String)>, Error> {
    // Of its own: what is built for a compiler that takes unstable options is of no use to others.
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/public-api");
    let mut cargo = cargo();
    cargo.args(["doc", "--quiet", "--lib", "--no-deps", "--target-dir"]);
    cargo.arg(&target);
    for Crate { name, features } in crates {
        cargo.args(["--package", name]);
        for feature in features.iter().filter(|feature| !COSTLY.contains(&feature.as_str())) {
            cargo.args(["--features", &format!("{name}/{feature}")]);
        }
    }
    // The form of the list is that of the toolchain: `rustdoc` writes JSON only if it is told that it
    // may be unstable.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    cargo.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow");
    if !cargo.status().map_err(Error::Start)?.success() {
        return Err(Error::Documentation);
    }
    crates
        .iter()
        .map(|Crate { name, .. }| {
            let json = target.join("doc").join(format!("{}.json", name.replace('-', "_")));
            let api = public_api::Builder::from_rustdoc_json(json)
                .omit_blanket_impls(true)
                .omit_auto_trait_impls(true)
                .build()
                .map_err(|source| Error::Read { name: name.clone(), source: Box::new(source) })?;
            Ok((name.clone(), api.to_string()))
        })
        .collect()
}

fn cargo() -> Command {
    let mut cargo =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the command line")]
    Arguments(#[from] lexopt::Error),
    #[error("cannot start cargo")]
    Start(#[source] io::Error),
    #[error("cannot read what cargo says of the workspace")]
    Metadata(#[source] serde_json::Error),
    #[error("cannot document the crates")]
    Documentation,
    #[error("cannot read the documentation of {name}")]
    Read { name: String, source: Box<public_api::Error> },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
}
