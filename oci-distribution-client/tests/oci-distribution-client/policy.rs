//! Policies: asked before anything is used, about what is used then.

use std::sync::{Arc, Mutex};

use oci_distribution_client::transport::BoxFuture;
use oci_distribution_client::{
    Candidate, Client, Config, Error, ErrorKind, Policy, Refusal, Repository,
};
use oci_image::blob::{BlobSource, Memory};
use oci_image::distribution::digest_tags;
use oci_image::images::Images;
use oci_image::{Digest, Document, Manifest, MediaType};
use oci_registry::Server;

use crate::fixture::{Fixture, blob, chain, config, referrer, registry, repository};

/// Remembers what it was asked, and refuses some digests.
#[derive(Debug, Default)]
struct Watch {
    asked: Mutex<Vec<(String, Digest)>>,
    refused: Mutex<Vec<Digest>>,
}

impl Policy for Watch {
    fn check<'a>(&'a self, candidate: &'a Candidate<'a>) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let digest = candidate.descriptor().digest.clone();
            let name = format!("{}:{}", candidate.repository(), candidate.name());
            self.asked.lock().unwrap().push((name, digest.clone()));
            match self.refused.lock().unwrap().contains(&digest) {
                true => Err("it is on the list".into()),
                false => Ok(()),
            }
        })
    }
}

fn watched(server: &Server, refused: &[&Digest]) -> (Arc<Watch>, Repository) {
    let watch = Arc::new(Watch::default());
    *watch.refused.lock().unwrap() = refused.iter().map(|digest| (*digest).clone()).collect();
    let client = Client::new(config(server).policy(Arc::clone(&watch))).unwrap();
    (watch, client.repository(&format!("{}/team/app", server.address())).unwrap())
}

pub(crate) async fn served(fixture: &Fixture) -> Server {
    let server = registry().await;
    let app = repository(&server, "team/app");
    app.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
    server
}

fn refused(error: &Error, digest: &Digest) {
    assert_eq!(error.kind(), ErrorKind::Policy, "{}", chain(error));
    let message = chain(error);
    let expected = format!(": the policy does not allow `{digest}`: it is on the list");
    assert!(message.ends_with(&expected), "{message}");
}

#[tokio::test]
async fn a_policy_is_asked_about_each_manifest_by_the_name_that_was_resolved() {
    let fixture = Fixture::new();
    let server = served(&fixture).await;
    let (watch, app) = watched(&server, &[]);
    let image = app.resolve("v1").await.unwrap();
    image.repository().pull(&image, &Arc::new(Memory::new())).await.unwrap();
    let name = format!("{app}:v1");
    let children = fixture.index.manifests.iter();
    let mut expected = vec![(name.clone(), image.digest.clone()); 2];
    expected.extend(children.map(|child| (name.clone(), child.digest.clone())));
    let mut asked = watch.asked.lock().unwrap().clone();
    asked.sort();
    expected.sort();
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn nothing_that_a_policy_refuses_is_given_out_or_stored() {
    let fixture = Fixture::new();
    let server = served(&fixture).await;
    let (index, image) = (fixture.index.descriptor(), fixture.amd64.descriptor());

    let (_, app) = watched(&server, &[&index.digest]);
    refused(&app.resolve("v1").await.unwrap_err(), &index.digest);
    refused(&app.resolve(index.digest.as_str()).await.unwrap_err(), &index.digest);
    refused(&app.manifest(index).await.unwrap_err(), &index.digest);

    let (_, app) = watched(&server, &[&image.digest]);
    let resolved = app.resolve("v1").await.unwrap();
    let store = Arc::new(Memory::new());
    refused(&app.pull(&resolved, &store).await.unwrap_err(), &image.digest);
    assert_eq!(store.digests(), []);
    let target = repository(&server, "team/target");
    refused(&app.copy_to(&target, &resolved).tag("v1").await.unwrap_err(), &image.digest);
    assert_eq!(target.resolve("v1").await.unwrap_err().kind(), ErrorKind::NotFound);

    let runtime = tokio::runtime::Handle::current();
    let (blocking, image) = (app.blocking(runtime), image.clone());
    let read = move || {
        let error = blocking.open(&image).map(drop).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
        let error = blocking.find(&image.digest).map(drop).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    };
    tokio::task::spawn_blocking(read).await.unwrap();
}

#[tokio::test]
async fn all_policies_are_asked_and_any_of_them_refuses() {
    let fixture = Fixture::new();
    let server = served(&fixture).await;
    let digest = &fixture.index.descriptor().digest;
    for refusing in [0, 1, 2] {
        let watches = [0, 1, 2].map(|_| Arc::new(Watch::default()));
        watches[refusing].refused.lock().unwrap().push(digest.clone());
        let add = |config: Config, watch: &Arc<Watch>| config.policy(Arc::clone(watch));
        let client = Client::new(watches.iter().fold(config(&server), add)).unwrap();
        let app = client.repository(&format!("{}/team/app", server.address())).unwrap();
        refused(&app.resolve("v1").await.unwrap_err(), digest);
        let asked = watches.iter().filter(|watch| !watch.asked.lock().unwrap().is_empty());
        assert_eq!(asked.count(), refusing + 1);
    }
}

#[tokio::test]
async fn what_goes_along_is_asked_about_too() {
    let fixture = Fixture::new();
    let server = served(&fixture).await;
    let image = fixture.amd64.descriptor();
    let sbom = referrer(&fixture.blobs, image, "application/x.sbom");
    let signature = referrer(&fixture.blobs, sbom.descriptor(), "application/x.signature");
    let tagged = referrer(&fixture.blobs, signature.descriptor(), "application/x.tagged");
    let plain = repository(&server, "team/app");
    let tag = digest_tags(&image.digest)[0].to_string();
    plain.push(&fixture.blobs, sbom.descriptor()).await.unwrap();
    plain.push(&fixture.blobs, signature.descriptor()).await.unwrap();
    plain.push(&fixture.blobs, tagged.descriptor()).tag(tag).await.unwrap();
    let along = [&sbom, &signature, &tagged].map(|it| &it.descriptor().digest);

    let (watch, app) = watched(&server, &[]);
    let store = Arc::new(Memory::new());
    app.pull(image, &store).referrers().digest_tags().await.unwrap();
    let asked = watch.asked.lock().unwrap().clone();
    for digest in along {
        assert!(asked.iter().any(|(_, asked)| asked == digest), "{digest}");
        let (_, app) = watched(&server, &[digest]);
        let store = Arc::new(Memory::new());
        let pull = app.pull(image, &store).referrers().digest_tags();
        refused(&pull.await.unwrap_err(), digest);
        assert_eq!(store.digests(), []);
        let target = repository(&server, "team/target");
        let copy = app.copy_to(&target, image).referrers().digest_tags().tag("v1");
        refused(&copy.await.unwrap_err(), digest);
        assert_eq!(target.resolve("v1").await.unwrap_err().kind(), ErrorKind::NotFound);
        // Nobody asked for it.
        app.pull(image, &store).await.unwrap();
    }
}

/// Moves the tag while it decides.
#[derive(Debug)]
struct Mover {
    target: Repository,
    blobs: Arc<Memory>,
    other: oci_image::Descriptor,
}

impl Policy for Mover {
    fn check<'a>(&'a self, candidate: &'a Candidate<'a>) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            self.target.push(&self.blobs, &self.other).tag("v1").await?;
            // What is read to decide is what was resolved, too.
            let manifest = candidate.manifest().await?;
            match manifest.descriptor().digest == candidate.descriptor().digest {
                true => Ok(()),
                false => Err("it moved".into()),
            }
        })
    }
}

