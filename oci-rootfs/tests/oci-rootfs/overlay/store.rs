//! What becomes of the layers of a store.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use oci_image::layer::Overlay;
use oci_rootfs::unpack::{
    Devices, Durability, IdRange, OverlayStack, OverlayStore, Owners, Xattrs,
};
use oci_rootfs::{UnpackOptions, XattrFilter};

use super::Mounted;
use crate::tree::outline;
use crate::unpack::{image, options};
use oci_testing::tar::{Tar, header};

fn store(path: &Path, overlay: Overlay) -> OverlayStore {
    OverlayStore::create(path, overlay).unwrap().durability(Durability::Relaxed)
}

fn unpack(store: &OverlayStore, layers: &[Vec<u8>], options: &UnpackOptions) -> OverlayStack {
    let (blobs, manifest) = image(layers);
    store.unpack(&blobs, &manifest, options).unwrap()
}

fn paths(layers: Vec<oci_rootfs::unpack::StoredLayer>) -> Vec<PathBuf> {
    layers.into_iter().map(|layer| layer.path).collect()
}

fn sorted(stack: &OverlayStack) -> Vec<PathBuf> {
    let mut paths = stack.layers().to_vec();
    paths.sort();
    paths
}

/// Three layers, of which the last one is another for each number.
fn layers(number: usize) -> [Vec<u8>; 3] {
    let base = Tar::new().directory("d").file("d/f", "1").end();
    let middle = Tar::new().file("d/g", "2").end();
    [base, middle, Tar::new().file(format!("d/{number}"), "3").end()]
}

#[test]
fn a_layer_is_used_again_for_what_makes_the_same_files_alone() {
    oci_testing::needs!(root);
    let directory = oci_testing::directory();
    let store = store(directory.path(), Overlay::Trusted);
    let layer = [Tar::new()
        .entry(header(b'3', "null").device(1, 3))
        .with(header(b'0', "f").owner(1, 1).xattr("user.a", "1"), "1")
        .end()];
    let change = |change: &dyn Fn(&mut UnpackOptions)| {
        let mut options = UnpackOptions::default();
        change(&mut options);
        options
    };
    let range = |outside| vec![IdRange { inside: 0, outside, size: 10 }];
    let mapped = |outside| Owners::Mapped { users: range(outside), groups: range(outside) };
    let others = [
        change(&|_| {}),
        change(&|it| it.devices = Devices::Skip),
        change(&|it| it.devices = Devices::Placeholder),
        change(&|it| it.xattrs = Xattrs::Skip),
        change(&|it| it.xattr_filter = XattrFilter::default().leave_out("user.*")),
        change(&|it| it.owners = mapped(1000)),
        change(&|it| it.owners = mapped(2000)),
        change(&|it| (it.owners, it.devices) = (Owners::Caller, Devices::Skip)),
    ];
    let mut seen = Vec::new();
    for options in &others {
        let first = unpack(&store, &layer, options);
        assert!(!seen.contains(&first.layers().to_vec()), "{options:?}");
        assert!(first.unpacked().changes > 0);
        seen.push(first.layers().to_vec());
    }
    assert!(seen[0][0].join("null").exists() && !seen[1][0].join("null").exists());
    assert_eq!(store.layers().unwrap().len(), others.len());
    // What does not change the files.
    let mut same = UnpackOptions::default();
    same.limits.ratio = 7;
    same.xattr_filter = XattrFilter::none()
        .leave_out("system.nfs4_acl")
        .leave_out("security.selinux")
        .leave_out("security.selinux");
    let again = unpack(&store, &layer, &same);
    assert_eq!((again.layers(), again.unpacked().changes), (&seen[0][..], 0));
}

#[test]
fn a_damaged_layer_is_found_and_unpacked_anew() {
    let damages: [&dyn Fn(&Path); 5] = [
        &|layer| fs::remove_file(layer.join("d/g")).unwrap(),
        &|layer| fs::write(layer.join("d/g"), "longer").unwrap(),
        &|layer| fs::write(layer.join("more"), "").unwrap(),
        &|layer| {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(layer.join("d/g"), fs::Permissions::from_mode(0o600)).unwrap();
        },
        &|layer| {
            rustix::fs::setxattr(layer.join("d"), "user.a", b"", rustix::fs::XattrFlags::empty())
                .unwrap();
        },
    ];
    for damage in damages {
        let directory = oci_testing::directory();
        let store = store(directory.path(), Overlay::User);
        let whole = unpack(&store, &layers(1), &options()).layers().to_vec();
        assert_eq!(paths(store.verify().unwrap()), [""; 0].map(PathBuf::from));
        let middle = &whole[1];
        damage(middle);
        assert_eq!(paths(store.verify().unwrap()), std::slice::from_ref(middle));
        let again = unpack(&store, &layers(1), &options());
        assert_eq!((again.layers(), again.unpacked().changes), (&whole[..], 1));
        assert_eq!(outline(middle), ["d/", "d/g: 2"]);
        drop(again);
        // What is repaired goes with what lies above it, whose links may lead to it.
        damage(middle);
        let mut expected = whole[..2].to_vec();
        let mut removed = paths(store.repair().unwrap());
        expected.sort();
        removed.sort();
        assert_eq!(removed, expected);
        assert_eq!(paths(store.layers().unwrap()), [whole[2].clone()]);
        assert_eq!(paths(store.repair().unwrap()), [""; 0].map(PathBuf::from));
    }
}

