//! IDs: of user namespaces, of the program, and of mounts.

use oci_runtime::spec::linux::{Namespace, NamespaceType};
use oci_runtime::spec::{IdMapping, Mount, User};
use oci_runtime::{Host, Spec};
use serde_json::{Value, json};

use super::{plan, texts, user};

/// A host with other IDs for the caller to give.
fn with_ids(host: Host, change: impl FnOnce(&mut Value)) -> Host {
    let mut value = serde_json::to_value(host).unwrap();
    change(&mut value["idMaps"]);
    serde_json::from_value(value).unwrap()
}

/// A caller who is root of a user namespace that has 1000 users and 2000 groups.
fn nested() -> Host {
    with_ids(Host::typical(), |ids| {
        ids["uids"] = json!([{ "inside": 0, "outside": 0, "size": 1000 }]);
        ids["gids"] = json!([{ "inside": 0, "outside": 0, "size": 2000 }]);
    })
}

/// Each inside, outside, size.
type Mappings<'a> = &'a [(u32, u32, u32)];

/// What is said about a part of a container in a user namespace with these mappings of users and groups.
fn said(
    (uids, gids): (Mappings<'_>, Mappings<'_>),
    change: impl FnOnce(&mut Spec),
    host: &Host,
    about: &str,
) -> Vec<String> {
    let list = |mappings: Mappings<'_>| {
        mappings.iter().map(|map| IdMapping::new(map.0, map.1, map.2)).collect()
    };
    let mut spec = Spec::linux_default();
    spec.mounts.iter_mut().for_each(|mount| mount.options.retain(|option| option != "gid=5"));
    let linux = spec.linux.as_mut().unwrap();
    linux.namespaces.push(Namespace::new(NamespaceType::User));
    (linux.uid_mappings, linux.gid_mappings) = (list(uids), list(gids));
    linux.resources = None;
    change(&mut spec);
    let mut found = plan(spec, host).err().map(|refusals| texts(&refusals)).unwrap_or_default();
    found.retain(|text| text.starts_with(&format!("`{about}")));
    found
}

#[test]
fn mappings_that_the_kernel_does_not_take_are_refused() {
    let range = "the range is empty or runs over the last id";
    let lines = |count: u32| -> Vec<(u32, u32, u32)> {
        (0..count).map(|line| (line * 2, line * 2, 1)).collect()
    };
    let (most, too_many) = (lines(340), lines(341));
    for (mappings, expected) in [
        (&[(0, 1000, 10), (10, 1010, 10)][..], None),
        (&[], Some(("", "a user namespace needs a mapping"))),
        (&[(0, 1000, 0)], Some(("/0", range))),
        (&[(u32::MAX - 9, 1000, 9)], None),
        (&[(u32::MAX - 9, 1000, 10)], Some(("/0", range))),
        (&[(0, u32::MAX - 9, 9)], None),
        (&[(0, 1000, 10), (9, 2000, 10)], Some(("/1", "the range overlaps another"))),
        (&[(9, 2000, 10), (0, 1000, 10)], Some(("/1", "the range overlaps another"))),
        (&[(0, 1000, 10), (20, 1009, 10)], Some(("/1", "the range overlaps another"))),
        (&most, None),
        (&too_many, Some(("", "the kernel takes 340 ranges at most"))),
    ] {
        for (about, mappings) in [
            ("/linux/uidMappings", (mappings, &[(0, 0, 1)][..])),
            ("/linux/gidMappings", (&[(0, 0, 1)][..], mappings)),
        ] {
            let found = said(mappings, |_| {}, &Host::typical(), about);
            let expected = expected.map(|(place, reason)| format!("`{about}{place}`: {reason}"));
            assert_eq!(found, expected.as_slice(), "{mappings:?}");
        }
    }
    let found = said((&[(0, u32::MAX - 9, 10)], &[(0, 0, 1)]), |_| {}, &Host::typical(), "/linux");
    let missing = "ids 4294967286 to 4294967295 do not exist in the caller's user namespace";
    let expected = [range, missing].map(|reason| format!("`/linux/uidMappings/0`: {reason}"));
    assert_eq!(found, expected);
}

