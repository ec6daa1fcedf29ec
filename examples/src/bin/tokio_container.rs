//! Runs a container from a tokio program: every call that blocks gets a thread that may, and its end is awaited.
//!
//! `embed_in_tokio` runs hundreds at a time, and shows that the program around them stays as it was.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use oci_examples::rootfs;
use oci_runtime::{Bundle, Runtime, Spec, Stdio};
use rustix::process::{getegid, geteuid};
use tokio::task::spawn_blocking;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    oci_runtime::init(); // before tokio starts threads
    if std::env::args().any(|word| word == "--report") {
        return Ok(rootfs::report(&mut std::io::stdout())?); // in the container, if the host has no busybox
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(program())
}

async fn program() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let bundle = bundle(directory.path())?;
    let runtime = Runtime::open(directory.path().join("run"))?;
    match run(runtime, bundle).await? {
        status if status.success() => Ok(()),
        status => Err(format!("the container ended with {status}").into()),
    }
}

async fn run(runtime: Runtime, bundle: Bundle) -> Result<ExitStatus> {
    let id = format!("tokio-{}", std::process::id());
    let create = move || runtime.create(&id, &bundle, Stdio::inherit());
    let container = Arc::new(spawn_blocking(create).await??);
    let started = container.clone();
    let status = match spawn_blocking(move || started.start()).await? {
        Ok(()) => container.wait_async().await, // no thread waits
        Err(error) => Err(error),
    };
    spawn_blocking(move || container.force_delete()).await??; // whatever happened
    Ok(status?)
}

/// A bundle of what the host has, for any user.
fn bundle(directory: &Path) -> Result<Bundle> {
    fs::create_dir(directory.join("rootfs"))?;
    let command = rootfs::make(&directory.join("rootfs"), &std::env::current_exe()?)?;
    let mut spec = Spec::linux_default();
    if let Some(process) = &mut spec.process {
        (process.args, process.env) = (command.args, command.env);
    }
    spec.hostname = Some("tokio".into());
    Ok(Bundle::new(directory, spec.rootless(geteuid().as_raw(), getegid().as_raw()).spec))
}