#[test]
fn only_what_nobody_uses_is_pruned() {
    let directory = oci_testing::directory();
    let store = store(directory.path(), Overlay::User);
    let one = unpack(&store, &layers(1), &options());
    let two = unpack(&store, &layers(2), &options());
    let [mut all, kept] = [sorted(&one), sorted(&one)];
    all.push(two.layers()[0].clone());
    all.sort();
    let listed = store.layers().unwrap();
    assert_eq!(paths(listed.clone()), all);
    assert!(listed.iter().all(|layer| layer.options.starts_with("owners ")));
    let top = listed.iter().find(|layer| layer.path == two.layers()[0]).unwrap();
    assert_eq!(top.below.as_ref(), Some(&two.layers()[1]));

    assert_eq!(paths(store.prune(|_| false).unwrap()), [""; 0].map(PathBuf::from));
    let of_two = two.layers()[0].clone();
    drop(two);
    // What an interrupted process leaves.
    for left in [".x.new", ".x.gone"] {
        fs::create_dir_all(of_two.with_file_name(left).join("d")).unwrap();
    }
    let copy = one.clone();
    drop(one);
    assert_eq!(paths(store.prune(|_| false).unwrap()), std::slice::from_ref(&of_two));
    assert_eq!(fs::read_dir(of_two.parent().unwrap()).unwrap().count(), 3);
    drop(copy);
    let removed = store.prune(|layer| layer.path == kept[0]).unwrap();
    assert_eq!(removed.len() + store.layers().unwrap().len(), 3);
    assert!(kept[0].is_dir());
    store.prune(|_| false).unwrap();
    assert_eq!(store.layers().unwrap(), []);
}

#[test]
fn what_is_mounted_is_not_pruned() {
    oci_testing::needs!(root);
    let directory = oci_testing::directory();
    let store = store(directory.path(), Overlay::Trusted);
    let [upper, work, merged] = ["upper", "work", "merged"].map(|name| directory.path().join(name));
    for path in [&upper, &work, &merged] {
        fs::create_dir(path).unwrap();
    }
    let stack = unpack(&store, &layers(1), &UnpackOptions::default());
    let other = unpack(&store, &layers(2), &UnpackOptions::default()).layers()[0].clone();
    let mounted = Mounted::new(&merged, stack.options(&upper, &work).to_str().unwrap());
    let used = sorted(&stack);
    drop(stack);
    assert_eq!(paths(store.prune(|_| false).unwrap()), [other]);
    assert_eq!(paths(store.layers().unwrap()), used);
    assert_eq!(fs::read(merged.join("d/1")).unwrap(), b"3");
    drop(mounted);
    assert_eq!(store.prune(|_| false).unwrap().len(), 3);
}

const IMAGES: usize = 50;
const FILES: usize = 30;

/// Layers that several images share, of many files each.
fn shared(image: usize) -> Vec<Vec<u8>> {
    let names = [format!("base{}", image % 5), format!("middle{}", image % 10), format!("{image}")];
    let layer = |name: &String| {
        (0..FILES).fold(Tar::new(), |tar, file| tar.file(format!("{name}/{file}"), name)).end()
    };
    names.iter().map(layer).collect()
}

/// Whether each layer has all its files.
fn check(stack: &OverlayStack) {
    for layer in stack.layers() {
        let files: Vec<_> =
            outline(layer).into_iter().filter(|line| !line.ends_with('/')).collect();
        assert_eq!(files.len(), FILES, "{}", layer.display());
        assert!(files.iter().all(|line| !line.ends_with(": ")), "{}", layer.display());
    }
}

const INNER: &str = "OCI_ROOTFS_TEST_STORE";

/// One of the processes.
fn work(path: &Path, seed: usize) {
    let store = store(path, Overlay::User);
    for round in 0..IMAGES {
        let image = (round * 7 + seed * 13) % IMAGES;
        check(&unpack(&store, &shared(image), &options()));
        if round % 9 == 8 {
            store.prune(|layer| layer.path.as_os_str().len() % 2 == seed % 2).unwrap();
        }
    }
}

#[test]
fn a_store_outlives_processes_that_are_killed() {
    if let Some(path) = std::env::var_os(INNER) {
        return work(Path::new(&path), std::process::id() as usize);
    }
    const KILLS: usize = 60;
    let directory = oci_testing::directory();
    let start = || -> Child {
        let test = "overlay::store::a_store_outlives_processes_that_are_killed";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test]).env(INNER, directory.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut workers: Vec<Child> = (0..8).map(|_| start()).collect();
    for kill in 0..KILLS {
        std::thread::sleep(Duration::from_millis(20 + (kill as u64 * 37) % 60));
        let worker = &mut workers[kill % 8];
        match worker.try_wait().unwrap() {
            // It was done before it could be killed.
            Some(status) => assert!(status.success(), "{kill}"),
            None => {
                worker.kill().unwrap();
                worker.wait().unwrap();
            }
        }
        workers[kill % 8] = start();
    }
    for worker in workers {
        let output = worker.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
    }
    let store = store(directory.path(), Overlay::User);
    assert_eq!(store.verify().unwrap(), []);
    for image in 0..IMAGES {
        check(&unpack(&store, &shared(image), &options()));
    }
    store.prune(|_| false).unwrap();
    assert_eq!(fs::read_dir(directory.path().join("user")).unwrap().count(), 0);
}