#[test]
fn ids_that_the_caller_does_not_have_itself_are_not_mapped() {
    for (first, size, missing) in [(0, 1000, None), (990, 11, Some("990 to 1000"))] {
        let found = said((&[(0, first, size)], &[(0, 0, 1)]), |_| {}, &nested(), "/linux");
        let reason = |ids| format!("ids {ids} do not exist in the caller's user namespace");
        let expected = missing.map(|ids| format!("`/linux/uidMappings/0`: {}", reason(ids)));
        assert_eq!(found, expected.as_slice());
        let (first, missing) = (first + 1000, missing.map(|_| "1990 to 2000"));
        let found = said((&[(0, 0, 1)], &[(0, first, size)]), |_| {}, &nested(), "/linux");
        let expected = missing.map(|ids| format!("`/linux/gidMappings/0`: {}", reason(ids)));
        assert_eq!(found, expected.as_slice());
    }
}

#[test]
fn a_user_maps_its_own_ids_and_those_that_are_granted_to_it() {
    let host = |has_helpers: bool| {
        with_ids(user(), |ids| {
            ids["subordinateUids"] = json!([[100_000, 10]]);
            ids["subordinateGids"] = json!([[200_000, 10]]);
            if has_helpers {
                ids["helpers"] = json!(["/usr/bin/newuidmap", "/usr/bin/newgidmap"]);
            }
        })
    };
    let (own, granted) = ((0, 1000, 1), (&[(0, 1000, 1), (1, 100_000, 10)][..]));
    let granted_groups = &[(0, 1000, 1), (1, 200_000, 10)][..];
    let helpers = "newuidmap and newgidmap are needed for more ids than the caller's own";
    let not_granted = "are not granted to the caller as subordinate ids";
    for (uids, gids, has_helpers, expected) in [
        (&[own][..], &[own][..], false, vec![]),
        (granted, granted_groups, true, vec![]),
        (granted, granted_groups, false, vec![format!("`/linux/uidMappings`: {helpers}")]),
        (
            &[(0, 1000, 2)],
            &[own],
            true,
            vec![format!("`/linux/uidMappings/0`: ids 1000 to 1001 {not_granted}")],
        ),
        (
            granted,
            &[own, (1, 199_999, 2), (3, 200_005, 6)],
            true,
            vec![
                format!("`/linux/gidMappings/1`: ids 199999 to 200000 {not_granted}"),
                format!("`/linux/gidMappings/2`: ids 200005 to 200010 {not_granted}"),
            ],
        ),
        (
            &[(0, 0, 0)],
            granted_groups,
            true,
            vec![
                "`/linux/uidMappings/0`: the range is empty or runs over the last id".into(),
                format!("`/linux/uidMappings/0`: ids 0 to 0 {not_granted}"),
            ],
        ),
    ] {
        assert_eq!(said((uids, gids), |_| {}, &host(has_helpers), "/linux"), expected);
    }
}

/// The kernel refuses them, too, but only when the container is made.
#[test]
fn a_user_and_groups_that_are_not_mapped_are_refused() {
    let (uids, gids) = (&[(0, 1000, 10), (20, 2000, 1)][..], &[(0, 1000, 20)][..]);
    let run_as = |uid, gid, more: &[u32]| {
        let mut user = User::posix(uid, gid);
        user.additional_gids = more.to_vec();
        let change = |spec: &mut Spec| spec.process.as_mut().unwrap().user = Some(user);
        said((uids, gids), change, &Host::typical(), "/")
    };
    assert_eq!(run_as(9, 19, &[0, 19]), [""; 0]);
    assert_eq!(run_as(20, 0, &[]), [""; 0]);
    assert_eq!(
        run_as(10, 20, &[19, 21]),
        [
            "`/process/user/uid`: user 10 is not in `uidMappings`",
            "`/process/user/gid`: group 20 is not in `gidMappings`",
            "`/process/user/additionalGids`: group 21 is not in `gidMappings`",
        ]
    );
}

