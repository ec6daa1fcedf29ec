use std::collections::BTreeMap;

use crate::json::{Members, UniqueMap, Value, model};
use crate::{Digest, MediaType, Model};

model! {
    /// The config of an image: how it was made and how to run it ([config.md]).
    ///
    /// [config.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
    pub struct Config {
        /// When the image was made, by RFC 3339.
        optional created: String = "created";
        /// Who made the image.
        optional author: String = "author";
        /// The CPU architecture, by Go's names (`amd64`, `arm64`).
        required architecture: String = "architecture";
        /// The operating system, by Go's names (`linux`).
        required os: String = "os";
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
    }

    /// What a container made from the image runs by default.
    pub struct ExecutionConfig {
        /// The user, and optionally the group, by name or number: `user:group`.
        optional user: String = "User";
        /// Ports to expose: `80/tcp`, each with `{}`.
        list exposed_ports: BTreeMap<String, Value> as UniqueMap<Value> = "ExposedPorts";
        /// The environment: `NAME=VALUE`.
        list env: Vec<String> = "Env";
        /// The first words of the command.
        list entrypoint: Vec<String> = "Entrypoint";
        /// The last words of the command.
        list cmd: Vec<String> = "Cmd";
        /// Directories that hold data of the container's own, each with `{}`.
        list volumes: BTreeMap<String, Value> as UniqueMap<Value> = "Volumes";
        /// The working directory.
        optional working_dir: String = "WorkingDir";
        /// Labels, by the rules of annotations.
        list labels: BTreeMap<String, String> as UniqueMap<String> = "Labels";
        /// The signal that asks the container to end: `SIGTERM`, `SIGRTMIN+3`.
        optional stop_signal: String = "StopSignal";
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

impl Model for Config {
    const MEDIA_TYPES: &'static [MediaType] = &[MediaType::IMAGE_CONFIG, MediaType::DOCKER_CONFIG];

    fn unknown(&self) -> &Members {
        &self.unknown
    }
}
