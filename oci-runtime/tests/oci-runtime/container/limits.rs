//! The limits of a process: they bind it, and not who makes it.

use oci_runtime::spec::{Rlimit, RlimitType, Scheduler, SchedulerPolicy};
use oci_runtime::{Host, Spec};

use super::exec::{run, shell, within};
use super::fixture::{Fixture, chain, prints};

fn limit(kind: RlimitType, hard: u64, soft: u64) -> impl FnOnce(&mut Spec) {
    move |spec| spec.process.as_mut().unwrap().rlimits = vec![Rlimit::new(kind, hard, soft)]
}

// covers: RT-PROC-07
#[test]
fn a_program_starts_with_as_few_descriptors_as_it_likes() {
    oci_testing::needs!(user_namespaces, busybox);
    for most in 0..=8 {
        let change = limit(RlimitType::Nofile, most, most);
        let text = prints(change, "ulimit -n; ulimit -Hn");
        assert_eq!(text, format!("{most}\n{most}\n"));
    }
}

#[test]
fn a_hook_inside_has_descriptors_where_the_program_has_none() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("[ -f /tmp/hook ] && ulimit -n");
    limit(RlimitType::Nofile, 3, 3)(&mut fixture.spec);
    let mut hook = oci_runtime::spec::Hook::new("/bin/sh".into());
    hook.args = ["sh", "-c", "cat > /tmp/hook"].map(String::from).to_vec();
    hook.env = vec!["PATH=/bin".into()];
    let mut hooks = oci_runtime::spec::Hooks::new();
    hooks.start_container = vec![hook];
    fixture.spec.hooks = Some(hooks);
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout, "3\n", "{}", outcome.stderr);
}

/// The init would need more of each.
#[test]
fn a_program_starts_with_little_memory_and_no_space() {
    oci_testing::needs!(user_namespaces, busybox);
    for (kind, most, option) in [
        (RlimitType::As, 8 << 20, "-v"),
        (RlimitType::Data, 4 << 20, "-d"),
        (RlimitType::Stack, 256 << 10, "-s"),
        (RlimitType::Fsize, 0, "-f"),
    ] {
        let unit = if kind == RlimitType::Fsize { 512 } else { 1024 };
        let line = format!("[ $(ulimit {option}) = {} ]", most / unit);
        let mut fixture = Fixture::new().shell(&line);
        limit(kind.clone(), most, most)(&mut fixture.spec);
        let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
        assert_eq!(outcome.status.code(), Some(0), "{kind:?}: {}", outcome.stderr);
    }
}

#[test]
fn an_added_process_has_limits_of_its_own() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("sleep 100");
    within(&fixture, |container| {
        for most in [3, 5] {
            let mut process = shell("ulimit -n");
            process.rlimits = vec![Rlimit::new(RlimitType::Nofile, most, most)];
            let (text, _) = run(container, process).unwrap();
            assert_eq!(text, format!("{most}\n"));
        }
    });
}

/// What a container prints that asks for a limit above the caller's, or nothing if the caller may raise none.
fn raised(
    kind: RlimitType,
    hard: u64,
    change: impl FnOnce(&mut Spec),
    line: &str,
) -> Option<String> {
    const SYS_RESOURCE: u64 = 1 << 24;
    let mut fixture = Fixture::new().shell(line);
    change(&mut fixture.spec);
    limit(kind.clone(), hard, hard / 2)(&mut fixture.spec);
    let result = fixture.run().map_err(|error| chain(&error));
    if Host::probe().unwrap().capabilities & SYS_RESOURCE != 0 {
        return Some(result.unwrap().stdout);
    }
    let error = result.map(|outcome| outcome.stdout).unwrap_err();
    let expected = format!("the caller may not raise `{}` above", kind.as_str());
    assert!(error.contains(&expected), "{error}");
    None
}

/// The kernel lets nobody raise a limit in a user namespace, whatever rights he has there.
#[test]
fn limits_are_raised_above_those_of_the_caller() {
    oci_testing::needs!(root, busybox);
    use rustix::process::{Resource, getrlimit};
    let Some(most) = getrlimit(Resource::Msgqueue).maximum else { return };
    let hard = most * 2;
    for own_users in [false, true] {
        let change = |spec: &mut Spec| {
            if own_users {
                *spec = spec.clone().rootless(100_000, 100_000).spec;
            }
        };
        let line = "grep msgqueue /proc/self/limits";
        let Some(text) = raised(RlimitType::Msgqueue, hard, change, line) else { continue };
        let words: Vec<&str> = text.split_whitespace().skip(3).collect();
        assert_eq!(words.join(" "), format!("{} {hard} bytes", hard / 2));
    }
}

/// Limits of scheduling are there when the process is scheduled.
#[test]
fn a_process_is_scheduled_within_its_limits() {
    oci_testing::needs!(root, busybox);
    let change = |spec: &mut Spec| {
        *spec = spec.clone().rootless(100_000, 100_000).spec;
        let mut scheduler = Scheduler::new(SchedulerPolicy::Normal);
        scheduler.nice = Some(-5);
        spec.process.as_mut().unwrap().scheduler = Some(scheduler);
    };
    let Some(text) = raised(RlimitType::Nice, 60, change, "cat /proc/self/stat") else { return };
    assert_eq!(text.split(' ').nth(18), Some("-5"), "{text}");
}
