//! Bundles, run by our runtime and by others.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use oci_image::images::Images;
use oci_image::{Config, json};
use oci_rootfs::{UnpackOptions, unpack_bundle};
use oci_runtime::{Bundle, Launcher, Runtime, Stdio};

use super::ours;
use oci_testing::program::run_with;

static COUNT: AtomicUsize = AtomicUsize::new(0);

fn new_id() -> String {
    format!("interop-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Opens a bundle and gives it what a test needs: no terminal, and a cgroup of its own.
fn open(path: &Path, id: &str) -> Bundle {
    let mut bundle = Bundle::open(path).unwrap();
    let spec = bundle.spec_mut();
    spec.process.as_mut().unwrap().terminal = None;
    spec.linux.as_mut().unwrap().cgroups_path = Some(format!("/oci-test/{id}"));
    bundle
}

/// Runs the bundle by our runtime and returns its output. It must succeed.
pub(crate) fn run_by_us(path: &Path) -> String {
    let id = new_id();
    let bundle = open(path, &id);
    let (mut out, errors) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let state = tempfile::tempdir().unwrap();
    let launcher = Launcher::program(env!("CARGO_BIN_EXE_quickstart"));
    let runtime = Runtime::open(state.path().join("run")).unwrap().launcher(launcher);
    let null = File::open("/dev/null").unwrap();
    let stdio = Stdio::files(null, out.try_clone().unwrap(), errors.try_clone().unwrap());
    let container = runtime.create(&id, &bundle, stdio).unwrap();
    let status = container.start().and_then(|()| container.wait());
    container.force_delete().unwrap();
    let mut text = String::new();
    out.rewind().unwrap();
    out.read_to_string(&mut text).unwrap();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "{status:?}: {text}");
    text
}

/// Runs the bundle by another runtime and returns its output. It must succeed.
pub(crate) fn run_by(program: &str, path: &Path) -> String {
    let id = new_id();
    let bundle = open(path, &id);
    std::fs::write(path.join("config.json"), json::to_vec(bundle.spec()).unwrap()).unwrap();
    let state = tempfile::tempdir().unwrap();
    let line = match program == "crun" && Path::new("/sys/fs/cgroup/unified").exists() {
        // It refuses a host that has both hierarchies.
        true => "umount /sys/fs/cgroup/unified; exec \"$@\"",
        false => "exec \"$@\"",
    };
    let done = run_with(
        Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", line, "sh"])
            .args([program, "--root"])
            .arg(state.path())
            .args(["run", "--bundle"])
            .arg(path)
            .arg(&id),
    );
    done.good()
}

/// Writes the `config.json` that we make of the image's config.
pub(crate) fn write_config(config: &Config, bundle: &Path) {
    Bundle::from_image(config, bundle).unwrap().write().unwrap();
}

#[test]
fn runc_and_crun_run_what_we_make_of_an_image() {
    oci_testing::needs!(root, busybox, "runc", "crun");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let layout = ours::image(&place("root"), &place("layout"));
    let image = layout.image("v1").unwrap();
    let options = UnpackOptions::default();
    let bundle = unpack_bundle(&layout, image.manifest(), place("bundle"), &options);
    write_config(bundle.unwrap().config(), &place("bundle"));
    for output in [
        run_by_us(&place("bundle")),
        run_by("runc", &place("bundle")),
        run_by("crun", &place("bundle")),
    ] {
        assert_eq!(output, ours::SAYS);
    }
}

#[test]
fn we_run_what_runc_and_crun_specify() {
    oci_testing::needs!(root, busybox, "runc", "crun");
    for program in ["runc", "crun"] {
        let directory = tempfile::tempdir().unwrap();
        let rootfs = directory.path().join("rootfs");
        std::fs::create_dir(&rootfs).unwrap();
        oci_examples::rootfs::make(&rootfs, &std::env::current_exe().unwrap()).unwrap();
        run_with(Command::new(program).current_dir(directory.path()).arg("spec")).good();
        let mut bundle = Bundle::open(directory.path()).unwrap();
        let process = bundle.spec_mut().process.as_mut().unwrap();
        assert_eq!(process.args, ["sh"], "{program}");
        process.args = ["/bin/sh", "-c", "hostname; echo pid $$"].map(String::from).to_vec();
        let hostname = bundle.spec().hostname.clone().unwrap();
        let text = json::to_vec(bundle.spec()).unwrap();
        std::fs::write(directory.path().join("config.json"), text).unwrap();
        let output = run_by_us(directory.path());
        assert_eq!(output, format!("{hostname}\npid 1\n"), "{program}");
        assert_eq!(run_by(program, directory.path()), output, "{program}");
    }
}
