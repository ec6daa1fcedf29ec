//! What is asked for and not supported: each is refused by name.

use super::Planner;
use crate::Spec;
use crate::function::INPUT_LIMIT;
use crate::spec::Version;

impl Planner<'_> {
    /// Refuses what no other part of the plan reads.
    pub(super) fn check(&mut self) {
        self.check_kernel();
        self.check_version();
        let spec = self.spec;
        for (pointer, there) in [
            ("/solaris", spec.solaris.is_some()),
            ("/windows", spec.windows.is_some()),
            ("/vm", spec.vm.is_some()),
            ("/zos", spec.zos.is_some()),
            ("/freebsd", spec.freebsd.is_some()),
        ] {
            if there {
                self.refuse(pointer, "this is for another platform than Linux");
            }
        }
        if spec.annotations.keys().any(String::is_empty) {
            self.refuse("/annotations", "a key is empty");
        }
        self.check_linux();
        self.check_process();
        self.check_hooks();
    }

    /// What no container can be made without.
    pub(super) fn check_kernel(&mut self) {
        if !self.host.missing_system_calls.is_empty() {
            let missing = self.host.missing_system_calls.join("`, `");
            let kernel = &self.host.kernel;
            self.refuse("", format!("kernel {kernel} lacks `{missing}`; Linux 5.12 has them"));
        }
    }

    /// A version of another major number may mean something else by the same words.
    fn check_version(&mut self) {
        let text = &self.spec.oci_version;
        let ours = Version::parse(Spec::VERSION);
        let fits = Version::parse(text).zip(ours).map(|(found, ours)| found.is_compatible(&ours));
        let reason = match fits {
            Some(true) => return,
            Some(false) => format!("version {text} is not supported, {} is", Spec::VERSION),
            None => format!("`{text}` is not a version"),
        };
        self.refuse("/ociVersion", reason);
    }

    fn check_linux(&mut self) {
        let linux = self.linux();
        let memory = linux.resources.as_ref().and_then(|resources| resources.memory.as_ref());
        if memory.is_some_and(|memory| memory.use_hierarchy == Some(false)) {
            let reason = "the kernel counts for a cgroup what those below it use";
            self.refuse("/linux/resources/memory/useHierarchy", reason);
        }
        if !self.has_user_namespace() {
            for (pointer, mappings) in [
                ("/linux/uidMappings", &linux.uid_mappings),
                ("/linux/gidMappings", &linux.gid_mappings),
            ] {
                if !mappings.is_empty() {
                    self.refuse(pointer, "there is no user namespace to map ids for");
                }
            }
        }
        for (pointer, there, reason) in [
            ("/linux/intelRdt", linux.intel_rdt.is_some(), "resctrl is not supported"),
            (
                "/linux/netDevices",
                !linux.net_devices.is_empty(),
                "moving network devices is not supported",
            ),
        ] {
            if there {
                self.refuse(pointer, reason);
            }
        }
        self.check_mount_label();
        for (member, paths) in
            [("maskedPaths", &linux.masked_paths), ("readonlyPaths", &linux.readonly_paths)]
        {
            for (index, path) in paths.iter().enumerate() {
                self.require_absolute(&format!("/linux/{member}/{index}"), path);
            }
        }
    }

    pub(super) fn check_process(&mut self) {
        let Some(process) = &self.spec.process else { return };
        let user = process.user.as_ref();
        for (pointer, there) in [
            ("/process/commandLine", process.command_line.is_some()),
            ("/process/user/username", user.is_some_and(|user| user.username.is_some())),
        ] {
            if there {
                self.refuse(pointer, "this is for Windows");
            }
        }
        match self.function {
            None if process.args.is_empty() => {
                self.refuse("/process/args", "there is no program to run");
            }
            Some(function) if function.input.len() > INPUT_LIMIT => {
                let reason = format!(
                    "the input of function `{}` is longer than {INPUT_LIMIT} bytes: give it a descriptor to read",
                    function.name
                );
                self.refuse("/process", reason);
            }
            _ => {}
        }
        self.require_absolute("/process/cwd", &process.cwd);
        let texts = process.args.iter().chain(&process.env).chain([&process.cwd]);
        if texts.into_iter().any(|text| text.contains('\0')) {
            self.refuse(
                "/process",
                "a NUL is in an argument, in the environment or in the working directory",
            );
        }
    }

    fn check_hooks(&mut self) {
        for hooks in super::hooks::all(self.spec) {
            for (index, hook) in hooks.1.iter().enumerate() {
                let pointer = format!("/hooks/{}/{index}", hooks.0.word());
                self.require_absolute(&format!("{pointer}/path"), &hook.path);
                if hook.timeout.is_some_and(|seconds| seconds <= 0) {
                    self.refuse(format!("{pointer}/timeout"), "it is not above 0");
                }
            }
        }
    }

    /// Refuses the number that means "do not change" to the kernel (setresuid(2)): the process would stay root.
    pub(super) fn require_id(&mut self, pointer: &str, id: u32) {
        if id == u32::MAX {
            self.refuse(pointer, format!("{id} is not an id"));
        }
    }

    /// Refuses a path that is not absolute or has a NUL in it.
    pub(super) fn require_absolute(&mut self, pointer: &str, path: &str) {
        if !path.starts_with('/') {
            self.refuse(pointer, format!("`{path}` is not absolute"));
        } else if path.contains('\0') {
            self.refuse(pointer, "a NUL is in the path");
        }
    }
}
