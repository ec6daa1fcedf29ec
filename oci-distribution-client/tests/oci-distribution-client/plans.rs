//! What a push would do.

use std::sync::Arc;

use http::{Method, StatusCode};
use oci_distribution_client::{Client, Config, ErrorKind, Fate, Plan, Summary};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::docker::Format;
use oci_image::{Descriptor, Document, MediaType};
use oci_registry::Fault;

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, blob, chain, noise, quick, registry, repository};

/// Numbers of what moves, is mounted and is there, and the bytes that move.
fn numbers(plan: &Plan) -> (u64, u64, u64, u64) {
    let items = |fate| plan.total(fate).items;
    let moved = plan.total(Fate::Move);
    (moved.items, items(Fate::Mount), items(Fate::Present), moved.bytes)
}

fn done(summary: &Summary) -> (u64, u64, u64, u64) {
    (summary.moved, summary.mounted, summary.present, summary.moved_bytes)
}

#[tokio::test]
async fn a_plan_is_what_the_push_then_does() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let (base, app) = (repository(&registry, "team/base"), repository(&registry, "team/app"));
    let (image, blobs) = (fixture.amd64.descriptor(), &fixture.blobs);
    let push = || base.push(blobs, image);

    // Whatever writes is refused.
    registry.registry().add_faults(
        [Method::POST, Method::PUT, Method::PATCH, Method::DELETE]
            .map(|method| Fault::status("/v2/", StatusCode::GONE).method(method)),
    );
    let plan = push().tag("v1").plan().await.unwrap();
    registry.registry().clear_faults();
    assert_eq!(plan.image, *image);
    let order: Vec<_> = plan.items.iter().map(|item| &item.blob).collect();
    let blobs_of = fixture.amd64.layers.iter();
    let expected: Vec<_> =
        std::iter::once(&fixture.amd64.config).chain(blobs_of).chain([image]).collect();
    assert_eq!(order, expected);
    assert_eq!(numbers(&plan), done(&push().tag("v1").await.unwrap()));

    let whole = || app.push(blobs, fixture.index.descriptor()).mount_from("team/base");
    let plan = whole().plan().await.unwrap();
    assert_eq!(plan.total(Fate::Mount).items, 5);
    assert_eq!(numbers(&plan), done(&whole().await.unwrap()));
    let plan = whole().plan().await.unwrap();
    assert_eq!(numbers(&plan), (0, 0, 9, 0));
    assert_eq!(numbers(&plan), done(&whole().await.unwrap()));
}

#[tokio::test]
async fn a_copy_mounts_only_where_it_may() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let from = repository(&registry, "team/app");
    let image = fixture.amd64.descriptor();
    from.push(&fixture.blobs, image).await.unwrap();
    for (name, mounted) in [("team/one", 5), ("team/two", 0)] {
        let to = repository(&registry, name);
        let copy = || match mounted {
            0 => from.copy_to(&to, image).without_mounts(),
            _ => from.copy_to(&to, image),
        };
        let plan = copy().plan().await.unwrap();
        let copied = copy().await.unwrap();
        assert_eq!((copied.mounted, numbers(&plan)), (mounted, done(&copied)));
    }
}

#[tokio::test]
async fn a_layer_that_stays_elsewhere_is_planned_so() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let mut foreign = Descriptor::of(MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP, noise(9, 100));
    foreign.urls = vec!["https://example.com/layer".to_owned()];
    let image = fixture.amd64.edit(|manifest| manifest.layers.push(foreign)).unwrap();
    let image: Document<_> = image;
    fixture.blobs.put(image.descriptor(), image.bytes()).unwrap();
    let plan = app.push(&fixture.blobs, image.descriptor()).plan().await.unwrap();
    let total = plan.total(Fate::Foreign);
    assert_eq!((total.items, total.bytes), (1, 100));
}

#[tokio::test]
async fn a_layer_that_may_not_be_distributed_and_is_nowhere_else_is_sent() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let layer = blob(&fixture.blobs, MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP, &noise(9, 100));
    let add = layer.clone();
    let image: Document<_> = fixture.amd64.edit(|manifest| manifest.layers.push(add)).unwrap();
    fixture.blobs.put(image.descriptor(), image.bytes()).unwrap();
    let pushed = app.push(&fixture.blobs, image.descriptor()).await.unwrap();
    assert_eq!(pushed.moved, 7);
    assert!(app.has_blob(&layer).await.unwrap());
}

/// What cannot be done is known before anything is asked or read.
#[tokio::test]
async fn what_is_refused_is_refused_before_any_request() {
    let fixture = Fixture::new();
    let fake = Fake::new(|_| answer(404, &[], ""));
    let client = Client::new(Config::default().transport(fake.clone()).retry(quick())).unwrap();
    let place = |name: &str| client.repository(&format!("registry.example/{name}")).unwrap();
    let (app, other) = (place("app"), place("other"));
    let (image, layer) = (fixture.index.descriptor(), &fixture.layers[3]);
    let nobody = Memory::new();
    let push = || app.push(&fixture.blobs, image);
    let copy = || app.copy_to(&other, image).format(Format::Docker);
    for (case, error, kind) in [
        ("tag", push().tag("v1").tag("a tag").await.unwrap_err(), ErrorKind::Configuration),
        ("mount", push().mount_from("team/APP").await.unwrap_err(), ErrorKind::Configuration),
        ("plan", push().tag("a/b").plan().await.unwrap_err(), ErrorKind::Configuration),
        ("referrers", copy().referrers().await.unwrap_err(), ErrorKind::Configuration),
        ("digest tags", copy().digest_tags().plan().await.unwrap_err(), ErrorKind::Configuration),
        ("sparse", copy().sparse_platforms([]).await.unwrap_err(), ErrorKind::Configuration),
        ("a blob", app.push(&fixture.blobs, layer).await.unwrap_err(), ErrorKind::Document),
        ("a blob", app.copy_to(&other, layer).await.unwrap_err(), ErrorKind::Document),
        (
            "a blob",
            app.pull(layer, &Arc::new(nobody)).await.map(drop).unwrap_err(),
            ErrorKind::Document,
        ),
    ] {
        assert_eq!(error.kind(), kind, "{case}: {}", chain(&error));
    }
    assert_eq!(fake.seen().len(), 0);
}

#[tokio::test]
async fn what_is_there_is_not_sent_again_unless_it_refers_to_something() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let sbom =
        crate::fixture::referrer(&fixture.blobs, fixture.amd64.descriptor(), "application/x.sbom");
    for (image, again) in [(fixture.index.descriptor(), 0), (sbom.descriptor(), 1)] {
        app.push(&fixture.blobs, image).await.unwrap();
        assert_eq!(app.push(&fixture.blobs, image).await.unwrap().moved, again);
        // A tag is always set.
        assert_eq!(app.push(&fixture.blobs, image).tag("v1").await.unwrap().moved, 1);
    }
}
