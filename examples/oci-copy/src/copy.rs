use oci_cli::image_name::ImageName;
use oci_cli::report::{Bytes, Step, Steps, Transfer};
use oci_distribution_client::{Event, Summary};
use oci_image::Descriptor;
use oci_image::blob::BlobSinkExt;
use oci_layout::Layout;

use crate::arguments::Options;
use crate::destination::Destination;
use crate::source::Source;
use crate::{Result, println};

/// Copies an image, and prints its digest.
pub(crate) async fn copy(from: &ImageName, to: &ImageName, options: &Options) -> Result<()> {
    let source = Source::find(from, options).await?;
    let image = source.descriptor().clone();
    let destination = Destination::open(to, &image, options).await?;
    let mut step = Steps::new().begin("copy the image");
    let summary = transfer(source, destination, &image, options.jobs, &mut step).await?;
    step.end(match summary {
        Some(Summary { moved, moved_bytes, present, mounted, .. }) => format!(
            "{moved} blobs, {}; {present} were there, {mounted} mounted",
            Bytes(moved_bytes)
        ),
        None => image.digest.to_string(),
    });
    println(&image.digest);
    Ok(())
}

/// Moves what the destination does not have, and names the image there.
async fn transfer(
    source: Source,
    destination: Destination,
    image: &Descriptor,
    jobs: usize,
    step: &mut Step,
) -> Result<Option<Summary>> {
    let summary = match (source, destination) {
        (Source::Registry(from, _), Destination::Registry(to, tag)) => {
            let copy = from.copy_to(&to, image).jobs(jobs).progress(follow(step));
            Some(tag.into_iter().fold(copy, |copy, tag| copy.tag(tag)).await?)
        }
        (Source::Local(store, _), Destination::Registry(to, tag)) => {
            let push = to.push(&store, image).jobs(jobs).progress(follow(step));
            Some(tag.into_iter().fold(push, |push, tag| push.tag(tag)).await?)
        }
        (Source::Registry(from, _), Destination::Layout(layout, tag)) => {
            let summary = from.pull(image, &layout).jobs(jobs).progress(follow(step)).await?;
            name(&layout, tag.as_deref(), image)?;
            Some(summary)
        }
        (Source::Local(store, _), Destination::Layout(layout, tag)) => {
            layout.put_graph_from(image, &*store)?;
            name(&layout, tag.as_deref(), image)?;
            None
        }
        (Source::Registry(from, _), Destination::Directory(directory)) => {
            Some(from.pull(image, &directory).jobs(jobs).progress(follow(step)).await?)
        }
        (Source::Local(store, _), Destination::Directory(directory)) => {
            directory.put_graph_from(image, &*store)?;
            None
        }
        (source, Destination::Archive(archive)) => {
            let (source, image) = (source.blocking(), image.clone());
            tokio::task::spawn_blocking(move || archive.write(&*source, &image)).await??;
            None
        }
    };
    Ok(summary)
}

fn name(layout: &Layout, tag: Option<&str>, image: &Descriptor) -> Result<()> {
    match tag {
        Some(tag) => Ok(layout.tag(tag, image)?),
        None => Ok(layout.add(image)?),
    }
}

/// Moves a bar as blobs move.
fn follow(step: &mut Step) -> impl Fn(Event<'_>) + Send + Sync + 'static {
    let transfer = Transfer::new(step);
    move |event| match event.step {
        oci_distribution_client::Step::Planned => transfer.plan(event.blob),
        oci_distribution_client::Step::Moved(bytes) => transfer.set(event.blob, bytes),
        _ => transfer.set(event.blob, event.blob.size),
    }
}
