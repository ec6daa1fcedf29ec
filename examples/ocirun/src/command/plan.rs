use std::io::Write as _;
use std::path::PathBuf;

use oci_runtime::{Bundle, Host, Plan};

use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let mut directory = PathBuf::from(".");
    arguments.only_options(|name, arguments| {
        match name {
            "bundle" | "b" => directory = arguments.value()?.into(),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let host = Host::probe()?.cgroup_driver(global.cgroup_driver);
    let plan = Plan::new(&Bundle::open(directory)?, &host)?;
    write!(std::io::stdout(), "{plan}")?;
    Ok(())
}
