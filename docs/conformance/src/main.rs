//! Writes `docs/conformance.md`, or with `--check` says whether it is current.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use lexopt::prelude::*;
use oci_conformance::{marks, requirements, table};

#[allow(clippy::print_stderr)]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oci-conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut check = false;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("check") => check = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let rows = requirements(&fs::read_to_string(root.join("docs/requirements.tsv"))?)?;
    let text = table(&rows, &marks(&root)?)?;
    let file = root.join("docs/conformance.md");
    if !check {
        fs::write(file, text)?;
    } else if fs::read_to_string(file)? != text {
        return Err("docs/conformance.md is not current: run `cargo run -p oci-conformance`".into());
    }
    Ok(())
}
