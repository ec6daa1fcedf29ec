//! containerd's `hosts.toml`, and directories of certificates.

use std::path::Path;
use std::sync::Arc;

use oci_distribution_client::machine::HostsDir;
use oci_distribution_client::{Client, Config, Error, ErrorKind};
use oci_image::blob::Memory;

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, chain, quick, registry, repository};
use crate::secure::{Clients, Pair, Secure};

/// Writes `text` as the file of the directory `name` below `root`.
fn write(root: &Path, name: &str, text: &str) {
    let directory = root.join(name);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("hosts.toml"), text).unwrap();
}

/// What is asked for `image`, and with what `X-Test`, where nobody has it.
async fn asked(root: &Path, image: &str) -> Result<Vec<String>, Error> {
    let fake = Fake::new(|_| answer(404, &[], ""));
    let config = Config::default().transport(fake.clone()).hosts_dir(HostsDir::new(root));
    let error = Client::new(config)?.resolve(&image.parse().unwrap()).await.unwrap_err();
    if error.kind() == ErrorKind::Configuration {
        return Err(error);
    }
    let mut seen: Vec<_> = fake
        .seen()
        .iter()
        .map(|it| {
            let header = it.headers.get("x-test").map(|value| value.to_str().unwrap().to_owned());
            format!("{}{}", it.uri, header.map(|it| format!(" {it}")).unwrap_or_default())
        })
        .collect();
    seen.dedup();
    Ok(seen)
}

#[tokio::test]
async fn hosts_are_asked_in_their_order_and_then_the_server() {
    let directory = oci_testing::directory();
    let root = directory.path();
    write(
        root,
        "registry.example",
        r#"
        server = "https://server.example"
        header = { X-Test = "for the server" }
        [host."https://z.example/prefix"]
        capabilities = ["pull", "resolve"]
        [host."http://a.example:5000/v2/own"]
        override_path = true
        [host."https://a.example:5000/v2/own".header]
        x-test = ["for a"]
        [host."pulls.example"]
        capabilities = ["pull"]
        [host."https://pushes.example"]
        capabilities = ["push"]
        [host."https://resolves.example"]
        capabilities = ["resolve"]
        "#,
    );
    let ns = "?ns=registry.example";
    assert_eq!(
        asked(root, "registry.example/app:v1").await.unwrap(),
        [
            format!("https://z.example/prefix/v2/app/manifests/v1{ns}"),
            format!("http://a.example:5000/v2/own/app/manifests/v1{ns}"),
            format!("https://a.example:5000/v2/own/v2/app/manifests/v1{ns} for a"),
            format!("https://server.example/v2/app/manifests/v1{ns} for the server"),
        ]
    );
    let digest = format!("sha256:{}", "0".repeat(64));
    let by_digest = asked(root, &format!("registry.example/app@{digest}")).await.unwrap();
    let hosts = by_digest.iter().filter(|it| it.starts_with("https://pulls.example/v2/"));
    assert_eq!((by_digest.len(), hosts.count()), (5, 1), "{by_digest:?}");
}

