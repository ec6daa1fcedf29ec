//! A series of commits that may be cut off anywhere, and what must be true afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, Image, Layer};
use oci_image::images::Images;
use oci_image::{Descriptor, Digest, MediaType, Platform};
use oci_layout::{ErrorKind, Layout, LayoutOptions};

use crate::fixture::{names, sound};

/// The image of a number, and the content of its layer.
fn image(number: usize) -> (Image, String) {
    let content = format!("the layer of image {number}\n").repeat(300);
    let layer = Descriptor::of(MediaType::LAYER_TAR, &content);
    let diff_id = layer.digest.clone();
    let image = Builder::new(&Platform::host()).layer(Layer::new(layer, diff_id)).build().unwrap();
    (image, content)
}

/// Stores the image of this number and names it.
pub(crate) fn commit(layout: &Layout, number: usize) -> io::Result<()> {
    let (image, content) = image(number);
    layout.put(&image.manifest().layers[0], content.as_bytes())?;
    layout.put_image(&image)?.tag(&format!("v{number}"))?;
    Ok(())
}

/// Commits one image after the other and reports each on the standard output. Ends at an error.
pub(crate) fn commit_and_tell(
    options: &LayoutOptions,
    path: &Path,
    count: usize,
) -> io::Result<()> {
    for number in 0..count {
        commit(&options.create(path)?, number)?;
        tell(number);
    }
    Ok(())
}

/// Copies what was committed to `source`, one image after the other, and reports each.
pub(crate) fn copy_and_tell(source: &Path, path: &Path, count: usize) -> io::Result<()> {
    let source = Layout::open(source)?;
    for number in 0..count {
        let name = format!("v{number}");
        let target = Layout::create(path)?;
        target.copy_from(&source, &source.resolve(&name)?)?.tag(&name)?;
        tell(number);
    }
    Ok(())
}

fn tell(number: usize) {
    io::stdout().write_all(format!("\nacknowledged {number}\n").as_bytes()).unwrap();
}

/// How many commits a worker reported.
pub(crate) fn told(output: &[u8]) -> usize {
    String::from_utf8_lossy(output).matches("\nacknowledged ").count()
}

/// Which of the first images are named, if all that is named is right and whole and nothing is
/// named that does not come next.
pub(crate) fn committed(path: &Path) -> usize {
    let layout = match Layout::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return 0,
        opened => opened.unwrap(),
    };
    let names = names(&layout);
    let meant = |number: usize| image(number).0.manifest().descriptor().digest.clone();
    let expected: BTreeMap<String, Digest> =
        (0..names.len()).map(|number| (format!("v{number}"), meant(number))).collect();
    assert_eq!(names, expected);
    sound(&layout);
    names.len()
}

/// Continues in a layout whose writer was interrupted: what was left half done does not hinder.
pub(crate) fn go_on(path: &Path) {
    let next = committed(path);
    let layout = Layout::create(path).unwrap();
    commit(&layout, next).unwrap();
    drop(layout);
    let layout = Layout::open(path).unwrap();
    layout.collect_garbage().unwrap();
    assert_eq!(layout.fsck().unwrap(), []);
    assert_eq!(committed(path), next + 1);
    assert_eq!(fs::read_dir(path.join("blobs/sha256")).unwrap().count(), (next + 1) * 3);
    let left = fs::read_dir(path.join(".in-flight")).unwrap().map(|it| it.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["lock"]);
}
