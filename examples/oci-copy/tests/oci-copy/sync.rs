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
fn directories_and_layouts_are_carried_to_another_registry() {
    needs!("docker-registry", "skopeo");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let host = registry.host();
    let remote = |name: &str| format!("docker://{host}/{name}");
    let copy = |words: &[&str]| oci_copy(&[&["--plain-http", "--all"], words].concat());
    let tags = |name: &str| copy(&["tags", &remote(name)]).good();
    let from = field.name("oci", "layout:v1");
    for name in ["org/app:1.0", "org/app:1.1"] {
        copy(&[&from, &remote(name)]).good();
    }
    let by_digest = format!("{}", field.index);
    let list = field.path("images.yaml");
    fs::write(&list, format!("{host}:\n  images:\n    org/app: ['{by_digest}', '1.0', '1.1']\n"))
        .unwrap();
    let (list, directory) = (list.to_str().unwrap(), field.name("dir", "carried"));
    let path = directory.strip_prefix("dir:").unwrap();
    for scoped in [&[][..], &["--scoped"]] {
        copy(&[&["sync"], scoped, &[list, &directory]].concat()).good();
        // No repository has the port of a registry in its name.
        let here = Path::new(path).join(host);
        if here.exists() {
            fs::rename(here, Path::new(path).join("registry.example")).unwrap();
        }
        copy(&[&["sync"], scoped, &[&directory, &remote("ours")]].concat()).good();
        let to = format!("{host}/skopeos");
        let sync = ["sync", "--all", "--src", "dir", "--dest", "docker", "--dest-tls-verify=false"];
        run("skopeo", &[&sync, scoped, &[path, &to]].concat()).good();
        fs::remove_dir_all(path).unwrap();
    }
    let catalog = copy(&["catalog", host]).good();
    for name in catalog.lines().filter_map(|name| name.strip_prefix("skopeos/")) {
        let [ours, skopeos] = ["ours", "skopeos"].map(|place| tags(&format!("{place}/{name}")));
        assert_eq!(ours, skopeos, "{name}");
    }
    assert_eq!(catalog.matches("skopeos/").count(), 2, "{catalog}");
    assert_eq!(catalog.matches("ours/").count(), 2, "{catalog}");

    let layout = field.name("oci", "below/layout");
    let printed = copy(&["sync", &remote("org/app"), &layout]).good();
    assert!(printed.contains(&format!("{}\t{layout}:1.0\n", field.index)), "{printed}");
    copy(&["sync", "--tags", "*.1", &layout, &remote("of/layout")]).good();
    assert_eq!(tags("of/layout"), "1.1\n");
    copy(&["sync", list, &field.name("oci", "layouts")]).good();
    assert_eq!(copy(&["digest", &field.name("oci", "layouts/app:1.1")]).good().trim(), by_digest);
    copy(&["sync", &field.name("dir", "none"), &remote("none")]).bad(1);
    copy(&["sync", &field.name("dir", "layout"), &remote("none")]).bad(1);
}

#[test]
fn lists_of_referrers_are_no_images_and_what_they_list_goes_along() {
    needs!("docker-registry");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let remote = |name: &str| format!("docker://{}/{name}", registry.host());
    let copy = |words: &[&str]| oci_copy(&[&["--plain-http"], words].concat());
    copy(&[&field.name("oci", "layout:v1"), &remote("app:v1")]).good();
    let file = field.path("sbom.json").display().to_string();
    fs::write(&file, "{}").unwrap();
    let artifact = copy(&["push-artifact", "--subject", "v1", &remote("app"), &file]).good();
    let list = format!("sha256-{}", field.host.encoded());
    assert!(copy(&["tags", &remote("app")]).good().contains(&list), "the registry keeps no lists");

    let referrers = |name: &str| copy(&["referrers", &remote(name)]).good();
    let plain = copy(&["sync", &remote("app"), &remote("plain")]);
    assert!(plain.errors.contains("1 of 2 tags"), "{}", plain.errors);
    assert_eq!(plain.code, Some(0), "{}", plain.errors);
    assert_eq!(referrers("plain:v1"), "");
    // What another client said of the image there stays.
    let other =
        copy(&["push-artifact", "--subject", "v1", "--type", "x/y", &remote("plain"), &file])
            .good();
    copy(&["--referrers", "sync", &remote("app"), &remote("plain")]).good();
    let all = referrers("plain:v1");
    assert!(all.contains(artifact.trim()) && all.contains(other.trim()), "{all}");
}

#[test]
fn a_file_names_tags_as_versions_too() {
    needs!("docker-registry");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let host = registry.host();
    let from = field.name("oci", "layout:v1");
    for tag in ["v1.2", "1.3.0", "2.0.0", "latest"] {
        oci_copy(&["--plain-http", &from, &format!("docker://{host}/app:{tag}")]).good();
    }
    let list = field.path("images.yaml");
    for (images, wanted) in [
        ("images-by-semver: {app: '>= 1.2, < 2'}", &["app:1.3.0", "app:v1.2"][..]),
        ("images: {app: }", &["app:1.3.0", "app:2.0.0", "app:latest", "app:v1.2"]),
        ("images: {app: [2.0.0]}", &["app:2.0.0"]),
    ] {
        fs::write(&list, format!("{host}:\n  tls-verify: false\n  {images}\n")).unwrap();
        let (to, path) = (field.name("dir", "to"), field.path("to"));
        oci_copy(&["sync", list.to_str().unwrap(), &to]).good();
        let names = fs::read_dir(&path).unwrap().map(|it| it.unwrap().file_name());
        let names: BTreeSet<_> = names.map(|it| it.into_string().unwrap()).collect();
        assert_eq!(names.iter().collect::<Vec<_>>(), wanted);
        fs::remove_dir_all(path).unwrap();
    }
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
fn two_images_that_would_have_one_name_are_refused() {
    let field = Field::new();
    for name in ["in/a/app:v1", "in/b/app:v1"] {
        fs::create_dir_all(field.path(name).parent().unwrap()).unwrap();
        let to = field.name("dir", name);
        oci_copy(&["--all", &field.name("oci", "layout:v1"), &to]).good();
    }
    let from = field.name("dir", "in");
    let refused = oci_copy(&["sync", &from, "docker://registry.invalid/all"]).bad(1);
    let to = "to one name, `docker://registry.invalid/all/app:v1`: see --scoped";
    assert!(refused.contains(to), "{refused}");
    // With its directory each has its own, and the registry is looked for.
    let scoped = ["sync", "--scoped", &from, "docker://registry.invalid/all"];
    let failed = oci_copy(&scoped).bad(3);
    assert!(!failed.contains("one name"), "{failed}");
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
        "registry.example:\n  images-by-semver:\n    app: newest\n",
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
