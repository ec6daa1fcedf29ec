use std::fmt;
use std::ops::Deref;

use oci_image::annotations::file_path;
use oci_image::build::Image;
use oci_image::platform::choice::{self, Choice, Step};
use oci_image::{AnyDocument, Config, Descriptor, Document, Manifest, Platform, TagOrDigest};

use crate::blob::BlobReader;
use crate::error::{Error, ErrorKind};
use crate::repository::Repository;
use crate::text::printable;

/// A manifest or index that a tag or digest meant when it was resolved.
///
/// It stands for its [`Descriptor`], wherever one is wanted.
#[derive(Clone)]
pub struct Resolved {
    pub(super) repository: Repository,
    pub(super) descriptor: Descriptor,
    /// By what it was resolved.
    pub(super) name: TagOrDigest,
    /// What names this state of the name at the registry, if that gives it.
    pub(super) entity_tag: Option<String>,
}

impl Resolved {
    /// What names it.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Where it is.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What the tag that it was resolved by means now, if it was by one; what [`platform`](Self::platform) chose is
    /// what it is. Where nothing has changed, a registry answers without describing it again (304), and some do not
    /// count that as a pull.
    ///
    /// # Errors
    /// As [`Repository::resolve`].
    pub async fn latest(&self) -> Result<Self, Error> {
        self.repository.resolve_again(self.name.clone(), Some(self)).await
    }

    /// Its manifest and its config, to look at or to [change](oci_image::build::Builder::of). What is made of them is a
    /// [source](oci_image::blob::BlobSource) of its documents, so it can be [pushed](Repository::push) to where the
    /// layers are.
    ///
    /// # Errors
    /// As [`config`](Self::config), and if config and manifest do not fit.
    pub async fn image(&self) -> Result<Image, Error> {
        let action = format!("read image `{}` of `{}`", self.digest, self.repository);
        let manifest = self.single(&action).await?;
        let config = self.repository.config(&manifest.config).await?;
        Image::new(manifest, config)
            .map_err(|source| Error::new(ErrorKind::Document, action).with_source(source))
    }

    /// The file of an artifact that has this [path](file_path), without reading the others.
    ///
    /// # Errors
    /// Of kind [`NotFound`](ErrorKind::NotFound) if it has none.
    pub async fn file(&self, path: &str) -> Result<BlobReader, Error> {
        let name = printable(path, 200);
        let action = format!("read file `{name}` of `{}` in `{}`", self.digest, self.repository);
        let manifest = self.single(&action).await?;
        let layer = manifest.layers.iter().find(|layer| file_path(layer) == Some(path));
        let missing = || Error::new(ErrorKind::NotFound, action).because("no layer has that title");
        self.repository.blob(layer.ok_or_else(missing)?)
    }

    /// The manifest of what is not an index.
    async fn single(&self, action: &str) -> Result<Document<Manifest>, Error> {
        match self.manifest().await? {
            AnyDocument::Manifest(manifest) => Ok(manifest),
            AnyDocument::Index(_) => Err(Error::new(ErrorKind::Document, action)
                .because("it is an index: choose one of its images with `Resolved::platform`")),
        }
    }

    /// Its content, verified.
    ///
    /// # Errors
    /// As [`Repository::manifest`].
    pub async fn manifest(&self) -> Result<AnyDocument, Error> {
        self.repository.manifest(&self.descriptor).await
    }

    /// The manifest for `platform`, if this is an index; if it is a manifest, that.
    ///
    /// [`choice`](oci_image::platform::choice) says which one is chosen.
    ///
    /// # Errors
    /// Of kind [`NotFound`](ErrorKind::NotFound) if the index has none for it.
    pub async fn platform(self, platform: &Platform) -> Result<Self, Error> {
        let Self { repository, descriptor, .. } = &self;
        let action = format!("choose a manifest of `{}` in `{repository}`", descriptor.digest);
        if !descriptor.media_type.is_index() {
            return Ok(self);
        }
        let AnyDocument::Index(index) = repository.manifest(descriptor).await? else {
            return Ok(self);
        };
        let limits = repository.shared.wire.limits.graph;
        let mut choice = Choice::new(platform, &index.manifests).limits(limits);
        loop {
            match choice.next_step().map_err(|error| unchosen(error, &action))? {
                Step::Read(manifest) => {
                    let manifest = repository.manifest(&manifest).await?;
                    choice.found(&manifest).map_err(|error| unchosen(error, &action))?;
                }
                Step::ReadConfig(config) => {
                    choice.found_config(&*repository.config(&config).await?);
                }
                Step::Chosen(descriptor) => {
                    let name = descriptor.digest.clone().into();
                    return Ok(Self { descriptor, name, entity_tag: None, ..self });
                }
            }
        }
    }

    /// The config of the image, if this is the manifest of one.
    ///
    /// # Errors
    /// Of kind [`Document`](ErrorKind::Document) if this is an index or an artifact, whose config is
    /// another document; otherwise as [`manifest`](Self::manifest).
    pub async fn config(&self) -> Result<Document<Config>, Error> {
        let action = format!("read the config of `{}` in `{}`", self.digest, self.repository);
        self.repository.config(&self.single(&action).await?.config).await
    }
}

fn unchosen(error: choice::Error, action: &str) -> Error {
    let kind = match error {
        choice::Error::Graph(_) => ErrorKind::Limit,
        _ => ErrorKind::NotFound,
    };
    Error::new(kind, action).with_source(error)
}

impl Deref for Resolved {
    type Target = Descriptor;

    fn deref(&self) -> &Descriptor {
        &self.descriptor
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resolved({}@{})", self.repository, self.descriptor.digest)
    }
}
