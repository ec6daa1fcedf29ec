//! The files of a machine beside the programs that they are of: for each rule the same file and the same request, and the
//! same image from the same place, or none.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use oci_distribution_client::machine::RegistriesConf;
use oci_distribution_client::{Client, Config, ErrorKind, PolicyFile};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::{Descriptor, Digest, Document, Manifest, MediaType, Reference};
use oci_registry::{Auth, Grant, Server, Store};
use oci_testing::docker_registry::DockerRegistry;
use oci_testing::program::{Done, run_with};

use crate::fixture::{blob, quick, registry, repository, start};

/// An image that says where it is from, so that its digest does, too.
fn image(from: &str) -> (Arc<Memory>, Descriptor) {
    let blobs = Arc::new(Memory::new());
    // The end of an archive, with nothing before.
    let layer = blob(&blobs, MediaType::LAYER_TAR, &[0; 1024]);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{"Labels":{{"from":"{from}"}}}},
            "rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        layer.digest
    );
    let mut manifest = Manifest::new(blob(&blobs, MediaType::IMAGE_CONFIG, config.as_bytes()));
    manifest.layers = vec![layer];
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    let manifest = Document::new(manifest).unwrap();
    blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
    (blobs, manifest.descriptor().clone())
}

pub(crate) async fn has(server: &Server, name: &str, from: &str) -> Digest {
    let (blobs, image) = image(from);
    repository(server, name).push(&blobs, &image).tag("v1").await.unwrap();
    image.digest
}

fn skopeo(home: &Path, arguments: &[&str]) -> Done {
    let mut skopeo = Command::new("skopeo");
    run_with(skopeo.env("HOME", home).env("XDG_RUNTIME_DIR", home).args(arguments))
}

