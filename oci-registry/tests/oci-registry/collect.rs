//! Garbage collection: what stays, what goes, and what is pushed meanwhile.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use object_store::memory::InMemory;
use oci_digest::Digest;
use oci_registry::store::{Collection, Objects, Record, Referrers, Retention, Rule};
use oci_registry::{RepositoryName, Store};
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, INDEX, MANIFEST, manifest};

fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(60)
}

async fn served(store: &Store) -> Client {
    Client::of(oci_registry::serve(store.clone())).await
}

/// A manifest with these layers, and members.
fn image(layers: &[&Digest], more: serde_json::Value) -> String {
    let layer =
        |digest: &&Digest| json!({"mediaType": "a/b", "digest": digest.as_str(), "size": 1});
    let mut image = manifest(&more);
    image["layers"] = layers.iter().map(layer).collect();
    image.to_string()
}

async fn put(client: &Client, reference: &str, text: &str) -> Digest {
    let media_type = if text.contains("\"manifests\"") { INDEX } else { MANIFEST };
    let digest = Digest::sha256(text);
    let reference = if reference.is_empty() { digest.as_str() } else { reference };
    client.put_manifest("a", reference, media_type, text.as_bytes()).await.is(201);
    digest
}

/// Everything in a repository.
async fn content(store: &Store, name: &str) -> BTreeSet<String> {
    let name: RepositoryName = name.parse().unwrap();
    let mut all = BTreeSet::new();
    for collection in [Collection::Blobs, Collection::Manifests, Collection::Tags] {
        all.extend(store.backend().list(&name, &collection, None, 1000).await.unwrap());
    }
    all
}

fn texts<const N: usize>(all: [&dyn ToString; N]) -> BTreeSet<String> {
    all.iter().map(|it| it.to_string()).collect()
}

#[tokio::test]
async fn what_a_tag_needs_stays_and_what_nothing_names_goes() {
    let store = Store::memory();
    let client = served(&store).await;
    let config = client.push_blob("a", b"{}").await;
    let (used, unused) = (client.push_blob("a", b"1").await, client.push_blob("a", b"2").await);
    let child = put(&client, "", &image(&[&used], json!({}))).await;
    let entry = json!({"mediaType": MANIFEST, "digest": child.as_str(), "size": 1});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
    let index = put(&client, "v1", &index).await;
    let old = put(&client, "", &image(&[&unused], json!({"annotations": {"a": "old"}}))).await;
    let subject = json!({"subject": {"mediaType": INDEX, "digest": index.as_str(), "size": 1}});
    let signature = put(&client, "", &image(&[], subject)).await;
    let subject = json!({"subject": {"mediaType": MANIFEST, "digest": old.as_str(), "size": 1}});
    put(&client, "", &image(&[], subject)).await;

    // Within the time of grace, which is a day, everything stays.
    let before = content(&store, "a").await;
    let collecting = store.clone();
    let collecting = tokio::spawn(async move { collecting.collect(&Retention::new()).await });
    let collected = collecting.await.unwrap().unwrap();
    assert_eq!((collected.manifests, collected.blobs), (0, 0));
    assert_eq!(content(&store, "a").await, before);

    let collected = store.collect_unused_since(later(), &Retention::new()).await.unwrap();
    assert_eq!((collected.tags, collected.manifests, collected.blobs), (0, 2, 1));
    let kept = texts([&config, &used, &child, &index, &signature, &"v1"]);
    assert_eq!(content(&store, "a").await, kept);
    let referrers = client.get(&format!("/v2/a/referrers/{old}")).await.json();
    assert_eq!(referrers["manifests"], json!([]));

    let retention = Retention::new().referrers(Referrers::Unkept);
    store.collect_unused_since(later(), &retention).await.unwrap();
    assert_eq!(content(&store, "a").await, texts([&config, &used, &child, &index, &"v1"]));

    client.delete("/v2/a/manifests/v1").await.is(202);
    store.collect_unused_since(later(), &Retention::new()).await.unwrap();
    assert_eq!(content(&store, "a").await, BTreeSet::new());
}

