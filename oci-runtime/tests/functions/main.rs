//! Functions of a program that are the processes of containers.
//!
//! A test binary of its own, without the harness of the others: `main` of the program that becomes the init begins with
//! `init_with`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the other tests use it")]
#[path = "../oci-runtime/container/fixture.rs"]
mod fixture;
mod inside;

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;

use oci_runtime::spec::{Process, User};
use oci_runtime::{Bundle, Container, Error, ErrorKind, Exec, Launcher, Runtime, Signal, Stdio};

use fixture::{Fixture, chain};

const TESTS: [(&str, fn()); 6] = [
    (
        "a_function_is_given_what_a_program_would_have",
        a_function_is_given_what_a_program_would_have,
    ),
    ("its_result_is_the_exit_status", its_result_is_the_exit_status),
    ("it_runs_when_the_container_is_started", it_runs_when_the_container_is_started),
    ("one_is_added_to_a_container", one_is_added_to_a_container),
    ("one_that_the_program_lacks_is_named", one_that_the_program_lacks_is_named),
    ("an_input_that_is_too_long_is_refused", an_input_that_is_too_long_is_refused),
];

/// Lists and runs tests as the harness does that other tests have.
#[expect(clippy::print_stdout, reason = "it is the harness")]
fn main() {
    oci_runtime::init_with(&inside::FUNCTIONS);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let names: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for (name, test) in TESTS {
        if has("--ignored") {
            continue;
        }
        if has("--list") {
            println!("{name}: test");
        } else if names.is_empty() || names.iter().any(|asked| name.contains(asked.as_str())) {
            println!("test {name}");
            test();
        }
    }
}

/// A fixture whose init is this program.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    let directory = fixture.dir.path().join("run");
    fixture.runtime = Runtime::open(directory).unwrap().launcher(Launcher::current_exe());
    fixture.spec.process.as_mut().unwrap().args = vec!["one".into(), "two".into()];
    fixture
}

fn create(fixture: &Fixture, name: &str, input: &[u8], stdio: Stdio) -> Result<Container, Error> {
    let bundle = Bundle::new(fixture.dir.path(), fixture.spec.clone()).function(name, input);
    fixture.runtime.create(&fixture.id, &bundle, stdio)
}

/// Standard output to a file, and a descriptor more.
fn stdio(output: &File) -> Stdio {
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    Stdio::files(null(), output.try_clone().unwrap(), null()).descriptors([null()])
}

fn text(mut file: File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

fn a_function_is_given_what_a_program_would_have() {
    oci_testing::needs!(root, busybox);
    let mut fixture = fixture();
    fs::write(fixture.rootfs().join("etc/passwd"), "web:x:7:7::/srv:/bin/sh\n").unwrap();
    let process = fixture.spec.process.as_mut().unwrap();
    process.user = Some(User::posix(7, 8));
    process.cwd = "/tmp".into();
    process.no_new_privileges = Some(true);
    let output = tempfile::tempfile().unwrap();
    let container = create(&fixture, "look", b"\0input", stdio(&output))
        .map_err(|error| chain(&error))
        .unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    let status = container.wait().unwrap();
    container.delete().map_err(|error| chain(&error)).unwrap();
    assert_eq!(fixture.residue(), Vec::<String>::new());
    assert_eq!(status.code(), Some(0));
    let expected = r#"FunctionCall { input: [0, 105, 110, 112, 117, 116], arguments: ["one", "two"], environment: ["PATH=/bin", "HOME=/srv"] }
variables 0
process 1 in /tmp
Name: look
Uid: 7 7 7 7
Gid: 8 8 8 8
CapEff: 0000000000000000
CapBnd: 00000000a80425fb
NoNewPrivs: 1
descriptors 0 1 2 3
"#;
    assert_eq!(text(output), expected);
}

fn its_result_is_the_exit_status() {
    oci_testing::needs!(user_namespaces, busybox);
    for (name, expected) in [("seven", 7), ("panic", 101)] {
        let fixture = fixture();
        let container =
            create(&fixture, name, b"", Stdio::null()).map_err(|error| chain(&error)).unwrap();
        container.start().map_err(|error| chain(&error)).unwrap();
        let status = container.wait().unwrap();
        container.delete().unwrap();
        assert_eq!(status.code(), Some(expected), "{name}");
    }
}

fn it_runs_when_the_container_is_started() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = fixture();
    let (stdio, pipes) = Stdio::piped().unwrap();
    let container = create(&fixture, "wait", b"", stdio).map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.state().unwrap().status.to_string(), "created");
    container.start().map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.state().unwrap().status.to_string(), "running");
    // As whoever asked for the start left it that was killed before it could note that.
    let record = fixture.dir.path().join("run").join(&fixture.id).join("state.json");
    let noted = fs::read_to_string(&record).unwrap();
    fs::write(&record, noted.replace("\"Started\"", "\"Starting\"")).unwrap();
    assert_eq!(container.state().unwrap().status.to_string(), "running");
    container.kill(Signal::TERM).unwrap();
    // It is process 1 and handles no signal.
    drop(pipes.stdin);
    assert_eq!(container.wait().unwrap().signal(), None);
    container.delete().unwrap();
}

fn one_is_added_to_a_container() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = fixture().shell("exec sleep 1000");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    let (stdio, mut pipes) = Stdio::piped().unwrap();
    let mut process = Process::new("/".into());
    process.env = vec!["A=b".into(), "HOME=/home".into()];
    let added = container.exec(Exec::new(process).function("echo", "said"), stdio);
    let added = added.map_err(|error| chain(&error)).unwrap();
    let status = added.wait().unwrap();
    container.force_delete().unwrap();
    let mut said = String::new();
    pipes.stdout.read_to_string(&mut said).unwrap();
    assert_eq!((status.code(), said.as_str()), (Some(0), "said [\"A=b\", \"HOME=/home\"]"));
}

fn one_that_the_program_lacks_is_named() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = fixture();
    let error = create(&fixture, "none", b"", Stdio::null()).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Step);
    let expected = "cannot find function none: the init has none of this name: pass it to `oci_runtime::init_with`";
    assert_eq!(chain(&error), expected);
    assert_eq!(fixture.residue(), Vec::<String>::new());
    assert!(fixture.runtime.list().unwrap().is_empty());
}

fn an_input_that_is_too_long_is_refused() {
    let fixture = fixture();
    for (length, is_refused) in [(1 << 20, false), ((1 << 20) + 1, true)] {
        let error =
            create(&fixture, "none", &vec![255; length], Stdio::null()).map(drop).unwrap_err();
        assert_eq!(error.kind() == ErrorKind::Refused, is_refused, "{}", chain(&error));
    }
}
