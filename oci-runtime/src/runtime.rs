//! A directory of containers.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::children::Children;
use crate::deadline::Deadline;
use crate::launch::{Launch, launch};
use crate::record::{Entry, Phase, Record, start_socket};
use crate::runtime_steps::Creation;
use crate::spec::Status;
use crate::wire::Role;
use crate::{
    Bundle, CgroupDriver, Container, ContainerId, Error, ErrorKind, Host, Launcher, Plan, Stdio,
};

/// A directory with the records of containers, and the program that becomes their init.
///
/// Any process that opens the same directory finds the same containers.
///
/// ```no_run
/// use oci_runtime::{Bundle, ErrorKind, Launcher, Runtime, Stdio};
///
/// // Without a launcher, this program itself becomes the init: then `oci_runtime::init()` is the first line of `main`.
/// let init = Launcher::program("/usr/libexec/oci-runtime-init");
/// let runtime = Runtime::open("/run/my-tool")?.launcher(init);
///
/// let bundle = Bundle::open("bundle")?; // config.json, and the root filesystem that it names
/// match runtime.create("web-1", &bundle, Stdio::inherit()) {
///     Ok(container) => container.start()?,
///     Err(error) if error.kind() == ErrorKind::Id => println!("it is there already"),
///     Err(error) => return Err(error),
/// }
/// for container in runtime.list()? {
///     println!("{} is {}", container.id(), container.state()?.status);
/// }
/// runtime.container("web-1")?.force_delete()?;
/// # Ok::<(), oci_runtime::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Runtime {
    pub(crate) dir: PathBuf,
    pub(crate) launcher: Launcher,
    pub(crate) children: Children,
    pub(crate) timeout: Option<Duration>,
    cgroup_driver: CgroupDriver,
}

