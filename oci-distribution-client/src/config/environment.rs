use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::auth::Logins;
use crate::config::{Config, Proxies};
use crate::error::Error;

type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

pub(super) fn read(variable: Variable<'_>) -> Result<Config, Error> {
    // One that is set to nothing is not set.
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut config =
        Config { proxies: proxies(&variable), helper_path: variable("PATH"), ..Config::default() };
    if let Some(json) = variable("DOCKER_AUTH_CONFIG") {
        let logins = Logins::parse(json.as_encoded_bytes(), "DOCKER_AUTH_CONFIG".to_owned())?;
        config.logins.push(Arc::new(logins));
    }
    for file in login_files(&variable) {
        if file.is_asked_for || file.path.exists() {
            config = config.login_file(file.path)?;
        }
    }
    Ok(config)
}

struct Source {
    path: PathBuf,
    is_asked_for: bool,
}

/// The file to write logins to.
pub(crate) fn login_file_of(variable: Variable<'_>) -> Option<PathBuf> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut files = login_files(&variable);
    // Docker's, which is made if none is there.
    let last = files.pop()?;
    let found = files.into_iter().find(|file| file.is_asked_for || file.path.exists());
    Some(found.unwrap_or(last).path)
}

fn login_files(variable: Variable<'_>) -> Vec<Source> {
    let home = variable("HOME").map(PathBuf::from);
    let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let directory = |name: &str| variable(name).map(PathBuf::from);
    let containers = match directory("REGISTRY_AUTH_FILE") {
        Some(path) => vec![Source { path, is_asked_for: true }],
        None => {
            let file = |directory: PathBuf| directory.join("containers/auth.json");
            let runtime = directory("XDG_RUNTIME_DIR").map(file).or_else(system_runtime_file);
            let config = directory("XDG_CONFIG_HOME").or_else(|| under_home(".config")).map(file);
            let paths = [runtime, config].into_iter().flatten();
            paths.map(|path| Source { path, is_asked_for: false }).collect()
        }
    };
    let docker = directory("DOCKER_CONFIG").or_else(|| under_home(".docker"));
    let docker = docker.map(|directory| directory.join("config.json"));
    let docker = docker.map(|path| Source { path, is_asked_for: false });
    containers.into_iter().chain(docker).collect()
}

/// Where podman and skopeo keep logins if there is no `XDG_RUNTIME_DIR`.
#[cfg(target_os = "linux")]
fn system_runtime_file() -> Option<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    Some(PathBuf::from(format!("/run/containers/{user}/auth.json")))
}

#[cfg(not(target_os = "linux"))]
fn system_runtime_file() -> Option<PathBuf> {
    None
}

fn proxies(variable: Variable<'_>) -> Proxies {
    let text = |name: &str| {
        let value = variable(name).or_else(|| variable(&name.to_ascii_uppercase()));
        value.and_then(|value| value.into_string().ok())
    };
    let all = text("all_proxy");
    // A CGI program gets HTTP_PROXY from the header `Proxy` of its caller.
    let is_cgi = variable("REQUEST_METHOD").is_some();
    let http = if is_cgi { None } else { text("http_proxy") };
    Proxies {
        http: http.or_else(|| all.clone()),
        https: text("https_proxy").or(all),
        except: text("no_proxy"),
        own: Vec::new(),
    }
}
