//! Paths inside a root, by each resolver.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use oci_rootfs::{Resolver, Root};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};
use rustix::io::FdFlags;
use tempfile::TempDir;

/// Each resolver that this machine has.
pub(crate) fn resolvers() -> Vec<Resolver> {
    let root = Root::open("/").unwrap();
    match root.resolver() {
        Resolver::Openat2 => vec![Resolver::Openat2, Resolver::ByComponent],
        _ => vec![Resolver::ByComponent],
    }
}

/// A root with a file next to it, and what is in both.
fn sample() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    fs::write(directory.path().join("outside"), "outside").unwrap();
    fs::write(root.join("outside"), "inside").unwrap();
    fs::write(root.join("a/b/file"), "file").unwrap();
    for (link, text) in [
        ("absolute", "/a/b/file"),
        ("climbing", "../../../outside"),
        ("a/up", ".."),
        ("a/b/absolute", "/outside"),
        ("a/b/c/far", "../../../../../a/up/a/b"),
        ("dangling", "a/new/deep"),
        ("loop", "loop"),
        ("slash", "a/b/"),
        ("file-slash", "outside/"),
        ("file-dot", "outside/."),
        ("slash-dot", "a/b/."),
        ("empty-way", "."),
    ] {
        symlink(text, root.join(link)).unwrap();
    }
    let mut chain = "outside".to_owned();
    for number in 0..41 {
        let name = format!("chain{number}");
        symlink(&chain, root.join(&name)).unwrap();
        chain = name;
    }
    mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    directory
}

