//! Functions in the place of programs.

use oci_runtime::{Bundle, Host, Plan, Spec};

use super::texts;

fn bundle(change: impl FnOnce(&mut Spec)) -> Bundle {
    let mut spec = Spec::linux_default();
    change(&mut spec);
    Bundle::new("/bundle", spec).function("greet", "world")
}

#[test]
fn a_function_is_called_where_a_program_is_executed() {
    let no_arguments = |spec: &mut Spec| spec.process.as_mut().unwrap().args.clear();
    let program = Plan::new(&Bundle::new("/bundle", Spec::linux_default()), &Host::typical());
    let function = Plan::new(&bundle(no_arguments), &Host::typical()).unwrap().to_string();
    let expected = program.unwrap().to_string();
    let expected = expected.replace("find program sh", "find function greet");
    assert_eq!(function, expected.replace("execute sh", "call function greet with 5 bytes"));
}

#[test]
fn a_function_cannot_be_labelled() {
    let mut host = Host::typical();
    host.security_modules.push("apparmor".into());
    let label =
        |spec: &mut Spec| spec.process.as_mut().unwrap().apparmor_profile = Some("strict".into());
    let refused = Plan::new(&bundle(label), &host).map(|plan| plan.to_string()).unwrap_err();
    let expected =
        "`/process`: a security module labels a process by its exec, which a function has not";
    assert_eq!(texts(&refused), [expected]);
}
