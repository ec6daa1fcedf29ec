use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The names of the members that are published, in order.
pub(crate) fn published() -> Result<Vec<String>, Error> {
    let mut cargo = cargo();
    cargo.args(["metadata", "--format-version", "1", "--no-deps"]);
    let output = cargo.output().map_err(Error::Start)?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(Error::Metadata)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    // Cargo writes `publish = false` as an empty list of registries.
    let names = packages.filter(|package| package["publish"].is_null());
    let mut names: Vec<_> =
        names.filter_map(|package| Some(package["name"].as_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// The public API of each of the crates, an item a line.
pub(crate) fn list(crates: &[String]) -> Result<Vec<(String, String)>, Error> {
    // Of its own: what is built for a compiler that takes unstable options is of no use to others.
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/public-api");
    let mut cargo = cargo();
    cargo.args(["doc", "--quiet", "--lib", "--no-deps", "--all-features", "--target-dir"]);
    cargo.arg(&target);
    for name in crates {
        cargo.args(["--package", name]);
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
        .map(|name| {
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
