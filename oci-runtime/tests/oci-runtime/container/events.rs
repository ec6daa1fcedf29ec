//! What the feature `tracing` tells about a container.

use oci_runtime::Stdio;
use oci_runtime::spec::{Hook, Hooks};
use oci_testing::events::Events;

use super::fixture::{Fixture, chain};

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
