//! A specification in few words.

use super::linux::{Cpu, Memory, Pids, Resources};
use super::{Linux, Mount, Process, Root, Spec, User};

/// The period of [`Spec::cpus`], in microseconds, as other runtimes choose it.
const PERIOD: u64 = 100_000;

/// What is asked for most often. Each method returns the specification with one thing more or another; all else is in the
/// public members.
///
/// ```
/// use oci_runtime::Spec;
/// use oci_runtime::spec::Mount;
///
/// let spec = Spec::linux_default()
///     .args(["nginx", "-g", "daemon off;"])
///     .env("LANG", "C.UTF-8")
///     .user(101, 101)
///     .hostname("web")
///     .mount(Mount::bind("/srv/www", "/usr/share/nginx/html").option("ro"))
///     .memory(256 << 20)
///     .cpus(1.5)
///     .pids(100);
/// assert_eq!(spec.hostname.as_deref(), Some("web"));
/// assert_eq!(spec.linux.unwrap().resources.unwrap().memory.unwrap().limit, Some(268_435_456));
/// ```
impl Spec {
    /// Runs this program with these arguments; the first is the program.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.made_process().args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Sets a variable of the program's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        let environment = &mut self.made_process().env;
        environment.retain(|entry| entry.split('=').next() != Some(name));
        environment.push(format!("{name}={value}"));
        self
    }

    /// Runs the program in this directory of the container.
    #[must_use]
    pub fn cwd(mut self, path: impl Into<String>) -> Self {
        self.made_process().cwd = path.into();
        self
    }

    /// Runs the program as this user and this group, without additional groups.
    #[must_use]
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.made_process().user = Some(User::posix(uid, gid));
        self
    }

    /// Gives the program a terminal, which [`Stdio::terminal`](crate::Stdio::terminal) takes.
    #[must_use]
    pub fn terminal(mut self) -> Self {
        self.made_process().terminal = Some(true);
        self
    }

    /// Sets the host name that the container sees.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = Some(name.into());
        self
    }

    /// Mounts something more, after all before it.
    #[must_use]
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Makes the root filesystem read-only for the container.
    #[must_use]
    pub fn read_only_root(mut self) -> Self {
        self.root.get_or_insert_with(|| Root::new(Root::DEFAULT_PATH.into())).readonly = Some(true);
        self
    }

    /// Limits the memory of the container, in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        let memory = self.made_resources().memory.get_or_insert_with(Memory::new);
        memory.limit = Some(i64::try_from(bytes).unwrap_or(i64::MAX));
        self
    }

    /// Limits the processor time of the container to that of so many processors. Zero, and what is not a number, is no
    /// limit.
    #[must_use]
    pub fn cpus(mut self, count: f64) -> Self {
        let cpu = self.made_resources().cpu.get_or_insert_with(Cpu::new);
        // A float beyond the range of the integer becomes its end.
        (cpu.period, cpu.quota) = (Some(PERIOD), Some((count * PERIOD as f64) as i64));
        self
    }

    /// Limits the number of tasks in the container.
    #[must_use]
    pub fn pids(mut self, limit: u32) -> Self {
        self.made_resources().pids.get_or_insert_with(Pids::new).limit = Some(limit.into());
        self
    }

    fn made_process(&mut self) -> &mut Process {
        self.process.get_or_insert_with(|| Process::new("/".into()))
    }

    fn made_resources(&mut self) -> &mut Resources {
        let linux = self.linux.get_or_insert_with(Linux::new);
        linux.resources.get_or_insert_with(Resources::new)
    }
}

impl Mount {
    /// Shows a file or a directory of the host, with all that is mounted below it.
    pub fn bind(source: impl Into<String>, destination: impl Into<String>) -> Self {
        let mut mount = Self::new(destination.into());
        mount.source = Some(source.into());
        mount.option("rbind")
    }

    /// Adds an option, such as `ro`.
    #[must_use]
    pub fn option(mut self, option: impl Into<String>) -> Self {
        self.options.push(option.into());
        self
    }
}
