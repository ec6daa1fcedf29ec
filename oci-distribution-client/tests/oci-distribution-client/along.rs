//! What goes along with an image: referrers, and what cosign names by digest.

use std::sync::Arc;

use http::{Method, StatusCode};
use oci_distribution_client::{Client, Config, Repository, Summary};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::distribution::digest_tags;
use oci_image::images::Images;
use oci_image::{Descriptor, Document, Index, Manifest, MediaType};
use oci_layout::Layout;
use oci_registry::{Fault, Store};

use crate::fixture::{Fixture, blob, quick, referrer, registry, repository, start};
use crate::local::Local;

/// An image in a layout with a bill of materials, a signature of that, and a signature under a digest tag.
struct Signed {
    fixture: Fixture,
    sbom: Document<Manifest>,
    signature: Document<Manifest>,
    tagged: Document<Manifest>,
}

impl Signed {
    fn new(blobs: &Memory, fixture: Fixture) -> Self {
        let sbom = referrer(blobs, fixture.amd64.descriptor(), "application/x.sbom");
        let signature = referrer(blobs, sbom.descriptor(), "application/x.signature");
        let mut tagged = Manifest::new(blob(blobs, MediaType::IMAGE_CONFIG, b"{\"a\": 1}"));
        tagged.layers.push(blob(blobs, "application/vnd.dev.cosign".into(), b"signed"));
        tagged.media_type = Some(MediaType::IMAGE_MANIFEST);
        let tagged = Document::new(tagged).unwrap();
        blob(blobs, MediaType::IMAGE_MANIFEST, tagged.bytes());
        Self { fixture, sbom, signature, tagged }
    }

    fn tag(&self) -> String {
        digest_tags(&self.fixture.amd64.descriptor().digest)[0].to_string()
    }

    /// A layout that has it all.
    fn layout(&self, path: &std::path::Path) -> Layout {
        let layout = Layout::create(path).unwrap();
        let blobs = &*self.fixture.blobs;
        let put = |image: &Descriptor| layout.put_graph_from(image, &blobs).unwrap();
        put(self.fixture.index.descriptor());
        layout.tag("v1", self.fixture.index.descriptor()).unwrap();
        for manifest in [&self.sbom, &self.signature] {
            put(manifest.descriptor());
            layout.add(manifest.descriptor()).unwrap();
        }
        put(self.tagged.descriptor());
        layout.tag(&self.tag(), self.tagged.descriptor()).unwrap();
        layout
    }

    async fn is_in(&self, repository: &Repository) {
        let image = repository.resolve("v1").await.unwrap();
        assert_eq!(image.descriptor(), self.fixture.index.descriptor());
        for (subject, referrer) in
            [(&self.fixture.amd64, &self.sbom), (&self.sbom, &self.signature)]
        {
            let listed = repository.referrers(&subject.descriptor().digest, None).await.unwrap();
            let listed: Vec<_> = listed.iter().map(|listed| &listed.digest).collect();
            assert_eq!(listed, [&referrer.descriptor().digest]);
        }
        let tagged = repository.resolve(&self.tag()).await.unwrap();
        assert_eq!(tagged.descriptor(), self.tagged.descriptor());
    }

    fn went_along(&self, summary: &Summary) {
        let names: Vec<_> =
            summary.along.iter().map(|it| (it.name.clone(), &it.descriptor.digest)).collect();
        let digest = |it: &Document<Manifest>| it.descriptor().digest.clone();
        let (tagged, sbom) = (digest(&self.tagged), digest(&self.sbom));
        assert_eq!(
            names,
            [(None, &sbom), (Some(self.tag()), &tagged), (None, &digest(&self.signature))]
        );
    }
}

#[tokio::test]
async fn referrers_and_digest_tags_go_along_when_asked_for() {
    for serve in [
        oci_registry::serve(Store::memory()),
        oci_registry::serve(Store::memory()).without_referrers(),
    ] {
        let fixture = Fixture::new();
        let signed = Signed::new(&fixture.blobs.clone(), fixture);
        let image = signed.fixture.index.descriptor();
        let directory = oci_testing::directory();
        let layout = signed.layout(&directory.path().join("from"));

        let (near, far) = (start(serve).await, registry().await);
        let (app, copy) = (repository(&near, "team/app"), repository(&far, "team/app"));
        let pushed = app.push(&layout, image).referrers().digest_tags().tag("v1").await.unwrap();
        signed.went_along(&pushed);
        signed.is_in(&app).await;
        let copied = app.copy_to(&copy, image).referrers().digest_tags().tag("v1").await.unwrap();
        signed.went_along(&copied);
        signed.is_in(&copy).await;

        let target = Layout::create(directory.path().join("to")).unwrap();
        let pulled = copy.pull(image, &target).referrers().digest_tags().await.unwrap();
        signed.went_along(&pulled);
        target.tag("v1", image).unwrap();
        for entry in pulled.along {
            match entry.name {
                Some(name) => target.tag(&name, &entry.descriptor).unwrap(),
                None => target.add(&entry.descriptor).unwrap(),
            }
        }
        target.collect_garbage().unwrap();
        let amd64 = &signed.fixture.amd64.descriptor().digest;
        assert_eq!(target.referrers(amd64).unwrap(), [signed_entry(&signed.sbom)]);
        let sbom = &signed.sbom.descriptor().digest;
        assert_eq!(target.referrers(sbom).unwrap(), [signed_entry(&signed.signature)]);
        assert_eq!(
            target.resolve(&signed.tag()).unwrap().digest,
            signed.tagged.descriptor().digest
        );
    }
}

