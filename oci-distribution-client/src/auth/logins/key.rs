use std::collections::BTreeMap;

/// Docker's registry by its names, of which the first is that of references and the second that under which
/// docker keeps the login.
const DOCKER_HUB: [&str; 7] = [
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.docker.io",
    "registry.hub.docker.com",
    "hub.docker.com",
    "auth.docker.io",
];

/// Under which docker keeps the login for its registry.
const DOCKER_KEY: &str = "https://index.docker.io/v1/";

fn is_docker_hub(host: &str) -> bool {
    DOCKER_HUB.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// What docker calls a registry in its login file and before credential helpers.
pub(crate) fn docker_server(registry: &str) -> &str {
    if is_docker_hub(registry) { DOCKER_KEY } else { registry }
}

/// Whether two hosts are of one registry: in any case of letters, by any name of docker's.
pub(crate) fn is_same_registry(one: &str, other: &str) -> bool {
    let port = |host: &'_ str| host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase();
    port(one) == port(other) || (is_docker_hub(one) && is_docker_hub(other))
}

/// The entries for `repository` in `registry`, the best first: those for the longest prefix of the repository's
/// name, of those the one whose key is written like that, then the one that docker writes, then others.
pub(super) fn matching<'a, T>(
    entries: &'a BTreeMap<String, T>,
    registry: &str,
    repository: &str,
) -> Vec<(&'a String, &'a T)> {
    let ranked = entries.iter().filter_map(|(key, entry)| {
        let depth = depth(key, registry, repository)?;
        let is_exact = key.strip_prefix(registry).is_some_and(|path| {
            path.is_empty() || path.strip_prefix('/').is_some_and(|it| repository.starts_with(it))
        });
        Some(((depth, is_exact, key == DOCKER_KEY), (key, entry)))
    });
    let mut ranked: Vec<_> = ranked.collect();
    // Stable: what is alike stays in the order of the keys.
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    ranked.into_iter().map(|(_, found)| found).collect()
}

/// Whether `key` is one of the ways to write `registry`, without a path.
pub(crate) fn is_key_of(key: &str, registry: &str) -> bool {
    depth(key, registry, "") == Some(0)
}

/// How many components of the repository's name `key` covers, if it covers the repository.
fn depth(key: &str, registry: &str, repository: &str) -> Option<usize> {
    let (host, path) = match key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")) {
        // A URL is a registry: its path is the version of the API.
        Some(rest) => (rest.split('/').next().unwrap_or(rest), ""),
        None => key.split_once('/').unwrap_or((key, "")),
    };
    let path = match path.trim_end_matches('/') {
        "v1" | "v2" => "",
        path => path,
    };
    if !is_same_registry(host, registry) {
        return None;
    }
    if path.is_empty() {
        return Some(0);
    }
    let rest = repository.strip_prefix(path)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| path.split('/').count())
}
