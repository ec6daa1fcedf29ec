//! The commands.

mod create;
mod delete;
mod events;
mod exec;
mod features;
mod kill;
mod list;
mod pause;
mod plan;
mod ps;
mod run;
mod spec;
mod start;
mod state;
mod update;

use std::process::ExitCode;

use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;

/// Runs the command of a name.
pub(crate) fn run(name: &str, global: &Global, arguments: &mut Arguments) -> Result<ExitCode> {
    let done = match name {
        "run" => return run::run(global, arguments),
        "exec" => return exec::run(global, arguments),
        "create" => create::run(global, arguments),
        "delete" => delete::run(global, arguments),
        "events" => events::run(global, arguments),
        "features" => features::run(arguments),
        "kill" => kill::run(global, arguments),
        "list" => list::run(global, arguments),
        "pause" => pause::pause(global, arguments),
        "plan" => plan::run(global, arguments),
        "ps" => ps::run(global, arguments),
        "resume" => pause::resume(global, arguments),
        "spec" => spec::run(arguments),
        "start" => start::run(global, arguments),
        "state" => state::run(global, arguments),
        "update" => update::run(global, arguments),
        "checkpoint" | "restore" => Err(format!("cannot {name}: ocirun has no checkpoints").into()),
        _ => Err(format!("there is no command `{name}`: see ocirun --help").into()),
    };
    done.map(|()| ExitCode::SUCCESS)
}
