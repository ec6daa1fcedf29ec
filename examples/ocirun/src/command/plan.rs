use std::io::Write as _;
use std::path::PathBuf;

use oci_runtime::{Bundle, Host, Plan};

use crate::Result;
use crate::arguments::Arguments;

pub(super) fn run(arguments: &mut Arguments) -> Result<()> {
    let mut directory = PathBuf::from(".");
    arguments.only_options(|name, arguments| {
        match name {
            "bundle" | "b" => directory = arguments.value()?.into(),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let plan = Plan::new(&Bundle::open(directory)?, &Host::probe()?)?;
    write!(std::io::stdout(), "{plan}")?;
    Ok(())
}
