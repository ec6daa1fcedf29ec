use crate::json::{Map, Members, Value, model};
use crate::{Architecture, Digest, MediaType, Model, Os, Platform};

model! {
    /// The config of an image: how it was made and how to run it ([config.md]).
    ///
    /// The settings of the client are `oci_distribution_client::Config`; the `config.json` of a bundle is
    /// `oci_runtime::Spec`.
    ///
    /// [config.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
    pub struct Config {
        /// When the image was made, by RFC 3339.
        optional created: String = "created";
        /// Who made the image.
        optional author: String = "author";
        /// The CPU architecture.
        required architecture: Architecture = "architecture";
        /// The operating system.
        required os: Os = "os";
        /// The version of the operating system.
        optional os_version: String = "os.version";
        /// Features that the operating system must have.
        list os_features: Vec<String> = "os.features";
        /// The variant of the CPU (`v8`).
        optional variant: String = "variant";
        /// The execution parameters.
        optional config: ExecutionConfig = "config";
        /// The layers' content.
        required rootfs: RootFs = "rootfs";
        /// How each layer was made, the base first.
        list history: Vec<History> = "history";
        /// A comment (Docker).
        optional comment: String = "comment";
        /// The container from which the image was made (Docker).
        optional container: String = "container";
        /// The parameters of that container (Docker).
        optional container_config: ExecutionConfig = "container_config";
        /// The version of Docker that made the image.
        optional docker_version: String = "docker_version";
    }

    /// What a container made from the image runs by default.
    ///
    /// The members that OCI does not name, or only reserves, are Docker's.
    pub struct ExecutionConfig {
        /// The host name (Docker).
        optional hostname: String = "Hostname";
        /// The domain name (Docker).
        optional domainname: String = "Domainname";
        /// The user, and optionally the group, by name or number: `user:group`.
        optional user: String = "User";
        /// Whether standard input is attached (Docker).
        optional attach_stdin: bool = "AttachStdin";
        /// Whether standard output is attached (Docker).
        optional attach_stdout: bool = "AttachStdout";
        /// Whether standard error is attached (Docker).
        optional attach_stderr: bool = "AttachStderr";
        /// Ports to expose: `80/tcp`, each with `{}`.
        list exposed_ports: Map<Value> = "ExposedPorts";
        /// Whether there is a terminal (Docker).
        optional tty: bool = "Tty";
        /// Whether standard input stays open (Docker).
        optional open_stdin: bool = "OpenStdin";
        /// Whether standard input closes after the first client (Docker).
        optional stdin_once: bool = "StdinOnce";
        /// The environment: `NAME=VALUE`.
        list env: Vec<String> = "Env";
        /// The last words of the command, or all of it if there is no entrypoint.
        list cmd: Vec<String> = "Cmd";
        /// How to find out whether the container is well (reserved by OCI, used by Docker).
        optional healthcheck: Healthcheck = "Healthcheck";
        /// Whether the command is one escaped text already (Windows; deprecated).
        optional args_escaped: bool = "ArgsEscaped";
        /// The image from which the container was made (Docker).
        optional image: String = "Image";
        /// Directories that hold data of the container's own, each with `{}`.
        list volumes: Map<Value> = "Volumes";
        /// The working directory.
        optional working_dir: String = "WorkingDir";
        /// The first words of the command.
        list entrypoint: Vec<String> = "Entrypoint";
        /// Whether there is no network (Docker).
        optional network_disabled: bool = "NetworkDisabled";
        /// The address of the network device (Docker; deprecated).
        optional mac_address: String = "MacAddress";
        /// What a build from this image does first (Docker).
        list on_build: Vec<String> = "OnBuild";
        /// Labels, by the rules of annotations.
        list labels: Map<String> = "Labels";
        /// The signal that asks the container to end: `SIGTERM`, `SIGRTMIN+3`.
        optional stop_signal: String = "StopSignal";
        /// How long it has to end, in seconds (Docker).
        optional stop_timeout: i64 = "StopTimeout";
        /// What runs commands that are given as one text (Docker).
        list shell: Vec<String> = "Shell";
        /// A limit of memory in bytes (reserved by OCI).
        optional memory: i64 = "Memory";
        /// A limit of memory and swap in bytes (reserved by OCI).
        optional memory_swap: i64 = "MemorySwap";
        /// A weight of CPU time (reserved by OCI).
        optional cpu_shares: i64 = "CpuShares";
    }

    /// How Docker finds out whether a container is well.
    pub struct Healthcheck {
        /// The test: `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`.
        list test: Vec<String> = "Test";
        /// The time between tests, in nanoseconds.
        optional interval: i64 = "Interval";
        /// The time that a test may take, in nanoseconds.
        optional timeout: i64 = "Timeout";
        /// The time to start in which failures do not count, in nanoseconds.
        optional start_period: i64 = "StartPeriod";
        /// The time between tests while it starts, in nanoseconds.
        optional start_interval: i64 = "StartInterval";
        /// The number of failures after which the container is not well.
        optional retries: i64 = "Retries";
    }

    /// The content of the layers.
    pub struct RootFs {
        /// Always `layers`.
        fixed r#type: String = "type", "layers".into();
        /// The digests of the uncompressed layers, the base first.
        required_list diff_ids: Vec<Digest> = "diff_ids";
    }

    /// How a layer was made.
    pub struct History {
        /// When, by RFC 3339.
        optional created: String = "created";
        /// By whom.
        optional author: String = "author";
        /// By what command.
        optional created_by: String = "created_by";
        /// A comment.
        optional comment: String = "comment";
        /// Whether the step changed no file and so has no layer.
        optional empty_layer: bool = "empty_layer";
    }
}

impl RootFs {
    /// The chain ID of each layer, the base first: the digest that names it with all that is below.
    ///
    /// ```
    /// use oci_image::{Digest, RootFs};
    ///
    /// let mut rootfs = RootFs::new();
    /// rootfs.diff_ids = vec![Digest::sha256("base"), Digest::sha256("top")];
    /// let both = format!("{} {}", rootfs.diff_ids[0], rootfs.diff_ids[1]);
    /// assert_eq!(rootfs.chain_ids(), [rootfs.diff_ids[0].clone(), Digest::sha256(both)]);
    /// ```
    pub fn chain_ids(&self) -> Vec<Digest> {
        let mut chain: Vec<Digest> = Vec::with_capacity(self.diff_ids.len());
        for diff_id in &self.diff_ids {
            chain.push(match chain.last() {
                None => diff_id.clone(),
                Some(below) => Digest::sha256(format!("{below} {diff_id}")),
            });
        }
        chain
    }
}

impl Config {
    /// What the image runs on.
    pub fn platform(&self) -> Platform {
        let mut platform = Platform::new(self.architecture.clone(), self.os.clone());
        platform.os_version.clone_from(&self.os_version);
        platform.os_features.clone_from(&self.os_features);
        platform.variant.clone_from(&self.variant);
        platform
    }
}

impl Model for Config {
    const MEDIA_TYPES: &'static [MediaType] = &[MediaType::IMAGE_CONFIG, MediaType::DOCKER_CONFIG];

    fn unknown(&self) -> &Members {
        &self.unknown
    }
}
