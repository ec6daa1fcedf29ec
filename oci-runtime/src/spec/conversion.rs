use oci_image::Config;
use oci_image::json::Map;

use super::{
    ImageUser, ImageUserError, Mount, Process, Root, Spec, User, Users, UsersError, Windows,
};

mod annotations;

/// Makes a [`Spec`] of an image's config ([conversion.md]).
///
/// ```
/// # let json = br#"{"architecture":"amd64","os":"linux","config":{"User":"app","Cmd":["/app"]},
/// #   "rootfs":{"type":"layers","diff_ids":[]}}"#;
/// use oci_runtime::spec::{Conversion, Users};
///
/// let config: oci_image::Config = oci_image::json::from_slice(json)?;
/// let users = Users::new("app:x:1000:1000::/:/app\n", "data:x:50:app\n");
/// let spec = Conversion::new(&config).users(users).build()?;
/// let process = spec.process.unwrap();
/// assert_eq!(process.args, ["/app"]);
/// assert_eq!(process.user.unwrap().additional_gids, [1000, 50]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An image is a stranger's: it decides the arguments, environment, working directory, user and
/// annotations of the container, and nothing else. Labels that runtimes take for instructions
/// ([`Conversion::RESERVED`]) become no annotations.
///
/// [conversion.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/conversion.md
#[derive(Clone, Debug)]
#[must_use]
pub struct Conversion<'a> {
    config: &'a Config,
    base: Spec,
    users: Users,
    exposed_ports: bool,
    volumes: bool,
}

/// Why an image's config cannot be converted to a [`Spec`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// The config's user is malformed.
    #[error("cannot parse the user of the image config")]
    User(#[from] ImageUserError),
    /// The user or group is unknown in the container.
    #[error("cannot look up the user of the image config")]
    Users(#[from] UsersError),
    /// A volume is not a directory that a container can have of its own.
    #[error(
        "cannot mount a tmpfs on volume `{path}`: it is not an absolute path outside of /proc, /sys and /dev"
    )]
    Volume {
        /// The volume.
        path: String,
    },
}

impl<'a> Conversion<'a> {
    /// Begins with [`Spec::linux_default`] for an image for Linux, else with a process and a root.
    pub fn new(config: &'a Config) -> Self {
        let base =
            if config.os == "linux" { Spec::linux_default() } else { plain(config.os.as_str()) };
        Self { config, base, users: Users::default(), exposed_ports: false, volumes: false }
    }

    /// Takes what the image does not say from `base`. Its annotations that the image has not stay.
    pub fn base(mut self, base: Spec) -> Self {
        self.base = base;
        self
    }

    /// Looks names of users and groups up here.
    pub fn users(mut self, users: Users) -> Self {
        self.users = users;
        self
    }

    /// Keeps the exposed ports as the annotation `org.opencontainers.image.exposedPorts`.
    pub fn exposed_ports(mut self) -> Self {
        self.exposed_ports = true;
        self
    }

    /// Mounts an empty tmpfs over each volume of the image. What the container writes there is gone
    /// with it, and never becomes part of a new image.
    pub fn volumes_as_tmpfs(mut self) -> Self {
        self.volumes = true;
        self
    }

    /// The configuration.
    ///
    /// An image without a command gives `process.args` without an element, which no runtime starts: the
    /// caller knows what to run.
    ///
    /// # Errors
    /// If the user is malformed or unknown, or a volume that is to be mounted cannot be.
    pub fn build(self) -> Result<Spec, ConversionError> {
        let user = self.user()?;
        let annotations = self.annotations();
        let volumes = if self.volumes { self.volumes()? } else { Vec::new() };
        let mut spec = self.base;
        spec.mounts.extend(volumes);
        spec.annotations.extend(annotations);
        let process = spec.process.get_or_insert_with(|| Process::new("/".into()));
        if let Some(user) = user {
            process.user = Some(user);
        }
        fill(process, self.config);
        Ok(spec)
    }

    /// Whether the result depends on the container's `/etc/passwd` or `/etc/group`.
    pub fn needs_users(&self) -> bool {
        let user = user_text(self.config).filter(|_| self.config.os != "windows");
        user.and_then(|text| text.parse().ok()).is_some_and(|user: ImageUser| user.needs_users())
    }

    fn user(&self) -> Result<Option<User>, ConversionError> {
        let Some(text) = user_text(self.config) else { return Ok(None) };
        if self.config.os == "windows" {
            let mut user = User::new();
            user.username = Some(text.into());
            return Ok(Some(user));
        }
        let user: ImageUser = text.parse()?;
        Ok(Some(user.resolve(&self.users)?))
    }

    fn volumes(&self) -> Result<Vec<Mount>, ConversionError> {
        let execution = self.config.config.iter();
        execution.flat_map(|execution| execution.volumes.keys()).map(|path| volume(path)).collect()
    }

    fn annotations(&self) -> Map<String> {
        let ports = self.exposed_ports.then(|| annotations::exposed_ports(self.config)).flatten();
        let implicit = annotations::implicit(self.config);
        ports.into_iter().chain(implicit).chain(annotations::labels(self.config)).collect()
    }
}

/// The image's user, if it names one.
fn user_text(config: &Config) -> Option<&str> {
    config.config.as_ref()?.user.as_deref().filter(|text| !text.is_empty())
}

/// Arguments, environment and working directory: verbatim, the rest from the base.
fn fill(process: &mut Process, config: &Config) {
    let execution = config.config.clone().unwrap_or_default();
    process.args = [execution.entrypoint, execution.cmd].concat();
    process.env.retain(|base| execution.env.iter().all(|entry| variable(entry) != variable(base)));
    process.env.splice(0..0, execution.env);
    if let Some(directory) = execution.working_dir.filter(|directory| !directory.is_empty()) {
        process.cwd = directory;
    }
}

fn variable(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(name, _)| name)
}

fn volume(path: &str) -> Result<Mount, ConversionError> {
    let mut steps = path.split('/').filter(|step| !matches!(*step, "" | "."));
    let first = steps.clone().next().unwrap_or_default();
    let kernel = matches!(first, "" | "proc" | "sys" | "dev");
    if !path.starts_with('/') || kernel || steps.any(|step| step == "..") {
        return Err(ConversionError::Volume { path: path.into() });
    }
    let mut mount = Mount::new(path.into());
    mount.r#type = Some("tmpfs".into());
    mount.source = Some("tmpfs".into());
    mount.options = ["nosuid", "nodev"].map(String::from).to_vec();
    Ok(mount)
}

/// What a container for another system than Linux has at least.
fn plain(os: &str) -> Spec {
    let mut spec = Spec::new(Spec::MADE.into());
    if os == "windows" {
        spec.process = Some(Process::new("C:\\".into()));
        spec.windows = Some(Windows::new());
        return spec;
    }
    let mut process = Process::new("/".into());
    process.user = Some(User::posix(0, 0));
    spec.process = Some(process);
    spec.root = Some(Root::new(Root::DEFAULT_PATH.into()));
    spec
}
