use std::collections::HashSet;

use oci_cli::directory::Directory;
use oci_cli::image_name::ImageName;
use oci_cli::report::{Blobs, Bytes, print};
use oci_distribution_client::{Fate, Plan};
use oci_image::Descriptor;
use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::images::Images;
use oci_layout::Layout;

use crate::along::along;
use crate::copy::configured;
use crate::destination::Destination;
use crate::options::Options;
use crate::source::Source;
use crate::{Result, events};

/// Prints what a copy would do, without doing it.
pub(crate) async fn show(source: Source, to: &ImageName, options: &Options) -> Result<()> {
    let image = source.descriptor().clone();
    let registry = match to {
        ImageName::Registry(_) => Some(Destination::open(to, &image, options).await?),
        _ => None,
    };
    let items = match (source, registry) {
        (Source::Registry(from, _), Some(Destination::Registry(to, tag))) => {
            let mut copy = configured(from.copy_to(&to, &image), tag, options);
            copy = if options.referrers { copy.referrers() } else { copy };
            copy = if options.digest_tags { copy.digest_tags() } else { copy };
            items(copy.plan().await?)
        }
        (Source::Local(store, _), Some(Destination::Registry(to, tag))) => {
            let mut push = configured(to.push(&store, &image), tag, options);
            push = if options.referrers { push.referrers() } else { push };
            push = if options.digest_tags { push.digest_tags() } else { push };
            items(push.plan().await?)
        }
        (source, _) => {
            let source = source.blocking(&options.interrupt);
            let (to, options) = (to.clone(), options.clone());
            let missing = move || local(&*source, &to, &image, &options);
            tokio::task::spawn_blocking(missing).await??
        }
    };
    let (mut count, mut bytes) = (0, 0);
    for (fate, blob) in &items {
        let word = match fate {
            Fate::Move => "move",
            Fate::Mount => "mount",
            Fate::Present => "present",
            _ => "foreign",
        };
        if *fate == Fate::Move {
            (count, bytes) = (count + 1, bytes + blob.size);
        }
        match options.is_json {
            true => events::tell(word, blob, None)?,
            false => print(format_args!("{word}\t{}\t{}", blob.digest, blob.size))?,
        }
    }
    if !options.is_json {
        print(format_args!("{} would move to {to}, {}", Blobs(count), Bytes(bytes)))?;
    }
    Ok(())
}

type Item = (Fate, Descriptor);

fn items(plan: Plan) -> Vec<Item> {
    plan.items.into_iter().map(|item| (item.fate, item.blob)).collect()
}

/// What is missing where an image goes on this machine.
fn local(
    source: &(dyn Images + Send + Sync),
    to: &ImageName,
    image: &Descriptor,
    options: &Options,
) -> Result<Vec<Item>> {
    // An archive is written anew, and what cannot be opened holds nothing.
    let held: Option<Box<dyn BlobSource>> = match to {
        ImageName::Layout { path, .. } => Layout::open(path).ok().map(|it| Box::new(it) as _),
        ImageName::Directory { path } => Directory::open(path).ok().map(|it| Box::new(it) as _),
        _ => None,
    };
    let along = along(source, image, options)?;
    let roots = along.iter().map(|(_, descriptor)| descriptor);
    let (mut items, mut seen) = (Vec::new(), HashSet::new());
    for root in roots.chain([image]) {
        for node in source.walk(root) {
            let blob = node?.descriptor;
            if !seen.insert(blob.digest.clone()) {
                continue;
            }
            let is_there = match &held {
                Some(held) => held.open(&blob)?.is_some(),
                None => false,
            };
            let fate = match is_there {
                true => Fate::Present,
                false if blob.may_be_elsewhere() => Fate::Foreign,
                false => Fate::Move,
            };
            items.push((fate, blob));
        }
    }
    Ok(items)
}
