//! An image from a registry, a layout or an archive.

use oci_cli::image_name::ImageName;
use oci_cli::local;
use oci_cli::report::{Bytes, Content, Steps};
use oci_distribution_client::{Client, Config, ErrorKind, Repository, Resolved};
use oci_image::blob::BlobSource;
use oci_image::images::{Entry, Image, Images};
use oci_image::{Config as ImageConfig, Descriptor, Document, Platform, Reference};
use oci_layout::LayoutOptions;

use crate::stop::{Stop, Stoppable};
use crate::workspace::Workspace;
use crate::{Result, progress};

/// An image and the source of its blobs.
pub(crate) struct Fetched {
    source: Box<dyn BlobSource + Send + Sync>,
    image: Descriptor,
}

impl Fetched {
    fn new(source: impl BlobSource + Send + Sync + 'static, image: Descriptor) -> Self {
        Self { source: Box::new(source), image }
    }

    /// The same, whose reading fails once `stop` is asked.
    pub(crate) fn until(self, stop: &Stop) -> Self {
        Self::new(Stoppable::new(self.source, stop.clone()), self.image)
    }

    /// The image for this machine.
    pub(crate) fn image(&self) -> Result<Image<'_>> {
        Ok(Image::select(&*self.source, &self.image, &Platform::host())?)
    }
}

pub(crate) async fn image(
    name: &ImageName,
    plain_http: bool,
    workspace: &Workspace,
    steps: &mut Steps,
) -> Result<Fetched> {
    let step = steps.begin("find the image");
    match find(name, plain_http).await? {
        Found::Here(image) => {
            step.end(Content(&image.image.digest, image.image.size));
            Ok(image)
        }
        Found::InRegistry(image) => {
            step.end(Content(&image.digest, image.size));
            pull(image.repository(), image.descriptor(), workspace, steps).await
        }
    }
}

/// The config of an image. Nothing is stored.
pub(crate) async fn config(name: &ImageName, plain_http: bool) -> Result<Document<ImageConfig>> {
    let image = match find(name, plain_http).await? {
        Found::Here(image) => return Ok(image.image()?.config()?),
        Found::InRegistry(image) => image,
    };
    Ok(image.config().await?)
}

enum Found {
    Here(Fetched),
    InRegistry(Resolved),
}

async fn find(name: &ImageName, plain_http: bool) -> Result<Found> {
    match name {
        ImageName::Registry(reference) => {
            Ok(Found::InRegistry(resolve(reference, plain_http).await?))
        }
        _ => {
            let (store, tag) = local::open(name, &LayoutOptions::new())?;
            let image = match tag {
                Some(tag) => store.resolve(tag)?,
                None => only(store.list()?, name)?,
            };
            Ok(Found::Here(Fetched::new(store, image)))
        }
    }
}

fn only(entries: Vec<Entry>, name: &ImageName) -> Result<Descriptor> {
    match <[_; 1]>::try_from(entries) {
        Ok([only]) => Ok(only.descriptor),
        Err(all) => {
            Err(format!("cannot choose an image: `{name}` has {}, name one by its tag", all.len())
                .into())
        }
    }
}

/// The image for this machine in a registry.
async fn resolve(reference: &Reference, plain_http: bool) -> Result<Resolved> {
    let mut config = Config::from_environment()?;
    if plain_http {
        config = config.plain_http(reference.registry());
    }
    let image = Client::new(config)?.resolve(reference).await.map_err(|error| {
        // The library names its setting, which is a flag here.
        match error.kind() {
            ErrorKind::Tls if !plain_http => format!("{error}; here that is `--plain-http`").into(),
            _ => Box::<dyn std::error::Error + Send + Sync>::from(error),
        }
    })?;
    Ok(image.platform(&Platform::host()).await?)
}

/// Pulls into a fresh layout. Every blob is verified on its way.
pub(crate) async fn pull(
    repository: &Repository,
    image: &Descriptor,
    workspace: &Workspace,
    steps: &mut Steps,
) -> Result<Fetched> {
    let mut step = steps.begin("pull and verify it");
    let layout = workspace.layout("pulled")?;
    let done = repository.pull(image, &layout).progress(progress::transfer(&mut step)).await?;
    layout.tag("latest", image)?;
    step.end(format_args!(
        "{}, {} blobs and manifests, {}",
        Content(&image.digest, image.size),
        done.moved,
        Bytes(done.moved_bytes)
    ));
    Ok(Fetched::new(layout, image.clone()))
}
