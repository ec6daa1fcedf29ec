//! An image that is somewhere else.

use oci_distribution_client::{Client, Config, Repository};
use oci_examples::image_name::ImageName;
use oci_examples::report::{Bytes, Content, Steps};
use oci_image::{Descriptor, Platform, Reference};
use oci_layout::{Archive, Image, Layout};

use crate::workspace::Workspace;
use crate::{Result, progress};

/// Where the blobs of an image are, and what names it there.
pub(crate) enum Fetched {
    Layout(Layout, Descriptor),
    Archive(Archive, Descriptor),
}

impl Fetched {
    pub(crate) fn image(&self) -> Result<Image<'_>> {
        let host = Platform::host();
        Ok(match self {
            Self::Layout(layout, image) => Image::select(layout, image, &host)?,
            Self::Archive(archive, image) => Image::select(archive, image, &host)?,
        })
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
            Ok(Fetched::Layout(layout, image))
        }
        ImageName::Archive { path, tag } => {
            let archive = Archive::open(path)?;
            let image = match tag {
                Some(tag) => archive.resolve(tag)?,
                None => only(archive.list(), name)?,
            };
            Ok(Fetched::Archive(archive, image))
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
    Ok(Fetched::Layout(layout, image.clone()))
}