impl Runtime {
    /// Opens a directory for containers, and makes it if it is not there; only its owner may enter it.
    ///
    /// # Errors
    /// If it cannot be made, or users other than its owner may write to it.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let doing = || format!("open runtime directory `{}`", dir.as_ref().display());
        let dir = std::path::absolute(dir.as_ref()).map_err(Error::system(doing()))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(Error::system(doing()))?;
        let found = std::fs::metadata(&dir).map_err(Error::system(doing()))?;
        let mine = found.uid() == rustix::process::geteuid().as_raw();
        if !mine || found.mode() & 0o022 != 0 {
            let reason = "it belongs to another user, or other users may write to it";
            return Err(Error::new(ErrorKind::System, doing(), reason));
        }
        let (launcher, children) = (Launcher::current_exe(), Children::default());
        let cgroup_driver = CgroupDriver::default();
        Ok(Self { dir, launcher, children, timeout: None, cgroup_driver })
    }

    /// Has another program become the init of containers.
    #[must_use]
    pub fn launcher(mut self, launcher: Launcher) -> Self {
        self.launcher = launcher;
        self
    }

    /// How long each call of `create`, `start`, `delete` and `force_delete` may take, of this runtime and of the containers
    /// that it makes or finds. Then it fails, and `create` and `start` leave no process that they began.
    ///
    /// Without it, they wait for hooks as long as these run, and else no longer than the kernel takes, or some seconds. Hooks of
    /// the runtime are given whole seconds; hooks that follow a deletion are not counted.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Has another make the cgroups of containers.
    #[must_use]
    pub fn cgroup_driver(mut self, driver: CgroupDriver) -> Self {
        self.cgroup_driver = driver;
        self
    }

    /// Makes a container up to the point where its program can be started.
    ///
    /// `id` is a [`ContainerId`] or a text that is parsed as one.
    ///
    /// # Errors
    /// [`ErrorKind::Id`] if the ID is in use or the text is not one, [`ErrorKind::Refused`] with every reason if the specification
    /// cannot be carried out here, [`ErrorKind::Step`] or [`ErrorKind::Hook`] if a step or a hook fails. Then nothing of
    /// the container is left.
    pub fn create<I>(&self, id: I, bundle: &Bundle, stdio: Stdio) -> Result<Container, Error>
    where
        I: TryInto<ContainerId>,
        Error: From<I::Error>,
    {
        self.create_container(id.try_into()?, bundle, stdio)
    }

    fn create_container(
        &self,
        id: ContainerId,
        bundle: &Bundle,
        stdio: Stdio,
    ) -> Result<Container, Error> {
        let deadline = Deadline::after(self.timeout);
        let doing = || format!("create container `{id}`");
        let host = Host::probe().map_err(Error::system("probe the host"))?;
        let host = host.cgroup_driver(self.cgroup_driver);
        let bundle_dir = std::path::absolute(bundle.dir()).map_err(Error::system(doing()))?;
        if bundle_dir.to_str().is_none() {
            let shown = bundle_dir.display();
            let reason = format!("the path of bundle `{shown}` is not UTF-8");
            return Err(Error::new(ErrorKind::Bundle, doing(), reason));
        }
        let bundle = bundle.clone().at(bundle_dir);
        let plan = Plan::new(&bundle, &host)
            .map_err(|refusals| Error::because(ErrorKind::Refused, doing(), refusals))?;
        stdio.check(&plan, &doing())?;
        self.launcher.check()?;
        crate::record::sweep(&self.dir);
        self.children.collect();
        let mut entry = Entry::create(&self.dir, record(id.clone(), &bundle, &plan))?;
        match self.make(&mut entry, (&bundle, &plan), stdio, deadline) {
            Ok(pidfd) => {
                let container = Container::new(self.clone(), id, Some(pidfd), plan.warnings())?;
                Ok(container.of_a_child())
            }
            Err(error) => {
                self.undo(&entry, &bundle);
                Err(error)
            }
        }
    }

    fn make(
        &self,
        entry: &mut Entry,
        (bundle, plan): (&Bundle, &Plan),
        stdio: Stdio,
        deadline: Deadline,
    ) -> Result<OwnedFd, Error> {
        let id = &entry.record.id;
        entry.save_spec(bundle.spec())?;
        let mut descriptors =
            stdio.into_descriptors().map_err(Error::system("open standard input and output"))?;
        let start = listen(&self.dir.join(id.as_str()))
            .map_err(Error::system("make the socket on which the container waits for its start"))?;
        descriptors.push((Role::Start, start));
        let state = serde_json::to_value(entry.record.state_as(Status::Creating))
            .map_err(|error| Error::because(ErrorKind::System, "write the state", error))?;
        let launched = Launch { steps: &plan.steps, descriptors, state, directory: None, deadline };
        let launcher = &self.launcher;
        let mut creation = Creation { entry, bundle: bundle.dir(), launcher, deadline };
        let process = launch(launcher, launched, &mut creation)?;
        entry.record.phase = Phase::Created;
        match entry.save() {
            Ok(()) => Ok(process.pidfd),
            Err(error) => {
                crate::launch::end(&process);
                Err(error)
            }
        }
    }

    /// Removes what a failed creation made. Its own failures would hide the reason that is reported.
    fn undo(&self, entry: &Entry, bundle: &Bundle) {
        let _ = entry.record.cgroup.kill_all();
        let _ = entry.record.cgroup.remove();
        let _ = entry.remove();
        crate::container::poststop(&self.launcher, &entry.record, bundle.dir());
    }

    /// Finds a container that this or another process made.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none of this ID, [`ErrorKind::Id`] if the text is not an ID.
    pub fn container<I>(&self, id: I) -> Result<Container, Error>
    where
        I: TryInto<ContainerId>,
        Error: From<I::Error>,
    {
        self.find(id.try_into()?)
    }

    fn find(&self, id: ContainerId) -> Result<Container, Error> {
        self.children.collect();
        let dir = self.dir.join(id.as_str());
        let pidfd = match crate::record::read(&dir) {
            Ok(record) => record
                .process()
                .map_err(Error::system(format!("find the process of container `{id}`")))?
                .pidfd(),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !dir.exists() => {
                // Its deletion may have been interrupted, and whoever asks is about to complete it.
                crate::record::sweep(&self.dir);
                return Err(crate::record::not_found(&id));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Error::system(format!("read the state of container `{id}`"))(error));
            }
        };
        Container::new(self.clone(), id, pidfd, &[])
    }

    /// All containers, in the order of their ids. One whose state cannot be read is among them, and its
    /// [`state`](Container::state) says why.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Container>, Error> {
        let doing = || format!("list the containers of `{}`", self.dir.display());
        crate::record::sweep(&self.dir);
        self.children.collect();
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(Error::system(doing()))? {
            let entry = entry.map_err(Error::system(doing()))?;
            let name = entry.file_name().into_string().ok();
            ids.extend(name.and_then(|name| ContainerId::try_from(name).ok()));
        }
        ids.sort_unstable();
        let mut containers = Vec::new();
        for id in ids {
            match self.find(id.clone()) {
                // Deleted since the directory was read.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(_) => containers.push(Container::new(self.clone(), id, None, &[])?),
                Ok(container) => containers.push(container),
            }
        }
        Ok(containers)
    }
}

fn record(id: ContainerId, bundle: &Bundle, plan: &Plan) -> Record {
    let spec = bundle.spec();
    Record {
        oci_version: spec.oci_version.clone(),
        bundle: bundle.dir().into(),
        annotations: spec.annotations.clone(),
        has_program: spec.process.is_some(),
        later: plan.later.clone(),
        ..Record::new(id)
    }
}

/// The socket on which the container waits for its start.
fn listen(dir: &Path) -> io::Result<OwnedFd> {
    use rustix::net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
    };
    let (_handle, path) = start_socket(dir)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // The mode of the socket to come, whatever the caller's umask is.
    rustix::fs::fchmod(socket.as_fd(), rustix::fs::Mode::from_raw_mode(0o600))?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, 4)?;
    Ok(socket)
}