#[tokio::test]
async fn tags_stay_by_number_age_and_pattern() {
    let store = Store::memory();
    let client = served(&store).await;
    client.push_blob("a", b"{}").await;
    for tag in ["ci-1", "ci-2", "ci-3", "v1", "v2"] {
        put(&client, tag, &image(&[], json!({"annotations": {"tag": tag}}))).await;
    }
    let tags = async || client.get("/v2/a/tags/list").await.json()["tags"].clone();
    let collect = async |rule| {
        let retention = Retention::new().rule(rule);
        store.collect_unused_since(later(), &retention).await.unwrap().tags
    };
    assert_eq!(collect(Rule::new("b*", "*")).await, 0);
    assert_eq!(collect(Rule::new("*", "*").younger_than(Duration::from_secs(60))).await, 0);
    assert_eq!(collect(Rule::new("a", "ci-*").newest(2)).await, 1);
    assert_eq!(tags().await, json!(["ci-2", "ci-3", "v1", "v2"]));
    // The first rule that matches a tag is the one that holds.
    let retention = Retention::new().rule(Rule::new("*", "v2").newest(1)).rule(Rule::new("*", "*"));
    store.collect_unused_since(later(), &retention).await.unwrap();
    assert_eq!(tags().await, json!(["v2"]));
    let manifests = client.get("/v2/a/manifests/v1").await;
    manifests.is(404);
    // Within the time of grace no rule holds.
    assert_eq!(store.collect(&Retention::new().rule(Rule::new("*", "*"))).await.unwrap().tags, 0);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_keeps_its_repository() {
    let store = Store::memory();
    let client = served(&store).await;
    client.push_blob("a", b"{}").await;
    let name: RepositoryName = "a".parse().unwrap();
    let record = Record::Manifest(Digest::sha256("lost"));
    let write = oci_registry::store::Write::new(record, format!("{MANIFEST}\nnonsense"));
    store.backend().write(&name, &[write]).await.unwrap();
    store.collect_unused_since(later(), &Retention::new()).await.unwrap_err();
    assert!(content(&store, "a").await.contains(Digest::EMPTY_JSON.as_str()));
}

#[tokio::test]
async fn a_scrub_takes_away_what_is_damaged_and_tells_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::directory(directory.path()).unwrap();
    let client = served(&store).await;
    let image = client.push_image("a", "v1").await;
    let blob = client.push_blob("a", b"content").await;
    let scrub = async || {
        let mut told = Vec::new();
        store.scrub(u64::MAX, |damage| told.push(damage.to_string())).await.unwrap();
        told
    };
    assert_eq!(scrub().await, Vec::<String>::new());
    let a = directory.path().join("repositories/a");
    std::fs::write(a.join("_blobs/sha256").join(blob.encoded()), "contenT").unwrap();
    let manifest = a.join("_manifests/sha256").join(image.encoded());
    std::fs::write(manifest, format!("{MANIFEST}\n{{}}")).unwrap();
    let expected = [
        format!("a: the content of blob `{blob}` is damaged"),
        format!("a: the content of manifest `{image}` is damaged"),
    ];
    assert_eq!(scrub().await, expected);
    assert_eq!(scrub().await, Vec::<String>::new());
    let mut damaged = std::fs::read_dir(directory.path().join("damaged")).unwrap();
    assert_eq!(std::fs::read(damaged.next().unwrap().unwrap().path()).unwrap(), b"contenT");
    let mut told = Vec::new();
    store.check(|damage| told.push(damage.to_string())).await.unwrap();
    assert_eq!(told, ["a: tag `v1` names no manifest that is there"]);
    // What was damaged can be pushed again.
    client.get(&format!("/v2/a/blobs/{blob}")).await.is(404);
    client.push_blob("a", b"content").await;
    client.push_image("a", "v1").await;
    client.get("/v2/a/manifests/v1").await.is(200);
}

/// Numbers that are the same at each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// When each push that is under way began.
type Begun = Arc<Mutex<Vec<Option<SystemTime>>>>;

struct Pusher {
    client: Client,
    number: usize,
    numbers: Numbers,
    begun: Begun,
    /// What its tags name, by repository and tag.
    tags: std::collections::BTreeMap<(String, String), Digest>,
}

impl Pusher {
    /// Sees that a blob is there, as clients do: asks, mounts, pushes.
    async fn blob(&mut self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        let path = format!("/v2/{repository}/blobs/{digest}");
        if self.client.head(&path).await.status != 200 {
            let other = if repository == "a" { "b" } else { "a" };
            let mount = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={other}");
            if self.client.post(&mount).await.status != 201 {
                let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
                let push = self.client.request(Method::POST, &path).body(bytes.to_vec());
                self.client.send(push).await.is(201);
            }
        }
        digest
    }

