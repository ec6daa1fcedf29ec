//! What a container sees of a process that is about to join it.

use std::io::Write;
use std::os::unix::net::UnixStream;

use oci_runtime::Stdio;
use oci_runtime::spec::linux::{Namespace, NamespaceType};
use oci_runtime::spec::{Capabilities, Capability, IdMapping};

use super::exec::{run, shell, within};
use super::fixture::{Fixture, chain};

/// A socket that takes nothing more, so that who writes to it waits, and its other end.
fn full() -> (UnixStream, UnixStream) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    while theirs.write(&[0; 4096]).is_ok() {}
    theirs.set_nonblocking(false).unwrap();
    (ours, theirs)
}

/// The process has descriptors of the host until it executes the program (CVE-2016-9962). The container's root, which is
/// the caller's user, has all capabilities in its user namespace; without them the kernel would not let it look anyway.
#[test]
fn a_process_that_joins_is_not_seen_into_before_it_executes_the_program() {
    oci_testing::needs!(root, busybox);
    let mut fixture = Fixture::new().shell("exec sleep 1000");
    let linux = fixture.spec.linux.as_mut().unwrap();
    linux.namespaces.push(Namespace::new(NamespaceType::User));
    linux.uid_mappings = vec![IdMapping::new(0, 0, 1000)];
    linux.gid_mappings = vec![IdMapping::new(0, 0, 1000)];
    let mut all = Capabilities::new();
    for set in [&mut all.bounding, &mut all.permitted, &mut all.effective] {
        *set = Capability::LISTED.to_vec();
    }
    let mut look = shell(
        "while :; do for p in /proc/[0-9]*; do grep -q '^oci-runtime: init' $p/cmdline || continue; \
         for f in exe root cwd fd/3; do echo $f $(busybox readlink $p/$f); done; exit; done; done 2> /dev/null",
    );
    look.capabilities = Some(all);
    let mut joining = shell("true");
    joining.terminal = Some(true);
    within(&fixture, |container| {
        let (ours, theirs) = full();
        std::thread::scope(|scope| {
            // It waits inside, for somebody to take its terminal.
            let joined = scope.spawn(|| container.exec(joining, Stdio::terminal(theirs)));
            let seen = run(container, look);
            drop(ours);
            let error = chain(&joined.join().unwrap().map(drop).unwrap_err());
            assert!(error.contains("send the terminal to the console socket"), "{error}");
            let (text, _) = seen.map_err(|error| chain(&error)).unwrap();
            assert_eq!(text, "exe\nroot\ncwd\nfd/3\n");
        });
    });
}