fn each(check: impl Fn(&Root, &Path)) {
    for resolver in resolvers() {
        let directory = sample();
        let path = directory.path().join("root");
        check(&Root::open(&path).unwrap().with_resolver(resolver), &path);
        assert_eq!(fs::read_to_string(directory.path().join("outside")).unwrap(), "outside");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}

/// Where a handle leads, in the root at `top`.
fn place(handle: OwnedFd, top: &Path) -> PathBuf {
    use std::os::fd::AsRawFd;
    let path = fs::read_link(format!("/proc/self/fd/{}", handle.as_raw_fd())).unwrap();
    path.strip_prefix(top.canonicalize().unwrap()).unwrap().to_owned()
}

#[test]
fn every_path_ends_within_the_root() {
    let found = [
        ("", ""),
        ("/", ""),
        ("..", ""),
        ("../../a", "a"),
        ("/a//b/./file", "a/b/file"),
        ("a/b/", "a/b"),
        ("a/../../a/b/../../outside", "outside"),
        ("absolute", "a/b/file"),
        ("a/b/absolute", "outside"),
        ("climbing", "outside"),
        ("a/up/a/up/outside", "outside"),
        ("a/b/c/far/file", "a/b/file"),
        ("slash/file", "a/b/file"),
        ("slash", "a/b"),
        ("slash-dot", "a/b"),
        ("empty-way/a", "a"),
        ("fifo", "fifo"),
        ("chain39", "outside"),
    ];
    each(|root, top| {
        for (path, expected) in found {
            let handle = root.find(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let handle = handle.unwrap_or_else(|| panic!("{path} is not there"));
            assert_eq!(rustix::io::fcntl_getfd(&handle), Ok(FdFlags::CLOEXEC), "{path}");
            assert_eq!(place(handle, top), Path::new(expected), "{path} by {root:?}");
        }
    });
}

#[test]
fn what_is_missing_is_none_and_what_cannot_be_resolved_an_error() {
    each(|root, _| {
        let files_as_directories =
            ["a/b/file/x", "outside/", "file-slash", "a/b/file/.", "file-dot"];
        for path in ["x", "a/x", "dangling"].into_iter().chain(files_as_directories) {
            assert!(root.find(path).unwrap().is_none(), "{path} by {root:?}");
        }
        let long = "a/".repeat(2048);
        for (path, errno) in [
            // First the one that ends without a limit, too.
            ("chain40", "ELOOP"),
            ("loop", "ELOOP"),
            (&*long, "ENAMETOOLONG"),
            (&"x".repeat(256), "ENAMETOOLONG"),
        ] {
            let error = root.find(path).unwrap_err();
            let expected = match errno {
                "ELOOP" => rustix::io::Errno::LOOP,
                _ => rustix::io::Errno::NAMETOOLONG,
            };
            assert_eq!(error.raw_os_error(), Some(expected.raw_os_error()), "{path} by {root:?}");
        }
    });
}

#[test]
fn links_are_refused_where_there_must_be_none() {
    each(|root, top| {
        for path in ["absolute", "slash/file", "a/up", "a/up/a"] {
            let error = root.find_without_links(path).unwrap_err();
            let expected = rustix::io::Errno::LOOP.raw_os_error();
            assert_eq!(error.raw_os_error(), Some(expected), "{path} by {root:?}");
        }
        let handle = root.find_without_links("/a/../a/b/file").unwrap().unwrap();
        assert_eq!(place(handle, top), Path::new("a/b/file"));
        assert!(root.find_without_links("a/x").unwrap().is_none());
    });
}

/// Links of procfs that lead to what a process has open.
#[test]
fn magic_links_are_never_followed() {
    for resolver in resolvers() {
        let root = Root::open("/proc").unwrap().with_resolver(resolver);
        for path in ["self/exe", "self/cwd", "self/root", "self/fd/0", "self/ns/mnt", "self/cwd/x"]
        {
            let error = root.find(path).unwrap_err();
            let expected = rustix::io::Errno::LOOP.raw_os_error();
            assert_eq!(error.raw_os_error(), Some(expected), "{path} by {resolver:?}");
        }
        assert!(root.find("mounts").unwrap().is_some(), "{resolver:?}");
    }
}

#[test]
fn what_is_missing_is_made_within_the_root() {
    each(|root, top| {
        let made = |handle: OwnedFd| place(handle, top);
        assert_eq!(made(root.make_directory("a/b").unwrap()), Path::new("a/b"));
        assert_eq!(made(root.make_directory("/x/../x/y/").unwrap()), Path::new("x/y"));
        assert_eq!(made(root.make_file("../../x/y/f").unwrap()), Path::new("x/y/f"));
        assert_eq!(made(root.make_file("dangling").unwrap()), Path::new("a/new/deep"));
        assert_eq!(made(root.make_file("absolute").unwrap()), Path::new("a/b/file"));
        assert_eq!(fs::read_to_string(top.join("a/b/file")).unwrap(), "file");
        assert_eq!(fs::metadata(top.join("x/y/f")).unwrap().len(), 0);
        assert!(top.join("a/new").is_dir());
        root.make_file("z/").unwrap_err();
        assert!(!top.join("z").exists());
        for path in ["a/b/file/x", "fifo/x"] {
            root.make_directory(path).unwrap_err();
        }
        let error = root.make_directory("chain40/x").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::LOOP.raw_os_error()));
        let (parent, name) = root.make_parent("climbing-too/../p/q//").unwrap();
        assert_eq!((made(parent), name.to_str()), ("p".into(), Some("q")));
        assert!(!top.join("p/q").exists());
        for path in ["", "/", "a/..", "."] {
            assert_eq!(root.make_parent(path).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn as_many_directories_are_made_as_a_path_names() {
    each(|root, top| {
        let deep = vec!["d"; 1000].join("/");
        assert_eq!(place(root.make_directory(&deep).unwrap(), top), Path::new(&deep), "{root:?}");
    });
}

/// A fifo that is opened for reading would wait for its writer: here it has one, so that without the check this ends.
#[test]
fn regular_files_alone_are_opened() {
    each(|root, top| {
        let mut writer = File::options().read(true).write(true).open(top.join("fifo")).unwrap();
        writer.write_all(&[b'x'; 10]).unwrap();
        let mut text = String::new();
        root.open_file("climbing").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
        for path in ["fifo", "a"] {
            assert_eq!(root.open_file(path).unwrap_err().kind(), ErrorKind::InvalidInput, "{path}");
            assert_eq!(root.read_file(path, 9).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(root.open_file("x").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(root.read_file("absolute", 4).unwrap().unwrap(), b"file");
        assert_eq!(root.read_file("absolute", 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(root.read_file("a/b/file/x", 3).unwrap(), None);
        // Files without an end, as some are in procfs.
        fs::File::create(top.join("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(root.read_file("sparse", 1000).unwrap_err().kind(), ErrorKind::FileTooLarge);
    });
}

/// A walk holds few directories open, and finds its way back from where it had closed them.
#[test]
fn a_deep_path_goes_back_up() {
    each(|root, top| {
        let deep = vec!["d"; 200].join("/");
        fs::create_dir_all(top.join(&deep)).unwrap();
        let back = format!("{deep}{}/a/b", "/..".repeat(200));
        assert_eq!(place(root.find(&back).unwrap().unwrap(), top), Path::new("a/b"), "{root:?}");
        let half = format!("{deep}{}", "/..".repeat(100));
        let expected = vec!["d"; 100].join("/");
        assert_eq!(place(root.find(&half).unwrap().unwrap(), top), Path::new(&expected));
    });
}

/// As a user without privileges; root may enter everything.
#[test]
fn what_may_not_be_entered_is_found_all_the_same() {
    each(|root, top| {
        let set_mode = |mode| {
            fs::set_permissions(top.join("a/b/c"), fs::Permissions::from_mode(mode)).unwrap();
        };
        set_mode(0);
        let found = root.find("a/b/c").map(|found| found.is_some());
        let entered = ["a/b/c/..", "a/b/c/../file", "a/b/c/."].map(|path| root.find(path).is_ok());
        set_mode(0o755);
        assert!(found.unwrap(), "{root:?}");
        assert_eq!(entered, [rustix::process::geteuid().is_root(); 3], "{root:?}");
    });
}

#[test]
fn a_directory_that_is_open_as_a_path_serves_as_a_root() {
    let directory = sample();
    let path = directory.path().join("root");
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
    let fd = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
    let root = Root::from_fd(fd, "the root").unwrap();
    assert_eq!(root.path(), Path::new("the root"));
    assert_eq!(root.read_file("climbing", 10).unwrap().unwrap(), b"inside");
    let file = File::open(path.join("outside")).unwrap();
    assert_eq!(Root::from_fd(file.into(), "").unwrap_err().kind(), ErrorKind::NotADirectory);
}

/// Renames make the kernel unsure of every `..`: a lookup must nevertheless end, and never
/// out of the root.
#[test]
fn a_process_that_renames_without_pause_neither_stops_nor_misleads_a_lookup() {
    each(|root, top| {
        symlink("../../outside", top.join("a/trap")).unwrap();
        fs::create_dir(top.join("stays")).unwrap();
        let outside = fs::metadata(top.join("../outside")).unwrap().ino();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for [left, right] in [["a/b", "a/trap"], ["a", "moved"]] {
                let (stop, left, right) = (&stop, top.join(left), top.join(right));
                fs::create_dir_all(&right).ok();
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let _ = renameat_with(CWD, &left, CWD, &right, RenameFlags::EXCHANGE);
                    }
                });
            }
            for _ in 0..2000 {
                // There or not, as it happens to be just now.
                if let Ok(Some(handle)) = root.find("a/b") {
                    let found = File::from(handle).metadata().unwrap();
                    assert!(found.ino() != outside && !found.is_symlink(), "{root:?}");
                }
                if let Ok(Some(handle)) = root.find("a/b/../b/../../a/b/../../outside") {
                    assert_ne!(File::from(handle).metadata().unwrap().ino(), outside);
                }
                if let Ok(handle) = root.make_file("a/b/../b/made/outside") {
                    assert_ne!(File::from(handle).metadata().unwrap().ino(), outside);
                }
                let stays = root.find("stays/../stays/../outside").unwrap();
                assert!(stays.is_some(), "{root:?}");
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}

/// What is now a directory and now a link to one is a directory all the time.
#[test]
fn a_directory_that_a_link_replaces_is_never_missing() {
    each(|root, top| {
        fs::create_dir(top.join("target")).unwrap();
        fs::create_dir(top.join("now")).unwrap();
        symlink("target", top.join("then")).unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (now, then) = (top.join("now"), top.join("then"));
                while !stop.load(Ordering::Relaxed) {
                    renameat_with(CWD, &now, CWD, &then, RenameFlags::EXCHANGE).unwrap();
                }
            });
            let found = (0..5000).map(|_| root.find("now/"));
            let lost = found.filter(|found| !matches!(found, Ok(Some(_)))).count();
            stop.store(true, Ordering::Relaxed);
            assert_eq!(lost, 0, "{root:?}");
        });
    });
}

#[test]
fn a_process_that_puts_a_link_in_place_of_a_new_file_misleads_no_one() {
    each(|root, top| {
        let (link, stop) = (top.join("new"), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let _ = symlink("../made", &link);
                    let _ = fs::remove_file(&link);
                }
            });
            for _ in 0..2000 {
                let _ = root.make_file("new");
                let _ = fs::remove_file(&link);
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(!top.join("../made").exists(), "{root:?}");
    });
}

/// The kernel's refusal is made by strace, so it takes another process: this program's tests again.
#[test]
fn all_of_this_holds_without_openat2() {
    oci_testing::needs!("strace");
    const INNER: &str = "OCI_ROOTFS_WITHOUT_OPENAT2";
    if std::env::var_os(INNER).is_some() {
        return;
    }
    for error in ["ENOSYS", "EPERM"] {
        let mut strace = std::process::Command::new("strace");
        strace.args(["-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=openat2", "-e"]);
        strace.arg(format!("inject=openat2:error={error}")).arg(std::env::current_exe().unwrap());
        // One error is enough for the whole but what others do; of the other, that it is understood.
        let whole = ["--skip", "known_bad", "--skip", "trusting"];
        strace.args(if error == "EPERM" { &["root::"][..] } else { &whole });
        strace.arg("--test-threads=2").env(INNER, error).env("OCI_TEST_CASES", "20");
        let output = strace.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{error}: {}\n{text}", output.status);
    }
}

#[test]
fn another_resolver_is_found_where_openat2_is_refused() {
    let expected = match std::env::var_os("OCI_ROOTFS_WITHOUT_OPENAT2") {
        Some(_) => Resolver::ByComponent,
        None => return,
    };
    assert_eq!(Root::open("/").unwrap().resolver(), expected);
}

/// What is mounted over `/proc` has other files where the kernel has those that are open.
#[test]
fn nothing_is_opened_by_another_filesystem_at_proc() {
    const NAME: &str = "root::nothing_is_opened_by_another_filesystem_at_proc";
    const DIRECTORY: &str = "OCI_TEST_WITHOUT_PROC";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let file = Root::open(directory).unwrap().open_file("file");
        assert_eq!(file.unwrap_err().kind(), ErrorKind::Unsupported);
        return;
    }
    oci_testing::needs!(root, "unshare");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "inside").unwrap();
    let hide = "mount -t tmpfs none /proc && mkdir -p /proc/self/fd && cd /proc/self/fd && \
        touch $(seq 0 99) && exec \"$0\" --exact \"$1\" --nocapture";
    let output = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", hide])
        .arg(std::env::current_exe().unwrap())
        .arg(NAME)
        .env(DIRECTORY, directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
