use oci_image::build::{Builder, Layer};
use oci_image::images::Images;
use oci_image::{Descriptor, MediaType};
use oci_layout::ErrorKind;

use crate::fixture::{empty, platform, put};

fn layer(mut blob: Descriptor) -> Layer {
    let diff_id = blob.digest.clone();
    blob.media_type = MediaType::LAYER_TAR;
    Layer::new(blob, diff_id)
}

#[test]
fn an_image_is_built_on_one_that_the_layout_holds() {
    let (_directory, layout) = empty();
    let amd64 = platform("amd64", "linux", None);
    let base = Builder::new(&amd64).layer(layer(put(&layout, "base"))).build().unwrap();
    layout.put_image(&base).unwrap().tag("base").unwrap();

    let app = layer(put(&layout, "app"));
    let base = layout.image_for("base", &amd64).unwrap();
    let image = base.builder().unwrap().layer(app).entrypoint(["/app"]).build().unwrap();
    let descriptor = layout.put_image(&image).unwrap().tag("app:1").unwrap();

    let found = layout.image_for("app:1", &amd64).unwrap();
    assert_eq!(found.manifest().bytes(), image.manifest().bytes());
    assert_eq!(found.documents().unwrap().config(), image.config());
    assert_eq!(found.descriptor().platform, Some(amd64));
    assert_eq!(found.descriptor().digest, descriptor.digest);
    assert_eq!(found.manifest().layers.len(), 2);
}

#[test]
fn an_image_is_not_stored_before_its_layers() {
    let (_directory, layout) = empty();
    let blob = Descriptor::of(MediaType::LAYER_TAR, "absent");
    let builder = Builder::new(&platform("amd64", "linux", None));
    let image = builder.clone().layer(layer(blob.clone())).build().unwrap();
    assert_eq!(layout.put_image(&image).unwrap_err().kind(), ErrorKind::NotFound);

    let mut elsewhere = layer(blob);
    elsewhere.descriptor.urls.push("https://example.org/layer".into());
    let image = builder.layer(elsewhere).build().unwrap();
    layout.put_image(&image).unwrap().add().unwrap();
    assert_eq!(layout.list().unwrap()[0].name, None);
}

#[test]
fn the_best_of_several_platforms_is_chosen() {
    let (_directory, layout) = empty();
    let platforms = [
        platform("arm", "linux", Some("v6")),
        platform("arm", "linux", Some("v7")),
        platform("arm64", "linux", None),
    ];
    let images = platforms.each_ref().map(|platform| {
        let image = Builder::new(platform).build().unwrap();
        layout.put_image(&image).unwrap().add().unwrap()
    });
    let index = oci_image::build::assemble(images[..2].to_vec()).unwrap();
    layout.put_document(&index.into()).unwrap().tag("arm").unwrap();
    let best = |wanted| layout.image_for("arm", wanted).unwrap().descriptor().clone();
    assert_eq!(best(&platforms[0]).digest, images[0].digest);
    assert_eq!(best(&platforms[2]).digest, images[1].digest);
}
