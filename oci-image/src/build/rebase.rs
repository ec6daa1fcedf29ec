use super::history::{has_layer, settle, steps_with_layer};
use super::{BuildError, Image};
use crate::{History, annotations};

/// Moves an image from the base that it was made from to another one.
///
/// The layers, diff IDs and history that are the image's own go on top of those of the new base. How
/// containers run is as the image says, and so is all else but the platform and the annotations of the
/// base, which are those of the new base where the image had them. The image stays in its format, and
/// each layer gets a step of the history: see [`Builder::layer`](super::Builder::layer).
///
/// # Errors
/// If the image does not begin with the layers of the old base, or if its format has no name for the type
/// of a layer of the new base ([`Image::to_oci`] gives it one that has).
pub fn rebase(image: &Image, old: &Image, new: &Image) -> Result<Image, BuildError> {
    check_base(image, old)?;
    let own = old.config().rootfs.diff_ids.len();
    let config = image.config().edit(|config| {
        let mut diff_ids = new.config().rootfs.diff_ids.clone();
        diff_ids.extend(config.rootfs.diff_ids.drain(own..));
        config.history = rebased_history(image, old, new);
        config.rootfs.diff_ids = diff_ids;

        let base = new.config();
        config.architecture.clone_from(&base.architecture);
        config.os.clone_from(&base.os);
        config.os_version.clone_from(&base.os_version);
        config.os_features.clone_from(&base.os_features);
        config.variant.clone_from(&base.variant);
    })?;
    image.edited(config, |manifest| {
        let mut layers = new.manifest().layers.clone();
        layers.extend(manifest.layers.drain(own..));
        manifest.layers = layers;
        if let Some(digest) = manifest.annotations.get_mut(annotations::BASE_DIGEST) {
            *digest = new.manifest().descriptor().digest.to_string();
        }
    })
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

/// The history of the new base, and on it what is the image's own, each with a step for each layer.
fn rebased_history(image: &Image, old: &Image, new: &Image) -> Vec<History> {
    let base_layers = old.config().rootfs.diff_ids.len();
    let own_layers = image.config().rootfs.diff_ids.len().saturating_sub(base_layers);
    let mut own = own_history(image, &old.config().history, base_layers, own_layers);
    let mut history = new.config().history.clone();
    if !(history.is_empty() && own.is_empty()) {
        settle(&mut history, new.config().rootfs.diff_ids.len());
        settle(&mut own, own_layers);
    }
    history.extend(own);
    history
}

/// What the history has beyond that of the base: after the same steps, or after as many layers.
fn own_history(
    image: &Image,
    base: &[History],
    base_layers: usize,
    own_layers: usize,
) -> Vec<History> {
    let mut history = image.config().history.clone();
    // An image that was built on a base whose history did not count begins with one that does.
    let mut settled = base.to_vec();
    settle(&mut settled, base_layers);
    for base in [&*settled, base] {
        if let Some(own) = history.strip_prefix(base)
            && steps_with_layer(own) == own_layers
        {
            return own.to_vec();
        }
    }
    let mut left = base_layers;
    let own = history.iter().position(|step| {
        let own = left == 0;
        left -= usize::from(has_layer(step) && !own);
        own
    });
    own.map(|own| history.split_off(own)).unwrap_or_default()
}
