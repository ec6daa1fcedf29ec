//! The image of the demonstration: built, pushed to a registry in this process, and pulled.

use oci_cli::report::{Bytes, Content, Steps};
use oci_distribution_client::{Client, Config};
use oci_examples::rootfs;
use oci_image::build::{self, Builder};
use oci_image::{Config as ImageConfig, Descriptor, Document, Platform};
use oci_layout::Layout;
use oci_registry::Store;
use oci_rootfs::{PackOptions, pack};

use crate::fetch::{self, Fetched};
use crate::workspace::Workspace;
use crate::{Result, progress};

const TAG: &str = "latest";

pub(crate) async fn image(workspace: &Workspace, steps: &mut Steps) -> Result<Fetched> {
    let step = steps.begin("start a registry");
    let registry = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await?;
    let host = registry.address().to_string();
    step.end(format_args!("on {host}, in memory"));

    let index = build(workspace, steps)?;
    let built = Layout::open(workspace.place("built"))?;
    let name = format!("{host}/quickstart");
    let repository = Client::new(Config::default().plain_http(&host))?.repository(&name)?;
    let mut step = steps.begin("push it there");
    let done =
        repository.push(&built, &index).progress(progress::transfer(&mut step)).tag(TAG).await?;
    step.end(format_args!("{} blobs and manifests, {}", done.moved, Bytes(done.moved_bytes)));

    let pulled = repository.resolve(TAG).await?;
    let fetched = fetch::pull(&repository, pulled.descriptor(), workspace, steps).await?;
    registry.stop().await;
    Ok(fetched)
}

/// Makes the image in a layout, with an index above it.
fn build(workspace: &Workspace, steps: &mut Steps) -> Result<Descriptor> {
    let step = steps.begin("make a few files");
    let root = workspace.place("root");
    std::fs::create_dir(&root)?;
    let command = rootfs::make(&root, &std::env::current_exe()?)?;
    step.end(format_args!("for a container that runs {}", command.args.join(" ")));

    let step = steps.begin("pack them as a layer");
    let layout = workspace.layout("built")?;
    let layer = pack(&root, &layout, &PackOptions::default())?;
    step.end(Content(&layer.descriptor.digest, layer.descriptor.size));

    let step = steps.begin("make an image of it");
    let image = builder(command).layer(layer).build()?;
    let manifest = layout.put_image(&image)?.descriptor().clone();
    let index = layout.put_document(&build::assemble([manifest])?.into())?.tag(TAG)?;
    step.end(Content(&index.digest, index.size));
    Ok(index)
}

/// The config of the image, without building it.
pub(crate) fn config() -> Result<Document<ImageConfig>> {
    let command = rootfs::command(&std::env::current_exe()?)?;
    Ok(builder(command).build()?.config().clone())
}

fn builder(command: rootfs::Command) -> Builder {
    let mut builder = Builder::new(&Platform::host()).cmd(command.args);
    for variable in &command.env {
        if let Some((name, value)) = variable.split_once('=') {
            builder = builder.env(name, value);
        }
    }
    builder
}
