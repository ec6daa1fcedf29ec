use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use oci_testing::docker_registry::DockerRegistry;
use oci_testing::needs;
use oci_testing::program::run;

use crate::images::Field;
use crate::oci_copy;

#[test]
fn many_images_go_where_skopeo_puts_them() {
    needs!("docker-registry", "skopeo");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let host = registry.host();
    let remote = |name: &str| format!("docker://{host}/{name}");
    let from = field.name("oci", "layout:v1");
    for name in ["org/app:1.0", "org/app:1.1", "org/app:2.0", "other:v1", "all:one", "all:two"] {
        oci_copy(&["--plain-http", "--all", &from, &remote(name)]).good();
    }
    let file = field.path("images.yaml");
    let images = format!(
        "{host}:\n  tls-verify: false\n  images:\n    other: [v1]\n    all: []\n  \
         images-by-tag-regex:\n    org/app: ^1\\.\n"
    );
    fs::write(&file, images).unwrap();
    let file = file.to_str().unwrap();
    for scoped in [&[][..], &["--scoped"]] {
        let [ours, skopeos] = ["ours", "skopeos"].map(|name| field.path(name));
        let to = format!("dir:{}", ours.display());
        oci_copy(&[&["sync", "--all"], scoped, &[file, &to]].concat()).good();
        let to = skopeos.to_str().unwrap();
        let sync = ["sync", "--all", "--src", "yaml", "--dest", "dir"];
        run("skopeo", &[&sync, scoped, &[file, to]].concat()).good();
        assert_eq!(files(&ours), files(&skopeos));
        [ours, skopeos].iter().for_each(|it| fs::remove_dir_all(it).unwrap());
    }

    let copy = |words: &[&str]| oci_copy(&[&["--plain-http", "--all"], words].concat());
    copy(&["sync", "--tags", "1.*", "--tags", "x", &remote("org/app"), &remote("copy")]).good();
    let tags = |name: &str| {
        let tags = copy(&["tags", &remote(name)]).good();
        tags.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(tags("copy"), BTreeSet::from(["1.0", "1.1"].map(str::to_owned)));
    copy(&["sync", file, &remote("mirror/of")]).good();
    assert_eq!(tags("mirror/of/all"), BTreeSet::from(["one", "two"].map(str::to_owned)));
    assert_eq!(tags("mirror/of/app"), tags("copy"));
}

#[test]
fn one_image_that_fails_ends_a_sync_unless_it_is_to_keep_going() {
    needs!("docker-registry");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let remote = |name: &str| format!("docker://{}/{name}", registry.host());
    let from = field.name("oci", "layout:v1");
    oci_copy(&["--plain-http", "--all", &from, &remote("app:v1")]).good();
    let file = field.path("images.yaml");
    fs::write(&file, format!("{}:\n  images:\n    app: [missing, v1]\n", registry.host())).unwrap();
    let sync = |options: &[&str]| {
        let words = ["sync", "--plain-http", file.to_str().unwrap(), &remote("copies")];
        let done = oci_copy(&[&words, options].concat());
        assert_eq!(done.code, Some(1));
        done.errors
    };
    sync(&[]);
    oci_copy(&["--plain-http", "digest", &remote("copies/app:v1")]).bad(1);
    let told = sync(&["--keep-going"]);
    assert!(told.contains("cannot copy 1 of 2 images"), "{told}");
    oci_copy(&["--plain-http", "digest", &remote("copies/app:v1")]).good();
}

#[test]
fn a_file_that_says_more_than_is_understood_is_refused() {
    let field = Field::new();
    let file = field.path("images.yaml");
    for text in [
        "registry.example:\n  image:\n    app: [v1]\n",
        "registry.example:\n  images:\n    app: v1\n",
        "registry.example:\n  credentials: {username: u, password: [canary-secret]}\n",
        "registry.example:\n  images-by-tag-regex:\n    app: '('\n",
        "- registry.example\n",
    ] {
        fs::write(&file, text).unwrap();
        let refused =
            oci_copy(&["sync", file.to_str().unwrap(), "docker://registry.example"]).bad(1);
        assert!(!refused.contains("canary-secret"), "{refused}");
    }
    oci_copy(&["--scoped", "a", "b"]).bad(2);
}

/// The contents of all files below a directory.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => {
                let below = self::files(&entry.path()).into_iter();
                files.extend(below.map(|(path, content)| (format!("{name}/{path}"), content)));
            }
            false => _ = files.insert(name, fs::read(entry.path()).unwrap()),
        }
    }
    files
}
