//! Lists the public API of each published crate, as rustdoc sees it with all features.
//!
//! ```text
//! oci-public-api [CRATE…]            writes docs/public-api/CRATE.txt, of all crates if none is named
//! oci-public-api --check [CRATE…]    fails if one of the files is not what would be written
//! ```
//!
//! A change of a file is a change that users notice: it belongs to a line of CHANGELOG.md.

mod list;

use std::path::Path;
use std::process::ExitCode;

use list::{Error, list, published};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Error> {
    let mut is_check = false;
    let mut wanted = Vec::new();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("check") => is_check = true,
            lexopt::Arg::Value(name) => wanted.push(name),
            other => return Err(other.unexpected().into()),
        }
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut crates = published()?;
    crates.retain(|it| wanted.is_empty() || wanted.iter().any(|name| *name == *it.name));
    let mut code = ExitCode::SUCCESS;
    for (name, api) in list(&crates)? {
        let path = directory.join(format!("{name}.txt"));
        if !is_check {
            std::fs::write(&path, api).map_err(|source| Error::Write { path, source })?;
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&*api) {
            say(&format!(
                "the public API of {name} differs from {}: run `cargo run -p oci-public-api`, look \
                 at the difference, and tell users in CHANGELOG.md",
                path.display()
            ));
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn report(error: &Error) {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    say(&text);
}

#[expect(clippy::print_stderr, reason = "the output of a program")]
fn say(text: &str) {
    eprintln!("oci-public-api: {text}");
}
