//! What every backend promises, and what the directory promises besides.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use oci_digest::{Algorithm, Digest};
use oci_registry::Store;
use oci_registry::store::DirectoryError;
use oci_testing::mount::Mount;
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, MANIFEST, manifest};

/// All files below a directory, by relative path.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut open) = (BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[tokio::test]
async fn a_directory_is_the_same_when_it_is_served_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/if/absent");
    let subject = {
        let client = Client::of(oci_registry::serve(Store::directory(&path).unwrap())).await;
        let subject = client.push_image("team/app", "v1").await;
        let named = json!({"mediaType": MANIFEST, "digest": subject.as_str(), "size": 5});
        let text = manifest(&json!({"subject": named})).to_string();
        client.put_manifest("team/app", "r", MANIFEST, text.as_bytes()).await.is(201);
        client.push_blob("team/app/nested", b"content").await;
        client.session("team/app").await;
        subject
    };
    let client = Client::of(oci_registry::serve(reopen(&path).await)).await;
    let repositories = client.get("/v2/_catalog").await.json()["repositories"].clone();
    assert_eq!(repositories, json!(["team/app", "team/app/nested"]));
    assert_eq!(client.get("/v2/team/app/tags/list").await.json()["tags"], json!(["r", "v1"]));
    let answer = client.get("/v2/team/app/manifests/v1").await.is(200);
    assert_eq!(answer.header("content-type"), Some(MANIFEST));
    assert_eq!(answer.body, manifest(&json!({})).to_string().into_bytes());
    let referrers = client.get(&format!("/v2/team/app/referrers/{subject}")).await.json();
    assert_eq!(referrers["manifests"].as_array().unwrap().len(), 1);
    let blob = format!("/v2/team/app/nested/blobs/{}", Digest::sha256("content"));
    assert_eq!(client.get(&blob).await.is(200).body, b"content");
}

/// The old server is dropped, and its last task may still be letting go.
pub(crate) async fn reopen(path: &Path) -> Store {
    loop {
        match Store::directory(path) {
            Err(DirectoryError::InUse { .. }) => tokio::task::yield_now().await,
            store => return store.unwrap(),
        }
    }
}

#[test]
fn a_directory_has_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let first = Store::directory(directory.path()).unwrap();
    let second = Store::directory(directory.path());
    assert!(matches!(second, Err(DirectoryError::InUse { .. })), "{second:?}");
    // A clone is the same store.
    let clone = first.clone();
    drop(first);
    assert!(Store::directory(directory.path()).is_err());
    drop(clone);
    Store::directory(directory.path()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::directory(file.join("store")).unwrap_err();
    assert!(matches!(error, DirectoryError::Io { .. }), "{error:?}");
    let expected = format!("cannot open the store in `{}`", file.join("store").display());
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_directory_holds_what_was_acknowledged_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let client = Client::of(oci_registry::serve(Store::directory(path).unwrap())).await;
    let digest = client.push_blob("a/b", b"content").await;
    client.put_manifest("a/b", "v1", "text/plain", b"text").await.is(201);
    let text = Digest::sha256("text");
    let whole = BTreeMap::from([
        (".lock".to_owned(), Vec::new()),
        (format!("repositories/a/b/_blobs/sha256/{}", digest.encoded()), b"content".to_vec()),
        (
            format!("repositories/a/b/_manifests/sha256/{}", text.encoded()),
            b"text/plain\ntext".to_vec(),
        ),
        ("repositories/a/b/_tags/v1".to_owned(), text.as_str().as_bytes().to_vec()),
    ]);
    assert_eq!(files(path), whole);
    // What fails or is cancelled leaves nothing.
    let session = client.session("a/b").await;
    client.patch(&session, None, b"half").await.is(202);
    assert_eq!(files(path).len(), whole.len() + 1);
    client.delete(&session).await.is(204);
    let session = client.session("a/b").await;
    client.put(&format!("{session}?digest={digest}"), b"other").await.is(400);
    let missing = manifest(&json!({})).to_string();
    client.put_manifest("a/b", "v2", MANIFEST, missing.as_bytes()).await.is(404);
    assert_eq!(files(path), whole);
}

#[test]
fn what_a_dead_server_left_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::directory(directory.path()).unwrap());
    fs::write(directory.path().join("uploads/half"), "ha").unwrap();
    let _store = Store::directory(directory.path()).unwrap();
    assert_eq!(files(directory.path()).into_keys().collect::<Vec<_>>(), [".lock"]);
}

