//! Programs that become the init of containers, and those that do not.

use oci_runtime::spec::linux::{Memory, Resources};
use oci_runtime::{Launcher, Runtime, Stdio};

use super::fixture::{Fixture, chain};

fn error(fixture: &Fixture) -> String {
    let error = chain(&fixture.create(Stdio::null()).map(drop).unwrap_err());
    assert_eq!(fixture.residue(), Vec::<String>::new());
    assert!(fixture.runtime.list().unwrap().is_empty());
    error
}

/// This program does not begin with the call: it would run its tests again in the place of an init.
#[test]
fn of_a_program_that_has_not_called_init_is_not_started() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new();
    fixture.runtime = Runtime::open(fixture.dir.path().join("own")).unwrap();
    assert_eq!(
        error(&fixture),
        "cannot start init from `/proc/self/exe`: this program has not called `oci_runtime::init()`: call it on the \
         first line of `main`, or give the runtime a launcher (`Launcher::program`)"
    );
    // As inside of `#[tokio::main]`: a test has a thread of its own.
    oci_runtime::init();
    assert_eq!(
        error(&fixture),
        "cannot start init from `/proc/self/exe`: the program has threads before it calls `oci_runtime::init()`: call \
         it on the first line of `main`, outside of `#[tokio::main]`"
    );
}

#[test]
fn a_program_that_is_no_init_is_named_with_what_it_said() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new();
    let rule = "its `main` must begin with `oci_runtime::init()`";
    for (program, reason) in [
        ("/bin/true", format!("it ended before it was an init (exit status: 0): {rule}")),
        ("/bin/false", format!("it ended before it was an init (exit status: 1): {rule}")),
        (
            "/bin/sleep",
            format!("it ended before it was an init (exit status: 1), saying `{SAID}`: {rule}"),
        ),
    ] {
        let launcher = Launcher::program(program);
        fixture.runtime = Runtime::open(fixture.dir.path().join("own")).unwrap().launcher(launcher);
        assert_eq!(error(&fixture), format!("cannot start init from `{program}`: {reason}"));
    }
}

const SAID: &str =
    "oci-runtime: init: missing operand; Try 'oci-runtime: init --help' for more information.";

#[test]
fn that_is_killed_for_want_of_memory_names_the_limit() {
    oci_testing::needs!(root, cgroups, busybox);
    let mut fixture = Fixture::new();
    let mut memory = Memory::new();
    memory.limit = Some(4096);
    let mut resources = Resources::new();
    resources.memory = Some(memory);
    fixture.spec.linux.as_mut().unwrap().resources = Some(resources);
    assert_eq!(
        error(&fixture),
        "cannot talk to init: the kernel killed it because the memory of its cgroup is used up: raise \
         `/linux/resources/memory/limit`"
    );
}

/// `vm.memfd_noexec` belongs to a PID namespace: with 2 there, nothing in memory is executed.
#[test]
fn is_started_where_memory_may_not_be_executed() {
    oci_testing::needs!(root, busybox, "unshare");
    let line = "echo 2 > /proc/sys/vm/memfd_noexec && exec \"$0\" --exact \
                container::init::of_a_caller_without_memory_for_programs --nocapture";
    let output = std::process::Command::new("unshare")
        .args(["-p", "-f", "-m", "--mount-proc", "sh", "-c", line])
        .arg(std::env::current_exe().unwrap())
        .env("OCI_TEST_NO_MEMORY", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_without_memory_for_programs() {
    oci_testing::needs!(root, busybox);
    if std::env::var_os("OCI_TEST_NO_MEMORY").is_none() {
        return;
    }
    let mut fixture = Fixture::new();
    let init = env!("CARGO_BIN_EXE_oci-runtime-init");
    let mut hook = oci_runtime::spec::Hook::new("/bin/sh".into());
    // The init waits here; what it is cannot be opened for writing.
    hook.args =
        ["sh", "-c", "(: > /proc/$PPID/exe) 2>&1 | grep -q 'Read-only'"].map(String::from).to_vec();
    hook.env = vec!["PATH=/bin:/usr/bin".into()];
    let mut hooks = oci_runtime::spec::Hooks::new();
    hooks.create_runtime = vec![hook];
    fixture.spec.hooks = Some(hooks);
    let before = std::fs::read(init).unwrap();
    let outcome = fixture.shell("echo ran").run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout, "ran\n");
    assert!(std::fs::read(init).unwrap() == before);
}
