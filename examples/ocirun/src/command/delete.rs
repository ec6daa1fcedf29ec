use oci_runtime::ErrorKind;
use oci_runtime::spec::Status;

use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let mut force = false;
    let id = arguments.id(|name, arguments| {
        match name {
            "force" | "f" => force = arguments.is_set()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let container = match global.runtime()?.container(id.as_str()) {
        Err(error) if force && error.kind() == ErrorKind::NotFound => return Ok(()),
        container => container?,
    };
    // As runc has it: what never ran is deleted without force.
    if force || container.state().is_ok_and(|state| state.status == Status::Created) {
        container.force_delete()?;
    } else {
        container.delete()?;
    }
    global.warn(&container);
    Ok(())
}