#[tokio::test]
async fn a_damaged_record_is_the_stores_fault() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::directory(directory.path()).unwrap();
    let client = Client::of(oci_registry::serve(store)).await;
    let digest = client.push_image("a", "v1").await;
    let repository = directory.path().join("repositories/a");
    fs::write(repository.join("_tags/v1"), "nonsense").unwrap();
    client.get("/v2/a/manifests/v1").await.is(500);
    fs::write(repository.join("_manifests/sha256").join(digest.encoded()), "no line").unwrap();
    client.get(&format!("/v2/a/manifests/{digest}")).await.is(500);
    fs::write(repository.join("_tags/no tag"), "").unwrap();
    client.get("/v2/a/tags/list").await.is(500);
    // A blob that lost its end breaks off, and is not ended well.
    let blob = client.push_blob("a", &vec![1; 600_000]).await;
    fs::File::options()
        .write(true)
        .open(repository.join("_blobs/sha256").join(blob.encoded()))
        .unwrap()
        .set_len(500_000)
        .unwrap();
    assert_eq!(client.get(&format!("/v2/a/blobs/{blob}")).await.is(200).body.len(), 500_000);
}

#[tokio::test]
async fn a_removed_blob_is_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    for store in [Store::memory(), Store::directory(directory.path()).unwrap()] {
        let client = Client::of(oci_registry::serve(store)).await;
        let content = vec![1; 8 << 20];
        let path = format!("/v2/a/blobs/{}", client.push_blob("a", &content).await);
        let mut response = client.http.get(client.url(&path)).send().await.unwrap();
        let first = response.chunk().await.unwrap().unwrap();
        client.delete(&path).await.is(202);
        let mut length = first.len();
        while let Some(piece) = response.chunk().await.unwrap() {
            length += piece.len();
        }
        assert_eq!(length, content.len());
    }
}

#[tokio::test]
async fn equal_content_by_two_algorithms_is_two_blobs() {
    let directory = tempfile::tempdir().unwrap();
    for store in [Store::memory(), Store::directory(directory.path()).unwrap()] {
        let client = Client::of(oci_registry::serve(store)).await;
        let short = client.push_blob("a", b"content").await;
        let long = Digest::of(Algorithm::Sha512, "content");
        client.get(&format!("/v2/a/blobs/{long}")).await.is(404);
        let session = client.session("a").await;
        client.put(&format!("{session}?digest={long}"), b"content").await.is(201);
        client.delete(&format!("/v2/a/blobs/{short}")).await.is(202);
        client.get(&format!("/v2/a/blobs/{long}")).await.is(200);
    }
}

/// All paths below a directory.
fn names(root: &Path) -> Vec<std::path::PathBuf> {
    oci_testing::tree::tree(root).into_keys().collect()
}

#[tokio::test]
async fn what_a_full_disk_refuses_leaves_no_trace() {
    oci_testing::needs!(root);
    let text = |number: usize| {
        let subject =
            json!({"mediaType": MANIFEST, "digest": Digest::sha256("s").as_str(), "size": 5});
        manifest(&json!({"subject": subject, "annotations": {"number": number.to_string()}}))
            .to_string()
    };
    let mut refused = 0;
    for inodes in 5..=32 {
        let mount = Mount::tmpfs(0, inodes);
        let Ok(store) = Store::directory(mount.path()) else { continue };
        let client = Client::of(oci_registry::serve(store)).await;
        let mut is_full = false;
        // A blob, and manifests with a subject and a tag: the second takes the tag of the first.
        for step in 0..4 {
            let (before, tagged) = (names(mount.path()), client.get("/v2/a/manifests/v1").await);
            let answer = match step {
                0 => {
                    let digest = Digest::EMPTY_JSON;
                    let path = format!("/v2/a/blobs/uploads/?digest={digest}");
                    client.send(client.request(Method::POST, &path).body("{}")).await
                }
                1 => {
                    let path = format!("/v2/b/blobs/uploads/?mount={}&from=a", Digest::EMPTY_JSON);
                    client.post(&path).await
                }
                _ => client.put_manifest("a", "v1", MANIFEST, text(step).as_bytes()).await,
            };
            if answer.status == 500 {
                is_full = true;
                assert_eq!(names(mount.path()), before, "{inodes} inodes, step {step}");
                let now = client.get("/v2/a/manifests/v1").await;
                assert_eq!((now.status, now.body), (tagged.status, tagged.body));
            }
        }
        refused += usize::from(is_full);
        drop(client);
    }
    // The smallest disks were too small, and the largest was not.
    assert!((5..28).contains(&refused), "{refused}");
}
