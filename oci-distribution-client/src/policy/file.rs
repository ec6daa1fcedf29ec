use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci_image::json::{self, Value};
use oci_image::reference::RegistryName;
use oci_image::{RepositoryName, TagOrDigest};
use serde::Deserialize;

use super::{Candidate, Policy, Refusal, Requirement, Verifier};
use crate::error::{Error, ErrorKind};
use crate::transport::BoxFuture;

/// The `policy.json` of containers: [containers-policy.json].
///
/// Of the transports only `docker` concerns registries; what the file says of others is checked and has no effect.
/// Signatures are verified by a [`Verifier`], and without one an image that needs them is refused.
///
/// An image that is found by its tag has the scope of the tag, all manifests of an index included: read them by
/// [`Resolved::repository`](crate::Resolved::repository), which knows the tag.
///
/// [containers-policy.json]: https://github.com/containers/image/blob/main/docs/containers-policy.json.5.md
#[derive(Clone, Debug)]
pub struct PolicyFile {
    file: PathBuf,
    default: Vec<Requirement>,
    scopes: BTreeMap<String, Vec<Requirement>>,
    verifier: Option<Arc<dyn Verifier>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    default: Vec<Value>,
    #[serde(default = "json::Map::new")]
    transports: json::Map<json::Map<Vec<Value>>>,
}

impl PolicyFile {
    /// The longest file, in bytes: 1 MiB.
    pub const LIMIT: u64 = 1 << 20;

    /// Reads `json`; errors name `file`.
    ///
    /// # Errors
    /// If it is not understood, an unknown type or member included.
    pub fn parse(json: &[u8], file: impl Into<PathBuf>) -> Result<Self, Error> {
        let file = file.into();
        let limit = usize::try_from(Self::LIMIT).unwrap_or(usize::MAX);
        let Members { default, transports } = json::from_slice_with_limit(json, limit)
            .map_err(|source| unreadable(&file).with_source(source))?;
        let read = |place: &str, values: Vec<Value>| {
            requirements(values).map_err(|reason| {
                let place = place.escape_debug();
                unreadable(&file).because(format!("at `{place}`: {reason}"))
            })
        };
        let default = read("/default", default)?;
        let mut scopes = BTreeMap::new();
        for (transport, of_transport) in transports {
            for (scope, values) in of_transport {
                let place = format!("/transports/{transport}/{}", scope.replace('/', "~1"));
                let requirements = read(&place, values)?;
                if transport == "docker" {
                    scopes.insert(with_lower_case_host(&scope), requirements);
                }
            }
        }
        Ok(Self { file, default, scopes, verifier: None })
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it is not there or not understood.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let mut json = Vec::new();
        let opened = File::open(path).map(|file| file.take(Self::LIMIT + 1));
        let read = opened.and_then(|mut file| file.read_to_end(&mut json));
        read.map_err(|source| unreadable(path).with_source(source))?;
        Self::parse(&json, path)
    }

    /// The file of this machine and user: `$HOME/.config/containers/policy.json` if there is one, or else
    /// `/etc/containers/policy.json`.
    ///
    /// # Errors
    /// If neither is there, or if it is not understood: without a policy nothing is allowed.
    pub fn from_machine() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// The same with other variables than those of this process.
    ///
    /// # Errors
    /// As [`from_machine`](Self::from_machine).
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let user = home.map(|home| home.join(".config/containers/policy.json"));
        let user = user.filter(|file| file.exists());
        Self::read(user.unwrap_or_else(|| PathBuf::from("/etc/containers/policy.json")))
    }

    /// Verifies signatures by `verifier`.
    pub fn verifier(mut self, verifier: impl Verifier) -> Self {
        self.verifier = Some(Arc::new(verifier));
        self
    }

    /// What is demanded of what `name` means in `repository` of `registry`: the requirements of the most specific
    /// scope, all of which must be met.
    pub fn requirements(
        &self,
        registry: &RegistryName,
        repository: &RepositoryName,
        name: &TagOrDigest,
    ) -> &[Requirement] {
        let scopes = scopes(registry, repository, name);
        scopes.iter().find_map(|scope| self.scopes.get(scope)).unwrap_or(&self.default)
    }

    async fn meet(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        let repository = candidate.repository();
        let name = candidate.name();
        for requirement in self.requirements(repository.registry(), repository.name(), &name) {
            match (requirement, &self.verifier) {
                (Requirement::InsecureAcceptAnything, _) => {}
                (Requirement::Reject, _) => {
                    return Err(format!("it is rejected by `{}`", self.file.display()).into());
                }
                (Requirement::Signed(signed), Some(verifier)) => {
                    verifier.verify(signed, candidate).await?;
                }
                (Requirement::Signed(signed), None) => {
                    return Err(format!(
                        "`{}` demands a signature (`{}`), and there is nothing to verify it; give that with \
                         `PolicyFile::verifier`",
                        self.file.display(),
                        signed.kind
                    )
                    .into());
                }
            }
        }
        Ok(())
    }
}

impl Policy for PolicyFile {
    fn check<'a>(&'a self, candidate: &'a Candidate<'a>) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(self.meet(candidate))
    }
}

fn unreadable(file: &Path) -> Error {
    Error::new(ErrorKind::Configuration, format!("read the policy `{}`", file.display()))
}

fn requirements(values: Vec<Value>) -> Result<Vec<Requirement>, String> {
    if values.is_empty() {
        return Err(
            "there are no requirements; `insecureAcceptAnything` demands nothing".to_owned()
        );
    }
    values.into_iter().map(Requirement::read).collect()
}

/// The scopes that an image has, the most specific first: itself, its repository with all that are above, the
/// registry, the domains that the registry's host is below, and all of the transport.
fn scopes(registry: &RegistryName, repository: &RepositoryName, name: &TagOrDigest) -> Vec<String> {
    // Hosts are the same in any case of letters, and no other name has upper-case ones.
    let host = registry.as_str().to_ascii_lowercase();
    let whole = format!("{host}/{repository}");
    let own = match name {
        TagOrDigest::Tag(tag) => format!("{whole}:{tag}"),
        TagOrDigest::Digest(digest) => format!("{whole}@{digest}"),
    };
    let mut scopes = vec![own];
    let mut above = Some(whole.as_str());
    while let Some(scope) = above {
        scopes.push(scope.to_owned());
        above = scope.rsplit_once('/').map(|(above, _)| above);
    }
    let mut domain = host.split(':').next().unwrap_or_default();
    while let Some((_, above)) = domain.split_once('.') {
        scopes.push(format!("*.{above}"));
        domain = above;
    }
    scopes.push(String::new());
    scopes
}

fn with_lower_case_host(scope: &str) -> String {
    match scope.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.to_ascii_lowercase()),
        // A tag may stand behind a repository alone, so this is a host.
        None => scope.to_ascii_lowercase(),
    }
}
