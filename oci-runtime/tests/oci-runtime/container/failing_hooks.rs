//! What the failure of a hook of each kind does, and to whom.

use std::fs;

use oci_runtime::spec::{Hook, Hooks, Status};
use oci_runtime::{ErrorKind, Stdio};

use super::fixture::{Fixture, chain};

const KINDS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// A shell line as a hook.
fn hook(line: &str) -> Hook {
    let mut hook = Hook::new("/bin/sh".into());
    hook.args = ["sh", "-c", line].map(String::from).to_vec();
    hook.env = vec!["PATH=/bin:/usr/bin".into()];
    hook
}

/// A container with a hook of each kind that notes that it ran; of one kind there are two more, the first of which
/// fails. Its program waits for nothing but its end.
fn failing(kind: &str) -> Fixture {
    let mut fixture = Fixture::new().shell("touch /tmp/program; exec sleep 1000");
    let outside = fixture.rootfs().display().to_string();
    let [prestart, create_runtime, create_container, start_container, poststart, poststop] = KINDS
        .map(|name| {
            let root = if name == "startContainer" { "" } else { &outside };
            let note = |what: &str| hook(&format!("echo {name}{what} >> {root}/tmp/log"));
            match name == kind {
                true => vec![note(""), hook("echo no >&2; exit 3"), note(" again")],
                false => vec![note("")],
            }
        });
    let mut hooks = Hooks::new();
    (hooks.prestart, hooks.create_runtime) = (prestart, create_runtime);
    (hooks.create_container, hooks.start_container) = (create_container, start_container);
    (hooks.poststart, hooks.poststop) = (poststart, poststop);
    fixture.spec.hooks = Some(hooks);
    fixture
}

/// The kinds of hooks that ran, in their order.
fn log(fixture: &Fixture) -> Vec<String> {
    let text = fs::read_to_string(fixture.rootfs().join("tmp/log")).unwrap();
    text.lines().map(String::from).collect()
}

// covers: RT-LIFE-04
#[test]
fn a_container_whose_hooks_of_creation_fail_is_deleted() {
    oci_testing::needs!(user_namespaces, busybox);
    for (index, kind) in KINDS[..3].iter().enumerate() {
        let fixture = failing(kind);
        let error = fixture.create(Stdio::null()).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Hook, "{kind}");
        let text = chain(&error);
        assert!(text.starts_with(&format!("cannot run {kind} /bin/sh")), "{text}");
        assert!(text.ends_with("ended with exit status: 3, saying `no`"), "{text}");
        assert!(fixture.runtime.list().unwrap().is_empty(), "{kind}");
        let expected = [&KINDS[..=index], &["poststop"]].concat();
        assert_eq!(log(&fixture), expected, "{kind}");
        assert!(!fixture.rootfs().join("tmp/program").exists(), "{kind}");
        assert_eq!(fixture.residue(), Vec::<String>::new(), "{kind}");
    }
}

// covers: RT-LIFE-04
#[test]
fn a_container_whose_hooks_of_the_start_fail_is_stopped() {
    oci_testing::needs!(user_namespaces, busybox);
    for (index, kind) in KINDS[..5].iter().enumerate().skip(3) {
        let fixture = failing(kind);
        let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
        let error = container.start().unwrap_err();
        let status = container.state().unwrap().status;
        container.force_delete().map_err(|error| chain(&error)).unwrap();
        assert_eq!((error.kind(), status), (ErrorKind::Hook, Status::Stopped), "{kind}");
        let text = chain(&error);
        assert!(text.starts_with(&format!("cannot run {kind} /bin/sh")), "{text}");
        assert!(text.ends_with("ended with exit status: 3, saying `no`"), "{text}");
        let expected = [&KINDS[..=index], &["poststop"]].concat();
        assert_eq!(log(&fixture), expected, "{kind}");
        let ran = fixture.rootfs().join("tmp/program").exists();
        assert!(*kind == "poststart" || !ran, "{kind}");
        assert_eq!(fixture.residue(), Vec::<String>::new(), "{kind}");
    }
}
