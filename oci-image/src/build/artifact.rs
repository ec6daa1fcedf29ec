use crate::annotations::TITLE;
use crate::{Descriptor, Document, DocumentError, Manifest, MediaType};

/// An artifact that is being built: files with titles, and what they are about.
///
/// ```
/// use oci_image::build::Artifact;
/// use oci_image::{Descriptor, MediaType};
///
/// let report = Descriptor::of("text/plain".into(), "fine");
/// let artifact = Artifact::new("application/vnd.example.report".into())
///     .file("report.txt", report)
///     .annotation("org.example.by", "ci")
///     .build()?;
/// assert_eq!(artifact.config, Descriptor::empty_json());
/// # Ok::<(), oci_image::DocumentError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Artifact(Manifest);

impl Artifact {
    /// Begins an artifact of this type. Its config is `{}` and it has no files.
    pub fn new(artifact_type: MediaType) -> Self {
        let mut manifest = Manifest::new(Descriptor::empty_json());
        manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
        manifest.artifact_type = Some(artifact_type);
        Self(manifest)
    }

    /// Sets the config.
    pub fn config(mut self, config: Descriptor) -> Self {
        self.0.config = config;
        self
    }

    /// Adds a file, with a title: its path below the directory that it is pulled to.
    pub fn file(self, title: impl Into<String>, mut blob: Descriptor) -> Self {
        blob.annotations.insert(TITLE.into(), title.into());
        self.blob(blob)
    }

    /// Adds a blob as its descriptor is, such as one with another annotation for its path.
    pub fn blob(mut self, blob: Descriptor) -> Self {
        self.0.layers.push(blob);
        self
    }

    /// Adds an annotation to the manifest, or replaces it.
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.annotations.insert(key.into(), value.into());
        self
    }

    /// Attaches it to this manifest or index: it is one of its referrers.
    pub fn subject(mut self, subject: &Descriptor) -> Self {
        let Descriptor { media_type, digest, size, .. } = subject.clone();
        self.0.subject = Some(Descriptor::new(media_type, digest, size));
        self
    }

    /// The manifest. One without files has the blob `{}` in their place, as [manifest.md] recommends.
    ///
    /// # Errors
    /// If the manifest is over a limit.
    ///
    /// [manifest.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage
    pub fn build(mut self) -> Result<Document<Manifest>, DocumentError> {
        if self.0.layers.is_empty() {
            self.0.layers.push(Descriptor::empty_json());
        }
        Document::new(self.0)
    }
}
