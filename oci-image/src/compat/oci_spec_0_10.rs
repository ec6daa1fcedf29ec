//! To the types of [`oci-spec`] 0.10 and back, for programs and libraries that speak them.
//!
//! Those types hold less than a document says: they drop members that they do not know, and refuse a
//! whole document for one word. What they cannot hold is left out here and reported by its JSON
//! pointer. Nothing is converted in silence.
//!
//! ```
//! use oci_image::compat::oci_spec_0_10::Counterpart;
//! use oci_image::{Manifest, json};
//!
//! let text = br#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.empty.v1+json",
//!     "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},
//!     "layers":[],"com.example.new":1}"#;
//! let manifest: Manifest = json::from_slice(text)?;
//! let converted = manifest.to_oci_spec()?;
//! assert_eq!(converted.value.schema_version(), 2);
//! assert_eq!(converted.lost, ["/com.example.new"]);
//! let back = Manifest::from_oci_spec(&converted.value)?.exact()?;
//! assert_eq!(back.config, manifest.config);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Both sides meet as JSON, so a conversion costs about as much as writing and reading the document
//! twice. Names of images convert by `From` and `TryFrom`, without the mirror that `oci-spec` may keep
//! beside one.
//!
//! [`oci-spec`]: https://docs.rs/oci-spec/0.10

mod carry;
mod difference;
mod place;
mod reference;
mod spelling;

use oci_spec::{distribution, image};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::distribution::{Catalog, ErrorCode, ErrorResponse, RegistryError, TagList};
use crate::{
    Config, Descriptor, Digest, ExecutionConfig, History, Index, LayoutFile, Manifest, MediaType,
    Platform, RootFs, json,
};

/// A model that has a counterpart in `oci-spec`.
pub trait Counterpart: Serialize + DeserializeOwned {
    /// The counterpart.
    type OciSpec: Serialize + DeserializeOwned;

    /// Whether it is a platform, two of whose members `oci-spec` spells in its own way.
    #[doc(hidden)]
    const IS_PLATFORM: bool = false;

    /// Makes the counterpart of this value, without what it cannot hold.
    ///
    /// # Errors
    /// If nothing is left that the counterpart could hold.
    fn to_oci_spec(&self) -> Result<Converted<Self::OciSpec>, ConversionError> {
        carry::to_oci_spec(self)
    }

    /// Makes a value of its counterpart.
    ///
    /// # Errors
    /// If the counterpart is not a valid document: `oci-spec` accepts some that have two readings or none.
    fn from_oci_spec(counterpart: &Self::OciSpec) -> Result<Converted<Self>, ConversionError> {
        carry::from_oci_spec(counterpart)
    }
}

/// A converted value, and in what it differs from what it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted<T> {
    /// The value.
    pub value: T,
    /// JSON pointers, into the document that was converted, to what the value does not hold or holds
    /// otherwise.
    pub lost: Vec<String>,
    /// JSON pointers, into the document that the value makes, to what only it says: members that its
    /// side always writes.
    pub added: Vec<String>,
}

impl<T> Converted<T> {
    /// The value, if it says exactly what it was made of.
    ///
    /// # Errors
    /// Names what it does not hold, or what it adds.
    pub fn exact(self) -> Result<T, Inexact> {
        if self.lost.is_empty() && self.added.is_empty() {
            return Ok(self.value);
        }
        Err(Inexact { lost: self.lost, added: self.added })
    }
}

/// A conversion was not exact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot convert the value exactly: it loses {lost:?} and gains {added:?}")]
#[non_exhaustive]
pub struct Inexact {
    /// What is lost, as [`Converted::lost`].
    pub lost: Vec<String>,
    /// What is added, as [`Converted::added`].
    pub added: Vec<String>,
}

/// Why a value has no counterpart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// `oci-spec` refuses the document as a whole.
    #[error("cannot convert the document to oci-spec: {message}")]
    Refused {
        /// What `oci-spec` says.
        message: String,
    },
    /// A value of `oci-spec` is not a document that these models read.
    #[error("cannot convert the value of oci-spec: it is not a valid document")]
    Invalid {
        /// What is wrong where.
        source: json::Error,
    },
    /// A value cannot be written as JSON.
    #[error("cannot write the value as JSON: {message}")]
    Unwritable {
        /// What is wrong.
        message: String,
    },
}

macro_rules! counterparts {
    ($($ours:ty: $theirs:ty;)*) => {$(
        impl Counterpart for $ours {
            type OciSpec = $theirs;
        }
    )*};
}

counterparts! {
    Config: image::ImageConfiguration;
    Descriptor: image::Descriptor;
    Digest: image::Digest;
    ExecutionConfig: image::Config;
    History: image::History;
    Index: image::ImageIndex;
    LayoutFile: image::OciLayout;
    Manifest: image::ImageManifest;
    MediaType: image::MediaType;
    RootFs: image::RootFs;
    Catalog: distribution::RepositoryList;
    ErrorCode: distribution::ErrorCode;
    ErrorResponse: distribution::ErrorResponse;
    RegistryError: distribution::ErrorInfo;
    TagList: distribution::TagList;
}

impl Counterpart for Platform {
    type OciSpec = image::Platform;
    const IS_PLATFORM: bool = true;
}
