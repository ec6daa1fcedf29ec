use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;

pub(super) fn pause(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let id = arguments.id(|_, _| Ok(false))?;
    Ok(global.container(&id)?.pause()?)
}

pub(super) fn resume(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let id = arguments.id(|_, _| Ok(false))?;
    Ok(global.container(&id)?.resume()?)
}
