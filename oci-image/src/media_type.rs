use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The type of some content: any text, with constants for the types that the specs name.
///
/// No text is refused here, as copying must not fail on an unknown type; linting says whether it
/// follows RFC 6838.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(Cow<'static, str>);

macro_rules! known {
    ($($(#[$meta:meta])* $name:ident = $text:literal;)*) => {
        impl MediaType {
            $($(#[$meta])* pub const $name: Self = Self(Cow::Borrowed($text));)*

            /// The constant of this text.
            fn known(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

known! {
    /// A descriptor alone.
    DESCRIPTOR = "application/vnd.oci.descriptor.v1+json";
    /// The `oci-layout` file.
    LAYOUT_HEADER = "application/vnd.oci.layout.header.v1+json";
    /// An image index.
    IMAGE_INDEX = "application/vnd.oci.image.index.v1+json";
    /// An image manifest.
    IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
    /// An image config.
    IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json";
    /// The content `{}`.
    EMPTY_JSON = "application/vnd.oci.empty.v1+json";
    /// A layer: a tar archive.
    LAYER_TAR = "application/vnd.oci.image.layer.v1.tar";
    /// A layer compressed with gzip.
    LAYER_TAR_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer compressed with zstd.
    LAYER_TAR_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// A layer that must not be distributed.
    LAYER_NONDISTRIBUTABLE_TAR = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    /// A layer compressed with gzip that must not be distributed.
    LAYER_NONDISTRIBUTABLE_TAR_GZIP = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    /// A layer compressed with zstd that must not be distributed.
    LAYER_NONDISTRIBUTABLE_TAR_ZSTD = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
    /// A layer that is encrypted.
    LAYER_TAR_ENCRYPTED = "application/vnd.oci.image.layer.v1.tar+encrypted";
    /// A layer compressed with gzip and then encrypted.
    LAYER_TAR_GZIP_ENCRYPTED = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
    /// A layer compressed with zstd and then encrypted.
    LAYER_TAR_ZSTD_ENCRYPTED = "application/vnd.oci.image.layer.v1.tar+zstd+encrypted";
    /// Docker's manifest list, interchangeable with an index.
    DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's manifest, schema 2.
    DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's image config.
    DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
    /// Docker's layer, uncompressed.
    DOCKER_LAYER_TAR = "application/vnd.docker.image.rootfs.diff.tar";
    /// Docker's layer, compressed with gzip.
    DOCKER_LAYER_TAR_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker's layer, compressed with zstd.
    DOCKER_LAYER_TAR_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd";
    /// Docker's layer that must not be distributed.
    DOCKER_FOREIGN_LAYER_TAR = "application/vnd.docker.image.rootfs.foreign.diff.tar";
    /// Docker's layer, compressed with gzip, that must not be distributed.
    DOCKER_FOREIGN_LAYER_TAR_GZIP = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    /// The artifact type of a model, by the model spec of the CNCF.
    MODEL_MANIFEST = "application/vnd.cncf.model.manifest.v1+json";
    /// The config of a model.
    MODEL_CONFIG = "application/vnd.cncf.model.config.v1+json";
    /// Weights of a model: the file as it is.
    MODEL_WEIGHT_RAW = "application/vnd.cncf.model.weight.v1.raw";
    /// Weights of a model in a tar archive.
    MODEL_WEIGHT_TAR = "application/vnd.cncf.model.weight.v1.tar";
    /// Weights of a model in a tar archive that is compressed with gzip.
    MODEL_WEIGHT_TAR_GZIP = "application/vnd.cncf.model.weight.v1.tar+gzip";
    /// Weights of a model in a tar archive that is compressed with zstd.
    MODEL_WEIGHT_TAR_ZSTD = "application/vnd.cncf.model.weight.v1.tar+zstd";
}

impl MediaType {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an image manifest, OCI's or Docker's.
    pub fn is_manifest(&self) -> bool {
        [Self::IMAGE_MANIFEST, Self::DOCKER_MANIFEST].contains(self)
    }

    /// Whether it is an image index or Docker's manifest list.
    pub fn is_index(&self) -> bool {
        [Self::IMAGE_INDEX, Self::DOCKER_MANIFEST_LIST].contains(self)
    }

    /// Whether it is a manifest or an index: what [`AnyDocument`](crate::AnyDocument) reads.
    pub fn is_manifest_or_index(&self) -> bool {
        self.is_manifest() || self.is_index()
    }

    /// Whether it is an image config, OCI's or Docker's.
    pub fn is_config(&self) -> bool {
        [Self::IMAGE_CONFIG, Self::DOCKER_CONFIG].contains(self)
    }

    /// Whether it is a layer of a root filesystem, whatever its compression.
    pub fn is_layer(&self) -> bool {
        self.is_distributable_layer() || self.is_nondistributable()
    }

    /// Whether it is a layer that must not be pushed to a registry.
    pub fn is_nondistributable(&self) -> bool {
        self.is_tar_of("application/vnd.oci.image.layer.nondistributable.v1.tar")
            || self.is_tar_of("application/vnd.docker.image.rootfs.foreign.diff.tar")
    }

    /// Whether the content is encrypted (`+encrypted`).
    pub fn is_encrypted(&self) -> bool {
        self.0.ends_with("+encrypted")
    }

    /// Whether it is `type/subtype` with names as [RFC 6838] restricts them, without parameters.
    ///
    /// [RFC 6838]: https://www.rfc-editor.org/rfc/rfc6838#section-4.2
    pub fn is_well_formed(&self) -> bool {
        self.0.split_once('/').is_some_and(|(name, sub)| is_restricted(name) && is_restricted(sub))
    }

    fn is_distributable_layer(&self) -> bool {
        self.is_tar_of("application/vnd.oci.image.layer.v1.tar")
            || self.is_tar_of("application/vnd.docker.image.rootfs.diff.tar")
    }

    fn is_tar_of(&self, plain: &str) -> bool {
        let rest = self.0.strip_prefix(plain);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '.']))
    }
}

/// A letter or digit, then up to 126 letters, digits and `!#$&-^_.+`.
fn is_restricted(name: &str) -> bool {
    let listed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    name.len() <= 127
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(listed)
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self::known(text).unwrap_or_else(|| Self(Cow::Owned(text.to_owned())))
    }
}

impl From<String> for MediaType {
    fn from(text: String) -> Self {
        Self::known(&text).unwrap_or(Self(Cow::Owned(text)))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaType({})", self.0)
    }
}

impl AsRef<str> for MediaType {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for MediaType {
    fn eq(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl PartialEq<&str> for MediaType {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl serde::de::Visitor<'_> for Text {
            type Value = MediaType;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a media type")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<MediaType, E> {
                Ok(text.into())
            }
        }

        deserializer.deserialize_str(Text)
    }
}
