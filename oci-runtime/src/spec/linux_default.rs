use super::linux::{DeviceRule, Namespace, NamespaceType, Resources};
use super::{Capabilities, Capability, Linux, Mount, Process, Root, Spec, User};

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const CAPABILITIES: &[Capability] = &[
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fsetid,
    Capability::Fowner,
    Capability::Mknod,
    Capability::NetRaw,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setfcap,
    Capability::Setpcap,
    Capability::NetBindService,
    Capability::SysChroot,
    Capability::Kill,
    Capability::AuditWrite,
];

const NAMESPACES: &[NamespaceType] = &[
    NamespaceType::Pid,
    NamespaceType::Network,
    NamespaceType::Ipc,
    NamespaceType::Uts,
    NamespaceType::Mount,
    NamespaceType::Cgroup,
];

const MASKED_PATHS: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

const READONLY_PATHS: &[&str] =
    &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Destination, type, source and options.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

const MOUNTS: &[Row] = &[
    ("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
    (
        "/dev/pts",
        "devpts",
        "devpts",
        &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    ),
    ("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
];

impl Spec {
    /// A Linux container that runs `sh` in the directory `rootfs` of the bundle, apart from the host
    /// in everything but its users.
    ///
    /// It has the capabilities that Docker and containerd give by default, gains no more, sees no
    /// device but the ones that every container has, and cannot read or change what describes the
    /// host in `/proc` and `/sys`. It has no limit of resources, no system call filter and no host
    /// name of its own.
    pub fn linux_default() -> Self {
        let mut spec = Self::new(Self::MADE.into());
        spec.process = Some(process());
        spec.root = Some(Root::new(Root::DEFAULT_PATH.into()));
        spec.mounts = MOUNTS.iter().map(mount).collect();
        spec.linux = Some(linux());
        spec
    }
}

fn process() -> Process {
    let mut process = Process::new("/".into());
    process.user = Some(User::posix(0, 0));
    process.args = vec!["sh".into()];
    process.env = vec![PATH.into()];
    process.no_new_privileges = Some(true);
    let mut capabilities = Capabilities::new();
    capabilities.bounding = CAPABILITIES.to_vec();
    capabilities.effective = CAPABILITIES.to_vec();
    capabilities.permitted = CAPABILITIES.to_vec();
    process.capabilities = Some(capabilities);
    process
}

fn mount(&(destination, r#type, source, options): &Row) -> Mount {
    let mut mount = Mount::new(destination.into());
    mount.r#type = Some(r#type.into());
    mount.source = Some(source.into());
    mount.options = owned(options);
    mount
}

fn linux() -> Linux {
    let mut linux = Linux::new();
    linux.namespaces = NAMESPACES.iter().cloned().map(Namespace::new).collect();
    linux.masked_paths = owned(MASKED_PATHS);
    linux.readonly_paths = owned(READONLY_PATHS);
    let mut deny_all = DeviceRule::new(false);
    deny_all.access = Some("rwm".into());
    let mut resources = Resources::new();
    resources.devices = vec![deny_all];
    linux.resources = Some(resources);
    linux
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(String::from).collect()
}
