//! Bundles are directories with a `config.json`.

use std::error::Error;
use std::fs;

use oci_runtime::{Bundle, ErrorKind};

const CONFIG: &str = r#"{"ociVersion":"1.2.0","root":{"path":"rootfs"}}"#;

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
