//! Root filesystems and specifications that want out.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use oci_runtime::spec::Mount;
use oci_runtime::{Bundle, ErrorKind, Spec, Stdio};
use rustix::fs::SealFlags;

use super::fixture::{Fixture, chain};

/// A directory outside of the root filesystem that nothing may appear in.
fn canary(fixture: &Fixture) -> std::path::PathBuf {
    let canary = fixture.dir.path().join("outside");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("ptmx"), "untouched").unwrap();
    canary
}

fn is_untouched(canary: &Path) -> bool {
    let names: Vec<_> =
        fs::read_dir(canary).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names == ["ptmx"] && fs::read_to_string(canary.join("ptmx")).unwrap() == "untouched"
}

/// Makes the specification's mounts leave `/dev` to the root filesystem, and `/dev` a link to the outside.
fn dev_leads_out(fixture: &mut Fixture) -> std::path::PathBuf {
    let canary = canary(fixture);
    fs::remove_dir(fixture.rootfs().join("dev")).unwrap();
    symlink(&canary, fixture.rootfs().join("dev")).unwrap();
    fixture.spec.mounts.retain(|mount| !mount.destination.starts_with("/dev"));
    canary
}

#[test]
fn a_dev_that_leads_out_gets_no_devices() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("true");
    let canary = dev_leads_out(&mut fixture);
    let error = fixture.run().map(drop).unwrap_err();
    assert!(
        chain(&error).contains("`/dev` of the root filesystem is not a directory"),
        "{}",
        chain(&error)
    );
    assert!(is_untouched(&canary));
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

/// The test above has teeth: it tells a runtime that follows the link.
#[test]
fn a_runtime_that_follows_the_dev_link_is_caught() {
    oci_testing::needs!(root, busybox, runc_1_1_5);
    let mut fixture = Fixture::new().shell("true");
    let canary = dev_leads_out(&mut fixture);
    let config = oci_image::json::to_vec(&fixture.spec).unwrap();
    fs::write(fixture.dir.path().join("config.json"), config).unwrap();
    let root = fixture.dir.path().join("runc");
    let run = |arguments: &[&str]| {
        std::process::Command::new("runc")
            .arg("--root")
            .arg(&root)
            .args(arguments)
            .current_dir(fixture.dir.path())
            .output()
            .unwrap()
    };
    run(&["run", &fixture.id]);
    run(&["delete", "--force", &fixture.id]);
    assert!(!is_untouched(&canary));
}

#[test]
fn mounts_through_links_stay_inside() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("touch /mnt/x; cat /proc/mounts");
    let canary = canary(&fixture);
    symlink(&canary, fixture.rootfs().join("mnt")).unwrap();
    let mut mount = Mount::new("/mnt/deeper".into());
    mount.r#type = Some("tmpfs".into());
    mount.source = Some("tmpfs".into());
    fixture.spec.mounts.push(mount);
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert!(is_untouched(&canary));
    let inside = format!("{}/deeper tmpfs", canary.display());
    assert!(outcome.stdout.contains(&inside), "{}", outcome.stdout);
}

#[test]
fn proc_is_mounted_on_a_plain_directory_only() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("true");
    fs::remove_dir(fixture.rootfs().join("proc")).unwrap();
    fs::create_dir(fixture.rootfs().join("elsewhere")).unwrap();
    symlink("/elsewhere", fixture.rootfs().join("proc")).unwrap();
    let error = fixture.run().map(drop).unwrap_err();
    assert!(
        chain(&error).contains("cannot open `/proc` as a directory without symbolic links"),
        "{}",
        chain(&error)
    );
}

#[test]
fn another_file_at_the_path_of_a_device_is_refused() {
    oci_testing::needs!(root, busybox);
    let plant: [fn(&Path); 3] = [
        |path| fs::write(path, "").unwrap(),
        |path| symlink("/proc/sys/kernel/core_pattern", path).unwrap(),
        |path| {
            let kind = rustix::fs::FileType::CharacterDevice;
            let mode = rustix::fs::Mode::from_raw_mode(0o666);
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, rustix::fs::makedev(1, 5))
                .unwrap();
        },
    ];
    for plant in plant {
        let mut fixture = Fixture::new().shell("true");
        fixture.spec.mounts.retain(|mount| !mount.destination.starts_with("/dev"));
        plant(&fixture.rootfs().join("dev/null"));
        let error = fixture.run().map(drop).unwrap_err();
        assert!(
            chain(&error).contains("another file is at `/dev/null` already"),
            "{}",
            chain(&error)
        );
    }
}

#[test]
fn a_working_directory_outside_is_refused() {
    oci_testing::needs!(user_namespaces, busybox);
    // Inheritable on purpose, as a careless caller has it.
    let outside = fs::File::open("/").unwrap();
    rustix::io::fcntl_setfd(&outside, rustix::io::FdFlags::empty()).unwrap();
    for number in 3..24 {
        let mut fixture = Fixture::new().shell("pwd; ls");
        fixture.spec.process.as_mut().unwrap().cwd = format!("/proc/self/fd/{number}");
        let error = fixture.run().map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Step), "{}", chain(&error));
        assert_eq!(fixture.residue(), Vec::<String>::new());
    }
}