    async fn push(&mut self) {
        let repository = ["a", "b"][self.numbers.below(2) as usize];
        let config = self.blob(repository, b"{}").await;
        assert_eq!(config, Digest::EMPTY_JSON);
        let mut layers = Vec::new();
        for _ in 0..self.numbers.below(3) {
            let layer = [self.numbers.below(5) as u8];
            layers.push(self.blob(repository, &layer).await);
        }
        let version = self.numbers.below(3);
        let more = json!({"annotations": {"of": format!("{}-{version}", self.number)}});
        let mut text = image(&layers.iter().collect::<Vec<_>>(), more);
        let (mut digest, mut media_type) = (Digest::sha256(&text), MANIFEST);
        let tag = format!("t{}-{}", self.number, self.numbers.below(4));
        if self.numbers.below(2) == 0 {
            // The manifest first, by digest; if it is there, it is not pushed again.
            let path = format!("/v2/{repository}/manifests/{digest}");
            if self.client.head(&path).await.status != 200 {
                let put = self.client.put_manifest(
                    repository,
                    digest.as_str(),
                    MANIFEST,
                    text.as_bytes(),
                );
                put.await.is(201);
            }
            let entry = json!({"mediaType": MANIFEST, "digest": digest.as_str(), "size": 1});
            text =
                json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
            (digest, media_type) = (Digest::sha256(&text), INDEX);
        }
        self.client.put_manifest(repository, &tag, media_type, text.as_bytes()).await.is(201);
        self.tags.insert((repository.to_owned(), tag), digest);
    }

    async fn run(mut self, pushes: usize) -> Self {
        for _ in 0..pushes {
            self.begun.lock().unwrap()[self.number] = Some(SystemTime::now());
            self.push().await;
            self.begun.lock().unwrap()[self.number] = None;
            let numbers = &mut self.numbers;
            if numbers.below(3) == 0 && !self.tags.is_empty() {
                let at = numbers.below(self.tags.len() as u64) as usize;
                let (repository, tag) = self.tags.keys().nth(at).unwrap().clone();
                let path = format!("/v2/{repository}/manifests/{tag}");
                self.client.delete(&path).await.is(202);
                self.tags.remove(&(repository, tag));
            }
        }
        self
    }
}

/// All that tags name, by a walk of its own.
async fn needed(client: &Client, repository: &str, digest: &str) -> BTreeSet<String> {
    let mut needed = BTreeSet::from([digest.to_owned()]);
    let mut open = vec![digest.to_owned()];
    while let Some(digest) = open.pop() {
        let answer = client.get(&format!("/v2/{repository}/manifests/{digest}")).await.is(200);
        let document = answer.json();
        for entry in document["manifests"].as_array().into_iter().flatten() {
            let digest = entry["digest"].as_str().unwrap().to_owned();
            needed.insert(digest.clone());
            open.push(digest);
        }
        let config = document.get("config").into_iter();
        for blob in config.chain(document["layers"].as_array().into_iter().flatten()) {
            let digest = blob["digest"].as_str().unwrap();
            client.head(&format!("/v2/{repository}/blobs/{digest}")).await.is(200);
            needed.insert(digest.to_owned());
        }
    }
    needed
}

/// Pushers push what others push too, move and delete their tags, while the store is collected again and again. Nothing
/// that they were told is lost, and in the end there is what tags name and nothing else.
async fn is_collected_while_it_is_served(stores: &[Store]) {
    let begun: Begun = Arc::new(Mutex::new(vec![None; 4]));
    let mut pushers = tokio::task::JoinSet::new();
    for number in 0..4 {
        let client = served(&stores[number % stores.len()]).await;
        let numbers = Numbers(number as u64 + 1);
        let pusher =
            Pusher { client, number, numbers, begun: begun.clone(), tags: Default::default() };
        pushers.spawn(pusher.run(25));
    }
    let mut done = Vec::new();
    let mut removed = 0;
    while !pushers.is_empty() {
        let now = SystemTime::now();
        let first = begun.lock().unwrap().iter().flatten().min().copied();
        let before = first.unwrap_or(now).min(now);
        let collected = stores[0].collect_unused_since(before, &Retention::new()).await.unwrap();
        removed += collected.blobs + collected.manifests;
        while let Some(pusher) = pushers.try_join_next() {
            done.push(pusher.unwrap());
        }
    }
    stores[0].collect_unused_since(later(), &Retention::new()).await.unwrap();
    assert!(removed > 0);
    let client = served(&stores[0]).await;
    for repository in ["a", "b"] {
        let mut expected = BTreeSet::new();
        for pusher in &done {
            for ((_, tag), digest) in pusher.tags.iter().filter(|it| it.0.0 == repository) {
                let answer = client.get(&format!("/v2/{repository}/manifests/{tag}")).await.is(200);
                assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
                expected.insert(tag.clone());
                expected.extend(needed(&client, repository, digest.as_str()).await);
            }
        }
        assert_eq!(content(&stores[0], repository).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_collected_while_it_is_served() {
    is_collected_while_it_is_served(&[Store::memory().grace(Duration::ZERO)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_collected_while_it_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::directory(directory.path()).unwrap().grace(Duration::ZERO);
    is_collected_while_it_is_served(&[store]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_collected_while_replicas_serve_them() {
    let objects = Arc::new(InMemory::new());
    let replica = || Store::new(Objects::new(objects.clone())).grace(Duration::ZERO);
    is_collected_while_it_is_served(&[replica(), replica(), replica()]).await;
}
