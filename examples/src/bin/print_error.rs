//! Prints an error with its reasons.
//!
//! `print_error DIRECTORY` lists the images of a layout, or says why it cannot.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::process::ExitCode;

use oci_image::images::Images;
use oci_layout::Layout;

fn main() -> ExitCode {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "nowhere".into());
    match list(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", with_reasons(&*error));
            ExitCode::FAILURE
        }
    }
}

fn list(directory: &str) -> Result<(), Box<dyn Error>> {
    for image in Layout::open(directory)?.list()? {
        println!("{}", image.name.as_deref().unwrap_or("(no name)"));
    }
    Ok(())
}

/// What an error says, then what each error below it says: no text here repeats the one below.
fn with_reasons(error: &dyn Error) -> String {
    let all = std::iter::successors(Some(error), |&error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
