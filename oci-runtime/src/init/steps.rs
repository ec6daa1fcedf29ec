//! Going through the steps of a plan, one after another.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Instant;

use oci_rootfs::Root;
use rustix::fs::Mode;
use rustix::process::umask;
use serde_json::Value;

use super::descriptor_limit::DescriptorLimit;
use super::error::StepError;
use super::failure::failure;
use super::hooks::rights;
use super::preserved::Preserved;
use super::program::Program;
use super::terminal::Missing;
use super::{devices, identity, labels, mounts, namespaces, paths, procfs, program, terminal};
use crate::function::{Function, Functions};
use crate::plan::{FilesystemStep, Label, Namespace, NamespaceStep, ProcessStep, Step};
use crate::sys;
use crate::sys::execute::CStringArray;
use crate::wire::{self, Event, Instructions, Reply, Report, Role};

/// What the steps leave for later steps.
pub(crate) struct Init<'a> {
    /// To the process that launched this one, and after the start to the one that asked for it.
    pub(super) socket: OwnedFd,
    pub(super) start: Option<UnixListener>,
    pub(crate) console: Option<OwnedFd>,
    /// What the program gets beside standard input, output and error.
    pub(super) preserved: Preserved,
    /// The pidfd of the process whose namespaces are joined.
    target: Option<OwnedFd>,
    /// Mounts that were opened and not attached yet, by their number in the plan.
    trees: BTreeMap<usize, OwnedFd>,
    descriptors: DescriptorLimit,
    root: Option<Root>,
    /// A procfs of the container's namespaces that is mounted nowhere.
    pub(crate) proc: Option<Root>,
    program: Option<Program>,
    /// Open files for labels, by their paths below `/proc/self`.
    labels: BTreeMap<String, OwnedFd>,
    /// The arguments and the environment for execve, made while a system call filter cannot forbid allocating.
    arguments: Option<(CStringArray, CStringArray)>,
    /// The functions of this program, and the one that was looked up.
    pub(super) functions: Functions<'a>,
    pub(super) function: Option<Function>,
    /// `HOME` of a function, as in an environment.
    pub(super) home: Option<String>,
    /// The process is created in a PID namespace that exists: other processes are in it already.
    pub(super) joins_pid_namespace: bool,
    /// Standard input is a terminal of the container.
    pub(crate) has_terminal: bool,
    /// The OCI state that hooks read.
    pub(super) state: Value,
    /// What a startContainer hook gives up before it is executed.
    pub(super) rights: Vec<ProcessStep>,
    /// Where hooks of the runtime run, and the umask that they run with.
    pub(super) directory: Option<PathBuf>,
    pub(super) callers_umask: Mode,
    /// How long each step since the last report took, in microseconds.
    pub(super) elapsed: Vec<u64>,
}

