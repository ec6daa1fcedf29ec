//! Our side: an image that we make, push and pull.

use std::fs::{self, Permissions};
use std::future::Future;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use oci_distribution_client::{Client, Config, Repository};
use oci_examples::rootfs;
use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::build::Builder;
use oci_image::images::Images;
use oci_image::{Descriptor, Digest, Platform};
use oci_layout::Layout;
use oci_rootfs::PackOptions;
use rustix::fs::{Dev, FileType, Mode, XattrFlags, mknodat, setxattr};

/// What the image's command prints.
pub(crate) const SAYS: &str = "5 of 7 files\nuid 0\n";

/// Fills `root`, and makes a layout in `layout` with an image `v1` of it.
pub(crate) fn image(root: &Path, layout: &Path) -> Layout {
    fill(root);
    let layout = Layout::create(layout).unwrap();
    let layer = oci_rootfs::pack(root, &layout, &PackOptions::default()).unwrap();
    let image = Builder::new(&Platform::host())
        .layer(layer)
        .env("PATH", "/bin")
        .cmd(command())
        .build()
        .unwrap();
    layout.put_image(&image).unwrap().tag("v1").unwrap();
    layout
}

/// What the image runs.
pub(crate) fn command() -> [&'static str; 3] {
    ["/bin/sh", "-c", "cat /etc/words; echo uid $(id -u)"]
}

/// Makes a tree with all kinds of files.
pub(crate) fn fill(root: &Path) {
    fs::create_dir(root).unwrap();
    rootfs::make(root, &std::env::current_exe().unwrap()).unwrap();
    let etc = root.join("etc");
    fs::write(etc.join("words"), "5 of 7 files\n").unwrap();
    fs::hard_link(etc.join("words"), etc.join("again")).unwrap();
    symlink("/etc/words", etc.join("link")).unwrap();
    fs::write(etc.join("owned"), vec![7; 300_000]).unwrap();
    chown(etc.join("owned"), Some(1234), Some(100_000)).unwrap();
    fs::set_permissions(etc.join("owned"), Permissions::from_mode(0o6751)).unwrap();
    setxattr(etc.join("owned"), "user.note", b"a\0b", XattrFlags::empty()).unwrap();
    let mode = Mode::from_raw_mode(0o640);
    mknodat(rustix::fs::CWD, etc.join("pipe"), FileType::Fifo, mode, 0).unwrap();
    let null: Dev = rustix::fs::makedev(1, 3);
    mknodat(rustix::fs::CWD, etc.join("null"), FileType::CharacterDevice, mode, null).unwrap();
}

/// Runs what is async.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

/// A repository of a registry on this machine.
pub(crate) fn repository(config: Config, host: &str, name: &str) -> Repository {
    let client = Client::new(config.plain_http(host)).unwrap();
    client.repository(&format!("{host}/{name}")).unwrap()
}

/// Pushes what a layout has under a tag.
pub(crate) fn push(layout: &Layout, tag: &str, repository: &Repository) -> Descriptor {
    let image = layout.resolve(tag).unwrap();
    block_on(async { repository.push(layout, &image).tag(tag).await }).unwrap();
    image
}

/// Pulls into a new layout.
pub(crate) fn pull(repository: &Repository, tag: &str, layout: &Path) -> Layout {
    let layout = Layout::create(layout).unwrap();
    block_on(async {
        let image = repository.resolve(tag).await.unwrap();
        repository.pull(&image, &layout).await.unwrap();
        layout.tag(tag, &image).unwrap();
    });
    layout
}

/// The digests of all that belongs to an image.
pub(crate) fn digests<S: BlobSource + Sync>(source: &S, image: &Descriptor) -> Vec<Digest> {
    source.walk(image).map(|node| node.unwrap().descriptor.digest).collect()
}
