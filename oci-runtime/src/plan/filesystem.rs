//! What the init does to the mounts of the container's namespace.

use super::options::propagation;
use super::{
    FilesystemStep, HookKind, Namespace, Planner, ProcessStep, Propagation, PropagationKind, Step,
    Tree,
};
use crate::spec::Root;

impl Planner<'_> {
    /// Whether mounts of the container propagate to the host.
    pub(super) fn is_shared(&self) -> bool {
        self.root_propagation()
            .is_some_and(|propagation| propagation.kind == PropagationKind::Shared)
    }

    fn root_propagation(&self) -> Option<Propagation> {
        self.linux().rootfs_propagation.as_ref().and_then(propagation)
    }

    /// The steps from the mount table of the host to that of the container.
    pub(super) fn filesystem(&mut self) -> Vec<Step> {
        let Some(root) = &self.spec.root else {
            self.refuse("/root", "there is no root filesystem");
            return Vec::new();
        };
        let mut steps: Vec<Step> = self.attach_root(root).map(Step::from).to_vec();
        let (mounts, read_only) = self.mounts();
        steps.extend(mounts);
        steps.extend(self.devices());
        if let Some(process) = &self.spec.process {
            steps.push(FilesystemStep::MakeDirectory(process.cwd.clone()).into());
        }
        steps.extend(self.hooks(&[
            HookKind::Prestart,
            HookKind::CreateRuntime,
            HookKind::CreateContainer,
        ]));
        steps.extend(self.sysctls());
        steps.extend(self.terminal());
        steps.extend(read_only);
        steps.extend(self.pivot(root).into_iter().map(Step::from));
        steps
    }

    /// Decides how mounts propagate, and attaches the root filesystem.
    fn attach_root(&mut self, root: &Root) -> [FilesystemStep; 2] {
        let linux = self.linux();
        let asked = self.root_propagation();
        if let (Some(word), None) = (&linux.rootfs_propagation, asked)
            && !word.as_str().is_empty()
        {
            let reason = format!("`{word}` is not a kind of propagation");
            self.refuse("/linux/rootfsPropagation", reason);
        }
        let path = self.directory.join(&root.path);
        let (source, pointer) = (path.clone(), "/root/path");
        let tree = self.open_tree(Tree { source, pointer, recursive: true, idmap: None });
        if self.is_shared() {
            // pivot_root(2) refuses a shared parent mount; all other mounts stay peers of the host's.
            let private = Propagation { kind: PropagationKind::Private, recursive: false };
            let path = "/".into();
            return [FilesystemStep::Propagation(private), FilesystemStep::Root { tree, path }];
        }
        let is_private = asked.is_some_and(|asked| asked.kind == PropagationKind::Private);
        let kind = if is_private { PropagationKind::Private } else { PropagationKind::Slave };
        let propagation = Propagation { kind, recursive: true };
        [FilesystemStep::Propagation(propagation), FilesystemStep::Root { tree, path }]
    }

    /// Hides and protects paths, once all is made in them, and makes the root filesystem `/`.
    fn pivot(&self, root: &Root) -> Vec<FilesystemStep> {
        let linux = self.linux();
        let masked = linux.masked_paths.iter().cloned().map(FilesystemStep::Mask);
        let read_only = linux.readonly_paths.iter().cloned().map(FilesystemStep::ReadOnlyPath);
        let mut steps: Vec<FilesystemStep> = masked.chain(read_only).collect();
        if root.readonly == Some(true) {
            steps.push(FilesystemStep::ReadOnlyRoot);
        }
        steps.push(FilesystemStep::PivotRoot);
        steps.extend(self.root_propagation().map(FilesystemStep::RootPropagation));
        steps
    }

    /// Kernel parameters, if they belong to namespaces that are the container's own.
    fn sysctls(&mut self) -> Vec<Step> {
        let linux = self.linux();
        let mut steps = Vec::new();
        for (key, value) in &linux.sysctl {
            let pointer = format!("/linux/sysctl/{key}");
            let key = dotted(key);
            let is_word = |word: &str| !word.chars().all(|letter| letter == '/');
            if !key.split('.').all(is_word) || key.contains('\0') {
                self.refuse(&pointer, "it is not the name of a kernel parameter");
            }
            match owner(&key) {
                Some(space) if self.spaces().contains_key(&space) => {}
                Some(space) => {
                    let word = space.word();
                    self.refuse(
                        &pointer,
                        format!("it would change the host: the container has no {word} namespace"),
                    );
                }
                None => self.refuse(
                    &pointer,
                    "it belongs to no namespace: setting it would change the host",
                ),
            }
            steps.push(FilesystemStep::Sysctl { key, value: value.clone() }.into());
        }
        steps
    }

    /// Whether kernel parameters of this kind of namespace are set.
    pub(super) fn has_sysctls_of(&self, kind: Namespace) -> bool {
        self.linux().sysctl.keys().any(|key| owner(&dotted(key)) == Some(kind))
    }

    /// The terminal of the process, if it gets one.
    pub(super) fn terminal(&mut self) -> Option<Step> {
        let process =
            self.spec.process.as_ref().filter(|process| process.terminal == Some(true))?;
        let size = process.console_size.as_ref();
        let side = |side: u64| u16::try_from(side).ok();
        if size.is_some_and(|size| side(size.height).and(side(size.width)).is_none()) {
            let reason = format!("a terminal has {} lines and columns at most", u16::MAX);
            self.refuse("/process/consoleSize", reason);
        }
        Some(
            ProcessStep::Terminal {
                height: size.and_then(|size| side(size.height)),
                width: size.and_then(|size| side(size.width)),
                make_console: !self.is_bind_mounted("/dev/console"),
            }
            .into(),
        )
    }
}

/// A kernel parameter with dots as separators. Slashes may be the separators, too: then the dots are part of the words
/// and become slashes, as in sysctl(8).
fn dotted(key: &str) -> String {
    match key.find(['.', '/']).and_then(|first| key.get(first..=first)) {
        Some("/") => swap_dots(key),
        _ => key.into(),
    }
}

/// Dots for slashes, and slashes for dots: the name of a kernel parameter as a path, and back.
pub(crate) fn swap_dots(key: &str) -> String {
    let swap = |letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    key.chars().map(swap).collect()
}

/// The namespace that a kernel parameter belongs to.
fn owner(key: &str) -> Option<Namespace> {
    const IPC: [&str; 11] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
        "kernel.msg_next_id",
        "kernel.sem_next_id",
        "kernel.shm_next_id",
    ];
    match key {
        "kernel.domainname" | "kernel.hostname" => Some(Namespace::Uts),
        _ if key.starts_with("net.") => Some(Namespace::Network),
        _ if IPC.contains(&key) || key.starts_with("fs.mqueue.") => Some(Namespace::Ipc),
        _ if key.starts_with("user.") => Some(Namespace::User),
        _ => None,
    }
}
