use std::io::{Write, stdout};

use futures_util::StreamExt;
use oci_cli::image_name::ImageName;
use oci_cli::report::{plain, print};
use oci_image::blob::BlobSourceExt;
use oci_image::{Reference, json};

use crate::Result;
use crate::options::{End, Options};
use crate::source::{Source, resolve};

pub(crate) async fn tags(name: &Reference, options: &Options) -> Result<()> {
    let repository = options.repository(name, End::Source).await?;
    for tag in repository.tags().await? {
        print(plain(&tag))?;
    }
    Ok(())
}

/// The repositories of a registry, page by page.
pub(crate) async fn catalog(registry: &str, options: &Options) -> Result<()> {
    let mut pages = options.client(registry, End::Source).await?.catalog(registry)?.pages();
    while let Some(page) = pages.next().await {
        page?.iter().try_for_each(|name| print(plain(name)))?;
    }
    Ok(())
}

pub(crate) async fn digest(name: &ImageName, options: &Options) -> Result<()> {
    Ok(print(&Source::find(name, options).await?.descriptor().digest)?)
}

/// Prints the bytes of the manifest or index, which have its digest.
pub(crate) async fn inspect(name: &ImageName, options: &Options) -> Result<()> {
    let document = match Source::find(name, options).await? {
        Source::Registry(repository, descriptor) => repository.manifest(&descriptor).await?,
        Source::Local(store, descriptor) => store.any_document(&descriptor)?,
    };
    stdout().write_all(document.bytes())?;
    Ok(())
}

/// Prints the bytes of the config of an image.
pub(crate) async fn config(name: &ImageName, options: &Options) -> Result<()> {
    let source = Source::find(name, options).await?;
    let config = source.manifest().await?.config.clone();
    let source = source.blocking(&options.interrupt);
    let read = move || source.read(&config, json::DOCUMENT_LIMIT);
    stdout().write_all(&tokio::task::spawn_blocking(read).await??)?;
    Ok(())
}

pub(crate) async fn referrers(name: &Reference, options: &Options) -> Result<()> {
    let subject = resolve(name, options).await?;
    for entry in subject.repository().referrers(&subject.descriptor().digest, None).await? {
        let media_type = entry.artifact_type.as_ref().unwrap_or(&entry.media_type);
        print(format_args!("{} {} {}", entry.digest, entry.size, plain(media_type.as_str())))?;
    }
    Ok(())
}

pub(crate) async fn delete(name: &Reference, options: &Options) -> Result<()> {
    let repository = options.repository(name, End::Source).await?;
    match (name.digest(), name.tag()) {
        (Some(digest), _) => Ok(repository.delete_manifest(digest).await?),
        (None, Some(tag)) => Ok(repository.delete_tag(tag.as_str()).await?),
        (None, None) => Err("cannot delete: the name has neither a tag nor a digest".into()),
    }
}
