//! Calls that would never end, of a runtime that has a timeout.

use std::fs;
use std::time::Duration;

use oci_runtime::spec::{Hook, Hooks, Status};
use oci_runtime::{Bundle, Runtime, Stdio};

use super::fixture::{Fixture, chain};

/// However long it is, the hooks run longer.
const LIMIT: Duration = Duration::from_millis(20);

fn hanging(path: &str) -> Hook {
    let mut hook = Hook::new(path.into());
    hook.args = ["sh", "-c", "exec sleep 1000"].map(String::from).to_vec();
    hook.env = vec!["PATH=/bin:/usr/bin".into()];
    hook
}

fn hurried(fixture: &Fixture) -> Runtime {
    fixture.runtime.clone().timeout(LIMIT)
}

#[test]
fn of_a_creation_leaves_nothing() {
    oci_testing::needs!(root, cgroups, busybox);
    type Change = fn(&mut Hooks);
    let changes: [Change; 2] = [
        |hooks| hooks.create_container = vec![hanging("/bin/sh")],
        |hooks| hooks.create_runtime = vec![hanging("/bin/sh")],
    ];
    for change in changes {
        let mut fixture = Fixture::new();
        change(fixture.spec.hooks.get_or_insert_with(Hooks::new));
        let bundle = Bundle::new(fixture.dir.path(), fixture.spec.clone());
        let error = hurried(&fixture).create(&fixture.id, &bundle, Stdio::null());
        let error = chain(&error.map(drop).unwrap_err());
        assert!(
            error.ends_with("it has taken longer than the 20ms of `Runtime::timeout`")
                || error.ends_with("hook `/bin/sh` was killed after its timeout of 1 s"),
            "{error}"
        );
        assert!(fixture.runtime.list().unwrap().is_empty());
        assert_eq!(fixture.residue(), Vec::<String>::new());
    }
}

#[test]
fn of_a_start_stops_the_container() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new();
    let hooks = fixture.spec.hooks.get_or_insert_with(Hooks::new);
    hooks.start_container = vec![hanging("/bin/sh")];
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let error = hurried(&fixture).container(&fixture.id).unwrap().start().unwrap_err();
    let status = container.state().unwrap().status;
    container.force_delete().map_err(|error| chain(&error)).unwrap();
    assert_eq!(
        chain(&error),
        format!(
            "cannot start container `{}`: it has taken longer than the 20ms of `Runtime::timeout`",
            fixture.id
        )
    );
    assert_eq!(status, Status::Stopped);
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

#[test]
fn of_a_deletion_counts_for_the_lock() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("true");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let held = fs::File::open(fixture.dir.path().join("run").join(&fixture.id).join("lock"));
    let held = held.unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let error = hurried(&fixture).container(&fixture.id).unwrap().delete().unwrap_err();
    drop(held);
    container.force_delete().map_err(|error| chain(&error)).unwrap();
    assert_eq!(
        chain(&error),
        format!(
            "cannot lock container `{}`: it has taken longer than the 20ms of `Runtime::timeout`",
            fixture.id
        )
    );
}
