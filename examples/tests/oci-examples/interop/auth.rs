//! Registries that require credentials.

use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use oci_cli::report::one_line;
use oci_distribution_client::{Config, Credentials, ErrorKind};
use oci_testing::docker_registry::DockerRegistry;

use super::ours::{self, block_on, pull, push, repository};
use super::token_server::{Asked, PASSWORD, TokenServer, USER};
use oci_testing::program::{run, run_with};

fn alice(host: &str) -> Config {
    Config::default().credentials(host, Credentials::basic(USER, PASSWORD))
}

fn asked_by_alice(scopes: &[&str]) -> Asked {
    (Some(USER.into()), scopes.iter().map(|&scope| scope.into()).collect())
}

#[test]
fn tokens_are_requested_for_the_operation_and_no_more() {
    oci_testing::needs!(root, busybox, "docker-registry", "skopeo", "openssl");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let tokens = TokenServer::start(directory.path());
    let registry = DockerRegistry::start(directory.path(), &tokens.settings()).unwrap();
    let host = registry.host().to_owned();
    let trusting = |config: Config| config.danger_token_server(&host, tokens.origin());
    let app = |config: Config| repository(trusting(config), &host, "team/app");
    let layout = ours::image(&place("root"), &place("layout"));

    let image = push(&layout, "v1", &app(alice(&host)));
    assert_eq!(tokens.take_asked(), [asked_by_alice(&["repository:team/app:pull,push"])]);

    pull(&app(alice(&host)), "v1", &place("pulled"));
    assert_eq!(tokens.take_asked(), [asked_by_alice(&["repository:team/app:pull"])]);

    // The same words as the tools of the field have.
    let source = format!("docker://{host}/team/app:v1");
    let login = format!("{USER}:{PASSWORD}");
    let target = format!("dir:{}", place("skopeo").display());
    let copy = ["copy", "--quiet", "--src-tls-verify=false", "--src-creds", &login];
    run("skopeo", &[&copy[..], &[&source, &target]].concat()).good();
    assert!(tokens.take_asked().contains(&asked_by_alice(&["repository:team/app:pull"])));

    // A mount reads from one repository and writes to another.
    let client = oci_distribution_client::Client::new(trusting(alice(&host)).plain_http(&host));
    let client = client.unwrap();
    let from = client.repository(&format!("{host}/team/app")).unwrap();
    let to = client.repository(&format!("{host}/other/app")).unwrap();
    let copied = block_on(async { from.copy_to(&to, &image).tag("v1").await }).unwrap();
    assert_eq!((copied.mounted, copied.moved), (2, 1));
    let both = ["repository:other/app:pull,push", "repository:team/app:pull"];
    let asked = tokens.take_asked();
    assert!(
        asked
            .iter()
            .any(|(_, scopes)| both.iter().all(|it| scopes.iter().any(|scope| scope == it))),
        "{asked:?}"
    );

    let anonymous = block_on(app(Config::default()).resolve("v1")).unwrap_err();
    assert_eq!(anonymous.kind(), ErrorKind::Unauthorized, "{}", one_line(&anonymous));
    let asked = tokens.take_asked();
    assert!(asked.iter().all(|asked| *asked == (None, vec!["repository:team/app:pull".into()])));
    assert!(!asked.is_empty());

    let wrong = Config::default().credentials(&host, Credentials::basic(USER, "wrong battery"));
    let wrong = block_on(app(wrong).resolve("v1")).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Unauthorized, "{}", one_line(&wrong));
    assert!(!format!("{wrong:?} {}", one_line(&wrong)).contains("battery"), "{wrong:?}");
}

#[test]
fn quickstart_logs_in_as_the_login_file_says() {
    oci_testing::needs!(root, busybox, "docker-registry", "htpasswd");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let users = place("users").to_str().unwrap().to_owned();
    run("htpasswd", &["-Bbc", &users, USER, PASSWORD]).good();
    let settings = format!("auth: {{htpasswd: {{realm: tests, path: '{users}'}}}}");
    let registry = DockerRegistry::start(directory.path(), &settings).unwrap();
    let host = registry.host().to_owned();
    let layout = ours::image(&place("root"), &place("layout"));
    push(&layout, "v1", &repository(alice(&host), &host, "team/app"));

    let quickstart = |password: &str| {
        let auth = BASE64_STANDARD.encode(format!("{USER}:{password}"));
        let text = format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{auth}\"}}}}}}");
        std::fs::write(place("config.json"), text).unwrap();
        run_with(
            Command::new(env!("CARGO_BIN_EXE_quickstart"))
                .env("DOCKER_CONFIG", directory.path())
                .args([&format!("docker://{host}/team/app:v1"), "--plain-http"]),
        )
    };
    assert_eq!(quickstart(PASSWORD).good(), ours::SAYS);
    let refused = quickstart("wrong battery");
    assert_eq!(refused.code, Some(1));
    let line = refused.errors.lines().last().unwrap();
    assert!(line.starts_with("quickstart: ") && line.contains(&host), "{line}");
    assert!(line.contains("401") && !refused.errors.contains("battery"), "{}", refused.errors);
}
