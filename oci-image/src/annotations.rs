//! The keys that the image spec defines for annotations and labels ([annotations.md]).
//!
//! [annotations.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md

use crate::Descriptor;

macro_rules! keys {
    ($($(#[$meta:meta])* $name:ident = $key:literal;)*) => {
        $($(#[$meta])* pub const $name: &str = $key;)*

        /// All keys in the namespace of OCI that a spec defines.
        pub const DEFINED: &[&str] = &[$($key),*];
    };
}

keys! {
    /// When the image was built, by RFC 3339.
    CREATED = "org.opencontainers.image.created";
    /// Whom to ask about the image.
    AUTHORS = "org.opencontainers.image.authors";
    /// Where to read about the image.
    URL = "org.opencontainers.image.url";
    /// Where its documentation is.
    DOCUMENTATION = "org.opencontainers.image.documentation";
    /// Where its source code is.
    SOURCE = "org.opencontainers.image.source";
    /// The version of the packaged software.
    VERSION = "org.opencontainers.image.version";
    /// The revision of the source code.
    REVISION = "org.opencontainers.image.revision";
    /// Who distributes the image.
    VENDOR = "org.opencontainers.image.vendor";
    /// The licences, as an SPDX expression.
    LICENSES = "org.opencontainers.image.licenses";
    /// The name of the target, in the `index.json` of a layout.
    REF_NAME = "org.opencontainers.image.ref.name";
    /// A title for people.
    TITLE = "org.opencontainers.image.title";
    /// A description for people.
    DESCRIPTION = "org.opencontainers.image.description";
    /// The digest of the manifest of the image's base.
    BASE_DIGEST = "org.opencontainers.image.base.digest";
    /// The name of the image's base.
    BASE_NAME = "org.opencontainers.image.base.name";
    /// The operating system, in a runtime config made from an image.
    OS = "org.opencontainers.image.os";
    /// The version of the operating system, in a runtime config made from an image.
    OS_VERSION = "org.opencontainers.image.os.version";
    /// The features of the operating system, in a runtime config made from an image.
    OS_FEATURES = "org.opencontainers.image.os.features";
    /// The CPU architecture, in a runtime config made from an image.
    ARCHITECTURE = "org.opencontainers.image.architecture";
    /// The variant of the CPU, in a runtime config made from an image.
    VARIANT = "org.opencontainers.image.variant";
    /// Who made the image, in a runtime config made from it.
    AUTHOR = "org.opencontainers.image.author";
    /// The signal that asks to end, in a runtime config made from an image.
    STOP_SIGNAL = "org.opencontainers.image.stopSignal";
    /// The exposed ports, in a runtime config made from an image.
    EXPOSED_PORTS = "org.opencontainers.image.exposedPorts";
}

/// The path of a file of a model, by the model spec of the CNCF, on the layer that holds it ([annotations.md]).
///
/// [annotations.md]: https://github.com/modelpack/model-spec/blob/main/docs/annotations.md
pub const MODEL_FILE_PATH: &str = "org.cncf.model.filepath";

/// The path of the file that a layer of an artifact is, below the directory that the artifact is pulled to: its
/// [title](TITLE), or the [path](MODEL_FILE_PATH) of a file of a model that is not in an archive. It is as the layer
/// states it: an [`EntryPath`](crate::archive::EntryPath) is one that stays in the directory.
pub fn file_path(layer: &Descriptor) -> Option<&str> {
    let is_raw = layer.media_type.as_str().ends_with(".raw");
    let of_model = || layer.annotations.get(MODEL_FILE_PATH).filter(|_| is_raw);
    layer.annotations.get(TITLE).or_else(of_model).map(String::as_str)
}

/// Beginnings of keys that describe the bytes that represent some content, not the content.
const OF_REPRESENTATION: &[&str] = &[
    // eStargz: where its table of contents is.
    "containerd.io/snapshot/",
    "io.containers.estargz.",
    // zstd:chunked, by its name and by the first one.
    "io.github.containers.zstd-chunked.",
    "io.containers.zstd-chunked.",
    // SOCI: the index into a layer that is compressed by gzip.
    "com.amazon.soci.",
    // Keys of an encrypted layer.
    "org.opencontainers.image.enc.",
    // What the blob is uncompressed, and where it was pulled from.
    "containerd.io/uncompressed",
    "containerd.io/distribution.source.",
];

/// Whether `key` describes the bytes that represent some content, such as where the table of contents of
/// a compressed layer is, and so says nothing right once the same content has other bytes.
pub fn is_of_representation(key: &str) -> bool {
    OF_REPRESENTATION.iter().any(|beginning| key.starts_with(beginning))
}

/// Whether `key` is in the namespace that only specs of OCI may use.
pub fn is_reserved(key: &str) -> bool {
    key == "org.opencontainers" || key.starts_with("org.opencontainers.")
}
