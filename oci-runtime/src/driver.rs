//! Another runtime, by its command line.

mod command;
mod container;

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use command::Files;
pub use container::{DrivenContainer, DrivenProcess};

use crate::children::Children;
use crate::deadline::Deadline;
use crate::spec::Spec;
use crate::{Bundle, ContainerId, Error, ErrorKind, Launcher, State, Stdio};

/// Another runtime that has the command line of runc, such as crun, youki, runsc or kata-runtime: the same bundles, and
/// handles of the same shape.
///
/// ```no_run
/// use oci_runtime::{Bundle, Driver, Launcher, Signal, Spec, Stdio};
///
/// let init = Launcher::program("/usr/libexec/oci-runtime-init");
/// let crun = Driver::new("crun", "/run/my-tool")?.launcher(init);
/// let bundle = Bundle::new("bundle", Spec::linux_default().args(["sleep", "9"]));
/// let container = crun.create("web-1", &bundle, Stdio::null())?;
/// container.start()?;
/// container.kill(Signal::TERM)?;
/// println!("{}", container.wait()?);
/// container.delete()?;
/// # Ok::<(), oci_runtime::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Driver {
    program: PathBuf,
    arguments: Vec<OsString>,
    dir: PathBuf,
    launcher: Launcher,
    children: Children,
}

impl Driver {
    /// A program by its name in the usual directories, or its path, and a directory for what it and this crate keep of
    /// containers. It is made if it is not there.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn new(program: impl Into<PathBuf>, dir: impl AsRef<Path>) -> Result<Self, Error> {
        let doing = || format!("open directory `{}`", dir.as_ref().display());
        let dir = std::path::absolute(dir.as_ref()).map_err(Error::system(doing()))?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir.join("bundles"));
        made.map_err(Error::system(doing()))?;
        let (launcher, children) = (Launcher::current_exe(), Children::default());
        Ok(Self { program: program.into(), arguments: Vec::new(), dir, launcher, children })
    }

    /// Has another program wait for the containers: see [`Launcher`].
    #[must_use]
    pub fn launcher(mut self, launcher: Launcher) -> Self {
        self.launcher = launcher;
        self
    }

    /// Adds a global argument of the runtime, such as `--systemd-cgroup`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Makes a container up to the point where its program can be started. A process between waits for it, so how it ends is
    /// known, whatever the caller does about SIGCHLD.
    ///
    /// # Errors
    /// [`ErrorKind::Id`] if the text is not an ID, [`ErrorKind::Step`] with the runtime's own words if it fails.
    pub fn create<I>(&self, id: I, bundle: &Bundle, stdio: Stdio) -> Result<DrivenContainer, Error>
    where
        I: TryInto<ContainerId>,
        Error: From<I::Error>,
    {
        let id = id.try_into()?;
        let files = self.files(&id);
        let doing = || format!("create container `{id}` by `{}`", self.program.display());
        if bundle.process_function().is_some() {
            let reason = "another runtime has no functions of this program";
            return Err(Error::new(ErrorKind::Refused, doing(), reason));
        }
        match std::fs::create_dir(files.dir()) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(Error::new(ErrorKind::Id, doing(), "the ID is in use"));
            }
            made => made.map_err(Error::system(doing()))?,
        }
        let made = Bundle::new(files.dir(), absolute(bundle, &doing())?)
            .write()
            .and_then(|()| self.make(&id, &files, stdio));
        made.inspect_err(|_| drop(std::fs::remove_dir_all(files.dir())))
    }

    fn make(
        &self,
        id: &ContainerId,
        files: &Files,
        stdio: Stdio,
    ) -> Result<DrivenContainer, Error> {
        let mut arguments: Vec<OsString> = vec!["create".into(), "--bundle".into()];
        arguments.extend([files.dir().into(), "--pid-file".into(), files.pid().into()]);
        arguments.push(id.as_str().into());
        let launched = command::launch(self, files, arguments, (stdio, Deadline::default()))?;
        Ok(DrivenContainer::new(self.clone(), id.clone(), Some(launched)))
    }

    /// Finds a container of this directory. How it ends is known to the program that made it alone.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none of this ID, [`ErrorKind::Id`] if the text is not an ID.
    pub fn container<I>(&self, id: I) -> Result<DrivenContainer, Error>
    where
        I: TryInto<ContainerId>,
        Error: From<I::Error>,
    {
        let id = id.try_into()?;
        if self.files(&id).dir().exists() {
            return Ok(DrivenContainer::new(self.clone(), id, None));
        }
        Err(crate::record::not_found(&id))
    }

    fn files(&self, id: &ContainerId) -> Files {
        Files::new(self.dir.join("bundles").join(id.as_str()))
    }

    fn state(&self, id: &ContainerId) -> Result<State, Error> {
        let printed = command::run(self, &["state", id.as_str()])?;
        oci_image::json::from_slice(&printed).map_err(|error| {
            Error::because(ErrorKind::System, format!("read the state of container `{id}`"), error)
        })
    }
}

/// The specification with paths that do not depend on the directory of the bundle.
fn absolute(bundle: &Bundle, doing: &str) -> Result<Spec, Error> {
    let dir = std::path::absolute(bundle.dir()).map_err(Error::system(doing))?;
    let from = |path: &str| dir.join(path).display().to_string();
    let mut spec = bundle.spec().clone();
    if let Some(root) = &mut spec.root {
        root.path = from(&root.path);
    }
    for mount in &mut spec.mounts {
        let is_bind = mount.options.iter().any(|option| option == "bind" || option == "rbind");
        if let Some(source) = mount.source.as_mut().filter(|_| is_bind) {
            *source = from(source);
        }
    }
    Ok(spec)
}
