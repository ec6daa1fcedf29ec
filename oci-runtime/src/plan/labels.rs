//! Labels of security modules. Where the module is not at work they are refused: without it nothing would confine the
//! container, which looks confined.

use super::{FilesystemStep, Label, Mount, Planner, Source};
use crate::spec::Process;

const APPARMOR: &str = "apparmor";
const SELINUX: &str = "selinux";

/// Filesystems that SELinux labels by its policy and not by an option.
const LABELLED_BY_POLICY: [&str; 5] = ["cgroup", "cgroup2", "mqueue", "proc", "sysfs"];

impl Planner<'_> {
    /// The labels that the process gets by its exec. Their files are opened while this process may mount a procfs: the
    /// container's own may be covered, or be a link to other files (CVE-2019-16884).
    pub(super) fn labels(&mut self, process: &Process) -> Vec<Label> {
        let mut labels = Vec::new();
        if let Some(profile) = label(process.apparmor_profile.as_ref()) {
            self.require_module("/process/apparmorProfile", APPARMOR, profile);
            let value = format!("exec {profile}");
            labels.push(Label { file: "attr/apparmor/exec".into(), value });
        }
        if let Some(context) = label(process.selinux_label.as_ref()) {
            self.require_module("/process/selinuxLabel", SELINUX, context);
            labels.push(Label { file: "attr/exec".into(), value: context.into() });
        }
        if !labels.is_empty() && self.function.is_some() {
            let reason = "a security module labels a process by its exec, which a function has not";
            self.refuse("/process", reason);
        }
        labels
    }

    /// The label of the keyring, which is the process's.
    pub(super) fn keyring_label(&self) -> Option<String> {
        label(self.spec.process.as_ref()?.selinux_label.as_ref()).map(String::from)
    }

    /// Refuses a label of the mounts where nothing heeds it.
    pub(super) fn check_mount_label(&mut self) {
        let linux = self.linux();
        if let Some(context) = label(linux.mount_label.as_ref()) {
            self.require_module("/linux/mountLabel", SELINUX, context);
        }
    }

    /// Labels a new filesystem, by an option or, where it takes none, afterwards.
    pub(super) fn label_mount(&self, mount: &mut Mount) -> Option<FilesystemStep> {
        let linux = self.linux();
        let context = label(linux.mount_label.as_ref())?;
        let options = match &mut mount.source {
            Source::Filesystem { kind, .. } if kind == "mqueue" => {
                let (path, context) = (mount.target.clone(), context.into());
                return Some(FilesystemStep::Label { path, context });
            }
            Source::Filesystem { kind, options, .. }
                if !LABELLED_BY_POLICY.contains(&kind.as_str()) =>
            {
                options
            }
            Source::Copy { options } => options,
            Source::Filesystem { .. } | Source::Tree { .. } | Source::Remount { .. } => {
                return None;
            }
        };
        if !options.iter().any(|option| option.starts_with("context=")) {
            options.push(format!("context={context}"));
        }
        None
    }

    fn require_module(&mut self, pointer: &str, module: &str, label: &str) {
        if !self.host.security_modules.iter().any(|other| other == module) {
            let name = if module == APPARMOR { "AppArmor" } else { "SELinux" };
            self.refuse(pointer, format!("{name} is not at work on this host"));
        }
        if label.contains(['\0', '\n']) {
            self.refuse(pointer, "a NUL or the end of a line is in the label");
        }
    }
}

/// The label, if there is one: an empty one is none.
fn label(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
