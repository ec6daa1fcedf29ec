//! What works with which registry: each operation against each recorded dialect, and against Debian's registry.
//!
//! With `OCI_WRITE_DOCS=1` the table is written to the README, and the sources to `docs/dialects.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use oci_distribution_client::{Client, Config, Credentials, Error, ErrorKind, Repository};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::distribution::referrers_tag;
use oci_image::{AnyDocument, Descriptor, Document, Manifest, MediaType};
use oci_registry::{Dialect, Grant, Limits, Quirk, Store};
use oci_testing::docker_registry::DockerRegistry;
use oci_testing::need;
use oci_testing::program::run_with;

use crate::fixture::{Fixture, blob, chain, noise, quick, start};

const OPERATIONS: [&str; 8] =
    ["login", "pull", "push", "push in chunks", "mount", "referrers", "tags", "delete"];

const NO: &str = "not offered";

/// A size of chunks that all take, and one that is too large for some, in bytes.
const CHUNKS: [u64; 2] = [3 << 20, (4 << 20) + 1];

/// What is pushed.
struct Images {
    fixture: Fixture,
    /// Of one blob, larger than the chunks that some registries take.
    large: Descriptor,
    small: Descriptor,
    /// It refers to the image for amd64.
    artifact: Descriptor,
}

impl Images {
    fn new() -> Self {
        let fixture = Fixture::new();
        let layer = blob(&fixture.blobs, MediaType::LAYER_TAR, &noise(7, CHUNKS[1] as usize + 1));
        let config = blob(&fixture.blobs, MediaType::EMPTY_JSON, b"{}");
        let large = manifest(&fixture, layer, |_| {});
        let small = manifest(&fixture, config.clone(), |_| {});
        let artifact = manifest(&fixture, config, |manifest| {
            manifest.artifact_type = Some(MediaType::from("application/x.sbom"));
            manifest.subject = Some(fixture.amd64.descriptor().clone());
        });
        Self { fixture, large, small, artifact }
    }
}

fn manifest(fixture: &Fixture, config: Descriptor, edit: impl FnOnce(&mut Manifest)) -> Descriptor {
    let mut manifest = Manifest::new(config);
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    edit(&mut manifest);
    let manifest = Document::new(manifest).unwrap();
    fixture.blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
    manifest.descriptor().clone()
}

/// A registry to work with.
struct Subject<'a> {
    name: String,
    host: &'a str,
    config: Config,
    /// Whether it wants a login.
    is_closed: bool,
}

impl Subject<'_> {
    /// The line of the table. Whatever is neither done nor refused as something that the registry does not have, fails.
    async fn row(&self, images: &Images, against: &str) -> String {
        let client = Client::new(self.config.clone()).unwrap();
        let repository = |name| client.repository(&format!("{}/team/{name}", self.host)).unwrap();
        let app = repository("app");
        let login = self.login(&client).await;
        let pushed = push(&app, images).await;
        let outcomes = [
            login,
            pull(&app, images).await,
            pushed,
            push_in_chunks([&repository("small"), &repository("large")], images).await,
            mount(&app, &repository("other"), images).await,
            refer(&app, images).await,
            list_tags(&app, images).await,
            delete(&repository("other"), images).await,
        ];
        let cells =
            outcomes.into_iter().zip(OPERATIONS).map(|(outcome, operation)| match outcome {
                Ok(cell) => cell,
                Err(error) if is_not_offered(&error) => NO,
                Err(error) => panic!("{}: {operation}: {}", self.name, chain(&error)),
            });
        format!("| {} | {} | {against} |", self.name, cells.collect::<Vec<_>>().join(" | "))
    }

    async fn login(&self, client: &Client) -> Result<&'static str, Error> {
        client.check(self.host).await?;
        if !self.is_closed {
            return Ok("yes");
        }
        let wrong =
            self.config.clone().credentials(self.host, Credentials::basic("alice", "wrong"));
        let error = Client::new(wrong).unwrap().check(self.host).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}: {}", self.name, chain(&error));
        Ok("yes")
    }
}

fn is_not_offered(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Denied)
}

