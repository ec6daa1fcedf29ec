//! The container: created, started, waited for, and deleted whatever happens.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use oci_cli::report::{Steps, tell};
use oci_runtime::{Bundle, Container, Runtime, Stdio};
use tokio::task::spawn_blocking;

use crate::Result;
use crate::workspace::Workspace;

pub(crate) async fn run(bundle: Bundle, workspace: &Workspace, steps: &mut Steps) -> Result<u8> {
    let step = steps.begin("create the container");
    let runtime = Runtime::open(workspace.place("run"))?;
    let id = format!("quickstart-{}", std::process::id());
    let container =
        spawn_blocking(move || runtime.create(&id, &bundle, Stdio::inherit()).map(Deleted::of))
            .await??;
    let handle = container.handle()?;
    for warning in handle.warnings() {
        tell(format_args!("    {warning}"));
    }
    step.end(format_args!("{}, process {}", handle.id(), handle.state()?.pid.unwrap_or_default()));

    let step = steps.begin("start it");
    handle.start()?;
    step.end("this is what it prints:");
    let step = steps.begin("wait for its end");
    let status = spawn_blocking(move || handle.wait()).await??;
    step.end(status);

    let step = steps.begin("delete it");
    spawn_blocking(move || container.delete()).await??;
    step.end("nothing is left");
    Ok(code(status))
}

/// As shells have it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Deletes the container when it is dropped, running or not.
struct Deleted(Option<Arc<Container>>);

impl Deleted {
    fn of(container: Container) -> Self {
        Self(Some(Arc::new(container)))
    }

    fn handle(&self) -> Result<Arc<Container>> {
        Ok(self.0.clone().ok_or("the container is deleted")?)
    }

    fn delete(mut self) -> Result<()> {
        Ok(self.0.take().map_or(Ok(()), |container| container.force_delete())?)
    }
}

impl Drop for Deleted {
    fn drop(&mut self) {
        if let Some(container) = self.0.take()
            && let Err(error) = container.force_delete()
        {
            tell(format_args!("quickstart: {}", oci_cli::report::one_line(&error)));
        }
    }
}
