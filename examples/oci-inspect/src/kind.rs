use std::str::FromStr;

use oci_image::distribution::{ErrorResponse, TagList};
use oci_image::{
    Config, Descriptor, Document, DocumentError, Finding, Index, LayoutFile, Lint, Manifest, Model,
    json,
};
use oci_runtime::spec::{ContainerProcessState, Features, Spec, State};
use serde::Serialize;
use serde::de::DeserializeOwned;

type Inspect = fn(&[u8]) -> Result<Inspected, String>;

/// A kind of document, by its name on the command line.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    name: &'static str,
    inspect: Inspect,
}

/// A document that was read: its usual form, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The document in the usual serialisation.
    pub text: String,
    /// Everything that is wrong with it.
    pub findings: Vec<Finding>,
}

/// There is no kind of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a kind of document")]
pub struct UnknownKind {
    name: String,
}

impl Kind {
    /// All kinds.
    pub const ALL: &'static [Self] = &[
        Self { name: "image.descriptor", inspect: value::<Descriptor> },
        Self { name: "image.index", inspect: document::<Index> },
        Self { name: "image.manifest", inspect: document::<Manifest> },
        Self { name: "image.config", inspect: document::<Config> },
        Self { name: "image.layout", inspect: document::<LayoutFile> },
        Self { name: "runtime.config", inspect: value::<Spec> },
        Self { name: "runtime.state", inspect: value::<State> },
        Self { name: "runtime.cpstate", inspect: value::<ContainerProcessState> },
        Self { name: "runtime.features", inspect: value::<Features> },
        Self { name: "dist.error", inspect: value::<ErrorResponse> },
        Self { name: "dist.tags", inspect: value::<TagList> },
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Reads a document of this kind and lints it.
    ///
    /// # Errors
    /// One line with the reason why the bytes are not such a document.
    pub fn inspect(self, bytes: &[u8]) -> Result<Inspected, String> {
        (self.inspect)(bytes)
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let kind = Self::ALL.iter().copied().find(|kind| kind.name == name);
        kind.ok_or_else(|| UnknownKind { name: name.into() })
    }
}

fn value<T: Serialize + DeserializeOwned + Lint>(bytes: &[u8]) -> Result<Inspected, String> {
    let value: T = json::from_slice(bytes).map_err(|error| error.to_string())?;
    let written = json::to_vec(&value).map_err(|error| error.to_string())?;
    let text = String::from_utf8(written).map_err(|error| error.to_string())?;
    Ok(Inspected { text, findings: value.lint() })
}

/// A document that names another media type than that of its kind is left to the linter; whatever else a
/// [`Document`] refuses is refused.
fn document<T: Model + Lint>(bytes: &[u8]) -> Result<Inspected, String> {
    let inspected = value::<T>(bytes)?;
    match Document::<T>::from_own_bytes(bytes, T::MEDIA_TYPES[0].clone()) {
        Ok(_) | Err(DocumentError::MediaType { .. }) => Ok(inspected),
        Err(error) => Err(error.to_string()),
    }
}
