//! A mirror that fetches what it lacks.

use oci_distribution_client::{Client, Config};
use oci_layout::Layout;
use oci_registry::Store;
use oci_testing::docker_registry::DockerRegistry;

use super::ours::{self, block_on, push, repository};

#[test]
fn docker_registry_mirrors_our_registry_for_our_client() {
    oci_testing::needs!(root, busybox, "docker-registry");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let program = tokio::runtime::Runtime::new().unwrap();
    let server = oci_registry::serve(Store::memory()).bind("127.0.0.1:0");
    let server = program.block_on(server).unwrap();
    let upstream = server.address().to_string();
    let layout = ours::image(&place("root"), &place("layout"));
    let image = push(&layout, "v1", &repository(Config::default(), &upstream, "team/app"));

    let settings = format!("proxy: {{remoteurl: 'http://{upstream}'}}");
    let registry = DockerRegistry::start(directory.path(), &settings).unwrap();
    let mirror = registry.host();
    // A name that only the mirror can do something with.
    let config = Config::default().plain_http(mirror).mirror("upstream.invalid", mirror);
    let app = Client::new(config).unwrap().repository("upstream.invalid/team/app").unwrap();
    let pulled = Layout::create(place("pulled")).unwrap();
    block_on(async {
        let resolved = app.resolve("v1").await.unwrap();
        assert_eq!(resolved.digest, image.digest);
        app.pull(&resolved, &pulled).await.unwrap();
    });
    assert_eq!(ours::digests(&pulled, &image), ours::digests(&layout, &image));
    program.block_on(server.stop());
}
