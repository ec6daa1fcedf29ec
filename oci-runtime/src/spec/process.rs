use oci_image::json::model;

use super::{Capabilities, IoPriority, Rlimit, Scheduler, User};

model! {
    /// A program to run in a container, and as what.
    pub struct Process {
        /// Whether it gets a terminal.
        optional terminal: bool = "terminal";
        /// The size of the terminal.
        optional console_size: ConsoleSize = "consoleSize";
        /// Who it runs as.
        optional user: User = "user";
        /// The program and its arguments.
        list args: Vec<String> = "args";
        /// The whole command line, on Windows.
        optional command_line: String = "commandLine";
        /// The environment: `NAME=VALUE`.
        list env: Vec<String> = "env";
        /// The working directory, an absolute path in the container.
        required cwd: String = "cwd";
        /// The capabilities that it keeps, on Linux.
        optional capabilities: Capabilities = "capabilities";
        /// Limits of its resources.
        list rlimits: Vec<Rlimit> = "rlimits";
        /// Whether it and its children never gain privileges.
        optional no_new_privileges: bool = "noNewPrivileges";
        /// The AppArmor profile.
        optional apparmor_profile: String = "apparmorProfile";
        /// How readily the kernel ends it when memory runs out; absent leaves it as it is.
        optional oom_score_adj: i32 = "oomScoreAdj";
        /// How the kernel schedules it.
        optional scheduler: Scheduler = "scheduler";
        /// The SELinux label.
        optional selinux_label: String = "selinuxLabel";
        /// The priority of its input and output.
        optional io_priority: IoPriority = "ioPriority";
        /// The CPUs of processes that enter the running container.
        optional exec_cpu_affinity: ExecCpuAffinity = "execCPUAffinity";
    }

    /// The size of a terminal in characters.
    pub struct ConsoleSize {
        /// Lines.
        required height: u64 = "height";
        /// Columns.
        required width: u64 = "width";
    }

    /// The CPUs of a process that enters a container, as lists like `0-3,7`.
    pub struct ExecCpuAffinity {
        /// Before it moves to the container's cgroup.
        optional initial: String = "initial";
        /// After that.
        optional r#final: String = "final";
    }
}
