use std::io::Read;

use oci_runtime::spec::linux::{BlockIo, Memory, Pids, Resources};

use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;
use crate::size;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let (mut file, mut changes) = (None, Resources::new());
    let id = arguments.id(|name, arguments| match name {
        "resources" | "r" => {
            file = Some(arguments.value()?);
            Ok(true)
        }
        _ => Ok(memory(&mut changes, name, arguments)?
            || processors(&mut changes, name, arguments)?
            || others(&mut changes, name, arguments)?),
    })?;
    let changes = file.as_deref().map(read).transpose()?.unwrap_or(changes);
    let container = global.container(&id)?;
    container.update(&changes)?;
    global.warn(&container);
    Ok(())
}

fn memory(changes: &mut Resources, name: &str, arguments: &mut Arguments) -> Result<bool> {
    let limit: fn(&mut Memory) -> &mut Option<i64> = match name {
        "memory" => |memory| &mut memory.limit,
        "memory-reservation" => |memory| &mut memory.reservation,
        "memory-swap" => |memory| &mut memory.swap,
        "kernel-memory" => |memory| &mut memory.kernel,
        "kernel-memory-tcp" => |memory| &mut memory.kernel_tcp,
        _ => return Ok(false),
    };
    *limit(changes.memory.get_or_insert_default()) = Some(size::parse(&arguments.value()?)?);
    Ok(true)
}

fn processors(changes: &mut Resources, name: &str, arguments: &mut Arguments) -> Result<bool> {
    let mut cpu = changes.cpu.clone().unwrap_or_default();
    match name {
        "cpu-period" => cpu.period = Some(arguments.parse()?),
        "cpu-quota" => cpu.quota = Some(arguments.parse()?),
        "cpu-burst" => cpu.burst = Some(arguments.parse()?),
        "cpu-rt-period" => cpu.realtime_period = Some(arguments.parse()?),
        "cpu-rt-runtime" => cpu.realtime_runtime = Some(arguments.parse()?),
        "cpu-share" => cpu.shares = Some(arguments.parse()?),
        "cpu-idle" => cpu.idle = Some(arguments.parse()?),
        "cpuset-cpus" => cpu.cpus = Some(arguments.value()?),
        "cpuset-mems" => cpu.mems = Some(arguments.value()?),
        _ => return Ok(false),
    }
    changes.cpu = Some(cpu);
    Ok(true)
}

fn others(changes: &mut Resources, name: &str, arguments: &mut Arguments) -> Result<bool> {
    match name {
        "pids-limit" => {
            let mut pids = Pids::new();
            pids.limit = Some(arguments.parse()?);
            changes.pids = Some(pids);
        }
        "blkio-weight" => {
            let mut block_io = BlockIo::new();
            block_io.weight = Some(arguments.parse()?);
            changes.block_io = Some(block_io);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Reads limits from a file, or from standard input.
fn read(path: &str) -> Result<Resources> {
    let failed =
        |reason: &dyn std::fmt::Display| format!("cannot read limits in `{path}`: {reason}");
    let mut text = Vec::new();
    match path {
        "-" => std::io::stdin().read_to_end(&mut text).map(drop),
        path => std::fs::read(path).map(|file| text = file),
    }
    .map_err(|error| failed(&error))?;
    Ok(oci_image::json::from_slice(&text).map_err(|error| failed(&error))?)
}
