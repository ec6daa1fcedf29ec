//! What a mount needs besides layers.

use std::os::unix::fs::PermissionsExt;

use oci_image::layer::Overlay;

use super::{Field, Mounted};
use crate::tree::tree;
use oci_testing::tar::{Tar, header};

#[test]
fn other_users_cannot_enter_a_store() {
    let field = Field::new(Overlay::User);
    field.unpack(&[Tar::new().entry(header(b'0', "f").mode(0o4755)).end()]).unwrap();
    for path in ["store", "store/user"] {
        let mode = field.path(path).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{path}");
    }
}

#[test]
fn the_root_of_an_overlay_is_like_that_of_the_image() {
    oci_testing::needs!(root);
    let field = Field::new(Overlay::Trusted);
    let root = header(b'5', "./").mode(0o751).owner(7, 8).mtime(9).xattr("user.a", "1");
    let base = Tar::new().entry(root).file("f", "1").end();
    let stack = field.unpack(&[base, Tar::new().file("g", "2").end()]).unwrap();
    let [upper, work, merged] = ["upper", "work", "merged"].map(|name| field.path(name));
    stack.create_upper(&upper).unwrap();
    for path in [&work, &merged] {
        std::fs::create_dir(path).unwrap();
    }
    let mounted = Mounted::new(&merged, stack.options(&upper, &work).to_str().unwrap());
    let root = tree(&mounted.0).remove(".").unwrap();
    assert_eq!((root.mode, root.owner, root.mtime), (0o751, (7, 8), (9, 0)));
    assert_eq!(root.xattrs["user.a"], b"1");
    // What is there already was changed by someone.
    std::fs::set_permissions(&upper, std::fs::Permissions::from_mode(0o700)).unwrap();
    stack.create_upper(&upper).unwrap();
    assert_eq!(upper.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn an_image_has_more_layers_than_the_options_of_a_mount_can_name() {
    oci_testing::needs!(root);
    let field = Field::new(Overlay::Trusted);
    let layers: Vec<_> =
        (0..130).map(|number| Tar::new().file(format!("{number}"), "x").end()).collect();
    let stack = field.unpack(&layers).unwrap();
    let [upper, work, merged] = ["upper", "work", "merged"].map(|name| field.path(name));
    for path in [&upper, &work, &merged] {
        std::fs::create_dir(path).unwrap();
    }
    assert!(stack.options(&upper, &work).len() > 4095);
    let held = stack.hold();
    let options = std::ffi::CString::new(held.options(&upper, &work).into_encoded_bytes()).unwrap();
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("overlay", &merged, "overlay", flags, options.as_c_str()).unwrap();
    let mounted = Mounted(merged);
    drop(held);
    assert_eq!(std::fs::read_dir(&mounted.0).unwrap().count(), layers.len());
    assert_eq!(std::fs::read(mounted.0.join("77")).unwrap(), b"x");
}
