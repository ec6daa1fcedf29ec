use crate::Result;
use crate::arguments::Arguments;
use crate::creation::{Creation, Mode};
use crate::global::Global;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let mut creation = Creation::default();
    let id = arguments.id(|name, arguments| creation.option(name, arguments))?;
    creation.create(global, &id, Mode::Detached)?;
    Ok(())
}
