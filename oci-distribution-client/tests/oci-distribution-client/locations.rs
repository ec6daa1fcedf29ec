//! Images that are read and written where `registries.conf` says.

use std::sync::Arc;

use http::StatusCode;
use oci_distribution_client::{Client, Config, Error, ErrorKind};
use oci_image::blob::Memory;
use oci_registry::{Fault, Server};

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, chain, quick, registry, repository};
use crate::registries_conf::conf;

/// What a server was asked, without the blobs: whoever has the manifest is asked for these.
async fn pulled(config: Config, image: &str, fixture: &Fixture) -> Result<(), Error> {
    let client = Client::new(config.retry(quick()))?;
    let store = Arc::new(Memory::new());
    let image = client.resolve(&image.parse().unwrap()).await?;
    assert_eq!(image.descriptor(), fixture.index.descriptor());
    image.repository().pull(&image, &store).await?;
    assert_eq!(store.digests(), fixture.blobs.digests());
    Ok(())
}

async fn with_image(fixture: &Fixture, name: &str) -> Server {
    let server = registry().await;
    let there = repository(&server, name);
    there.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
    server
}

#[tokio::test]
async fn an_image_is_read_from_its_location_and_written_by_its_name() {
    let fixture = Fixture::new();
    let (location, named) = (with_image(&fixture, "bar/app").await, registry().await);
    let (location_host, named_host) = (location.address(), named.address());
    let conf = conf(&format!(
        "[[registry]]\nprefix = '{named_host}/foo'\nlocation = '{location_host}/bar'\n"
    ));
    let config = Config::default()
        .plain_http(location_host.to_string())
        .plain_http(named_host.to_string())
        .registries_conf(conf);
    pulled(config.clone(), &format!("{named_host}/foo/app:v1"), &fixture).await.unwrap();
    let client = Client::new(config).unwrap();
    let repository = client.repository(&format!("{named_host}/foo/app")).unwrap();
    assert_eq!(repository.to_string(), format!("{named_host}/foo/app"));
    assert_eq!(repository.tags().await.unwrap(), ["v1"]);
    assert!(repository.has_blob(&fixture.layers[0]).await.unwrap());
    repository.push(&fixture.blobs, fixture.index.descriptor()).tag("v2").await.unwrap();
    let there = crate::fixture::repository(&named, "foo/app");
    assert_eq!(there.tags().await.unwrap(), ["v2"]);
}

#[tokio::test]
async fn an_insecure_registry_is_asked_over_http_if_it_does_not_speak_https() {
    let fixture = Fixture::new();
    let server = with_image(&fixture, "team/app").await;
    let host = server.address();
    let image = format!("{host}/team/app:v1");
    let insecure = conf(&format!("[[registry]]\nlocation = '{host}'\ninsecure = true"));
    pulled(Config::default().registries_conf(insecure.clone()), &image, &fixture).await.unwrap();
    let client = Client::new(Config::default().registries_conf(insecure)).unwrap();
    client.check(&host.to_string()).await.unwrap();
    let other = client.repository(&format!("{host}/team/other")).unwrap();
    other.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
    // What is insecure is so for its prefix alone.
    let elsewhere = conf(&format!("[[registry]]\nlocation = '{host}/other'\ninsecure = true"));
    let config = Config::default().registries_conf(elsewhere);
    let error = pulled(config, &image, &fixture).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{}", chain(&error));
}

#[tokio::test]
async fn a_mirror_for_digests_is_not_asked_about_a_tag_nor_for_its_content() {
    let fixture = Fixture::new();
    let mirrors = [with_image(&fixture, "m/app").await, with_image(&fixture, "m/app").await];
    let [digests, tags] = mirrors;
    let named = with_image(&fixture, "team/app").await;
    let host = named.address();
    let conf = conf(&format!(
        "[[registry]]\nlocation = '{host}/team'\n\
         [[registry.mirror]]\nlocation = '{}/m'\npull-from-mirror = 'digest-only'\n\
         [[registry.mirror]]\nlocation = '{}/m'\npull-from-mirror = 'tag-only'\n",
        digests.address(),
        tags.address(),
    ));
    let config = [&digests, &tags, &named]
        .into_iter()
        .fold(Config::default(), |config, server| config.plain_http(server.address().to_string()));
    let config = config.registries_conf(conf);
    // Whoever is asked wrongly fails, and is not passed over unseen: the registry itself fails, too.
    let break_all_but = |good: &Server| {
        for server in [&digests, &tags, &named] {
            server.registry().clear_faults();
            if server.address() != good.address() {
                server.registry().add_faults([Fault::status("", StatusCode::NOT_FOUND)]);
            }
        }
    };
    let digest = &fixture.index.descriptor().digest;
    let (tagged, digested) = (format!("{host}/team/app:v1"), format!("{host}/team/app@{digest}"));
    for (good, image, expected) in [
        (&digests, &tagged, false),
        (&digests, &digested, true),
        (&tags, &tagged, true),
        (&tags, &digested, false),
        (&named, &tagged, true),
        (&named, &digested, true),
    ] {
        break_all_but(good);
        let result = pulled(config.clone(), image, &fixture).await;
        assert_eq!(result.is_ok(), expected, "{image} with {}", good.address());
    }
}

#[tokio::test]
async fn mirrors_of_the_file_are_not_told_of_a_registry_and_follow_those_of_the_program() {
    let fake = Fake::new(|_| answer(404, &[], ""));
    let conf = conf(
        "[[registry]]\nlocation = 'registry.example'\n\
         [[registry.mirror]]\nlocation = 'mirror.example/sub'\n",
    );
    let config = Config::default()
        .transport(fake.clone())
        .registries_conf(conf)
        .mirror("registry.example", "program.example");
    let image = "registry.example/app:v1".parse().unwrap();
    Client::new(config).unwrap().resolve(&image).await.unwrap_err();
    let mut seen: Vec<_> = fake.seen().iter().map(|it| it.uri.to_string()).collect();
    seen.dedup();
    assert_eq!(
        seen,
        [
            "https://program.example/v2/app/manifests/v1?ns=registry.example",
            "https://mirror.example/v2/sub/app/manifests/v1",
            "https://registry.example/v2/app/manifests/v1",
        ]
    );
}
