use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let id = arguments.id(|_, _| Ok(false))?;
    let container = global.container(&id)?;
    container.start()?;
    global.warn(&container);
    Ok(())
}
