//! What the feature `tracing` tells about a container, and what is told about one that runs.

use std::os::fd::AsFd;

use oci_runtime::spec::{Hook, Hooks};
use oci_runtime::{Event, Signal, Stdio};
use oci_testing::events::Events;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::fixture::{Fixture, chain};
use super::update::resources;

#[test]
fn events_tell_each_step_up_to_the_start_and_no_secrets() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("true SECRET");
    fixture.spec.process.as_mut().unwrap().env.push("TOKEN=SECRET".into());
    let mut hook = Hook::new("/bin/true".into());
    hook.args = vec!["true".into(), "SECRET".into()];
    hook.env = vec!["TOKEN=SECRET".into()];
    let mut hooks = Hooks::new();
    hooks.create_runtime = vec![hook];
    fixture.spec.hooks = Some(hooks);
    let events = Events::collect("oci_runtime");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    container.wait().unwrap();
    container.delete().unwrap();
    let text = events.text();
    assert!(!text.contains("SECRET"), "{text}");
    assert_eq!(text.matches("message=started init").count(), 1, "{text}");
    assert!(text.contains("message=hook ended program=/bin/true"), "{text}");
    let steps: Vec<&str> =
        text.lines().filter(|line| line.contains(" message=step done ")).collect();
    for (index, line) in steps.iter().enumerate() {
        assert!(line.contains(&format!(" number={} ", index + 1)), "{line}");
    }
    for step in ["step=mount proc on /proc", "step=run createRuntime /bin/true", "step=pivot"] {
        assert!(steps.iter().any(|line| line.contains(step)), "{step}: {text}");
    }
}

/// Whether a descriptor is readable now.
fn is_readable(descriptor: &impl AsFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(descriptor, PollFlags::IN)], Some(&now)).unwrap() > 0
}

#[test]
fn a_container_that_runs_out_of_memory_tells_it_and_then_its_end() {
    oci_testing::needs!(root, cgroups, busybox);
    // It keeps what it reads until there is a line.
    let mut fixture = Fixture::new().shell("exec busybox tail /dev/zero");
    let limits = r#"{"memory":{"limit":16777216,"swap":16777216}}"#;
    fixture.spec.linux.as_mut().unwrap().resources = Some(resources(limits));
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let mut events = container.events().map_err(|error| chain(&error)).unwrap();
    assert!(!is_readable(&events));
    assert_eq!(events.try_next().unwrap(), None);
    container.start().unwrap();
    let mut told: Vec<Event> = events.by_ref().map(Result::unwrap).collect();
    // The kernel may try more than once.
    told.dedup();
    assert_eq!(told, [Event::OutOfMemory, Event::Exited]);
    assert_eq!(events.try_next().unwrap(), None);
    assert!(container.stats().unwrap().memory.oom_kills >= Some(1));
    container.delete().unwrap();
}

#[test]
fn a_container_that_is_killed_tells_its_end_alone() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("exec sleep 100");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let mut events = container.events().map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    assert!(!is_readable(&events));
    container.kill(Signal::KILL).unwrap();
    assert!(is_readable(&events));
    // The removal of a cgroup of version 1 is told to who watches its memory.
    container.force_delete().unwrap();
    assert_eq!(events.by_ref().map(Result::unwrap).collect::<Vec<_>>(), [Event::Exited]);
    let error = container.events().map(drop).unwrap_err();
    assert_eq!(error.kind(), oci_runtime::ErrorKind::NotFound);
}
