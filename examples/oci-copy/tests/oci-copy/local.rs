use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

use oci_image::images::Images;
use oci_layout::{Archive, DockerArchive};

use oci_testing::needs;
use oci_testing::program::run;

use crate::images::{Field, tagged};
use crate::oci_copy;

#[test]
fn layouts_and_archives_give_and_take_images_with_their_digests() {
    let field = Field::new();
    let from = field.name("oci", "layout:v1");
    for (options, digest) in [(&["--all"][..], &field.index), (&[], &field.host)] {
        let copy = |from: &str, to: &str| oci_copy(&[options, &[from, to]].concat()).good();
        let printed = format!("{digest}\n");
        assert_eq!(copy(&from, &field.name("oci-archive", "a.tar:v2")), printed);
        assert_eq!(
            copy(&field.name("oci-archive", "a.tar:v2"), &field.name("oci", "b:v3")),
            printed
        );
        assert_eq!(tagged(&field.path("b"), "v3"), *digest);
        assert_eq!(copy(&field.name("oci", "b:v3"), &field.name("oci", "c")), printed);
        // As any new file: not for the owner alone, unless the umask says so.
        fs::write(field.path("plain"), "").unwrap();
        let mode = |name| fs::metadata(field.path(name)).unwrap().permissions().mode();
        assert_eq!(mode("a.tar"), mode("plain"));
        let archive = Archive::open(field.path("a.tar")).unwrap();
        assert_eq!(archive.resolve("v2").unwrap().digest, *digest);
        fs::remove_dir_all(field.path("b")).unwrap();
        fs::remove_dir_all(field.path("c")).unwrap();
    }
    let docker = field.name("docker-archive", "d.tar:example.org/app:v1");
    assert_eq!(oci_copy(&[&from, &docker]).good(), format!("{}\n", field.host));
    let refused = oci_copy(&["--all", &from, &docker]).bad(1);
    assert!(refused.contains("--all"), "{refused}");
    let archive = DockerArchive::open(field.path("d.tar")).unwrap();
    assert_eq!(archive.list().unwrap()[0].name.as_deref(), Some("example.org/app:v1"));
}

#[test]
fn a_directory_holds_one_image_as_skopeo_has_it() {
    needs!("skopeo");
    let field = Field::new();
    let from = field.name("oci", "layout:v1");
    let [ours, skopeos, back] = ["ours", "skopeos", "back"].map(|name| field.name("dir", name));
    oci_copy(&["--all", &from, &ours]).good();
    let skopeo = |from: &str, to: &str| run("skopeo", &["copy", "-q", "--all", from, to]).good();
    skopeo(&from, &skopeos);
    assert_eq!(contents(&field.path("ours")), contents(&field.path("skopeos")));
    skopeo(&ours, &back);
    oci_copy(&["--all", &skopeos, &field.name("oci", "b:v1")]).good();
    assert_eq!(tagged(&field.path("b"), "v1"), field.index);

    // Another image takes its place, but not that of anything else.
    oci_copy(&[&from, &ours]).good();
    assert_eq!(oci_copy(&["digest", &ours]).good(), format!("{}\n", field.host));
    fs::write(field.path("ours/notes"), "").unwrap();
    let fresh = field.name("dir", "fresh");
    oci_copy(&[&from, &fresh]).good();
    fs::write(field.path("fresh/notes"), "").unwrap();
    assert_eq!(contents(&field.path("ours")), contents(&field.path("fresh")));
    let refused = oci_copy(&[&from, &field.name("dir", "layout")]).bad(1);
    assert!(refused.contains("something else"), "{refused}");
    let blob = field.path("ours").join(field.host.encoded());
    assert!(!blob.exists(), "a manifest has another name than a blob");
    fs::write(field.path("ours/manifest.json"), "{}").unwrap();
    oci_copy(&["digest", &ours]).bad(1);
}

fn contents(directory: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let file = |file: io::Result<fs::DirEntry>| {
        let file = file.unwrap();
        (file.file_name(), fs::read(file.path()).unwrap())
    };
    fs::read_dir(directory).unwrap().map(file).collect()
}

#[test]
fn an_image_for_another_platform_is_taken_by_name() {
    let field = Field::new();
    let from = field.name("oci", "layout:v1");
    let s390x = oci_copy(&["--platform", "linux/s390x", "digest", &from]).good();
    assert_ne!(s390x, oci_copy(&["digest", &from]).good());
    assert_eq!(oci_copy(&["--all", "digest", &from]).good(), format!("{}\n", field.index));
    let inspected = oci_copy(&["--platform", "linux/s390x", "inspect", &from]).good();
    assert_eq!(format!("{}\n", oci_image::Digest::sha256(inspected)), s390x);
    let none = oci_copy(&["--platform", "linux/sparc", "digest", &from]).bad(1);
    assert!(none.contains("linux/sparc"), "{none}");
}

#[test]
fn a_name_that_is_not_one_is_refused_before_anything_is_copied() {
    let field = Field::new();
    for to in [field.name("oci", "new:a b"), field.name("oci-archive", "new:a b")] {
        let refused = oci_copy(&[&field.name("oci", "layout:v1"), &to]).bad(1);
        assert!(refused.contains("cannot use `a b` as a name"), "{refused}");
        assert!(!field.path("new").exists());
    }
}

#[test]
fn what_fails_leaves_what_was_there() {
    let field = Field::new();
    fs::write(field.path("a.tar"), "precious").unwrap();
    let from = field.name("oci", "layout:nothing");
    oci_copy(&[&from, &field.name("oci-archive", "a.tar:v1")]).bad(1);
    let blob = field.path("layout/blobs/sha256").join(field.host.encoded());
    fs::remove_file(blob).unwrap();
    let from = field.name("oci", "layout:v1");
    oci_copy(&["--all", &from, &field.name("oci-archive", "a.tar:v1")]).bad(1);
    oci_copy(&["--all", &from, &field.name("oci", "new:v1")]).bad(1);
    assert_eq!(fs::read(field.path("a.tar")).unwrap(), b"precious");
    assert_eq!(oci_copy(&["digest", &field.name("oci", "new:v1")]).code, Some(1));
    let names: Vec<_> =
        fs::read_dir(field.path("")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn the_exit_status_says_whether_it_may_succeed_later() {
    let field = Field::new();
    let from = field.name("oci", "layout:v1");
    for wrong in [
        &["copy"][..],
        &["tags", &from],
        &["delete", &from],
        &["--jobs", "x", &from, &from],
        &["--jobs", "0", &from, &from],
        &["--config", "digest", &from],
        &["--password-stdin", "tags", "docker://localhost/app"],
        &["sync", &from, "oci-archive:all.tar"],
        &[&from],
    ] {
        oci_copy(wrong).bad(2);
    }
    oci_copy(&[&from, "docker://127.0.0.1:1/app", "--src-creds", "canary-secret"]).bad(2);
    // Nobody listens where somebody just did.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let to = format!("docker://127.0.0.1:{port}/app:v1");
    let unreachable =
        oci_copy(&["--plain-http", "--dest-creds", "user:canary-secret", &from, &to]).bad(3);
    assert!(!unreachable.contains("canary-secret"), "{unreachable}");
    oci_copy(&["--plain-http", &from, "docker://registry.example/app:v1"]).bad(1);
}