/// Carries the instructions out. Returns only if that fails, with the exit status.
pub(crate) fn run(
    socket: OwnedFd,
    instructions: Instructions,
    descriptors: Vec<OwnedFd>,
    callers_umask: Mode,
    functions: Functions<'_>,
) -> i32 {
    const FAILED: i32 = 125;
    let mut init = match Init::new(socket, &instructions, descriptors, callers_umask) {
        Ok(init) => Init { functions, ..init },
        Err(_) => return super::REFUSED,
    };
    for (index, step) in instructions.steps.iter().enumerate() {
        let begun = Instant::now();
        match init.step(index, step) {
            // The launching process measures its own steps.
            Ok(()) if matches!(step, Step::Runtime(_)) => {}
            Ok(()) if matches!(step, Step::Hooks(hooks) if hooks.kind.runs_in_runtime()) => {}
            Ok(()) => {
                init.elapsed.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            Err(Stop::Told) => return FAILED,
            Err(Stop::Failed(error)) => {
                let _ = init.report(Event::Failed(failure(step, error)), &[]);
                return FAILED;
            }
        }
    }
    0
}

/// The arguments and the environment of the program.
fn arguments(steps: &[Step]) -> Result<Option<(CStringArray, CStringArray)>, StepError> {
    let Some(Step::Process(ProcessStep::Execute { arguments, environment })) = steps.last() else {
        return Ok(None);
    };
    Ok(Some((CStringArray::new(arguments)?, CStringArray::new(environment)?)))
}

/// Why the steps end early.
pub(super) enum Stop {
    /// A step failed.
    Failed(StepError),
    /// The launching process said so, or is gone.
    Told,
}

impl<E: Into<StepError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Init<'_> {
    fn new(
        socket: OwnedFd,
        instructions: &Instructions,
        descriptors: Vec<OwnedFd>,
        callers_umask: Mode,
    ) -> Result<Self, StepError> {
        let descriptors = instructions.descriptors.iter().zip(descriptors);
        let (first, others): (Vec<_>, Vec<_>) =
            descriptors.partition(|(role, _)| **role == Role::Preserved);
        let first = first.into_iter().map(|(_, descriptor)| descriptor).collect();
        let (socket, preserved) = Preserved::place(socket, first)?;
        let mut init = Self {
            socket,
            start: None,
            console: None,
            preserved,
            target: None,
            trees: BTreeMap::new(),
            descriptors: DescriptorLimit::default(),
            root: None,
            proc: None,
            program: None,
            labels: BTreeMap::new(),
            arguments: arguments(&instructions.steps)?,
            functions: &[],
            function: None,
            home: None,
            joins_pid_namespace: false,
            has_terminal: false,
            state: instructions.state.clone(),
            rights: rights(&instructions.steps),
            directory: instructions.directory.clone(),
            callers_umask,
            elapsed: Vec::new(),
        };
        for (role, descriptor) in others {
            match role {
                Role::Preserved => {}
                Role::Stdin => rustix::stdio::dup2_stdin(&descriptor)?,
                Role::Stdout => rustix::stdio::dup2_stdout(&descriptor)?,
                Role::Stderr => rustix::stdio::dup2_stderr(&descriptor)?,
                Role::Start => init.start = Some(descriptor.into()),
                Role::Console => init.console = Some(descriptor),
                Role::Target => init.target = Some(descriptor),
            }
        }
        Ok(init)
    }

    /// Sends a report, with the times of the steps before it.
    pub(super) fn report(
        &mut self,
        event: Event,
        descriptors: &[BorrowedFd<'_>],
    ) -> std::io::Result<()> {
        let elapsed = std::mem::take(&mut self.elapsed);
        wire::send(&self.socket, &Report { elapsed, event }, descriptors)
    }

    /// Waits for the reply to a report.
    pub(super) fn reply(&self) -> Result<(), Stop> {
        match wire::receive(&self.socket) {
            Ok(Some((Reply::Done, _))) => Ok(()),
            _ => Err(Stop::Told),
        }
    }

    /// Has the launching process carry out a step.
    fn request(&mut self, step: usize) -> Result<(), Stop> {
        self.report(Event::RunStep { step }, &[]).map_err(|_| Stop::Told)?;
        self.reply()
    }

    /// The root of the container's filesystem.
    pub(crate) fn root(&self) -> Result<&Root, StepError> {
        self.root.as_ref().ok_or_else(|| StepError::new("the root filesystem is not attached"))
    }

    /// Takes a mount that an earlier step opened.
    pub(crate) fn tree(&mut self, id: usize) -> Result<OwnedFd, StepError> {
        self.trees.remove(&id).ok_or_else(|| StepError::new("its source was not opened"))
    }

    fn step(&mut self, index: usize, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Runtime(_) => self.request(index),
            Step::Namespace(step) => self.namespace(step),
            Step::Filesystem(step) => Ok(self.filesystem(step)?),
            Step::Process(step) => Ok(self.process(step)?),
            Step::Hooks(hooks) => Ok(self.hooks(hooks)?),
            Step::AwaitStart => self.await_start(),
            Step::Command(command) => self.command(command),
        }
    }

    fn namespace(&mut self, step: &NamespaceStep) -> Result<(), Stop> {
        match step {
            NamespaceStep::Join { kind, path, is_changed } => {
                let opened = namespaces::open_kind(*kind, path)?;
                if *is_changed {
                    namespaces::require_other(*kind, path, opened.as_fd())?;
                }
                namespaces::join(*kind, opened.as_fd())?;
                self.joins_pid_namespace |= *kind == Namespace::Pid;
            }
            NamespaceStep::JoinTarget(kinds) => {
                let target = self.target.as_ref();
                let target = target.ok_or_else(|| StepError::new("there is no process to join"))?;
                namespaces::join_target(target.as_fd(), kinds)?;
            }
            NamespaceStep::NewUser => namespaces::new_user()?,
            NamespaceStep::BecomeRoot => identity::become_root()?,
            NamespaceStep::NewTime(offsets) => namespaces::new_time(offsets)?,
            NamespaceStep::Clone(kinds) => self.create_process(kinds)?,
            NamespaceStep::CloneAndWait => self.create_supervised_process()?,
            NamespaceStep::NewCgroup => namespaces::new_cgroup()?,
            NamespaceStep::Hostname(name) => rustix::system::sethostname(name.as_bytes())?,
            NamespaceStep::Domainname(name) => rustix::system::setdomainname(name.as_bytes())?,
            NamespaceStep::Loopback => namespaces::loopback()?,
        }
        Ok(())
    }

    fn filesystem(&mut self, step: &FilesystemStep) -> Result<(), StepError> {
        match step {
            FilesystemStep::OpenTree(tree) => {
                let opened = self.descriptors.retry(|| mounts::open_tree(tree))?;
                self.trees.insert(tree.id, opened);
                Ok(())
            }
            FilesystemStep::Propagation(propagation) => mounts::propagate_all(*propagation),
            FilesystemStep::Root { tree, path } => {
                let attached = mounts::attach_root(self.tree(*tree)?, path)?;
                self.root = Some(Root::from_fd(attached, path)?);
                Ok(())
            }
            FilesystemStep::Mount(mount) => mounts::mount(self, mount),
            FilesystemStep::Device(device) => devices::device(self.root()?, device),
            FilesystemStep::Link { path, target } => devices::link(self.root()?, path, target),
            FilesystemStep::MakeDirectory(path) => {
                paths::make(self.root()?, path, paths::Kind::Directory).map(drop)
            }
            FilesystemStep::Sysctl { key, value } => procfs::sysctl(self, key, value),
            FilesystemStep::Label { path, context } => labels::path(self.root()?, path, context),
            FilesystemStep::Mask(path) => mounts::mask(self.root()?, path),
            FilesystemStep::ReadOnlyPath(path) => mounts::read_only(self.root()?, path),
            FilesystemStep::ReadOnlyRoot => mounts::read_only_root(self.root()?.as_fd()),
            FilesystemStep::PivotRoot => {
                mounts::pivot(self.root()?.as_fd())?;
                // Processes of the container may look into `/proc/1/fd` of the process that waits: what is open there
                // leads past the mounts that cover it.
                (self.root, self.proc) = (None, None);
                self.descriptors.restore()
            }
            FilesystemStep::RootPropagation(propagation) => mounts::propagate_root(*propagation),
        }
    }

    fn process(&mut self, step: &ProcessStep) -> Result<(), StepError> {
        match step {
            ProcessStep::OomScore(value) => identity::oom_score(*value),
            ProcessStep::SessionKeyring { label } => labels::keyring(label.as_deref()),
            ProcessStep::OpenLabel(file) => {
                let opened = labels::open(file)?;
                self.labels.insert(file.clone(), opened);
                Ok(())
            }
            ProcessStep::Label(Label { file, value }) => {
                let opened = self.labels.remove(file);
                let opened = opened.ok_or_else(|| StepError::new("its file was not opened"))?;
                labels::write(opened.as_fd(), value)
            }
            ProcessStep::Processors(list) => identity::processors(list),
            ProcessStep::Session => Ok(rustix::process::setsid().map(drop)?),
            ProcessStep::Terminal { height, width, make_console } => {
                let missing = if *make_console { Missing::Make } else { Missing::Leave };
                terminal::open(self, height.zip(*width), missing)
            }
            ProcessStep::Rlimit { resource, soft, hard } => {
                identity::rlimit(*resource, *soft, *hard)
            }
            ProcessStep::Schedule(schedule) => identity::schedule(schedule),
            ProcessStep::IoPriority { class, level } => identity::io_priority(class, *level),
            ProcessStep::Personality(domain) => identity::personality(domain),
            ProcessStep::MemoryPolicy { mode, flags, nodes } => {
                identity::memory_policy(mode, *flags, nodes)
            }
            ProcessStep::WorkingDirectory(path) => program::working_directory(path),
            ProcessStep::BoundingSet(kept) => identity::bounding_set(kept),
            ProcessStep::Home(uid) => self.set_home(*uid),
            ProcessStep::User { uid, gid, groups } => {
                if self.has_terminal {
                    // Before the change of user, which takes the right to do it.
                    terminal::set_owner(*uid)?;
                } else {
                    identity::own_pipes(*uid);
                }
                identity::user(*uid, *gid, groups.as_deref())
            }
            ProcessStep::Umask(mask) => {
                umask(Mode::from_raw_mode(*mask));
                Ok(())
            }
            ProcessStep::Capabilities(sets) => identity::capabilities(sets),
            ProcessStep::NoNewPrivileges => Ok(rustix::thread::set_no_new_privs(true)?),
            ProcessStep::FindProgram { name, search } => self.find_program(name, search),
            ProcessStep::Seccomp(filter) => identity::seccomp(filter),
            ProcessStep::Execute { .. } => self.execute(),
            ProcessStep::FindFunction(name) => self.find_function(name),
            ProcessStep::Call { function, arguments, environment } => {
                self.call(function, arguments, environment)
            }
        }
    }

    /// Before the change of user, who may not be able to read `/etc/passwd`.
    fn set_home(&mut self, uid: u32) -> Result<(), StepError> {
        let home = format!("HOME={}", program::home(uid));
        match &mut self.arguments {
            Some((_, environment)) => environment.push(&home)?,
            None => self.home = Some(home),
        }
        Ok(())
    }

    fn find_program(&mut self, name: &str, search: &[String]) -> Result<(), StepError> {
        self.program = Some(program::find(name, search)?);
        // A descriptor of the host that the program inherits is a way out of the container (CVE-2024-21626). Here and
        // not at the end: a system call filter may forbid the call.
        sys::descriptors::close_from_on_exec(3)?;
        self.preserved.release()
    }

    fn execute(&self) -> Result<(), StepError> {
        let found = self.program.as_ref().zip(self.arguments.as_ref());
        let (program, (arguments, environment)) =
            found.ok_or_else(|| StepError::new("no program was looked up"))?;
        program.execute(arguments, environment)
    }
}