#[tokio::test]
async fn the_directory_of_a_registry_is_found_by_its_host_and_port() {
    let directory = oci_testing::directory();
    let root = directory.path();
    let server = |name: &str| format!("server = 'https://{name}.example'");
    let found = async |image: &str| asked(root, image).await.unwrap().remove(0);
    let image = "registry.example:5000/app:v1";
    assert_eq!(found(image).await, "https://registry.example:5000/v2/app/manifests/v1");
    for (directory, expected) in [
        ("_default", "default"),
        ("registry.example:5000", "colon"),
        ("registry.example_5000_", "underscore"),
    ] {
        write(root, directory, &server(expected));
        let url = found(image).await;
        assert!(url.starts_with(&format!("https://{expected}.example/v2/")), "{url}");
    }
    assert!(found("other.example/app").await.starts_with("https://default.example/"));
    assert!(found("docker.io/app").await.starts_with("https://default.example/v2/library/app/"));
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for (text, expected) in [
        ("x", "line 1: "),
        ("skip_verfy = true", "unknown field `skip_verfy`"),
        ("[host.'a.example']\nskip_verfy = true", "unknown field `skip_verfy`"),
        ("[host.'a.example']\nskip_verify = 'yes'", "line 2: at `host.?.skip_verify`: "),
        ("[host.'a.example']\ncapabilities = ['all']", "`all` is not a capability"),
        ("[host.'ftp://a.example']", "at `host.\"ftp://a.example\"`: "),
        ("server = 'https://user:secret-word@a.example'", "is written with a user"),
        ("server = 'https://user@a.example'", "is written with a user"),
        ("server = 'https://:secret-word@a.example'", "is written with a user"),
        ("server = 'https://a.example?x'", "it is not the URL of a server"),
        ("[host.'a.example']\nclient = [['a', 'b', 'c']]", "`client` has an entry"),
        ("header = { 'a b' = 'secret-word' }", "`header.a b` cannot be a header"),
        ("header = 'secret-word'", "the value is not of the right kind"),
        ("[header]\nx = ['secret-word', 5]", "the value is not of the right kind"),
    ] {
        let error = HostsDir::check(text, "hosts.toml").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
        let message = chain(&error);
        assert!(message.starts_with("cannot read `hosts.toml`: "), "{message}");
        assert!(message.contains(expected), "{text}: {message}");
        let shown = format!("{message} {error:?} {error:#?}");
        assert!(!shown.contains("secret-word"), "{shown}");
    }
}

#[tokio::test]
async fn what_is_wrong_concerns_its_own_registry() {
    let directory = oci_testing::directory();
    let root = directory.path();
    write(root, "bad.example", "x");
    write(root, "missing.example", "ca = 'nowhere.crt'");
    for (image, expected) in
        [("bad.example/app", "hosts.toml"), ("missing.example/app", "nowhere.crt")]
    {
        let error = asked(root, image).await.unwrap_err();
        assert!(chain(&error).contains(expected), "{}", chain(&error));
    }
    asked(root, "good.example/app").await.unwrap();
}

/// The registry's host sends on to another origin, which sends back.
#[tokio::test]
async fn the_headers_of_a_host_are_secrets_and_go_to_it_alone() {
    let directory = oci_testing::directory();
    let text = "server = 'https://host.example'\nheader = { x-test = 'secret-word' }";
    write(directory.path(), "registry.example", text);
    let fake = Fake::new(|seen| match (seen.host(), seen.uri.path()) {
        ("host.example", "/back") => answer(404, &[], ""),
        ("host.example", _) => answer(307, &[("location", "https://elsewhere.example/")], ""),
        _ => answer(307, &[("location", "https://host.example/back")], ""),
    });
    let config = Config::default().transport(fake.clone());
    let config = config.hosts_dir(HostsDir::new(directory.path()));
    let client = Client::new(config).unwrap();
    let repository = client.repository("registry.example/app").unwrap();
    let error = repository.resolve("v1").await.unwrap_err();
    let mut sent: Vec<_> = fake
        .seen()
        .iter()
        .map(|it| (it.uri.to_string(), it.headers.get("x-test").map(|value| value.is_sensitive())))
        .collect();
    sent.truncate(3);
    assert_eq!(
        sent,
        [
            ("https://host.example/v2/app/manifests/v1?ns=registry.example".to_owned(), Some(true)),
            ("https://elsewhere.example/".to_owned(), None),
            // The way back is another server's choice.
            ("https://host.example/back".to_owned(), None),
        ]
    );
    let shown = format!("{client:?} {client:#?} {repository:?} {error:?} {}", chain(&error));
    assert!(!shown.contains("secret-word"), "{shown}");
}