/// What this crate makes of `image`.
pub(crate) async fn resolved(config: Config, image: &str) -> Option<Digest> {
    let image: Reference = image.parse().unwrap();
    let found = Client::new(config.retry(quick())).unwrap().resolve(&image).await;
    found.ok().map(|found| found.digest.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_finds_what_is_found_by_registries_conf() {
    oci_testing::needs!("skopeo");
    let directory = oci_testing::directory();
    let file = directory.path().join("registries.conf");
    let servers = [registry().await, registry().await, registry().await];
    let hosts = servers.each_ref().map(|server| server.address().to_string());
    // `a` has all, `b` and `c` have parts, each an image of its own.
    let mut digests = BTreeMap::new();
    for (server, name) in [
        (0, "team/app"),
        (0, "team/deep/app"),
        (0, "x/app"),
        (1, "m/app"),
        (1, "app"),
        (2, "m/deep/app"),
        (2, "only/app"),
    ] {
        digests
            .insert((server, name), has(&servers[server], name, &format!("{server} {name}")).await);
    }
    let by_digest = |name: &str, place: (usize, &str)| format!("{name}@{}", digests[&place]);
    let entry = |text: &str| format!("[[registry]]\nlocation = 'A/team'\ninsecure = true\n{text}");
    let mirror = |place: &str, more: &str| {
        format!("[[registry.mirror]]\nlocation = '{place}'\ninsecure = true\n{more}\n")
    };
    let remap = |prefix: &str, location: &str| {
        format!("[[registry]]\nprefix = '{prefix}'\nlocation = '{location}'\ninsecure = true\n")
    };
    let app = "A/team/app:v1".to_owned();
    let digest_of_b = by_digest("A/team/app", (1, "m/app"));
    let cases = [
        (String::new(), app.clone(), None),
        (entry(""), app.clone(), Some((0, "team/app"))),
        (entry("blocked = true\n"), app.clone(), None),
        (entry(&mirror("B/m", "")), app.clone(), Some((1, "m/app"))),
        (entry(&mirror("C/m", "")), app.clone(), Some((0, "team/app"))),
        (entry(&(mirror("C/m", "") + &mirror("B/m", ""))), app.clone(), Some((1, "m/app"))),
        (
            entry(&mirror("B/m/", "pull-from-mirror = 'digest-only'")),
            app.clone(),
            Some((0, "team/app")),
        ),
        (
            entry(&mirror("B/m", "pull-from-mirror = 'digest-only'")),
            digest_of_b.clone(),
            Some((1, "m/app")),
        ),
        (entry(&mirror("B/m", "pull-from-mirror = 'tag-only'")), app.clone(), Some((1, "m/app"))),
        (entry(&mirror("B/m", "pull-from-mirror = 'tag-only'")), digest_of_b.clone(), None),
        (
            entry(&format!("mirror-by-digest-only = true\n{}", mirror("B/m", ""))),
            app.clone(),
            Some((0, "team/app")),
        ),
        (
            entry(&format!("mirror-by-digest-only = true\n{}", mirror("B/m", ""))),
            digest_of_b,
            Some((1, "m/app")),
        ),
        (
            entry(&format!(
                "mirror-by-digest-only = true\n{}",
                mirror("B/m", "pull-from-mirror = 'all'")
            )),
            app.clone(),
            None,
        ),
        (
            remap("named.example/team", "A/team"),
            "named.example/team/app:v1".into(),
            Some((0, "team/app")),
        ),
        (remap("named.example", "B"), "named.example/app:v1".into(), Some((1, "app"))),
        (
            remap("named.example/team/app", "C/only/app"),
            "named.example/team/app:v1".into(),
            Some((2, "only/app")),
        ),
        (remap("named.example/te", "A/team"), "named.example/team/app:v1".into(), None),
        (remap("*.named.example", "B"), "sub.named.example/app:v1".into(), Some((1, "app"))),
        (remap("*.named.example", "B"), "other.example/app:v1".into(), None),
        (
            remap("named.example", "B") + &remap("named.example/deep", "C/m/deep"),
            "named.example/deep/app:v1".into(),
            Some((2, "m/deep/app")),
        ),
        // A host without a port covers its ports.
        (
            "[[registry]]\nlocation = '127.0.0.1'\ninsecure = true\n".into(),
            app.clone(),
            Some((0, "team/app")),
        ),
        (
            "[[registry]]\nlocation = '127.0.0.1'\ninsecure = true\nblocked = true\n".into(),
            app.clone(),
            None,
        ),
        // What is blocked where it is.
        (
            remap("named.example", "B") + "[[registry]]\nlocation = 'B/app'\nblocked = true\n",
            "named.example/app:v1".into(),
            None,
        ),
        (
            entry(&mirror("B/m", "")) + "[[registry]]\nlocation = 'B'\nblocked = true\n",
            app.clone(),
            Some((0, "team/app")),
        ),
        // Files that are refused.
        ("[[registry]]\nprefix = 'named.example'\n".into(), app.clone(), None),
        (entry("") + "[[registry]]\nprefix = 'b.example'\nlocation = 'A/team'\n", app, None),
    ];
    for (text, image, expected) in cases {
        let placed = |text: &str| {
            let [a, b, c] = &hosts;
            ["A", "B", "C"].iter().zip([a, b, c]).fold(text.to_owned(), |text, (letter, host)| {
                text.replace(&format!("'{letter}"), &format!("'{host}"))
                    .replace(&format!("^{letter}/"), &format!("{host}/"))
            })
        };
        let (text, image) = (placed(&text), placed(&format!("^{image}")).replace('^', ""));
        std::fs::write(&file, &text).unwrap();
        let conf = file.display().to_string();
        let name = format!("docker://{image}");
        let done =
            skopeo(directory.path(), &["--registries-conf", &conf, "inspect", "--raw", &name]);
        let of_skopeo = (done.code == Some(0))
            .then(|| Descriptor::of(MediaType::IMAGE_MANIFEST, done.out.as_bytes()).digest);
        let expected = expected.map(|place| digests[&place].clone());
        assert_eq!(of_skopeo, expected, "skopeo: {image}\n{text}\n{}", done.errors);
        let ours = match RegistriesConf::read(&file) {
            Ok(conf) => resolved(Config::default().registries_conf(conf), &image).await,
            Err(_) => None,
        };
        assert_eq!(ours, expected, "{image}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_asks_the_credential_helpers_that_are_asked() {
    oci_testing::needs!("skopeo");
    let directory = oci_testing::directory();
    let path = directory.path();
    let server = oci_registry::serve(Store::memory()).auth(Auth::basic().user(
        "alice",
        "secret",
        [Grant::all("team/*")],
    ));
    let server = start(server).await;
    let host = server.address().to_string();
    let helper = |name: &str, answer: &str| {
        let file = path.join(format!("docker-credential-{name}"));
        std::fs::write(&file, format!("#!/bin/sh\n{answer}\n")).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    };
    helper("good", r#"echo '{"Username":"alice","Secret":"secret"}'"#);
    helper("wrong", r#"echo '{"Username":"alice","Secret":"wrong"}'"#);
    helper("none", "echo 'credentials not found in native keychain'; exit 1");
    helper("broken", "echo 'the session has expired'; exit 1");
    let search = format!("{}:/usr/bin:/bin", path.display());
    let logins = path.join("auth.json");
    let (conf, auth) = (path.join("registries.conf"), "YWxpY2U6c2VjcmV0");
    let (image, name) = (format!("{host}/team/app:v1"), format!("docker://{host}/team/app"));
    for (helpers, has_file, is_let_in) in [
        (None, true, true),
        (Some("'good'"), false, true),
        (Some("'wrong'"), true, false),
        (Some("'none', 'good'"), false, true),
        (Some("'broken', 'good'"), false, true),
        (Some("'none'"), true, false),
        (Some("'none', 'containers-auth.json'"), true, true),
        (Some("'containers-auth.json', 'good'"), false, true),
        (Some("'wrong', 'good'"), false, false),
        (Some(""), true, true),
    ] {
        let text = helpers.map(|list| format!("credential-helpers = [{list}]\n"));
        std::fs::write(&conf, text.unwrap_or_default()).unwrap();
        let auths =
            if has_file { format!(r#""{host}":{{"auth":"{auth}"}}"#) } else { String::new() };
        std::fs::write(&logins, format!(r#"{{"auths":{{{auths}}}}}"#)).unwrap();
        let mut skopeo = Command::new("skopeo");
        skopeo.env("HOME", path).env("XDG_RUNTIME_DIR", path).env("PATH", &search);
        skopeo.env("REGISTRY_AUTH_FILE", &logins).arg("--registries-conf").arg(&conf);
        let done = run_with(skopeo.args(["list-tags", "--tls-verify=false", &name]));
        // There is nothing to list, which only those who are let in are told.
        let is_refused =
            done.errors.contains("nauthorized") || done.errors.contains("authentication");
        let of_skopeo = !is_refused && !done.errors.contains("expired");
        assert_eq!(of_skopeo, is_let_in, "skopeo: {helpers:?} {}", done.errors);
        let variable = |name: &str| match name {
            "PATH" => Some(search.clone().into()),
            "REGISTRY_AUTH_FILE" => Some(logins.clone().into()),
            _ => None,
        };
        let config = Config::from_variables(variable).unwrap().plain_http(&host).retry(quick());
        let config = config.registries_conf(RegistriesConf::read(&conf).unwrap());
        let found = Client::new(config).unwrap().resolve(&image.parse().unwrap()).await;
        let ours = found.unwrap_err().kind() == ErrorKind::NotFound;
        assert_eq!(ours, is_let_in, "{helpers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_trusts_what_is_trusted_by_certs_d() {
    oci_testing::needs!("skopeo", "docker-registry", "openssl");
    let directory = oci_testing::directory();
    let path = directory.path();
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
                   -subj /CN=localhost -addext subjectAltName=DNS:localhost \
                   -addext basicConstraints=critical,CA:FALSE";
    run_with(Command::new("openssl").args(request.split_whitespace()).current_dir(path)).good();
    let shown = path.display();
    let tls = format!("  tls: {{certificate: {shown}/cert.pem, key: {shown}/key.pem}}");
    let server = DockerRegistry::start(path, &tls).unwrap();
    let host = server.host().replace("127.0.0.1", "localhost");
    let pem = std::fs::read(path.join("cert.pem")).unwrap();
    let (blobs, image) = image("certs.d");
    let client = Client::new(Config::default().root_certificate(pem.clone())).unwrap();
    client
        .repository(&format!("{host}/app"))
        .unwrap()
        .push(&blobs, &image)
        .tag("v1")
        .await
        .unwrap();

    let certs = path.join(".config/containers/certs.d");
    let port = host.rsplit_once(':').unwrap().1;
    for (file, is_trusted) in [
        ("other.example/ca.crt".to_owned(), false),
        ("localhost/ca.crt".to_owned(), false),
        (format!("localhost:{port}/ca.pem"), false),
        (format!("localhost:{port}/ca.crt"), true),
    ] {
        let _ = std::fs::remove_dir_all(&certs);
        let file = certs.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &pem).unwrap();
        let name = format!("docker://{host}/app:v1");
        let done = skopeo(path, &["inspect", "--raw", &name]);
        assert_eq!(done.code == Some(0), is_trusted, "{}: {}", file.display(), done.errors);
        let config = Config::default().certs_dir(&certs).unwrap();
        let ours = resolved(config, &format!("{host}/app:v1")).await;
        assert_eq!(ours.is_some(), is_trusted, "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_copies_what_policy_json_allows() {
    oci_testing::needs!("skopeo");
    let directory = oci_testing::directory();
    let server = registry().await;
    let host = server.address().to_string();
    let digest = has(&server, "team/app", "policy").await;
    let file = directory.path().join("policy.json");
    let target = format!("dir:{}", directory.path().join("copy").display());
    let (accept, reject) = (r#"[{"type":"insecureAcceptAnything"}]"#, r#"[{"type":"reject"}]"#);
    let signed = r#"[{"type":"signedBy","keyType":"GPGKeys","keyData":"AAAA"}]"#;
    let scopes = |default: &str, scopes: &[(&str, &str)]| {
        let scopes: Vec<_> = scopes.iter().map(|(at, what)| format!(r#""{at}":{what}"#)).collect();
        format!(r#"{{"default":{default},"transports":{{"docker":{{{}}}}}}}"#, scopes.join(","))
    };
    let (app, tagged) = (format!("{host}/team/app"), format!("{host}/team/app:v1"));
    let digested = format!("{app}@{digest}");
    for (policy, image, is_allowed) in [
        (scopes(accept, &[]), &tagged, true),
        (scopes(reject, &[]), &tagged, false),
        (scopes(reject, &[("", accept)]), &tagged, true),
        (scopes(accept, &[("", reject)]), &tagged, false),
        (scopes(reject, &[(&host, accept)]), &tagged, true),
        (scopes(reject, &[("127.0.0.1", accept)]), &tagged, false),
        (scopes(reject, &[("*.0.0.1", accept)]), &tagged, true),
        (scopes(reject, &[(&format!("{host}/team"), accept)]), &tagged, true),
        (scopes(reject, &[(&format!("{host}/te"), accept)]), &tagged, false),
        (scopes(accept, &[(&app, reject)]), &tagged, false),
        (scopes(accept, &[(&host, accept), (&app, reject), (&tagged, accept)]), &tagged, true),
        (scopes(reject, &[(&tagged, accept)]), &digested, false),
        (scopes(reject, &[(&digested, accept)]), &digested, true),
        (scopes(reject, &[(&digested, accept)]), &tagged, false),
        (scopes(accept, &[(&app, signed)]), &tagged, false),
        (scopes(accept, &[("other.example", r#"[{"type":"other"}]"#)]), &tagged, false),
        (scopes(accept, &[("other.example", "[]")]), &tagged, false),
        (r#"{"transports":{}}"#.to_owned(), &tagged, false),
        (format!(r#"{{"default":{accept},"more":1}}"#), &tagged, false),
        (format!(r#"{{"default":{accept},"default":{accept}}}"#), &tagged, false),
    ] {
        std::fs::write(&file, &policy).unwrap();
        let (of_file, name) = (file.display().to_string(), format!("docker://{image}"));
        let flags = ["--policy", &of_file, "copy", "--src-tls-verify=false", &name, &target];
        let done = skopeo(directory.path(), &flags);
        assert_eq!(done.code == Some(0), is_allowed, "{image}\n{policy}\n{}", done.errors);
        let ours = match PolicyFile::read(&file) {
            Ok(policy) => resolved(Config::default().plain_http(&host).policy(policy), image).await,
            Err(_) => None,
        };
        assert_eq!(ours.is_some(), is_allowed, "{image}\n{policy}");
    }
}
