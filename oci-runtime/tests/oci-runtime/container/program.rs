//! What a program finds when it begins: its home, its environment, its standard output, and itself.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use oci_runtime::Stdio;
use oci_runtime::spec::{Capability, Hook, Hooks, User};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::exec::{run, shell, within};
use super::fixture::{Fixture, chain, prints};

#[test]
fn home_is_that_of_the_user_unless_the_environment_has_one() {
    oci_testing::needs!(root, busybox);
    let passwd =
        "root:x:0:0::/root:/bin/sh\nweb:x:7:7:The web:/srv/web:/bin/sh\nbad:x:8:8::home:\n";
    for (uid, given, expected) in [
        (0, None, "/root"),
        (7, None, "/srv/web"),
        (8, None, "/"),
        (9, None, "/"),
        (7, Some("HOME=/else"), "/else"),
    ] {
        let mut fixture = Fixture::new().shell("echo $HOME; exec sleep 1000");
        fs::write(fixture.rootfs().join("etc/passwd"), passwd).unwrap();
        let mut process = shell("echo $HOME");
        for process in [fixture.spec.process.as_mut().unwrap(), &mut process] {
            process.user = Some(User::posix(uid, 0));
            process.env.extend(given.map(String::from));
        }
        within(&fixture, |container| {
            assert_eq!(run(container, process).unwrap().0, format!("{expected}\n"), "{uid}");
        });
        let outcome = fixture.shell("echo $HOME").run().map_err(|error| chain(&error)).unwrap();
        assert_eq!(outcome.stdout, format!("{expected}\n"), "{uid}");
    }
}

#[test]
fn of_two_variables_of_a_name_the_later_one_is_set() {
    oci_testing::needs!(user_namespaces, busybox);
    let set = |spec: &mut oci_runtime::Spec| {
        let env = ["A=1", "B=2", "A=3", "HOME=/"];
        spec.process.as_mut().unwrap().env.extend(env.map(String::from));
    };
    assert_eq!(
        prints(set, "busybox env | grep -v -e PWD -e SHLVL -e _= | busybox sort"),
        "A=3\nB=2\nHOME=/\nPATH=/bin\n"
    );
}

#[test]
fn a_start_container_hook_without_an_environment_has_the_programs() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("true");
    fixture.spec.process.as_mut().unwrap().env.push("COLOUR=red".into());
    let mut hook = Hook::new("/bin/sh".into());
    hook.args = ["sh", "-c", "echo $COLOUR > /tmp/colour"].map(String::from).to_vec();
    let mut own = hook.clone();
    own.args = ["sh", "-c", "echo $COLOUR >> /tmp/colour"].map(String::from).to_vec();
    own.env = vec!["COLOUR=blue".into()];
    let mut hooks = Hooks::new();
    hooks.start_container = vec![hook, own];
    fixture.spec.hooks = Some(hooks);
    fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(fs::read_to_string(fixture.rootfs().join("tmp/colour")).unwrap(), "red\nblue\n");
}

#[test]
fn a_user_opens_the_pipes_that_it_was_given_and_owns_no_file() {
    oci_testing::needs!(root, busybox);
    let mut fixture = Fixture::new().shell("echo out > /dev/stdout; echo err > /dev/stderr");
    fixture.spec.process.as_mut().unwrap().user = Some(User::posix(1000, 1000));
    let (mut reader, writer) = std::io::pipe().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let null = fs::File::open("/dev/null").unwrap();
    let stdio = Stdio::files(null, OwnedFd::from(writer), file.reopen().unwrap());
    let container = fixture.create(stdio).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    container.wait().unwrap();
    container.delete().unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "out\n");
    assert_eq!(file.as_file().metadata().unwrap().uid(), 0);
    assert_eq!(fs::metadata("/dev/null").unwrap().uid(), 0);
}

#[test]
fn a_program_that_capabilities_let_the_user_execute_is_executed() {
    oci_testing::needs!(root, busybox);
    for (capability, runs) in [(Capability::DacOverride, true), (Capability::Chown, false)] {
        let mut fixture = Fixture::new();
        let program = fixture.rootfs().join("bin/own");
        assert!(
            std::process::Command::new("cp")
                .arg("/bin/busybox")
                .arg(&program)
                .status()
                .unwrap()
                .success()
        );
        fs::set_permissions(&program, fs::Permissions::from_mode(0o744)).unwrap();
        let process = fixture.spec.process.as_mut().unwrap();
        process.user = Some(User::posix(1000, 1000));
        process.args = ["own", "echo", "ran"].map(String::from).to_vec();
        let mut sets = oci_runtime::spec::Capabilities::new();
        for set in [
            &mut sets.bounding,
            &mut sets.permitted,
            &mut sets.effective,
            &mut sets.inheritable,
            &mut sets.ambient,
        ] {
            set.push(capability.clone());
        }
        process.capabilities = Some(sets);
        match fixture.run().map_err(|error| chain(&error)) {
            Ok(outcome) => assert!(
                runs && outcome.stderr.contains("own: applet not found"),
                "{}",
                outcome.stderr
            ),
            Err(error) => assert!(!runs && error.contains("Permission denied"), "{error}"),
        }
    }
}

/// The kernel answers a write beyond this limit with a signal that ends a process.
#[test]
fn a_limit_of_the_caller_on_files_is_an_error() {
    oci_testing::needs!(user_namespaces, busybox);
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "container::program::of_a_caller_with_a_limit", "--nocapture"])
        .env("OCI_TEST_LIMITED", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_with_a_limit() {
    oci_testing::needs!(user_namespaces, busybox);
    if std::env::var_os("OCI_TEST_LIMITED").is_none() {
        return;
    }
    let fixture = Fixture::new();
    for (limit, expected) in [(10, "cannot write"), (100_000, "cannot start init from")] {
        setrlimit(Resource::Fsize, Rlimit { current: Some(limit), maximum: None }).unwrap();
        let error = chain(&fixture.create(Stdio::null()).map(drop).unwrap_err());
        let reason = format!("bytes are over this process's RLIMIT_FSIZE of {limit}");
        assert!(error.starts_with(expected) && error.ends_with(&reason), "{error}");
        assert!(fixture.runtime.list().unwrap().is_empty());
        assert_eq!(fixture.residue(), Vec::<String>::new());
    }
}
