use std::str::FromStr;

use crate::Result;

/// Where many images go.
pub(crate) enum Target {
    /// `docker://HOST/REPOSITORY`, or what the names of repositories begin with.
    Registry(String),
    /// `oci:DIRECTORY`: a layout, or a directory of layouts.
    Layouts(String),
    /// `dir:DIRECTORY`: a directory of directories with an image each.
    Directories(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = text.trim_end_matches('/').to_owned();
        match text.split_once(':') {
            Some(("docker", name)) if name.starts_with("//") => Ok(Self::Registry(whole)),
            Some(("oci", _)) => Ok(Self::Layouts(whole)),
            Some(("dir", _)) => Ok(Self::Directories(whole)),
            _ => Err(format!(
                "cannot sync to `{text}`: it is not docker://HOST/PREFIX, oci:DIRECTORY or dir:DIRECTORY"
            )),
        }
    }
}

impl Target {
    /// The name of what has a tag or a digest in this repository or layout.
    pub(super) fn tagged(&self, tag: &str) -> String {
        match self {
            Self::Registry(name) | Self::Directories(name) => joined(name, tag),
            // A digest is not a name there.
            Self::Layouts(name) if tag.contains(':') => name.clone(),
            Self::Layouts(name) => joined(name, tag),
        }
    }

    /// The name of an image below this, which is named `app:v1` there, or `app@sha256:...`.
    pub(super) fn at(&self, name: &str) -> String {
        match self {
            Self::Registry(prefix) | Self::Directories(prefix) => format!("{prefix}/{name}"),
            Self::Layouts(prefix) => {
                let name = name.split_once('@').map_or(name, |(repository, _)| repository);
                format!("{prefix}/{name}")
            }
        }
    }
}

/// A repository with a tag or a digest.
pub(super) fn joined(repository: &str, tag: &str) -> String {
    let separator = if tag.contains(':') { '@' } else { ':' };
    format!("{repository}{separator}{tag}")
}
