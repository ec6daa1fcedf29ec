//! An image that is somewhere else.

use oci_distribution_client::{Client, Config, Repository};
use oci_examples::image_name::ImageName;
use oci_examples::report::{Bytes, Content, Steps};
use oci_image::blob::BlobSource;
use oci_image::{Descriptor, Platform, Reference};
use oci_layout::{Archive, Image, Layout};

use crate::workspace::Workspace;
use crate::{Result, progress};

/// Where the blobs of an image are, and what names it there.
pub(crate) struct Fetched {
    source: Box<dyn BlobSource + Send + Sync>,
    image: Descriptor,
}

impl Fetched {
    fn new(source: impl BlobSource + Send + Sync + 'static, image: Descriptor) -> Self {
        Self { source: Box::new(source), image }
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
    match name {
        ImageName::Registry(reference) => {
            from_registry(reference, plain_http, workspace, steps).await
        }
        ImageName::Layout { path, tag } => {
            let layout = Layout::open(path)?;
            let image = match tag {
                Some(tag) => layout.resolve(tag)?,
                None => only(layout.list()?, name)?,
            };
            Ok(Fetched::new(layout, image))
        }
        ImageName::Archive { path, tag } => {
            let archive = Archive::open(path)?;
            let image = match tag {
                Some(tag) => archive.resolve(tag)?,
                None => only(archive.list(), name)?,
            };
            Ok(Fetched::new(archive, image))
        }
    }
}

fn only(entries: Vec<oci_layout::Entry>, name: &ImageName) -> Result<Descriptor> {
    match <[_; 1]>::try_from(entries) {
        Ok([only]) => Ok(only.descriptor),
        Err(all) => {
            Err(format!("`{name}` has {} images, name one of them by its tag", all.len()).into())
        }
    }
}

async fn from_registry(
    reference: &Reference,
    plain_http: bool,
    workspace: &Workspace,
    steps: &mut Steps,
) -> Result<Fetched> {
    let mut config = Config::from_environment()?;
    if plain_http {
        config = config.plain_http(reference.registry());
    }
    let repository = Client::new(config)?.repository_of(reference)?;
    let step = steps.begin("resolve");
    let asked = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or("latest").to_owned(),
    };
    let image = repository.resolve(&asked).await?.platform(&Platform::host()).await?;
    step.end(Content(&image.digest, image.size));
    pull(&repository, image.descriptor(), workspace, steps).await
}

/// Pulls into a fresh layout. Every blob is verified on its way.
pub(crate) async fn pull(
    repository: &Repository,
    image: &Descriptor,
    workspace: &Workspace,
    steps: &mut Steps,
) -> Result<Fetched> {
    let mut step = steps.begin("pull");
    let layout = Layout::create(workspace.place("pulled"))?;
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