async fn push(app: &Repository, images: &Images) -> Result<&'static str, Error> {
    app.push(&images.fixture.blobs, images.fixture.index.descriptor()).tag("v1").await?;
    assert_eq!(app.resolve("v1").await?.descriptor(), images.fixture.index.descriptor());
    Ok("yes")
}

async fn pull(app: &Repository, images: &Images) -> Result<&'static str, Error> {
    let store = Arc::new(Memory::new());
    let image = app.resolve("v1").await?;
    let pulled = app.pull(&image, &store).await?;
    assert_eq!((pulled.moved, store.digests().len()), (9, 9));
    assert_eq!(image.descriptor(), images.fixture.index.descriptor());
    Ok("yes")
}

async fn push_in_chunks(
    [small, large]: [&Repository; 2],
    images: &Images,
) -> Result<&'static str, Error> {
    for (app, chunk) in [small, large].into_iter().zip(CHUNKS) {
        let pushed = app.push(&images.fixture.blobs, &images.large).chunks(chunk).tag("v1").await?;
        assert_eq!(pushed.moved, 2);
        assert_eq!(app.resolve("v1").await?.descriptor(), &images.large);
    }
    Ok("yes")
}

async fn mount(from: &Repository, to: &Repository, images: &Images) -> Result<&'static str, Error> {
    // Nothing is there.
    let nowhere = from.name().as_str().replace("app", "nowhere");
    let push = to.push(&images.fixture.blobs, &images.small);
    assert_eq!(push.mount_from(nowhere).await?.mounted, 0);
    let copied = from.copy_to(to, images.fixture.index.descriptor()).tag("v1").await?;
    assert_eq!(copied.mounted + copied.moved, 9);
    assert_eq!(to.resolve("v1").await?.descriptor(), images.fixture.index.descriptor());
    Ok(if copied.mounted == 6 { "yes" } else { "bytes are sent" })
}

async fn refer(app: &Repository, images: &Images) -> Result<&'static str, Error> {
    let subject = &images.fixture.amd64.descriptor().digest;
    assert_eq!(app.referrers(subject, None).await?, []);
    app.push(&images.fixture.blobs, &images.artifact).await?;
    let sbom = MediaType::from("application/x.sbom");
    for (wanted, expected) in [(None, 1), (Some(&sbom), 1), (Some(&MediaType::IMAGE_MANIFEST), 0)] {
        let found = app.referrers(subject, wanted).await?;
        let digests: Vec<_> = found.iter().map(|found| &found.digest).collect();
        assert_eq!(digests, [&images.artifact.digest][..expected]);
    }
    let is_tagged = app.resolve(referrers_tag(subject).as_str()).await.is_ok();
    Ok(if is_tagged { "by a tag" } else { "yes" })
}

async fn list_tags(app: &Repository, images: &Images) -> Result<&'static str, Error> {
    let document = AnyDocument::Index(images.fixture.index.clone());
    for tag in ["a", "b", "c", "d"] {
        app.tag(tag, &document).await?;
    }
    let mut tags = app.tags().await?;
    tags.retain(|tag| !tag.starts_with("sha256-"));
    tags.sort();
    assert_eq!(tags, ["a", "b", "c", "d", "v1"]);
    Ok("yes")
}

async fn delete(app: &Repository, images: &Images) -> Result<&'static str, Error> {
    let tag = deleted(app.delete_tag("v1").await)?;
    let digest = &images.fixture.index.descriptor().digest;
    let manifest = deleted(app.delete_manifest(digest).await)?;
    if manifest {
        let error = app.resolve(digest.as_str()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Denied), "{error}");
    }
    Ok(match (tag, manifest) {
        (true, true) => "yes",
        (true, false) => "tags",
        (false, true) => "manifests",
        (false, false) => NO,
    })
}

