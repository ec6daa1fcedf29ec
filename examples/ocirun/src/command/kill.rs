use oci_runtime::Signal;

use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let mut all = false;
    let values = arguments.values(|name, arguments| {
        match name {
            "all" | "a" => all = arguments.is_set()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let (id, signal) = match values.as_slice() {
        [id] => (id, Signal::TERM),
        [id, signal] => (id, signal.parse()?),
        _ => return Err("it takes a container ID and a signal".into()),
    };
    let container = global.container(id)?;
    if all {
        container.signal_all(signal)?
    } else {
        container.kill(signal)?
    }
    Ok(())
}
