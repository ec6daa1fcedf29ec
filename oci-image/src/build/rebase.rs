use super::{BuildError, Image, pad};
use crate::{Document, History, annotations};

/// Moves an image from the base that it was made from to another one.
///
/// The layers, diff IDs and history that are the image's own go on top of those of the new base. How
/// containers run is as the image says, and so is all else but the platform and the annotations of the
/// base, which are those of the new base where the image had them.
///
/// # Errors
/// If the image does not begin with the layers of the old base.
pub fn rebase(image: &Image, old: &Image, new: &Image) -> Result<Image, BuildError> {
    check_base(image, old)?;
    let own = old.config().rootfs.diff_ids.len();
    let config = image.config().edit(|config| {
        let mut diff_ids = new.config().rootfs.diff_ids.clone();
        diff_ids.extend(config.rootfs.diff_ids.drain(own..));
        config.rootfs.diff_ids = diff_ids;

        let added = own_history(&mut config.history, &old.config().history, own);
        let mut history = new.config().history.clone();
        pad(&mut history, new.config().rootfs.diff_ids.len());
        history.extend(added);
        config.history = history;

        let base = new.config();
        config.architecture.clone_from(&base.architecture);
        config.os.clone_from(&base.os);
        config.os_version.clone_from(&base.os_version);
        config.os_features.clone_from(&base.os_features);
        config.variant.clone_from(&base.variant);
        let layers = config.rootfs.diff_ids.len();
        pad(&mut config.history, layers);
    })?;
    with_layers(image, new, own, config)
}

fn check_base(image: &Image, old: &Image) -> Result<(), BuildError> {
    let mut actual = image.config().rootfs.diff_ids.iter();
    for (number, expected) in old.config().rootfs.diff_ids.iter().enumerate() {
        let actual = actual.next();
        if actual != Some(expected) {
            let actual = actual.map(ToString::to_string).unwrap_or_default();
            return Err(BuildError::OtherBase { number, expected: expected.clone(), actual });
        }
    }
    Ok(())
}

/// What the history has beyond that of the base: after the same steps, or after as many layers.
fn own_history(history: &mut Vec<History>, base: &[History], layers: usize) -> Vec<History> {
    if history.starts_with(base) {
        return history.split_off(base.len());
    }
    let mut left = layers;
    let own = history.iter().position(|step| {
        let has_layer = step.empty_layer != Some(true);
        let own = left == 0;
        left -= usize::from(has_layer && !own);
        own
    });
    own.map(|own| history.split_off(own)).unwrap_or_default()
}

fn with_layers(
    image: &Image,
    new: &Image,
    own: usize,
    config: Document<crate::Config>,
) -> Result<Image, BuildError> {
    let manifest = image.manifest().edit(|manifest| {
        let mut layers = new.manifest().layers.clone();
        layers.extend(manifest.layers.drain(own..));
        manifest.layers = layers;
        manifest.config.digest = config.descriptor().digest.clone();
        manifest.config.size = config.descriptor().size;
        manifest.config.data = None;
        if let Some(digest) = manifest.annotations.get_mut(annotations::BASE_DIGEST) {
            *digest = new.manifest().descriptor().digest.to_string();
        }
    })?;
    Image::new(manifest, config)
}