/// Whether it is done, or else not offered.
fn deleted(outcome: Result<(), Error>) -> Result<bool, Error> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if is_not_offered(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn recorded(images: &Images) -> Vec<String> {
    let mut rows = Vec::new();
    for dialect in Dialect::ALL {
        let mut limits = Limits::default();
        limits.page = 2;
        let auth = dialect.auth().user("alice", "secret", [Grant::all("*")]);
        let serve = oci_registry::serve(Store::memory()).limits(limits).auth(auth).dialect(dialect);
        let server = start(serve).await;
        let host = &server.address().to_string();
        let subject = Subject {
            name: dialect.name().to_owned(),
            host,
            config: config(host).credentials(host, Credentials::basic("alice", "secret")),
            is_closed: true,
        };
        rows.push(subject.row(images, "what is recorded").await);
    }
    rows
}

async fn real(images: &Images) -> Vec<String> {
    let mut rows = Vec::new();
    for is_closed in [false, true] {
        let directory = oci_testing::directory();
        let path = directory.path();
        let arguments = ["-Bbc", "users", "alice", "secret"];
        run_with(Command::new("htpasswd").args(arguments).current_dir(path)).good();
        let auth = format!("auth: {{htpasswd: {{realm: x, path: {}/users}}}}", path.display());
        let settings = if is_closed { auth.as_str() } else { "" };
        let registry = DockerRegistry::start(path, settings).unwrap();
        let (host, config) = (registry.host(), config(registry.host()));
        let (name, config) = match is_closed {
            false => ("`docker-registry`, open to all", config),
            true => {
                let login = Credentials::basic("alice", "secret");
                ("`docker-registry` with a password file", config.credentials(host, login))
            }
        };
        let subject = Subject { name: name.to_owned(), host, config, is_closed };
        rows.push(subject.row(images, "the program").await);
    }
    rows
}

fn config(host: &str) -> Config {
    // No other client changes a list of referrers.
    let mut limits = oci_distribution_client::Limits::default();
    limits.referrers_settle = Duration::from_millis(1);
    Config::default().plain_http(host).retry(quick()).limits(limits)
}

const BEGIN: &str = "<!-- dialects: written by the tests -->\n\n";
const END: &str = "\n<!-- end of dialects -->";

fn table(rows: &[String]) -> String {
    let head = format!("| registry | {} | against |", OPERATIONS.join(" | "));
    let line = format!("|{}", "---|".repeat(OPERATIONS.len() + 2));
    let rows: Vec<_> = [head, line].iter().chain(rows).map(|row| format!("{row}\n")).collect();
    rows.concat()
}

/// What is recorded of each registry, and by whom.
fn sources() -> String {
    let mut text = "# How registries differ\n\n\
        What is recorded in public of registries that differ from the specification, as `oci_registry::Dialect` has it. The \
        client is tested against each; the table in its README has the results.\n"
        .to_owned();
    for dialect in Dialect::ALL {
        write!(text, "\n## {}\n\n", dialect.name()).unwrap();
        for quirk in dialect.quirks() {
            writeln!(text, "- {} ({})", quirk.text(), link(&quirk)).unwrap();
        }
    }
    text
}

fn link(quirk: &Quirk) -> String {
    match quirk.source().split_once('#') {
        Some((repository, number)) => {
            format!("[{}](https://github.com/{repository}/issues/{number})", quirk.source())
        }
        None => format!("<{}>", quirk.source()),
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[tokio::test]
async fn every_operation_works_with_every_registry_or_says_that_it_is_not_offered() {
    let images = Images::new();
    let mut rows = recorded(&images).await;
    let is_alone = need::skips(&[need::program("docker-registry"), need::program("htpasswd")]);
    if !is_alone {
        rows.extend(real(&images).await);
    }
    let (readme, docs) = (file("README.md"), file("../docs/dialects.md"));
    let text = fs::read_to_string(&readme).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let measured = table(&rows);
    if std::env::var_os("OCI_WRITE_DOCS").is_some() {
        fs::write(readme, format!("{before}{BEGIN}{measured}{END}{after}")).unwrap();
        return fs::write(docs, sources()).unwrap();
    }
    // Without the program, its rows are not known.
    let is_current = written == measured || is_alone && written.starts_with(&measured);
    assert!(is_current, "the README is old: set OCI_WRITE_DOCS=1\n{measured}");
    assert_eq!(fs::read_to_string(docs).unwrap(), sources(), "set OCI_WRITE_DOCS=1");
}
