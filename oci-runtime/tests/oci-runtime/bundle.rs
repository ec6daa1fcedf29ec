//! Bundles are directories with a `config.json`.

use std::error::Error;
use std::fs;

use oci_runtime::{Bundle, ErrorKind};

const CONFIG: &str = r#"{"ociVersion":"1.2.0","root":{"path":"rootfs"}}"#;

#[test]
#[cfg(target_os = "linux")]
fn the_bundle_of_an_image_is_written_and_opened() {
    let directory = tempfile::tempdir().unwrap();
    let config = br#"{"architecture":"amd64","os":"linux","config":{"User":"app","Cmd":["/app"]},
        "rootfs":{"type":"layers","diff_ids":[]}}"#;
    let config: oci_image::Config = oci_image::json::from_slice(config).unwrap();
    let error = Bundle::from_image(&config, directory.path()).unwrap_err();
    let expected = format!("cannot make a bundle of the image in `{}`", directory.path().display());
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Bundle, expected));
    fs::create_dir_all(directory.path().join("rootfs/etc")).unwrap();
    fs::write(directory.path().join("rootfs/etc/passwd"), "app:x:1000:100::/:/app\n").unwrap();
    let bundle = Bundle::from_image(&config, directory.path()).unwrap();
    let process = bundle.spec().process.as_ref().unwrap();
    assert_eq!(process.args, ["/app"]);
    assert_eq!(process.user.as_ref().unwrap().uid, Some(1000));
    fs::write(directory.path().join("config.json"), "old").unwrap();
    bundle.write().unwrap();
    assert_eq!(Bundle::open(directory.path()).unwrap(), bundle);
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_bundle_that_cannot_be_written_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let bundle = Bundle::new(directory.path().join("none"), oci_runtime::Spec::linux_default());
    let error = bundle.write().unwrap_err();
    let path = directory.path().join("none/config.json");
    assert_eq!(error.to_string(), format!("cannot write `{}`", path.display()));
    assert_eq!(error.kind(), ErrorKind::Bundle);
}

// covers: RT-BUNDLE-01, RT-BUNDLE-02
#[test]
fn a_bundle_is_a_directory_with_a_config_in_its_root() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::create_dir(path.join("deeper")).unwrap();
    for elsewhere in ["Config.json", "config.json5", "deeper/config.json"] {
        fs::write(path.join(elsewhere), CONFIG).unwrap();
        let error = Bundle::open(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bundle);
        assert!(error.source().is_some(), "{error}");
        assert!(error.to_string().contains("config.json"), "{error}");
    }
    fs::write(path.join("config.json"), CONFIG).unwrap();
    let bundle = Bundle::open(path).unwrap();
    assert_eq!(bundle.dir(), path);
    assert_eq!(bundle.spec().root.as_ref().unwrap().path, "rootfs");
    Bundle::open(path.join("config.json")).unwrap_err();
}