#[tokio::test]
async fn a_host_that_quotes_its_headers_is_quoted_without_them() {
    let directory = oci_testing::directory();
    let text = "server = 'https://host.example'\nheader = { x-test = 'Token secret-word' }";
    write(directory.path(), "registry.example", text);
    let fake = Fake::new(|seen| {
        let sent = seen.headers.get("x-test").unwrap().to_str().unwrap();
        let word = sent.rsplit(' ').next().unwrap();
        let said = format!(r#"{{"errors": [{{"code": "DENIED", "message": "{sent}, {word}"}}]}}"#);
        answer(403, &[("warning", &format!("299 - \"you sent {sent}\""))], said)
    });
    let config = Config::default().transport(fake).hosts_dir(HostsDir::new(directory.path()));
    let client = Client::new(config).unwrap();
    let error = client.repository("registry.example/app").unwrap().resolve("v1").await.unwrap_err();
    let shown = format!("{client:?} {:?} {error:?} {}", client.warnings(), chain(&error));
    assert!(shown.contains("you sent <secret>") && !shown.contains("secret-word"), "{shown}");
}

#[tokio::test]
async fn a_host_may_be_any_where_the_file_says_that_it_is_not_verified() {
    let server = Secure::start(&Pair::self_signed(&["localhost"], 4000), Clients::All).await;
    let host = server.host();
    let directory = oci_testing::directory();
    for (says, is_trusted) in [("", false), ("false", false), ("true", true)] {
        let skip = if says.is_empty() { String::new() } else { format!("skip_verify = {says}") };
        write(directory.path(), &host, &skip);
        let config = Config::default().retry(quick()).hosts_dir(HostsDir::new(directory.path()));
        let checked = Client::new(config).unwrap().check(&host).await;
        let kind = checked.map_err(|error| error.kind());
        assert_eq!(kind, if is_trusted { Ok(()) } else { Err(ErrorKind::Tls) }, "{says}");
    }
}

#[tokio::test]
async fn an_image_comes_from_a_host_and_goes_to_the_server() {
    let fixture = Fixture::new();
    let (mirror, server) = (registry().await, registry().await);
    let there = repository(&mirror, "team/app");
    there.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
    let directory = oci_testing::directory();
    let text =
        format!("server = 'http://{}'\n[host.'http://{}']\n", server.address(), mirror.address());
    write(directory.path(), "registry.example", &text);
    let config = Config::default().retry(quick()).hosts_dir(HostsDir::new(directory.path()));
    let client = Client::new(config).unwrap();
    let app = client.repository("registry.example/team/app").unwrap();
    assert_eq!(app.to_string(), "registry.example/team/app");
    let image = app.resolve("v1").await.unwrap();
    let store = Arc::new(Memory::new());
    image.repository().pull(&image, &store).await.unwrap();
    assert_eq!(store.digests(), fixture.blobs.digests());
    app.push(&store, &image).tag("v2").await.unwrap();
    assert_eq!(repository(&server, "team/app").tags().await.unwrap(), ["v2"]);
    assert_eq!(there.tags().await.unwrap(), ["v1"]);
}

#[test]
fn a_directory_of_certificates_is_read_for_each_registry_alone() {
    let directory = oci_testing::directory();
    let root = directory.path();
    let write = |name: &str, text: &str| {
        let file = root.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write("no-key.example/client.cert", "-----BEGIN CERTIFICATE-----");
    write("no-cert.example/client.key", "-----BEGIN PRIVATE KEY-----");
    write("no-pem.example:5000/ca.crt", "x");
    write("good.example/README", "x");
    write("not a registry/ca.crt", "x");
    let config = Config::default().certs_dir(root).unwrap().certs_dir(root.join("none")).unwrap();
    let client = Client::new(config).unwrap();
    for (registry, expected) in [
        ("no-key.example", "client.cert`: the key of the client certificate is missing"),
        ("no-cert.example", "client.key`: the client certificate of the key is missing"),
        ("no-pem.example:5000", "ca.crt`: it holds no PEM block `CERTIFICATE`"),
    ] {
        let error = client.repository(&format!("{registry}/app")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let message = chain(&error);
        assert!(message.starts_with(&format!("cannot use the certificates of `{registry}`: ")));
        assert!(message.contains(expected), "{message}");
    }
    client.repository("good.example/app").unwrap();
    client.repository("no-pem.example/app").unwrap();
}