fn signed_entry(manifest: &Document<Manifest>) -> Descriptor {
    oci_image::AnyDocument::Manifest(manifest.clone()).as_referrer()
}

#[tokio::test]
async fn nothing_goes_along_that_was_not_asked_for() {
    let fixture = Fixture::new();
    let signed = Signed::new(&fixture.blobs.clone(), fixture);
    let image = signed.fixture.index.descriptor();
    let directory = oci_testing::directory();
    let layout = signed.layout(directory.path());
    let registry = registry().await;
    let app = repository(&registry, "team/app");
    let pushed = app.push(&layout, image).tag("v1").await.unwrap();
    assert_eq!((pushed.moved, pushed.along), (9, vec![]));
    let subject = &signed.fixture.amd64.descriptor().digest;
    assert_eq!(app.referrers(subject, None).await.unwrap(), []);
    assert_eq!(app.tags().await.unwrap(), ["v1"]);
    let pushed = app.push(&layout, image).referrers().await.unwrap();
    assert_eq!(pushed.along.len(), 2);
    assert_eq!(app.tags().await.unwrap(), ["v1"]);
}

#[tokio::test]
async fn tags_are_set_when_all_is_there_and_those_of_the_image_last() {
    let fixture = Fixture::new();
    let signed = Signed::new(&fixture.blobs.clone(), fixture);
    let blobs = &*signed.fixture.blobs;
    let image = signed.fixture.index.descriptor();
    let own = referrer(blobs, image, "application/x.own");
    let tagged = referrer(blobs, image, "application/x.tagged");
    let own_tag = digest_tags(&image.digest)[0].to_string();
    let directory = oci_testing::directory();
    let layout = signed.layout(directory.path());
    layout.put_graph_from(tagged.descriptor(), &blobs).unwrap();
    layout.tag(&own_tag, tagged.descriptor()).unwrap();
    layout.put_graph_from(own.descriptor(), &blobs).unwrap();
    layout.add(own.descriptor()).unwrap();

    let local = Local::new(&oci_registry::serve(Store::memory()).registry());
    let config = Config::default().transport(local.clone()).retry(quick());
    let app = Client::new(config).unwrap().repository("registry.example/app").unwrap();
    app.push(&layout, image).referrers().digest_tags().tag("v1").await.unwrap();
    let put = local.seen().into_iter().filter(|seen| seen.method == Method::PUT);
    let put = put.filter_map(|seen| Some(seen.path.split_once("/manifests/")?.1.to_owned()));
    let put: Vec<_> = put.collect();
    let place = |descriptor: &Descriptor| {
        let name = descriptor.digest.as_str();
        put.iter().position(|it| it == name).unwrap_or_else(|| panic!("{name} in {put:?}"))
    };
    // Subjects are there before what refers to them.
    for (subject, referrer) in [(image, &own), (signed.fixture.amd64.descriptor(), &signed.sbom)] {
        assert!(place(subject) < place(referrer.descriptor()), "{put:?}");
    }
    let tags = [signed.tag(), own_tag, "v1".to_owned()];
    assert!(put.ends_with(&tags), "{put:?}");
}

#[tokio::test]
async fn what_a_list_of_referrers_names_beside_manifests_stays() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let image = fixture.amd64.descriptor();
    app.push(&fixture.blobs, image).await.unwrap();
    let mut index = Index::new();
    index.manifests = vec![Descriptor::of("text/plain".into(), "a note")];
    let list = Document::new(index).unwrap().bytes().to_vec();
    let list = Fault::answer("/referrers/", StatusCode::OK, list)
        .header("content-type", MediaType::IMAGE_INDEX.as_str());
    registry.registry().add_faults([list]);
    let pulled = app.pull(image, &Arc::new(Memory::new())).referrers().await.unwrap();
    assert_eq!(pulled.along, []);
}