/// What a container could overwrite through /proc/1/exe would run as the next container's init (CVE-2019-5736).
#[test]
fn the_init_runs_from_sealed_memory() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new();
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let program = format!("/proc/{}/exe", container.state().unwrap().pid.unwrap());
    let name = fs::read_link(&program).unwrap();
    let seals = rustix::fs::fcntl_get_seals(fs::File::open(program).unwrap()).unwrap();
    container.force_delete().unwrap();
    assert_eq!(name, Path::new("/memfd:oci-runtime-init (deleted)"));
    let all = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    assert_eq!(seals, all);
}

// covers: RT-LIFE-11
#[test]
fn ids_that_are_paths_or_options_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = oci_runtime::Runtime::open(dir.path().join("run")).unwrap();
    let bundle = Bundle::new(dir.path(), Spec::linux_default());
    let long = "x".repeat(1025);
    for id in ["", ".", "..", "a/b", "a\0b", "-rf", ".hidden", "ü", "a b", "a\n", long.as_str()] {
        let error = runtime.create(id, &bundle, Stdio::null()).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Id, "{id:?}");
        assert_eq!(runtime.container(id).map(drop).unwrap_err().kind(), ErrorKind::Id, "{id:?}");
    }
    assert_eq!(fs::read_dir(dir.path().join("run")).unwrap().count(), 0);
}

#[test]
fn what_is_kept_about_a_container_is_for_its_owner() {
    oci_testing::needs!(user_namespaces, busybox);
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    let container = fixture.create(Stdio::null()).unwrap();
    let runtime = fixture.dir.path().join("run");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&runtime), 0o700);
    assert_eq!(mode(&runtime.join(&fixture.id)), 0o700);
    for entry in fs::read_dir(runtime.join(&fixture.id)).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    container.force_delete().unwrap();
}

/// The peer stays, so an init that trusts the socket waits for instructions.
#[test]
fn an_init_takes_no_instructions_from_another_user() {
    oci_testing::needs!(root);
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::CommandExt;
    use std::time::{Duration, Instant};
    let nobody = rustix::process::Uid::from_raw(65_534);
    let pair = std::thread::spawn(move || {
        // The kernel notes who makes the pair; only this thread becomes another user.
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        UnixStream::pair().unwrap()
    });
    let (theirs, ours) = pair.join().unwrap();
    let mut init = std::process::Command::new(env!("CARGO_BIN_EXE_oci-runtime-init"))
        .arg0("oci-runtime: init")
        .stdin(std::os::fd::OwnedFd::from(theirs))
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let status = loop {
        match init.try_wait().unwrap() {
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            status => break status,
        }
    };
    drop(init.kill());
    init.wait().unwrap();
    assert_eq!(status.and_then(|status| status.code()), Some(126), "it waits for instructions");
    drop(ours);
}

/// A program with the set-group-ID bit has rights that whoever gives the instructions may not have.
#[test]
fn an_init_with_the_rights_of_its_file_takes_no_instructions() {
    oci_testing::needs!(root, "install");
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::CommandExt;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = dir.path().join("init");
    let mut install = std::process::Command::new("install");
    install.args(["-g", "1", "-m", "2755", env!("CARGO_BIN_EXE_oci-runtime-init")]);
    assert!(install.arg(&program).status().unwrap().success());
    let (theirs, mut ours) = UnixStream::pair().unwrap();
    let mut init = std::process::Command::new(program)
        .arg0("oci-runtime: init")
        .stdin(std::os::fd::OwnedFd::from(theirs))
        .spawn()
        .unwrap();
    let greeting = ours.read(&mut [0; 64]).unwrap();
    drop(ours);
    assert_eq!((greeting, init.wait().unwrap().code()), (0, Some(126)));
}

/// Of its caller an init has nothing open but standard input, output and error.
#[test]
fn an_init_closes_what_it_inherits() {
    oci_testing::needs!("bash");
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    let (theirs, mut ours) = UnixStream::pair().unwrap();
    let line = "exec 9</dev/null; exec -a 'oci-runtime: init' \"$0\"";
    let mut init = std::process::Command::new("bash")
        .args(["-c", line, env!("CARGO_BIN_EXE_oci-runtime-init")])
        .stdin(std::os::fd::OwnedFd::from(theirs))
        .spawn()
        .unwrap();
    assert!(ours.read(&mut [0; 64]).unwrap() > 0, "it does not greet");
    let open = std::fs::read_dir(format!("/proc/{}/fd", init.id())).unwrap();
    let mut open: Vec<_> = open.map(|entry| entry.unwrap().file_name()).collect();
    open.sort();
    drop(ours);
    init.wait().unwrap();
    assert_eq!(open, ["0", "1", "2", "3"]);
}
