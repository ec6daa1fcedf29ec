//! From a root filesystem to a running container: made an image, pushed, pulled, unpacked and run.

mod arguments;
mod bundle;
mod container;
mod demonstration;
mod explain;
mod fetch;
mod progress;
mod stop;
mod workspace;

use std::error::Error;
use std::io;
use std::process::ExitCode;

use arguments::{Arguments, USAGE};
use oci_cli::report::{Steps, one_line, tell};
use oci_examples::rootfs;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use workspace::Workspace;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    oci_runtime::init();
    let result = Arguments::parse().and_then(|arguments| match arguments {
        Arguments::Help => {
            print(USAGE);
            Ok(0)
        }
        Arguments::Report => Ok(rootfs::report(&mut std::io::stdout()).map(|()| 0)?),
        Arguments::Run(what) => run(&what),
    });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tell(format_args!("quickstart: {}", one_line(&*error)));
            ExitCode::from(if error.is::<arguments::Misuse>() { 2 } else { 1 })
        }
    }
}

fn run(what: &arguments::Run) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if what.explain {
        print(runtime.block_on(explain::plan(what))?);
        return Ok(0);
    }
    run_in_workspace(what, runtime)
}

/// Does everything in a temporary directory, which is removed once nothing writes to it.
fn run_in_workspace(what: &arguments::Run, runtime: Runtime) -> Result<u8> {
    let stop = {
        let _entered = runtime.enter();
        stop()?
    };
    let workspace = Workspace::new()?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = steps(what, &workspace) => result,
            code = stop => Ok(code),
        }
    });
    workspace.stop().ask();
    drop(runtime); // Waits for what is still being written.
    workspace.remove()?;
    result
}

/// Waits for SIGINT or SIGTERM, and returns the exit status of a shell for it.
fn stop() -> io::Result<impl Future<Output = u8>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => 130,
            _ = terminate.recv() => 143,
        }
    })
}

async fn steps(what: &arguments::Run, workspace: &Workspace) -> Result<u8> {
    let mut steps = Steps::new();
    let fetched = match &what.image {
        Some(name) => fetch::image(name, what.plain_http, workspace, &mut steps).await?,
        None => demonstration::image(workspace, &mut steps).await?,
    };
    let bundle = bundle::unpack(fetched, &what.args, workspace, &mut steps).await?;
    container::run(bundle, workspace, &mut steps).await
}

#[allow(clippy::print_stdout)]
fn print(text: impl std::fmt::Display) {
    println!("{}", text.to_string().trim_end());
}
