//! Real filesystems that lose their power.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use oci_layout::{Durability, LayoutOptions};

use crate::commits::{commit, commit_and_tell, committed, copy_and_tell, go_on, told};
use crate::fixture::directory;
use crate::worker::{command, job};
use oci_testing::mount::{Mount, run};

/// How often each filesystem is cut off. This variable says another number.
const CUTS: (&str, usize) = ("OCI_LAYOUT_POWER_CUTS", 5);

/// A disk with a filesystem, in a file.
struct Disk {
    directory: tempfile::TempDir,
    mount: Option<Mount>,
}

impl Disk {
    fn new(filesystem: &str) -> Self {
        let directory = directory();
        let image = directory.path().join("image");
        // mkfs.xfs makes none below 300 MiB. The file has holes.
        File::create(&image).unwrap().set_len(320 << 20).unwrap();
        run(Command::new(format!("mkfs.{filesystem}")).arg("-q").arg(&image));
        let mut disk = Self { directory, mount: None };
        disk.mount();
        disk
    }

    fn mount(&mut self) {
        let image = self.directory.path().join("image");
        self.mount = Some(Mount::new(&["-o", "loop", image.to_str().unwrap()]));
    }

    fn path(&self) -> &Path {
        self.mount.as_ref().unwrap().path()
    }

    /// Ends all writing at once; what is in no journal yet will not be there.
    fn cut(&self) {
        run(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(self.path()));
    }

    /// What a new start finds.
    fn start_again(&mut self) {
        // A program that another test runs may have a mount namespace of its own, and the disk that was cut
        // off stays as it is until that ends.
        for _ in 0..1000 {
            self.mount.take().unwrap().unmount();
            self.mount();
            if self.is_on() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the disk stays cut off");
    }

    fn is_on(&self) -> bool {
        let probe = self.path().join("probe");
        let written = File::create(&probe).and_then(|probe| probe.sync_all());
        written.and_then(|()| std::fs::remove_file(probe)).is_ok()
    }
}

/// Commits in another process, cuts the power when it has reported so many commits, and returns how many
/// it reported in the end.
fn commit_until_cut<F: Fn()>(test: F, disk: &Disk, layout: &Path, role: &str, cut: usize) -> usize {
    let program = std::env::current_exe().unwrap();
    let mut worker = command(program, test, role, layout).stderr(Stdio::null()).spawn().unwrap();
    let mut output = BufReader::new(worker.stdout.take().unwrap());
    let mut text = Vec::new();
    while told(&text) < cut {
        assert_ne!(output.read_until(b'\n', &mut text).unwrap(), 0, "the worker ended by itself");
    }
    disk.cut();
    output.read_to_end(&mut text).unwrap();
    worker.wait().unwrap();
    told(&text)
}

fn work() -> bool {
    let Some(job) = job() else { return false };
    if job.role == "copy" {
        // The disk is gone, or the source has no more.
        let _ = copy_and_tell(&job.layout.with_file_name("source"), &job.layout, COPIES);
        return true;
    }
    let durability = match &*job.role {
        "synced" => Durability::Synced,
        _ => Durability::Relaxed,
    };
    let options = LayoutOptions::new().durability(durability);
    commit_and_tell(&options, &job.layout, 1000).expect_err("the power is cut before");
    true
}

fn cuts() -> usize {
    std::env::var(CUTS.0).map_or(CUTS.1, |number| number.parse().unwrap())
}

fn layout(disk: &Disk, round: usize) -> PathBuf {
    disk.path().join(format!("layout-{round}"))
}

#[test]
fn a_power_cut_takes_nothing_that_was_synced() {
    oci_testing::needs!(root, loop_devices, "mkfs.ext4", "mkfs.xfs", "xfs_io");
    if work() {
        return;
    }
    for filesystem in ["ext4", "xfs"] {
        let mut disk = Disk::new(filesystem);
        for round in 0..cuts() {
            let this = a_power_cut_takes_nothing_that_was_synced;
            let told = commit_until_cut(this, &disk, &layout(&disk, round), "synced", round * 2);
            disk.start_again();
            let there = committed(&layout(&disk, round));
            assert!(there == told || there == told + 1, "{filesystem}: {there} of {told}");
            if there > 0 {
                go_on(&layout(&disk, round));
            }
        }
    }
}

/// How many images there are to copy.
const COPIES: usize = 100;

/// Nor from what it was copied of. On ext4 the copy is by hard links, on xfs by reflinks.
#[test]
fn a_power_cut_takes_nothing_that_was_copied() {
    oci_testing::needs!(root, loop_devices, "mkfs.ext4", "mkfs.xfs", "xfs_io");
    if work() {
        return;
    }
    for filesystem in ["ext4", "xfs"] {
        let mut disk = Disk::new(filesystem);
        let source = disk.path().join("source");
        let relaxed = LayoutOptions::new().durability(Durability::Relaxed).create(&source).unwrap();
        (0..COPIES).try_for_each(|number| commit(&relaxed, number)).unwrap();
        drop(relaxed);
        disk.start_again();
        for round in 0..cuts() {
            let this = a_power_cut_takes_nothing_that_was_copied;
            let told = commit_until_cut(this, &disk, &layout(&disk, round), "copy", round * 2);
            disk.start_again();
            assert_eq!(committed(&disk.path().join("source")), COPIES);
            let there = committed(&layout(&disk, round));
            assert!(there == told || there == told + 1, "{filesystem}: {there} of {told}");
            if there > 0 {
                go_on(&layout(&disk, round));
            }
        }
    }
}

/// That the tests above can fail.
#[test]
fn a_power_cut_takes_what_was_not_synced() {
    oci_testing::needs!(root, loop_devices, "mkfs.ext4", "mkfs.xfs", "xfs_io");
    if work() {
        return;
    }
    for filesystem in ["ext4", "xfs"] {
        let mut disk = Disk::new(filesystem);
        let mut lost = 0;
        for round in 0..3 {
            let this = a_power_cut_takes_what_was_not_synced;
            let told = commit_until_cut(this, &disk, &layout(&disk, round), "relaxed", 3);
            disk.start_again();
            let path = layout(&disk, round);
            // What cannot even be read is lost too.
            lost += told.saturating_sub(catch_unwind(|| committed(&path)).unwrap_or(0));
        }
        assert!(lost > 0, "{filesystem} lost nothing");
    }
}
