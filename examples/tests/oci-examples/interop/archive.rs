//! Archives that we write, read by the tools of the field, and theirs by us.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use oci_image::images::Images;
use oci_layout::{Archive, ArchiveWriter, DockerArchiveWriter, DockerForm, Layout};

use super::ours;
use oci_testing::containerd::Containerd;
use oci_testing::program::{run, run_with};

/// Writes all of `v1` into an archive.
fn archive(layout: &Layout, file: &Path) {
    let image = layout.resolve("v1").unwrap();
    let archive = ArchiveWriter::new(File::create(file).unwrap()).unwrap();
    archive.append(layout, std::slice::from_ref(&image)).unwrap();
    archive.tag("v1", &image).unwrap();
    archive.finish().unwrap();
}

#[test]
fn podman_loads_and_runs_an_archive_of_ours() {
    oci_testing::needs!(root, busybox, "skopeo", "podman", "runc");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let layout = ours::image(&place("root"), &place("layout"));
    archive(&layout, &place("ours.tar"));
    let name = format!("oci-archive:{}", place("ours.tar").display());

    let digest = layout.resolve("v1").unwrap().digest.to_string();
    let inspected = run("skopeo", &["inspect", "--format={{.Digest}}", &format!("{name}:v1")]);
    assert_eq!(inspected.good().trim(), digest);

    let podman = |arguments: &[&str]| {
        let mut command = Command::new("podman");
        command.arg("--root").arg(place("storage")).arg("--runroot").arg(place("run"));
        command.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--runtime=runc"]);
        run_with(command.args(arguments))
    };
    podman(&["pull", "--quiet", &name]).good();
    let image = podman(&["images", "--quiet", "--no-trunc"]).good();
    // A store of images names them by their configs.
    let config = layout.image("v1").unwrap().manifest().config.digest.to_string();
    assert_eq!(image.trim(), config);
    let line = "run --rm --network=none --ulimit=nofile=1024 --ulimit=nproc=1024 --cgroups=no-conmon --cgroup-parent=/oci-test";
    let arguments: Vec<&str> = line.split(' ').chain([image.trim()]).collect();
    assert_eq!(podman(&arguments).good(), ours::SAYS);
}

#[test]
fn containerd_imports_an_archive_of_ours_and_exports_one_that_we_read() {
    oci_testing::needs!(root, busybox, "containerd");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let text = |name: &str| place(name).to_str().unwrap().to_owned();
    let layout = ours::image(&place("root"), &place("layout"));
    archive(&layout, &place("ours.tar"));

    let containerd = Containerd::start(directory.path());
    let import = ["import", "--snapshotter=native", "--base-name=example.org/app"];
    containerd.images(&[&import[..], &[&text("ours.tar")]].concat()).good();
    assert_eq!(containerd.images(&["list", "-q"]).good(), "example.org/app:v1\n");
    containerd.images(&["export", &text("theirs.tar"), "example.org/app:v1"]).good();

    let image = layout.resolve("v1").unwrap();
    let theirs = Archive::open(place("theirs.tar")).unwrap();
    let exported = theirs.list().unwrap();
    assert_eq!(exported.len(), 1, "{exported:?}");
    assert_eq!(exported[0].descriptor.digest, image.digest);
    let in_theirs = ours::digests(&theirs, &exported[0].descriptor);
    assert_eq!(in_theirs, ours::digests(&layout, &image));
}

#[test]
fn containerd_imports_docker_archives_of_ours() {
    oci_testing::needs!(root, busybox, "containerd");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let layout = ours::image(&place("root"), &place("layout"));
    let containerd = Containerd::start(directory.path());
    for (form, name) in [
        (DockerForm::Oci, "docker.io/library/ours:oci"),
        (DockerForm::Legacy, "docker.io/library/ours:legacy"),
    ] {
        let file = place("docker.tar");
        let out = File::create(&file).unwrap();
        let mut archive = DockerArchiveWriter::with_form(out, form).unwrap();
        archive.append(&layout.image("v1").unwrap(), &[name]).unwrap();
        archive.finish().unwrap();
        containerd.images(&["import", "--snapshotter=native", file.to_str().unwrap()]).good();
        let list = containerd.images(&["list", "-q"]).good();
        assert!(list.lines().any(|line| line == name), "{list}");
        let check = containerd.images(&["check", &format!("name=={name}")]).good();
        assert!(check.contains("complete"), "{check}");
    }
}
