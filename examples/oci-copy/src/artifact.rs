//! Files that are pushed and pulled as artifacts.

use std::path::Path;

use oci_cli::report::{plain, print_outcome};
use oci_distribution_client::{Pull, Push};
use oci_image::build;
use oci_image::{AnyDocument, MediaType, Reference};
use oci_layout::{ArtifactDirectory, ArtifactFiles};

use crate::Result;
use crate::options::{End, Options};

/// Files to be pushed.
pub(crate) struct PushArtifact {
    pub(crate) to: Reference,
    /// `FILE` or `FILE:TYPE`.
    pub(crate) files: Vec<String>,
    pub(crate) artifact: Artifact,
}

/// What the artifact says beside its files.
#[derive(Default, PartialEq)]
pub(crate) struct Artifact {
    pub(crate) kind: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) annotations: Vec<(String, String)>,
}

const TYPE: &str = "application/vnd.unknown.artifact.v1";

const FILE_TYPE: &str = "application/octet-stream";

impl PushArtifact {
    /// Pushes the files, and prints the digest of what was pushed.
    pub(crate) async fn run(&self, options: &Options) -> Result<()> {
        let repository = options.repository(&self.to, End::Destination).await?;
        let Artifact { kind, subject, annotations } = &self.artifact;
        let mut artifact = build::Artifact::new(MediaType::from(kind.as_deref().unwrap_or(TYPE)));
        for (name, value) in annotations {
            artifact = artifact.annotation(name, value);
        }
        if let Some(subject) = subject {
            artifact = artifact.subject(repository.resolve(subject).await?.descriptor());
        }
        let mut files = ArtifactFiles::new();
        for file in &self.files {
            let (path, media_type) = named(file);
            let title = Path::new(path).file_name().and_then(|name| name.to_str());
            let title = title.ok_or_else(|| format!("cannot push `{path}`: it has no name"))?;
            artifact = artifact.file(title, files.add(path, media_type)?);
        }
        let artifact = files.build(artifact)?;
        // Until here an interrupt ends the program, as there is nothing to settle.
        options.interrupt.listen()?;
        let push = repository.push(&files, &artifact);
        let push = options.jobs.into_iter().fold(push, Push::jobs);
        let push = push.abort_when(options.interrupt.clone().wait());
        let tag = self.to.tag().map(|tag| tag.as_str());
        tag.into_iter().fold(push, |push, tag| push.tag(tag)).await?;
        Ok(print_outcome(&artifact.digest)?)
    }
}

/// A path and the media type behind it. A colon of a path is one where no type is behind it.
fn named(file: &str) -> (&str, MediaType) {
    match file.rsplit_once(':') {
        Some((path, media_type)) if media_type.contains('/') && !Path::new(file).exists() => {
            (path, MediaType::from(media_type))
        }
        _ => (file, MediaType::from(FILE_TYPE)),
    }
}

/// Writes the files of an artifact below a directory, and prints their paths.
pub(crate) async fn pull(from: &Reference, to: &Path, options: &Options) -> Result<()> {
    let client = options.client(from.registry().as_str(), End::Source).await?;
    let artifact = client.resolve(&from.clone().or_latest()).await?;
    let AnyDocument::Manifest(manifest) = artifact.manifest().await? else {
        return Err(format!("cannot pull `{from}` to a directory: it is an index").into());
    };
    let directory = ArtifactDirectory::create(to, &manifest)?;
    options.interrupt.listen()?;
    let pull = artifact.repository().pull(artifact.descriptor(), &directory);
    let pull = options.jobs.into_iter().fold(pull, Pull::jobs);
    pull.abort_when(options.interrupt.clone().wait()).await?;
    for path in directory.paths() {
        print_outcome(plain(&String::from_utf8_lossy(path.as_bytes())))?;
    }
    Ok(())
}