#[test]
fn a_user_and_a_group_that_the_caller_does_not_have_are_refused() {
    let run_as = |uid, gid| {
        let mut spec = Spec::linux_default();
        spec.process.as_mut().unwrap().user = Some(User::posix(uid, gid));
        plan(spec, &nested()).err().map(|refusals| texts(&refusals)).unwrap_or_default()
    };
    assert_eq!(run_as(999, 1999), [""; 0]);
    assert_eq!(
        run_as(1000, 2000),
        [
            "`/process/user/uid`: user 1000 does not exist in the caller's user namespace",
            "`/process/user/gid`: group 2000 does not exist in the caller's user namespace",
        ]
    );
}

#[test]
fn additional_groups_are_refused_where_nobody_may_set_them() {
    let groups = |spec: &mut Spec| {
        spec.process.as_mut().unwrap().user.as_mut().unwrap().additional_gids = vec![0];
    };
    let reason = "the kernel takes additional groups only where newgidmap or root made the mapping";
    let expected = [format!("`/process/user/additionalGids`: {reason}")];
    // The caller maps its own IDs alone, and by itself.
    let own = (&[(0, 1000, 1)][..], &[(0, 1000, 1)][..]);
    assert_eq!(said(own, groups, &user(), "/process"), expected);
    let denied = with_ids(Host::typical(), |ids| ids["deniesSetgroups"] = true.into());
    assert_eq!(said(own, groups, &denied, "/process"), expected);
    assert_eq!(said(own, groups, &Host::typical(), "/process"), [""; 0]);
}

#[test]
fn mounts_name_ids_that_are_there() {
    let mut mount = Mount::new("/mnt".into());
    (mount.r#type, mount.source) = (Some("tmpfs".into()), Some("tmpfs".into()));
    mount.options = ["uid=9", "gid=10", "size=10"].map(String::from).to_vec();
    let tmpfs = |spec: &mut Spec| spec.mounts = vec![mount.clone()];
    let ten = (&[(0, 1000, 10)][..], &[(0, 1000, 10)][..]);
    assert_eq!(
        said(ten, tmpfs, &Host::typical(), "/"),
        ["`/mounts/0/options`: option `gid=10`: the id is not in `gidMappings`"]
    );
}

#[test]
fn ids_of_a_mount_are_mapped_in_pairs_by_a_caller_who_may() {
    let mount = |uids: &[IdMapping], gids: &[IdMapping]| {
        let mut mount = Mount::new("/mnt".into());
        (mount.source, mount.options) = (Some("/source".into()), vec!["bind".into()]);
        (mount.uid_mappings, mount.gid_mappings) = (uids.to_vec(), gids.to_vec());
        move |spec: &mut Spec| spec.mounts = vec![mount]
    };
    let (own, one) = ((&[(0, 1000, 1)][..], &[(0, 1000, 1)][..]), [IdMapping::new(0, 0, 1)]);
    assert_eq!(said(own, mount(&one, &one), &Host::typical(), "/"), [""; 0]);
    let pairs = "`/mounts/0`: uidMappings and gidMappings come together";
    let none = |member| format!("`/mounts/0/{member}`: a user namespace needs a mapping");
    assert_eq!(
        said(own, mount(&one, &[]), &Host::typical(), "/"),
        [pairs.into(), none("gidMappings")]
    );
    assert_eq!(
        said(own, mount(&[], &one), &Host::typical(), "/"),
        [pairs.into(), none("uidMappings")]
    );
    assert_eq!(
        said(own, mount(&one, &one), &user(), "/mounts"),
        ["`/mounts/0`: the caller may not map the ids of a mount"]
    );
}
