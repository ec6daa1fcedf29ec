use oci_cli::image_name::ImageName;
use oci_cli::report::{Blobs, Bytes, Step, Steps};
use oci_distribution_client::{Pull, Push};
use oci_image::blob::{BlobSink, BlobSinkExt};
use oci_image::images::Images;
use oci_image::{Descriptor, Digest};
use oci_layout::Layout;

use crate::along::{Along, along};
use crate::destination::Destination;
use crate::events::{self, follow};
use crate::options::Options;
use crate::source::Source;
use crate::stage::Staged;
use crate::{Result, plan};

/// Copies an image. Returns its digest, unless that is told in JSON or nothing is copied.
pub(crate) async fn copy(
    from: &ImageName,
    to: &ImageName,
    options: &Options,
    steps: &mut Steps,
) -> Result<Option<Digest>> {
    let interrupt = &options.interrupt;
    let mut source = interrupt.unless(Source::find(from, options)).await?;
    let staged = Staged::if_needed(&source, to, options).await?;
    if let Some(staged) = &staged {
        source = staged.source()?;
    }
    if options.is_dry_run {
        interrupt.unless(plan::show(source, to, options)).await?;
        return Ok(None);
    }
    let destination = Destination::open(to, source.descriptor(), options);
    let destination = interrupt.unless(destination).await?;
    let mut step = steps.begin("copy the image");
    let (image, summary) = transfer(source, destination, options, &mut step).await?;
    if options.is_json {
        events::end("copied", &image, &to.to_string())?;
        return Ok(None);
    }
    step.end(summary.unwrap_or_else(|| image.digest.to_string()));
    Ok(Some(image.digest))
}

/// Moves what the destination does not have, and names the image there. Returns what the image is there, and what
/// is to be told of it, if that is more than its digest.
async fn transfer(
    source: Source,
    destination: Destination,
    options: &Options,
    step: &mut Step,
) -> Result<(Descriptor, Option<String>)> {
    let image = source.descriptor().clone();
    let jobs = options.jobs.into_iter();
    let summary = match (source, destination) {
        (Source::Registry(from, _), Destination::Registry(to, tag)) => {
            let mut copy = configured(from.copy_to(&to, &image), tag, options);
            copy = if options.referrers { copy.referrers() } else { copy };
            copy = if options.digest_tags { copy.digest_tags() } else { copy };
            copy.progress(follow(step, options)).await?
        }
        (Source::Local(store, _), Destination::Registry(to, tag)) => {
            let mut push = configured(to.push(&store, &image), tag, options);
            push = if options.referrers { push.referrers() } else { push };
            push = if options.digest_tags { push.digest_tags() } else { push };
            push.progress(follow(step, options)).await?
        }
        (Source::Registry(from, _), Destination::Layout(layout, tag)) => {
            let interrupted = options.interrupt.clone().wait();
            let pull = jobs.fold(from.pull(&image, &layout), Pull::jobs);
            let mut pull = pull.abort_when(interrupted);
            pull = if options.referrers { pull.referrers() } else { pull };
            pull = if options.digest_tags { pull.digest_tags() } else { pull };
            let summary = pull.progress(follow(step, options)).await?;
            let along = summary.along.iter().map(|it| (it.name.clone(), it.descriptor.clone()));
            name(&layout, tag.as_deref(), &summary.image, &along.collect::<Vec<_>>())?;
            summary
        }
        (Source::Registry(from, _), Destination::Directory(directory)) => {
            let pull = jobs.fold(from.pull(&image, &directory), Pull::jobs);
            let pull = pull.abort_when(options.interrupt.clone().wait());
            let summary = pull.progress(follow(step, options)).await?;
            directory.remove_others()?;
            summary
        }
        (source, Destination::Layout(layout, tag)) => {
            let store = source.blocking(&options.interrupt);
            let along = along(&*store, &image, options)?;
            put(&layout, &*store, &image, &along)?;
            name(&layout, tag.as_deref(), &image, &along)?;
            return Ok((image, None));
        }
        (source, Destination::Directory(directory)) => {
            let store = source.blocking(&options.interrupt);
            directory.put_graph_from(&image, &*store)?;
            directory.remove_others()?;
            return Ok((image, None));
        }
        (source, Destination::Archive(archive)) => {
            let (source, root) = (source.blocking(&options.interrupt), image.clone());
            let options = options.clone();
            let write = move || -> Result<()> {
                let along = along(&*source, &root, &options)?;
                archive.write(&*source, &root, &along)
            };
            tokio::task::spawn_blocking(write).await??;
            return Ok((image, None));
        }
    };
    let (moved, bytes) = (Blobs(summary.moved as usize), Bytes(summary.moved_bytes));
    let (present, mounted) = (summary.present, summary.mounted);
    let told = format!("{moved}, {bytes}; {present} were there, {mounted} mounted");
    Ok((summary.image, Some(told)))
}

/// A push or a copy as the options say.
pub(crate) fn configured<'a, S: Send + Sync + 'a>(
    push: Push<'a, S>,
    tag: Option<String>,
    options: &Options,
) -> Push<'a, S> {
    let push = options.jobs.into_iter().fold(push, Push::jobs);
    let push = push.abort_when(options.interrupt.clone().wait());
    let push = tag.into_iter().fold(push, Push::tag);
    let push = match options.selection.several() {
        Some(several) => push.platforms(several.to_vec()),
        None => push,
    };
    match options.format {
        Some(format) => push.format(format),
        None => push,
    }
}

fn put(
    sink: &dyn BlobSink,
    source: &(dyn Images + Send + Sync),
    image: &Descriptor,
    along: &[Along],
) -> Result<()> {
    sink.put_graph_from(image, &source)?;
    for (_, descriptor) in along {
        sink.put_graph_from(descriptor, &source)?;
    }
    Ok(())
}

fn name(layout: &Layout, tag: Option<&str>, image: &Descriptor, along: &[Along]) -> Result<()> {
    match tag {
        Some(tag) => layout.tag(tag, image)?,
        None => layout.add(image)?,
    }
    for (tag, descriptor) in along {
        match tag {
            Some(tag) => layout.tag(tag, descriptor)?,
            None => layout.add(descriptor)?,
        }
    }
    Ok(())
}
