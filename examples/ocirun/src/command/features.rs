use std::io::Write as _;

use oci_runtime::Features;

use crate::Result;
use crate::arguments::Arguments;
use crate::json::pretty;

pub(super) fn run(arguments: &mut Arguments) -> Result<()> {
    arguments.only_options(|_, _| Ok(false))?;
    writeln!(std::io::stdout(), "{}", pretty(&Features::of_this_runtime(), "    ")?)?;
    Ok(())
}
