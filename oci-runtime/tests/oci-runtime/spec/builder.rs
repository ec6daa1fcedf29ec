use oci_runtime::Spec;
use oci_runtime::spec::linux::{Cpu, Memory, Pids};
use oci_runtime::spec::{Mount, Process, User};

#[test]
fn each_method_changes_what_it_names_alone() {
    let built = Spec::linux_default()
        .args(["echo", "hello"])
        .env("LANG", "C")
        .env("PATH", "/bin")
        .env("LANG", "C.UTF-8")
        .cwd("/tmp")
        .user(5, 6)
        .terminal()
        .hostname("web")
        .mount(Mount::bind("/srv", "/data").option("ro"))
        .read_only_root()
        .memory(1 << 20)
        .cpus(1.5)
        .pids(7);
    let mut expected = Spec::linux_default();
    let process = expected.process.as_mut().unwrap();
    process.args = vec!["echo".into(), "hello".into()];
    process.env = vec!["PATH=/bin".into(), "LANG=C.UTF-8".into()];
    process.cwd = "/tmp".into();
    process.user = Some(User::posix(5, 6));
    process.terminal = Some(true);
    expected.hostname = Some("web".into());
    let mut mount = Mount::new("/data".into());
    mount.source = Some("/srv".into());
    mount.options = vec!["rbind".into(), "ro".into()];
    expected.mounts.push(mount);
    expected.root.as_mut().unwrap().readonly = Some(true);
    let resources = expected.linux.as_mut().unwrap().resources.as_mut().unwrap();
    let (mut memory, mut cpu, mut pids) = (Memory::new(), Cpu::new(), Pids::new());
    memory.limit = Some(1 << 20);
    (cpu.period, cpu.quota) = (Some(100_000), Some(150_000));
    pids.limit = Some(7);
    (resources.memory, resources.cpu, resources.pids) = (Some(memory), Some(cpu), Some(pids));
    assert_eq!(built, expected);
}

#[test]
fn what_is_missing_is_made() {
    let mut expected = Spec::new("1.0.2".into());
    let mut process = Process::new("/".into());
    process.args = vec!["sh".into()];
    expected.process = Some(process);
    assert_eq!(Spec::new("1.0.2".into()).args(["sh"]), expected);
}

#[test]
fn numbers_beyond_their_range_are_its_ends() {
    let limits = |spec: Spec| {
        let resources = spec.linux.unwrap().resources.unwrap();
        (resources.memory.and_then(|it| it.limit), resources.cpu.and_then(|it| it.quota))
    };
    let spec = Spec::linux_default().memory(u64::MAX).cpus(f64::INFINITY);
    assert_eq!(limits(spec), (Some(i64::MAX), Some(i64::MAX)));
    assert_eq!(limits(Spec::linux_default().cpus(f64::NAN)), (None, Some(0)));
}
