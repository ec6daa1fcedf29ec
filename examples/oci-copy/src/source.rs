use std::sync::Arc;

use oci_cli::image_name::ImageName;
use oci_cli::local::{self, Store};
use oci_distribution_client::{ReadAhead, Repository, Resolved};
use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::images::{Image, Images};
use oci_image::{AnyDocument, Descriptor, Document, Manifest, Reference};
use oci_layout::LayoutOptions;
use tokio::runtime::Handle;

use crate::Result;
use crate::interrupt::{Interrupt, Interruptible};
use crate::options::{End, Options};

/// Where an image is, and what names it there.
#[derive(Clone)]
pub(crate) enum Source {
    Registry(Repository, Descriptor),
    Local(Arc<Store>, Descriptor),
}

impl Source {
    /// Finds what `name` means, and in an index what is selected.
    pub(crate) async fn find(name: &ImageName, options: &Options) -> Result<Self> {
        if let ImageName::Registry(reference) = name {
            let found = resolve(reference, options).await?;
            let found = match options.selection.one() {
                Some(platform) => found.platform(&platform).await?,
                None => found,
            };
            return Ok(Self::Registry(found.repository().clone(), found.descriptor().clone()));
        }
        let (store, tag) = local::open(name, &LayoutOptions::new())?;
        let root = match tag {
            Some(tag) => store.resolve(tag)?,
            None => only(&store)?,
        };
        let root = match options.selection.one() {
            Some(platform) if root.media_type.is_index() => {
                Image::select(&store, &root, &platform)?.descriptor().clone()
            }
            _ => root,
        };
        Ok(Self::Local(Arc::new(store), root))
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        match self {
            Self::Registry(_, descriptor) | Self::Local(_, descriptor) => descriptor,
        }
    }

    /// The manifest of an image.
    pub(crate) async fn manifest(&self) -> Result<Document<Manifest>> {
        let document = match self {
            Self::Registry(repository, descriptor) => repository.manifest(descriptor).await?,
            Self::Local(store, descriptor) => store.any_document(descriptor)?,
        };
        match document {
            AnyDocument::Manifest(manifest) => Ok(manifest),
            AnyDocument::Index(index) => {
                let digest = &index.descriptor().digest;
                Err(format!("cannot use `{digest}`: it is an index, name one --platform").into())
            }
        }
    }

    /// The blobs of an image for code that blocks and opens its layers in their order, until there is an interrupt.
    pub(crate) fn in_order(
        self,
        manifest: &Manifest,
        options: &Options,
    ) -> Arc<dyn BlobSource + Send + Sync> {
        let interrupt = options.interrupt.clone();
        match self {
            Self::Registry(repository, _) => {
                let source = repository.blocking(Handle::current()).ahead(manifest.layers.clone());
                let source = options.jobs.into_iter().fold(source, ReadAhead::jobs);
                Arc::new(Interruptible { source, interrupt })
            }
            Self::Local(source, _) => Arc::new(Interruptible { source, interrupt }),
        }
    }

    /// The store, or the registry for code that blocks, until there is an interrupt.
    pub(crate) fn blocking(self, interrupt: &Interrupt) -> Arc<dyn Images + Send + Sync> {
        let interrupt = interrupt.clone();
        match self {
            Self::Registry(repository, _) => {
                let source = repository.blocking(Handle::current());
                Arc::new(Interruptible { source, interrupt })
            }
            Self::Local(source, _) => Arc::new(Interruptible { source, interrupt }),
        }
    }
}

/// What a name in a registry means, an index as it is.
pub(crate) async fn resolve(name: &Reference, options: &Options) -> Result<Resolved> {
    let client = options.client(name.registry().as_str(), End::Source).await?;
    Ok(client.resolve(&name.clone().or_latest()).await?)
}

fn only(store: &Store) -> Result<Descriptor> {
    match store.list()?.as_slice() {
        [only] => Ok(only.descriptor.clone()),
        all => {
            let reason = format!("{} has {}, name one by its tag", store.place(), all.len());
            Err(format!("cannot choose an image: {reason}").into())
        }
    }
}
