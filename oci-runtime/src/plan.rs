//! From a specification and a host to the list of everything that will be done, or every reason why not.

#[cfg(target_os = "linux")]
mod affinity;
mod bind_mounts;
mod cgroup;
mod check;
mod devices;
#[cfg(target_os = "linux")]
mod exec;
mod features;
mod filesystem;
mod hooks;
mod identity;
mod labels;
mod mounts;
mod namespaces;
mod options;
mod rlimits;
mod schedule;
mod seccomp;
mod step;
#[cfg(target_os = "linux")]
mod update;

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
pub(crate) use filesystem::swap_dots;
#[cfg(target_os = "linux")]
pub(crate) use options::IVERSION;
pub(crate) use step::*;

use crate::format::FormatVersion;
use crate::function::CalledFunction;
use crate::{Bundle, Host, Refusal, Refusals, Spec};

/// Everything that making and starting a container will do, in order.
///
/// A plan is pure data: it is made without privileges on any system, printed as a numbered list, and compared as
/// JSON. The init carries it out and decides nothing.
///
/// ```
/// use oci_runtime::{Bundle, Host, Plan, Spec};
///
/// let spec: Spec = oci_image::json::from_slice(br#"{
///     "ociVersion": "1.0.2",
///     "root": { "path": "rootfs" },
///     "process": { "args": ["sh"], "cwd": "/", "user": { "uid": 0, "gid": 0 } },
///     "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"] }],
///     "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }] }
/// }"#)?;
/// let bundle = Bundle::new("/bundle", spec);
/// let plan = Plan::new(&bundle, &Host::typical())?;
/// assert!(plan.to_string().contains("mount proc on /proc (nosuid)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Its JSON has a `formatVersion`; what another version of this crate wrote is refused if the form has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    #[serde(rename = "formatVersion")]
    version: FormatVersion<1>,
    pub(crate) steps: Vec<Step>,
    /// Hooks that run when the plan has been carried out: after the start, and after the deletion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) later: Vec<Hooks>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Plan {
    /// Plans the container that the bundle's specification asks for on `host`.
    ///
    /// # Errors
    /// Every reason why the specification cannot be carried out there.
    pub fn new(bundle: &Bundle, host: &Host) -> Result<Self, Refusals> {
        let mut planner = Planner::new(bundle.spec(), bundle.dir(), host);
        planner.function = bundle.process_function();
        planner.plan();
        planner.finish()
    }

    /// The steps as text, one a line.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = String> + '_ {
        self.steps.iter().map(Step::to_string)
    }

    /// What the specification asks for and does not get, where the runtime specification demands a warning and not an
    /// error.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Display for Plan {
    /// A numbered list, one step a line, then the warnings.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let steps = self.steps.iter().map(|step| step as &dyn Display);
        let later = self.later.iter().map(|hooks| hooks as &dyn Display);
        for (index, step) in steps.chain(later).enumerate() {
            writeln!(f, "{:>3}. {step}", index + 1)?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

/// A path of the host to open as a mount.
struct Tree<'a> {
    source: PathBuf,
    /// The JSON pointer of what asks for it.
    pointer: &'a str,
    recursive: bool,
    idmap: Option<Idmap>,
}

/// Collects steps and refusals.
pub(crate) struct Planner<'a> {
    spec: &'a Spec,
    /// Relative paths of the specification begin here.
    directory: &'a Path,
    host: &'a Host,
    /// The process is this function and not a program.
    function: Option<&'a CalledFunction>,
    steps: Vec<Step>,
    refusals: Vec<Refusal>,
    warnings: Vec<String>,
    /// Mounts to be opened before any is attached.
    trees: Vec<OpenTree>,
    /// Mounts to be opened when it is their turn to be attached.
    own_trees: Vec<OpenTree>,
    /// The number of the next of them.
    next_tree: usize,
}

impl<'a> Planner<'a> {
    fn new(spec: &'a Spec, directory: &'a Path, host: &'a Host) -> Self {
        Self {
            spec,
            directory,
            host,
            function: None,
            steps: Vec::new(),
            refusals: Vec::new(),
            warnings: Vec::new(),
            trees: Vec::new(),
            own_trees: Vec::new(),
            next_tree: 0,
        }
    }

    /// The order of a container's making. Each part adds its steps.
    fn plan(&mut self) {
        self.check();
        self.cgroup();
        self.oom_score();
        self.keyring();
        self.raise_limits();
        let mounts = self.filesystem();
        let opened: Vec<Step> = std::mem::take(&mut self.trees)
            .into_iter()
            .map(|tree| FilesystemStep::OpenTree(tree).into())
            .collect();
        // A privileged init opens paths of the host before its ids and rights change: later it may not reach them. One
        // without privileges gets the right to open_tree(2) only in a mount namespace of its user namespace.
        if self.host.is_privileged() {
            self.steps.extend(opened);
            self.namespaces();
        } else {
            self.namespaces();
            self.steps.extend(opened);
        }
        self.steps.extend(mounts);
        self.process();
    }

    fn finish(self) -> Result<Plan, Refusals> {
        if self.refusals.is_empty() {
            let later = hooks::later(self.spec);
            let Self { steps, warnings, .. } = self;
            Ok(Plan { version: FormatVersion, steps, later, warnings })
        } else {
            Err(Refusals::new(self.refusals))
        }
    }

    /// Adds a reason why not; `pointer` is the JSON pointer of what is refused.
    fn refuse(&mut self, pointer: impl Into<String>, reason: impl Into<String>) {
        self.refusals.push(Refusal::new(pointer, reason));
    }

    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Whether a path of the host is opened before the first mount. Else it is opened in its turn, as it may lie below an
    /// earlier mount, and there may be more of them than descriptors.
    fn opens_first(&self, idmap: Option<&Idmap>) -> bool {
        // A user of the container's user namespace may not reach it. And ids are mapped by a process whose number is to
        // be that of `/proc`, which is the host's.
        self.host.is_privileged() && (self.has_user_namespace() || idmap.is_some())
    }

    /// Plans to open a path of the host. Returns its number.
    fn open_tree(&mut self, tree: Tree<'_>) -> usize {
        let Tree { source, pointer, recursive, idmap } = tree;
        let id = self.next_tree;
        self.next_tree += 1;
        // The first is the root filesystem, in which all others are attached.
        let is_root = id == 0;
        let propagation = match self.is_shared() {
            false => Some(Propagation { kind: PropagationKind::Slave, recursive: true }),
            // pivot_root(2) refuses a shared root; it becomes shared after that.
            true => {
                is_root.then_some(Propagation { kind: PropagationKind::Private, recursive: false })
            }
        };
        let pointer = pointer.into();
        let opens_first = self.opens_first(idmap.as_ref());
        let tree = OpenTree { id, source, pointer, recursive, propagation, idmap };
        let trees = if is_root || opens_first { &mut self.trees } else { &mut self.own_trees };
        trees.push(tree);
        id
    }

    /// The Linux section; an absent one reads as empty.
    fn linux(&self) -> std::borrow::Cow<'a, crate::spec::Linux> {
        self.spec.linux.as_ref().map_or_else(
            || std::borrow::Cow::Owned(crate::spec::Linux::new()),
            std::borrow::Cow::Borrowed,
        )
    }
}
