//! A disk with no room, and one that may not be written.

use std::error::Error;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{fs, os::unix::fs::PermissionsExt};

use oci_image::blob::BlobSourceExt;
use oci_image::images::Images;
use oci_layout::Layout;
use rustix::io::Errno;

use crate::commits::{commit, committed, go_on};
use crate::fixture::{directory, empty, put, read_whole};
use crate::worker::{command, job};
use oci_testing::mount::Mount;

/// What the system said, below all that says what was being done.
fn errno(error: &io::Error) -> Option<i32> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            None => cause = error.source(),
            found => return found,
        }
    }
    None
}

/// How the image of a number comes into a layout.
type Add<'a> = &'a dyn Fn(&Layout, usize) -> io::Result<()>;

/// Adds images until there is no room. Says how many were acknowledged, and if it failed.
fn add_all(path: &Path, count: usize, add: Add<'_>) -> (usize, bool) {
    for number in 0..count {
        let outcome = Layout::create(path).map_err(io::Error::from);
        let outcome = outcome.and_then(|layout| add(&layout, number));
        if let Err(error) = outcome {
            assert_eq!(errno(&error), Some(Errno::NOSPC.raw_os_error()), "{error:?}");
            return (number, true);
        }
    }
    (count, false)
}

const COUNT: usize = 3;

/// Tries with ever more room, until there is enough.
fn sweep(room: impl Fn(usize) -> Mount, most: usize, add: Add<'_>) {
    for budget in 1..most {
        let mount = room(budget);
        let (acknowledged, full) = add_all(&mount.layout(), COUNT, add);
        assert_eq!(committed(&mount.layout()), acknowledged, "budget {budget}");
        if !full {
            return assert!(budget > 10, "a budget of {budget} was enough");
        }
        if acknowledged > 0 {
            // Making room needs none.
            let layout = Layout::open(mount.layout()).unwrap();
            layout.collect_garbage().unwrap();
            assert_eq!(layout.fsck().unwrap(), [], "budget {budget}");
        }
        mount.lift_limits();
        if acknowledged == 0 {
            // What is half made is made whole.
            Layout::create(mount.layout()).unwrap();
        }
        go_on(&mount.layout());
    }
    panic!("no budget below {most} was enough");
}

#[test]
fn a_disk_without_room_for_bytes_hurts_nothing_that_is_there() {
    oci_testing::needs!(root);
    sweep(|pages| Mount::tmpfs(pages * 4096, 0), 100, &commit);
}

#[test]
fn a_disk_without_room_for_files_hurts_nothing_that_is_there() {
    oci_testing::needs!(root);
    sweep(|inodes| Mount::tmpfs(0, inodes), 100, &commit);
}

#[test]
fn a_disk_without_room_for_a_copy_hurts_nothing_that_is_there() {
    oci_testing::needs!(root);
    let (_directory, source) = empty();
    (0..COUNT).try_for_each(|number| commit(&source, number)).unwrap();
    let copy = |layout: &Layout, number: usize| -> io::Result<()> {
        let name = format!("v{number}");
        layout.copy_from(&source, &source.resolve(&name)?)?.tag(&name)?;
        Ok(())
    };
    sweep(|pages| Mount::tmpfs(pages * 4096, 0), 100, &copy);
    sweep(|inodes| Mount::tmpfs(0, inodes), 100, &copy);
}

/// The paths below a directory, with their content and when they were changed.
fn snapshot(path: &Path) -> Vec<(String, Vec<u8>, i64)> {
    use std::os::unix::fs::MetadataExt;

    let mut found = Vec::new();
    let mut todo = vec![path.to_owned()];
    while let Some(path) = todo.pop() {
        let metadata = fs::metadata(&path).unwrap();
        let mut content = Vec::new();
        if metadata.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            content = fs::read(&path).unwrap();
        }
        let changed = metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec();
        found.push((path.display().to_string(), content, changed));
    }
    found.sort();
    found
}

/// Every change of the layout is refused, and nothing is changed; reading works.
fn may_read_alone(path: &Path) {
    let before = snapshot(path);
    let layout = Layout::open(path).unwrap();
    let image = layout.resolve("v0").unwrap();
    let changes: [(&str, io::Result<()>); 6] = [
        ("commit", commit(&layout, 1)),
        ("tag", layout.tag("other", &image).map_err(Into::into)),
        ("add", layout.add(&image).map_err(Into::into)),
        ("untag", layout.untag("v0").map(drop).map_err(Into::into)),
        ("remove", layout.remove(&image.digest).map(drop).map_err(Into::into)),
        ("collect", layout.collect_garbage().map(drop).map_err(Into::into)),
    ];
    for (what, outcome) in changes {
        let error = outcome.expect_err(what);
        assert_eq!(errno(&error), Some(Errno::ACCESS.raw_os_error()), "{what}: {error:?}");
    }
    layout.any_document(&image).unwrap();
    read_whole(&layout, &image);
    assert_eq!(layout.garbage().unwrap().blobs.len(), 1);
    drop(layout);
    assert_eq!(snapshot(path), before);
}

/// A layout with an image and a blob that is garbage.
fn prepare(path: &Path) {
    let layout = Layout::create(path).unwrap();
    put(&layout, "garbage");
    commit(&layout, 0).unwrap();
}

/// Makes a layout, and takes from the user the right to write to it.
fn owner_locked_out(path: &Path) {
    prepare(path);
    let directories = ["", "blobs", "blobs/sha256", ".in-flight"].map(|name| path.join(name));
    let allow = |mode| {
        let mode = fs::Permissions::from_mode(mode);
        directories.iter().for_each(|it| fs::set_permissions(it, mode.clone()).unwrap());
    };
    allow(0o555);
    may_read_alone(path);
    allow(0o755);
}

#[test]
fn a_layout_that_may_not_be_written_is_read_and_not_changed() {
    if let Some(job) = job() {
        return match &*job.role {
            "owner" => owner_locked_out(&job.layout),
            _ => may_read_alone(&job.layout),
        };
    }
    let directory = directory();
    if !rustix::process::geteuid().is_root() {
        return owner_locked_out(&directory.path().join("layout"));
    }
    // Root may write everywhere, so another user tries, who can run only what is public.
    let this = a_layout_that_may_not_be_written_is_read_and_not_changed;
    let program = directory.path().join("test");
    // Another process writes it: what is open for writing here, a fork of another thread's inherits.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status();
    assert!(copied.unwrap().success());
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    prepare(&directory.path().join("other"));
    for role in ["owner", "other"] {
        let mut command = command(&program, this, role, &directory.path().join(role));
        let output = command.uid(65534).gid(65534).output().unwrap();
        assert!(output.status.success(), "{role}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