#[tokio::test]
async fn a_tag_that_moves_meanwhile_changes_nothing() {
    let fixture = Fixture::new();
    let server = served(&fixture).await;
    let mover = Mover {
        target: repository(&server, "team/app"),
        blobs: Arc::clone(&fixture.blobs),
        other: fixture.amd64.descriptor().clone(),
    };
    let client = Client::new(config(&server).policy(mover)).unwrap();
    let image = format!("{}/team/app:v1", server.address()).parse().unwrap();
    let resolved = client.resolve(&image).await.unwrap();
    let store = Arc::new(Memory::new());
    resolved.repository().pull(&resolved, &store).await.unwrap();
    assert_eq!(store.digests(), fixture.blobs.digests());
    let moved = repository(&server, "team/app").resolve("v1").await.unwrap();
    assert_eq!(moved.descriptor(), fixture.amd64.descriptor());
}

/// Wants a referrer of a type.
#[derive(Debug)]
struct Wants(MediaType);

impl Policy for Wants {
    fn check<'a>(&'a self, candidate: &'a Candidate<'a>) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let referrers = candidate.referrers(Some(&self.0)).await?;
            let signature = referrers.first().ok_or("it is not signed")?;
            // It is read without asking this policy about it.
            candidate.repository().manifest(signature).await?;
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_policy_sees_the_referrers() {
    let fixture = Fixture::new();
    let server = served(&fixture).await;
    let kind = MediaType::from("application/vnd.example.signature".to_owned());
    let client = Client::new(config(&server).policy(Wants(kind.clone()))).unwrap();
    let app = client.repository(&format!("{}/team/app", server.address())).unwrap();
    let error = app.resolve("v1").await.unwrap_err();
    assert!(chain(&error).ends_with(": it is not signed"), "{}", chain(&error));

    let mut signature = Manifest::new(blob(&fixture.blobs, MediaType::EMPTY_JSON, b"{}"));
    signature.artifact_type = Some(kind);
    signature.subject = Some(fixture.index.descriptor().clone());
    signature.media_type = Some(MediaType::IMAGE_MANIFEST);
    let signature = Document::new(signature).unwrap();
    oci_image::blob::BlobSinkExt::put(&fixture.blobs, signature.descriptor(), signature.bytes())
        .unwrap();
    let plain = repository(&server, "team/app");
    plain.push(&fixture.blobs, signature.descriptor()).await.unwrap();
    app.resolve("v1").await.unwrap();
}

/// Cannot decide without a server that is not there.
#[derive(Debug)]
struct Lost(Repository);

impl Policy for Lost {
    fn check<'a>(&'a self, _: &'a Candidate<'a>) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move { Ok(self.0.resolve("v1").await.map(drop)?) })
    }
}

#[tokio::test]
async fn a_policy_that_cannot_decide_refuses_with_the_kind_of_its_error() {
    let fixture = Fixture::new();
    let server = served(&fixture).await;
    let nobody =
        Client::new(Config::default().plain_http("127.0.0.1:1").retry(crate::fixture::quick()));
    let nobody = nobody.unwrap().repository("127.0.0.1:1/a").unwrap();
    let client = Client::new(config(&server).policy(Lost(nobody))).unwrap();
    let app = client.repository(&format!("{}/team/app", server.address())).unwrap();
    let error = app.resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{}", chain(&error));
    assert!(error.is_transient());
}
