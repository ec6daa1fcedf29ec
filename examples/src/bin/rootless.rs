//! Runs a container without privileges.
//!
//! The caller is root inside the container, and has no more rights outside than before. Any user can run it.

use std::error::Error;
use std::fs;

use oci_cli::report::tell;
use oci_examples::rootfs;
use oci_runtime::{Bundle, Runtime, Spec, Stdio};
use rustix::process::{getegid, geteuid};

fn main() -> Result<(), Box<dyn Error>> {
    oci_runtime::init(); // first: a new process of this program becomes the init of the container here
    if std::env::args().any(|word| word == "--report") {
        return Ok(rootfs::report(&mut std::io::stdout())?); // in the container, if the host has no busybox
    }
    let directory = tempfile::tempdir()?;
    fs::create_dir(directory.path().join("rootfs"))?;
    let command = rootfs::make(&directory.path().join("rootfs"), &std::env::current_exe()?)?;

    let mut spec = Spec::linux_default();
    if let Some(process) = &mut spec.process {
        (process.args, process.env) = (command.args, command.env);
    }
    spec.hostname = Some("rootless".into());
    // A user namespace, in which the caller is root; what needs more rights is dropped, and named.
    let rootless = spec.rootless(geteuid().as_raw(), getegid().as_raw());
    for dropped in &rootless.dropped {
        tell(format_args!("without {dropped}"));
    }
    let bundle = Bundle::new(directory.path(), rootless.spec);

    let runtime = Runtime::open(directory.path().join("run"))?;
    let id = format!("rootless-{}", std::process::id());
    let container = runtime.create(&id, &bundle, Stdio::inherit())?;
    let status = container.start().and_then(|()| container.wait());
    container.force_delete()?; // whatever happened
    match status? {
        status if status.success() => Ok(()),
        status => Err(format!("the container ended with {status}").into()),
    }
}
