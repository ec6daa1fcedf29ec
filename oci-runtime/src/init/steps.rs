//! Going through the steps of a plan, one after another.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use rustix::fs::Mode;
use rustix::process::umask;
use serde_json::Value;

use super::error::{Context, StepError};
use super::program::Program;
use super::{devices, identity, mounts, namespaces, paths, procfs, program, terminal};
use crate::hooks;
use crate::plan::{FilesystemStep, HookKind, Namespace, NamespaceStep, ProcessStep, Step};
use crate::sys;
use crate::sys::execute::CStringArray;
use crate::wire::{self, Failure, Instructions, Reply, Report, Role};

/// What the steps leave for later steps.
pub(crate) struct Init {
    /// To the process that launched this one, and after the start to the one that asked for it.
    socket: OwnedFd,
    start: Option<UnixListener>,
    pub(crate) console: Option<OwnedFd>,
    pub(crate) target: Option<OwnedFd>,
    pub(crate) trees: BTreeMap<usize, OwnedFd>,
    root: Option<OwnedFd>,
    pub(crate) proc: Option<OwnedFd>,
    pub(crate) program: Option<Program>,
    /// The arguments and the environment, laid out while that is allowed.
    words: Option<(CStringArray, CStringArray)>,
    /// Processes of others are in the process namespace to come.
    has_neighbours: bool,
    /// Standard input is a terminal of the container.
    pub(crate) has_terminal: bool,
    state: Value,
}

/// Carries the instructions out. Returns only if that fails, with the exit status.
pub(crate) fn run(socket: OwnedFd, instructions: Instructions, descriptors: Vec<OwnedFd>) -> i32 {
    let mut init = match Init::new(socket, &instructions, descriptors) {
        Ok(init) => init,
        Err(_) => return 126,
    };
    for (index, step) in instructions.steps.iter().enumerate() {
        match init.step(index, step) {
            Ok(()) => {}
            Err(Ended::Stopped) => return 125,
            Err(Ended::StepError(error)) => {
                let _ = wire::send(&init.socket, &Report::Failed(failure(step, error)), &[]);
                return 125;
            }
        }
    }
    0
}

fn failure(step: &Step, StepError { errno, detail }: StepError) -> Failure {
    Failure { step: step.to_string(), is_hook: matches!(step, Step::Hooks(_)), errno, detail }
}

/// What the program of the steps is given.
fn words(steps: &[Step]) -> Result<Option<(CStringArray, CStringArray)>, StepError> {
    let Some(Step::Process(ProcessStep::Execute { arguments, environment })) = steps.last() else {
        return Ok(None);
    };
    Ok(Some((CStringArray::new(arguments)?, CStringArray::new(environment)?)))
}

/// Why carrying out ends early.
enum Ended {
    /// A step failed.
    StepError(StepError),
    /// The other side said so, or is gone.
    Stopped,
}

impl<E: Into<StepError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::StepError(error.into())
    }
}

