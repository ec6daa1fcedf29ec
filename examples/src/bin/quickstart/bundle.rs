//! The bundle that the runtime runs: the root filesystem and its config.json.

use oci_cli::report::{Bytes, Steps, tell};
use oci_image::Config;
use oci_rootfs::{UnpackOptions, unpack_bundle};
use oci_runtime::spec::linux::{Namespace, NamespaceType};
use oci_runtime::{Bundle, Refusal, Spec};
use rustix::process::{getegid, geteuid};
use tokio::task::spawn_blocking;

use crate::fetch::Fetched;
use crate::workspace::Workspace;
use crate::{Result, progress};

pub(crate) async fn unpack(
    fetched: Fetched,
    args: &[String],
    workspace: &Workspace,
    steps: &mut Steps,
) -> Result<Bundle> {
    let mut step = steps.begin("unpack it");
    let mut options = match geteuid().is_root() {
        true => UnpackOptions::default(),
        false => UnpackOptions::rootless(),
    };
    let size = fetched.image()?.manifest().layers.iter().map(|layer| layer.size).sum();
    options.progress = Some(progress::unpacking(&mut step, size));
    let path = workspace.place("bundle");
    let fetched = fetched.until(workspace.stop());
    let unpacked_bundle = spawn_blocking(move || -> Result<_> {
        let image = fetched.image()?;
        Ok(unpack_bundle(image.source(), image.manifest(), path, &options)?)
    })
    .await??;
    let unpacked = unpacked_bundle.unpacked();
    step.end(format_args!("{} files, {}", unpacked.changes, Bytes(unpacked.bytes)));

    let step = steps.begin("write config.json");
    let config = with_command(unpacked_bundle.config(), args);
    let mut bundle = Bundle::from_image(&config, unpacked_bundle.path())?;
    *bundle.spec_mut() = isolated(bundle.spec().clone());
    bundle.write()?;
    let process = bundle.spec().process.as_ref();
    let args = process.map(|process| process.args.join(" ")).unwrap_or_default();
    step.end(format_args!("to run {args}"));
    Ok(bundle)
}

/// The config of the image, with the command of the caller if there is one.
pub(crate) fn with_command(config: &Config, args: &[String]) -> Config {
    let mut config = config.clone();
    if !args.is_empty() {
        config.config.get_or_insert_default().cmd = args.to_vec();
    }
    config
}

/// The same with a network of its own, and without privileges in a user namespace.
pub(crate) fn isolated(mut spec: Spec) -> Spec {
    if !geteuid().is_root() {
        let rootless = spec.rootless(geteuid().as_raw(), getegid().as_raw());
        if !rootless.dropped.is_empty() {
            let dropped: Vec<_> = rootless.dropped.iter().map(Refusal::pointer).collect();
            tell(format_args!("    without privileges it leaves out {}", dropped.join(", ")));
        }
        spec = rootless.spec;
        let linux = spec.linux.get_or_insert_default();
        linux.namespaces.push(Namespace::new(NamespaceType::Network));
    }
    spec.hostname = Some("quickstart".into());
    spec
}
