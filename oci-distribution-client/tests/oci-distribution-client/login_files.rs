//! Logins as they are written to the files that docker and podman read.

use std::collections::BTreeMap;
use std::path::Path;

use oci_distribution_client::{Client, Config, Credentials, ErrorKind, LoginFile};
use oci_registry::{Auth, Grant, Store};

use crate::fixture::{chain, quick, start};

fn listed<const N: usize>(logins: [(&str, &str); N]) -> BTreeMap<String, String> {
    logins.map(|(place, user)| (place.to_owned(), user.to_owned())).into()
}

fn text(file: &LoginFile) -> String {
    std::fs::read_to_string(file.path()).unwrap()
}

const DOCKERS: &str = "{
\t\"auths\": {
\t\t\"ghcr.io\": {
\t\t\t\"auth\": \"YTox\"
\t\t},
\t\t\"quay.io/team\": { \"auth\":\"Yjoy\", \"email\": \"x@y\" }
\t},
\t\"HttpHeaders\": {\"User-Agent\":   \"x\"},
\t\"detachKeys\": \"ctrl-\\u0065\",
\t\"big\": 1e400
}
";

#[tokio::test]
async fn one_entry_of_a_file_changes_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let file = LoginFile::open(home.path().join("config.json"));
    std::fs::write(file.path(), DOCKERS).unwrap();
    file.store("new.example:5000", &Credentials::basic("bob", "2")).await.unwrap();
    let entry = "\"new.example:5000\": {\n\t\t\t\"auth\": \"Ym9iOjI=\"\n\t\t}";
    let added = DOCKERS.replace("\"x@y\" }\n", &format!("\"x@y\" }},\n\t\t{entry}\n"));
    assert_eq!(text(&file), added);
    let logins = [("ghcr.io", "a"), ("new.example:5000", "bob"), ("quay.io/team", "b")];
    assert_eq!(file.list().await.unwrap(), listed(logins));

    // In place of what is there.
    file.store("new.example:5000", &Credentials::identity_token("t\"t")).await.unwrap();
    let token = "\"auth\": \"PHRva2VuPjo=\",\n\t\t\t\"identitytoken\": \"t\\\"t\"";
    assert_eq!(text(&file), added.replace("\"auth\": \"Ym9iOjI=\"", token));
    file.store("new.example:5000", &Credentials::registry_token("r")).await.unwrap();
    let token = "\"registrytoken\": \"r\"";
    assert_eq!(text(&file), added.replace("\"auth\": \"Ym9iOjI=\"", token));

    assert!(file.erase("new.example:5000").await.unwrap());
    assert_eq!(text(&file), DOCKERS);
    assert!(!file.erase("new.example:5000").await.unwrap());
    // A part of a registry is not the registry.
    assert!(!file.erase("quay.io").await.unwrap());
    assert!(file.erase("quay.io/team").await.unwrap());
    assert_eq!(file.list().await.unwrap(), listed([("ghcr.io", "a")]));
}

#[tokio::test]
async fn docker_hub_is_written_by_the_name_that_the_files_program_looks_for() {
    let home = tempfile::tempdir().unwrap();
    let bob = Credentials::basic("bob", "2");
    for (name, key) in [("config.json", "https://index.docker.io/v1/"), ("auth.json", "docker.io")]
    {
        let file = LoginFile::open(home.path().join(name));
        for place in ["docker.io", "index.docker.io"] {
            file.store(place, &bob).await.unwrap();
            assert_eq!(file.list().await.unwrap(), listed([(key, "bob")]), "{name} {place}");
        }
        // Whatever it is called, it is gone.
        let both = r#"{"auths":{"docker.io":{"auth":"YTox"},"https://index.docker.io/v1/":{}}}"#;
        std::fs::write(file.path(), both).unwrap();
        assert!(file.erase("registry-1.docker.io").await.unwrap());
        assert_eq!(text(&file), r#"{"auths":{}}"#);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_login_file_is_its_owners_alone_and_links_to_it_stay() {
    use std::os::unix::fs::{MetadataExt, symlink};

    let home = tempfile::tempdir().unwrap();
    let real = home.path().join("made/for/config.json");
    let link = home.path().join("config.json");
    symlink(&real, &link).unwrap();
    let bob = Credentials::basic("bob", "2");
    // One whose directory is missing, one that others may read, one with a byte order mark, an empty one.
    for content in [None, Some("{}"), Some("\u{feff}{}"), Some(""), Some("null\n")] {
        if let Some(content) = content {
            std::fs::write(&real, content).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            std::fs::set_permissions(&real, mode).unwrap();
        }
        let file = LoginFile::open(&link);
        file.store("a.example", &bob).await.unwrap();
        assert_eq!(file.list().await.unwrap(), listed([("a.example", "bob")]), "{content:?}");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&real).unwrap().mode() & 0o7777, 0o600, "{content:?}");
        assert!(
            !content.is_some_and(|it| it.starts_with('\u{feff}'))
                || text(&file).starts_with('\u{feff}')
        );
    }
    let names = std::fs::read_dir(real.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 1, "something is left behind");
    let directory = std::fs::metadata(real.parent().unwrap()).unwrap();
    assert_eq!(directory.mode() & 0o7777, 0o700);
}