impl Init {
    fn new(
        socket: OwnedFd,
        instructions: &Instructions,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Self, StepError> {
        let mut init = Self {
            socket,
            start: None,
            console: None,
            target: None,
            trees: BTreeMap::new(),
            root: None,
            proc: None,
            program: None,
            words: words(&instructions.steps)?,
            has_neighbours: false,
            has_terminal: false,
            state: instructions.state.clone(),
        };
        for (role, descriptor) in instructions.descriptors.iter().zip(descriptors) {
            match role {
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

    /// Has the launching process do a step.
    fn ask(&self, step: usize) -> Result<(), Ended> {
        wire::send(&self.socket, &Report::RunStep { step }, &[]).map_err(|_| Ended::Stopped)?;
        self.answer()
    }

    fn answer(&self) -> Result<(), Ended> {
        match wire::receive(&self.socket) {
            Ok(Some((Reply::Done, _))) => Ok(()),
            _ => Err(Ended::Stopped),
        }
    }

    /// The root of the container's filesystem.
    pub(crate) fn root(&self) -> Result<&OwnedFd, StepError> {
        self.root.as_ref().ok_or_else(|| StepError::new("there is no root filesystem yet"))
    }

    fn step(&mut self, index: usize, step: &Step) -> Result<(), Ended> {
        match step {
            Step::Runtime(_) => self.ask(index),
            Step::Namespace(step) => self.namespace(step),
            Step::Filesystem(step) => Ok(self.filesystem(step)?),
            Step::Process(step) => Ok(self.process(step)?),
            Step::Hooks(hooks) => Ok(self.hooks(hooks)?),
            Step::AwaitStart => self.await_start(),
        }
    }

    fn namespace(&mut self, step: &NamespaceStep) -> Result<(), Ended> {
        match step {
            NamespaceStep::Join { kind, path } => {
                namespaces::join(*kind, path)?;
                self.has_neighbours |= *kind == Namespace::Pid;
            }
            NamespaceStep::JoinTarget(kinds) => {
                let target = self
                    .target
                    .as_ref()
                    .ok_or_else(|| StepError::new("there is no process to join"))?;
                namespaces::join_target(target.as_fd(), kinds)?;
            }
            NamespaceStep::NewUser => namespaces::new_user()?,
            NamespaceStep::BecomeRoot => identity::become_root()?,
            NamespaceStep::NewTime(offsets) => namespaces::new_time(offsets)?,
            NamespaceStep::Clone(kinds) => self.clone_into(kinds)?,
            NamespaceStep::CloneAndWait => self.attend()?,
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
                self.trees.insert(tree.id, mounts::open_tree(tree)?);
                Ok(())
            }
            FilesystemStep::Propagation(propagation) => mounts::propagate_all(*propagation),
            FilesystemStep::Root { tree, path } => {
                self.root = Some(mounts::attach_root(self.tree(*tree)?, path)?);
                Ok(())
            }
            FilesystemStep::Mount(mount) => mounts::mount(self, mount),
            FilesystemStep::Device(device) => devices::device(self.root()?.as_fd(), device),
            FilesystemStep::Link { path, target } => {
                devices::link(self.root()?.as_fd(), path, target)
            }
            FilesystemStep::MakeDirectory(path) => {
                paths::make(self.root()?.as_fd(), path, paths::Kind::Directory).map(drop)
            }
            FilesystemStep::Sysctl { key, value } => procfs::sysctl(self, key, value),
            FilesystemStep::Mask(path) => mounts::mask(self.root()?.as_fd(), path),
            FilesystemStep::ReadOnlyPath(path) => mounts::read_only(self.root()?.as_fd(), path),
            FilesystemStep::ReadOnlyRoot => mounts::read_only_root(self.root()?.as_fd()),
            FilesystemStep::PivotRoot => {
                mounts::pivot(self.root()?.as_fd())?;
                // What made the filesystem is not kept for who may look at the process that waits.
                (self.root, self.proc) = (None, None);
                Ok(())
            }
            FilesystemStep::RootPropagation(propagation) => mounts::propagate_root(*propagation),
        }
    }

    fn process(&mut self, step: &ProcessStep) -> Result<(), StepError> {
        match step {
            ProcessStep::OomScore(value) => identity::oom_score(*value),
            ProcessStep::Processors(list) => identity::processors(list),
            ProcessStep::Session => Ok(rustix::process::setsid().map(drop)?),
            ProcessStep::Terminal { height, width, make_console } => {
                terminal::open(self, height.zip(*width), *make_console)
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
            ProcessStep::User { uid, gid, groups } => {
                if self.has_terminal {
                    terminal::give(*uid)?;
                }
                identity::user(*uid, *gid, groups.as_deref())
            }
            ProcessStep::Umask(mask) => {
                umask(Mode::from_raw_mode(*mask));
                Ok(())
            }
            ProcessStep::Capabilities(sets) => identity::capabilities(sets),
            ProcessStep::NoNewPrivileges => Ok(rustix::thread::set_no_new_privs(true)?),
            ProcessStep::FindProgram { name, search } => {
                self.program = Some(program::find(name, search)?);
                // Not later: a filter may forbid it.
                Ok(sys::descriptors::close_from_on_exec(3)?)
            }
            ProcessStep::Seccomp(filter) => identity::seccomp(filter),
            ProcessStep::Execute { .. } => {
                let found = self.program.as_ref().zip(self.words.as_ref());
                let (program, (arguments, environment)) =
                    found.ok_or_else(|| StepError::new("no program was looked up"))?;
                program.execute(arguments, environment)
            }
        }
    }

    /// Takes a tree that an earlier step opened.
    pub(crate) fn tree(&mut self, id: usize) -> Result<OwnedFd, StepError> {
        self.trees.remove(&id).ok_or_else(|| StepError::new("the tree was not opened"))
    }

    /// The child goes on as the container's process; this process reports it and ends.
    fn clone_into(&mut self, kinds: &[Namespace]) -> Result<(), Ended> {
        match namespaces::clone(kinds)? {
            sys::clone::Cloned::Child => {
                if self.has_neighbours {
                    // They could trace this process until it is the program.
                    namespaces::hide()?;
                }
                self.answer()
            }
            sys::clone::Cloned::Parent { pid } => {
                sys::clone::leave(i32::from(self.report(pid).is_err()));
            }
        }
    }

    /// The child goes on as the process; this process reports it, buries it, and ends as it did.
    ///
    /// A process of a process namespace that nobody buries keeps the namespace's first process from ending. So this is
    /// done here at once, and not left to whoever asked for the process.
    fn attend(&mut self) -> Result<(), Ended> {
        match sys::clone::clone(0)? {
            sys::clone::Cloned::Child => self.answer(),
            sys::clone::Cloned::Parent { pid } => match self.report(pid) {
                Ok(()) => super::supervisor::supervise(pid),
                // The other reads that nobody answers, and ends.
                Err(_) => sys::clone::leave(1),
            },
        }
    }

    /// Tells that a process exists.
    fn report(&self, pid: i32) -> std::io::Result<()> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let pid_of = Pid::from_raw(pid).ok_or(rustix::io::Errno::SRCH)?;
        let pidfd = pidfd_open(pid_of, PidfdFlags::empty())?;
        wire::send(&self.socket, &Report::ProcessCreated { pid }, &[pidfd.as_fd()])
    }

    /// Runs hooks of the container's namespaces.
    fn hooks(&mut self, hooks: &crate::plan::Hooks) -> Result<(), StepError> {
        let status = if hooks.kind == HookKind::StartContainer { "created" } else { "creating" };
        if let Value::Object(state) = &mut self.state {
            state.insert("status".into(), status.into());
            state.insert("pid".into(), rustix::process::getpid().as_raw_nonzero().get().into());
        }
        // The init masks nothing, and the container's mask comes later than the first hooks.
        let masks = hooks.kind != HookKind::StartContainer;
        let own = masks.then(|| umask(Mode::from_raw_mode(0o022)));
        let result = hooks::run(&hooks.hooks, &self.state, None);
        own.map(umask);
        result.map_err(|failure| StepError::new(failure.to_string()))
    }

    /// Reports that all is ready, lets go of the launching process and waits for the start.
    fn await_start(&mut self) -> Result<(), Ended> {
        wire::send(&self.socket, &Report::Ready, &[]).map_err(|_| Ended::Stopped)?;
        let Some(start) = self.start.take() else { return Ok(()) };
        loop {
            let mut connection = start.accept().context(|| "wait for the start".into())?.0;
            // Whoever connects and goes away without a word starts nothing.
            if connection.read_exact(&mut [0]).is_ok() {
                self.socket = connection.into();
                return Ok(());
            }
        }
    }
}
