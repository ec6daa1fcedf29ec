//! From a root filesystem to a running container: made an image, pushed, pulled, unpacked and run.

mod arguments;
mod bundle;
mod container;
mod demonstration;
mod fetch;
mod progress;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use arguments::{Arguments, USAGE};
use oci_examples::report::{Steps, one_line, tell};
use oci_examples::rootfs;
use tokio::signal::unix::{SignalKind, signal};
use workspace::Workspace;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    oci_runtime::init();
    let result = Arguments::parse().and_then(|arguments| match arguments {
        Arguments::Help => {
            tell(USAGE);
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

/// Does everything in a directory of its own, which is removed when nothing uses it any more.
fn run(what: &arguments::Run) -> Result<u8> {
    let workspace = Workspace::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            result = steps(what, &workspace) => result,
            _ = interrupt.recv() => Ok(130),
            _ = terminate.recv() => Ok(143),
        }
    });
    drop(runtime); // Waits for what is still being written.
    workspace.remove()?;
    result
}

async fn steps(what: &arguments::Run, workspace: &Workspace) -> Result<u8> {
    let mut steps = Steps::new();
    let fetched = match &what.image {
        Some(name) => fetch::image(name, what.plain_http, workspace, &mut steps).await?,
        None => demonstration::image(workspace, &mut steps).await?,
    };
    let bundle = bundle::unpack(fetched, &what.args, workspace, &mut steps).await?;
    if what.explain {
        return container::explain(&bundle).map(|()| 0);
    }
    container::run(bundle, workspace, &mut steps).await
}
