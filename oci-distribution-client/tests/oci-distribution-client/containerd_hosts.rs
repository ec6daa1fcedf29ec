//! `hosts.toml` beside containerd: the same file and the same request, and the same image from the same place, or none.

use oci_distribution_client::Config;
use oci_distribution_client::machine::HostsDir;
use oci_testing::containerd::Containerd;

use crate::fixture::registry;
use crate::machine_peers::{has, resolved};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containerd_pulls_what_is_found_by_hosts_toml() {
    oci_testing::needs!(root, "containerd", "ctr");
    let directory = oci_testing::directory();
    let containerd = Containerd::start(directory.path());
    let hosts = directory.path().join("hosts");
    let (mirror, server) = (registry().await, registry().await);
    let (in_mirror, in_server) =
        (has(&mirror, "team/app", "mirror").await, has(&server, "team/app", "server").await);
    let below = has(&mirror, "sub/team/app", "below").await;
    let (m, s) = (mirror.address(), server.address());
    let own = format!("server = 'http://{s}'\n");
    // containerd 1.6 does not read a file that has no table of hosts.
    let alone = format!("{own}[host]\n");
    let host = |path: &str, more: &str| format!("{own}[host.'http://{m}{path}']\n{more}\n");
    let nobody = "[host.'http://127.0.0.1:1']\n";
    let tag = ":v1".to_owned();
    let digested = format!("@{in_mirror}");
    for (directory, text, image, expected) in [
        ("registry.example", alone.clone(), &tag, Some(&in_server)),
        ("_default", alone.clone(), &tag, Some(&in_server)),
        ("other.example", alone.clone(), &tag, None),
        ("registry.example", host("", ""), &tag, Some(&in_mirror)),
        ("registry.example", format!("{own}{nobody}"), &tag, Some(&in_server)),
        ("registry.example", format!("{own}{nobody}[host.'http://{m}']\n"), &tag, Some(&in_mirror)),
        ("registry.example", host("", "capabilities = ['pull']"), &tag, Some(&in_server)),
        ("registry.example", host("", "capabilities = ['resolve']"), &tag, Some(&in_server)),
        (
            "registry.example",
            host("", "capabilities = ['pull', 'resolve']"),
            &tag,
            Some(&in_mirror),
        ),
        ("registry.example", host("", "capabilities = ['pull']"), &digested, Some(&in_mirror)),
        ("registry.example", host("", "capabilities = ['push']"), &digested, None),
        ("registry.example", host("", "capabilities = ['all']"), &tag, None),
        ("registry.example", host("/v2/sub", "override_path = true"), &tag, Some(&below)),
        ("registry.example", host("/v2/sub", ""), &tag, Some(&in_server)),
    ] {
        let _ = std::fs::remove_dir_all(&hosts);
        std::fs::create_dir_all(hosts.join(directory)).unwrap();
        std::fs::write(hosts.join(directory).join("hosts.toml"), &text).unwrap();
        let image = format!("registry.example/team/app{image}");
        let flags = [
            "pull",
            "--snapshotter",
            "native",
            "--hosts-dir",
            &hosts.display().to_string(),
            &image,
        ];
        let done = containerd.images(&flags);
        let listed = containerd.images(&["list", &format!("name=={image}")]).good();
        let of_containerd = [&in_mirror, &in_server, &below]
            .into_iter()
            .find(|digest| done.code == Some(0) && listed.contains(&format!(" {digest} ")));
        containerd.images(&["remove", "--sync", &image]);
        assert_eq!(of_containerd, expected, "containerd: {image}\n{text}\n{}", done.errors);
        let ours = resolved(Config::default().hosts_dir(HostsDir::new(&hosts)), &image).await;
        assert_eq!(ours.as_ref(), expected, "{image}\n{text}");
    }
}