/// Root that logs in for a user leaves the file to that user.
#[cfg(unix)]
#[tokio::test]
async fn a_login_file_keeps_its_owner() {
    use std::os::unix::fs::{MetadataExt, chown};

    oci_testing::needs!(root);
    let home = tempfile::tempdir().unwrap();
    let file = LoginFile::open(home.path().join("auth.json"));
    std::fs::write(file.path(), "{}").unwrap();
    chown(file.path(), Some(4321), Some(4322)).unwrap();
    file.store("a.example", &Credentials::basic("bob", "2")).await.unwrap();
    let after = std::fs::metadata(file.path()).unwrap();
    assert_eq!((after.uid(), after.gid(), after.mode() & 0o7777), (4321, 4322, 0o600));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_at_once_none_loses_a_login() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("auth.json");
    let mut writers = Vec::new();
    for number in 0..24 {
        let file = LoginFile::open(&path);
        writers.push(tokio::spawn(async move {
            let place = format!("r{number}.example");
            file.store(&place, &Credentials::basic("u", "1")).await.unwrap();
            if number % 3 == 0 {
                assert!(file.erase(&place).await.unwrap());
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let kept: Vec<_> = LoginFile::open(&path).list().await.unwrap().into_keys().collect();
    let mut expected: Vec<_> =
        (0..24).filter(|number| number % 3 != 0).map(|it| format!("r{it}.example")).collect();
    expected.sort();
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn what_cannot_be_read_is_not_changed_and_told_without_its_text() {
    let home = tempfile::tempdir().unwrap();
    let file = LoginFile::open(home.path().join("auth.json"));
    let login = Credentials::basic("u", "canary-password");
    for broken in ["{\"auths\": {\"a\": canary", "[1]", "{\"auths\": \"canary\"}", "{} canary"] {
        std::fs::write(file.path(), broken).unwrap();
        let errors = [
            file.store("a.example", &login).await.unwrap_err(),
            file.erase("a.example").await.unwrap_err(),
            file.list().await.unwrap_err(),
        ];
        for error in errors {
            let shown = format!("{} {error:?} {error:#?}", chain(&error));
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(shown.contains("auth.json") && !shown.contains("canary"), "{shown}");
        }
        assert_eq!(text(&file), broken);
    }
    std::fs::write(file.path(), "[]").unwrap();
    let error = file.store("a.example", &login).await.unwrap_err();
    assert!(error.to_string().contains("is not a JSON object"), "{error}");
    std::fs::write(file.path(), "{}").unwrap();
    let colon = Credentials::basic("a:b", "canary");
    for place in ["", "a b", "a.example/", "https://a.example", "a.example/B"] {
        let error = file.store(place, &login).await.unwrap_err();
        assert!(!chain(&error).contains("canary"), "{error}");
    }
    let error = file.store("a.example", &colon).await.unwrap_err();
    assert!(error.to_string().contains("has a colon"), "{error}");
    let below = LoginFile::open(file.path().join("config.json"));
    let error = below.store("a.example", &login).await.unwrap_err();
    let shown = format!("{} {error:?} {below:?}", chain(&error));
    assert!(shown.contains("is not changed") && !shown.contains("canary"), "{shown}");
    assert_eq!(text(&file), "{}");
}

#[tokio::test]
async fn a_login_is_stored_only_if_the_registry_accepts_it() {
    let home = tempfile::tempdir().unwrap();
    for auth in [Auth::basic(), Auth::bearer()] {
        let auth = auth.user("alice", "secret", [Grant::all("*")]);
        let registry = start(oci_registry::serve(Store::memory()).auth(auth)).await;
        let host = registry.address().to_string();
        let file = LoginFile::open(home.path().join("auth.json"));
        // What the client knows already is not what is checked.
        let config = || Config::default().plain_http(&host).retry(quick());
        let known = config().credentials(&host, Credentials::basic("alice", "secret"));
        let client = Client::new(known).unwrap();
        client.check(&host).await.unwrap();
        let wrong = Credentials::basic("alice", "canary-password");
        let error = client.login(&host, &wrong, &file).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}", chain(&error));
        assert!(!format!("{} {error:?}", chain(&error)).contains("canary"));
        assert!(!file.path().exists());

        let client = Client::new(config()).unwrap();
        client.login(&host, &Credentials::basic("alice", "secret"), &file).await.unwrap();
        let client = Client::new(config().login_file(file.path()).unwrap()).unwrap();
        client.check(&host).await.unwrap();
        assert!(file.erase(&host).await.unwrap());
        std::fs::remove_file(file.path()).unwrap();
    }
}

#[test]
fn logins_are_written_where_they_are_read() {
    let home = tempfile::tempdir().unwrap();
    let written = |variables: &[(&str, &Path)]| {
        let found = |name: &str| variables.iter().find(|(it, _)| *it == name);
        let file = LoginFile::from_variables(|name| Some(found(name)?.1.as_os_str().to_owned()));
        file.unwrap().path().strip_prefix(home.path()).unwrap().to_owned()
    };
    let at = |path: &str| home.path().join(path);
    let runtime = at("run");
    let given = at("given.json");
    let all = [("HOME", home.path()), ("XDG_RUNTIME_DIR", &runtime)];
    assert_eq!(written(&all), Path::new(".docker/config.json"));
    std::fs::create_dir_all(at("run/containers")).unwrap();
    std::fs::write(at("run/containers/auth.json"), "{}").unwrap();
    assert_eq!(written(&all), Path::new("run/containers/auth.json"));
    let all = [all[0], all[1], ("REGISTRY_AUTH_FILE", &given)];
    assert_eq!(written(&all), Path::new("given.json"));
}

#[cfg(all(unix, feature = "credential-helpers"))]
#[tokio::test]
async fn helpers_keep_the_logins_that_a_file_leaves_to_them() {
    use crate::providers::helpers::keeping;

    let home = tempfile::tempdir().unwrap();
    let helper = keeping(home.path());
    let search = std::env::join_paths([home.path(), Path::new("/bin"), Path::new("/usr/bin")]);
    let search = search.unwrap();
    let file = LoginFile::open(home.path().join("config.json")).helper_path(&search);
    let canary = Credentials::basic("user", "canary");
    for (settings, server) in [
        (r#""credsStore":"keep""#, "a.example"),
        (r#""credHelpers":{"https://a.example":"keep","b.example":"gone"}"#, "https://a.example"),
    ] {
        // The password that was in the file goes.
        let before =
            format!(r#"{{{settings},"auths":{{"a.example":{{"auth":"dXNlcjpjYW5hcnk="}}}}}}"#);
        std::fs::write(file.path(), before).unwrap();
        file.store("a.example", &canary).await.unwrap();
        assert_eq!(helper.get(server).await.unwrap(), Some(canary.clone()));
        assert_eq!(text(&file), format!(r#"{{{settings},"auths":{{"a.example":{{}}}}}}"#));
        if server == "a.example" {
            assert_eq!(file.list().await.unwrap(), listed([(server, "user")]));
        }
        let error = file.store("a.example/team", &canary).await.unwrap_err();
        assert!(error.to_string().contains("whole registries"), "{error}");
        assert!(file.erase("a.example").await.unwrap());
        assert_eq!(helper.get(server).await.unwrap(), None);
        assert_eq!(text(&file), format!(r#"{{{settings},"auths":{{}}}}"#));
        assert!(!file.erase("a.example").await.unwrap());
    }
    let error = file.store("b.example", &canary).await.unwrap_err();
    let shown = format!("{} {error:?}", chain(&error));
    assert!(shown.contains("docker-credential-gone") && !shown.contains("canary"), "{shown}");
}

/// The helper is asked between the first look at the file and the change of it.
#[cfg(all(unix, feature = "credential-helpers"))]
#[tokio::test]
async fn what_cannot_be_read_any_more_when_it_is_to_be_changed_is_not_changed() {
    use crate::credential_helpers::make_helper;

    let home = tempfile::tempdir().unwrap();
    let search = std::env::join_paths([home.path(), Path::new("/bin"), Path::new("/usr/bin")]);
    let file = LoginFile::open(home.path().join("config.json")).helper_path(search.unwrap());
    let theirs = r#"{"auths":"theirs"}"#;
    let path = file.path().display();
    make_helper(home.path(), "spoil", &format!("printf '%s' '{theirs}' > '{path}'"));
    let spoiled = r#"{"credsStore":"spoil"}"#;
    std::fs::write(file.path(), spoiled).unwrap();
    let error = file.store("a.example", &Credentials::basic("bob", "2")).await.unwrap_err();
    assert!(error.to_string().contains("is not changed"), "{}", chain(&error));
    assert_eq!(text(&file), theirs);
    std::fs::write(file.path(), spoiled).unwrap();
    let error = file.erase("a.example").await.unwrap_err();
    assert!(error.to_string().contains("is not changed"), "{}", chain(&error));
    assert_eq!(text(&file), theirs);
}

/// What a program prints that succeeds.
#[cfg(unix)]
async fn output(home: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = std::process::Command::new(program);
    if program == "podman" {
        // It makes its storage even for that, as root in the system's places.
        command.arg("--root").arg(home.join("storage")).arg("--runroot").arg(home.join("run"));
    }
    command.args(arguments);
    let run = move || command.output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[cfg(unix)]
#[tokio::test]
async fn skopeo_and_podman_read_what_is_written_here_and_are_read() {
    oci_testing::needs!("skopeo", "podman");
    let auth = Auth::basic().user("alice", "se:cret", [Grant::all("*")]);
    let registry = start(oci_registry::serve(Store::memory()).auth(auth)).await;
    let host = registry.address().to_string();
    let home = tempfile::tempdir().unwrap();
    for (program, name) in
        [("skopeo", "auth.json"), ("podman", "auth.json"), ("podman", "config.json")]
    {
        let file = LoginFile::open(home.path().join(format!("{program}-{name}")).join(name));
        let path = file.path().to_str().unwrap().to_owned();
        let client = Client::new(Config::default().plain_http(&host)).unwrap();
        let alice = Credentials::basic("alice", "se:cret");
        // Written here, read and removed there.
        client.login(&host, &alice, &file).await.unwrap();
        file.store("docker.io", &Credentials::basic("bob", "2")).await.unwrap();
        for (place, user) in [(host.as_str(), "alice"), ("docker.io", "bob")] {
            let read =
                output(home.path(), program, &["login", "--get-login", "--authfile", &path, place])
                    .await;
            assert_eq!(read.as_deref(), Ok(user), "{program} {name} {place}");
        }
        output(home.path(), program, &["logout", "--authfile", &path, &host]).await.unwrap();
        assert_eq!(file.list().await.unwrap().len(), 1, "{program} {name}");
        // Written there, read and removed here.
        let arguments = ["login", "--authfile", &path, "--tls-verify=false"];
        let login = ["-u", "alice", "-p", "se:cret", &host];
        output(home.path(), program, &[&arguments[..], &login].concat()).await.unwrap();
        let config = Config::default().plain_http(&host).login_file(file.path()).unwrap();
        Client::new(config).unwrap().check(&host).await.unwrap();
        assert!(file.erase(&host).await.unwrap());
        let read =
            output(home.path(), program, &["login", "--get-login", "--authfile", &path, &host])
                .await;
        assert!(read.unwrap_err().contains("not logged into"), "{program} {name}");
    }
}
