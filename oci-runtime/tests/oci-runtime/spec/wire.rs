use std::collections::BTreeMap;

use oci_image::json::{self, Error, Value};
use oci_runtime::spec::linux::NamespaceType;
use oci_runtime::spec::{Capability, Status};
use oci_runtime::{Features, Spec, State};
use proptest::prelude::*;

use super::documents::{Step, all, at, document, is_map, members, places, pointer, value};

// covers: RT-PROC-02, RT-PROC-04, RT-PROC-06, RT-PROC-09, RT-PROC-12, RT-PROC-13, RT-PROC-14
// covers: RT-PROC-15, RT-PROC-16, RT-PROC-17, RT-MOUNT-02, RT-MOUNT-03, RT-HOOK-01, RT-HOOK-02
// covers: RT-LINUX-02, RT-LINUX-05, RT-LINUX-06, RT-LINUX-08, RT-LINUX-12, RT-LINUX-17, RT-LINUX-18
// covers: RT-LINUX-19, RT-LINUX-20, RT-LINUX-21, RT-LINUX-22, RT-LINUX-23, RT-LINUX-25, RT-LINUX-26
// covers: RT-LINUX-28, RT-LINUX-29, RT-LINUX-30, RT-LINUX-31, RT-LINUX-33, RT-LINUX-34, RT-LINUX-35
// covers: RT-LINUX-37, RT-PLAT-01, RT-PLAT-02, RT-WIN-01, RT-WIN-02, RT-WIN-03, RT-WIN-04, RT-WIN-05
// covers: RT-WIN-06, RT-SOL-01, RT-VM-01, RT-VM-02, RT-ZOS-01, RT-BSD-02, RT-BSD-03, RT-STATE-02
// covers: RT-FEAT-05, RT-FEAT-06, RT-FEAT-07, RT-FEAT-08, RT-FEAT-09, RT-FEAT-10, RT-FEAT-11
// covers: RT-FEAT-12, RT-FEAT-13, RT-FEAT-14
#[test]
fn every_member_of_every_platform_comes_back() {
    for document in all() {
        assert_eq!(document.print(&document.value).unwrap(), document.value, "{}", document.name);
    }
}

/// A member that only passed through as an unknown one could differ from its name by letter case.
#[test]
fn every_member_of_every_platform_is_known() {
    for document in all() {
        for place in places(&document.value) {
            let Some((Step::Member(name), parent)) = place.split_last() else { continue };
            if is_map(parent) || pointer(&place).starts_with("/windows/credentialSpec/") {
                continue;
            }
            let mut changed = document.value.clone();
            let member = members(&mut changed, parent).remove(name).unwrap();
            members(&mut changed, parent).insert(name.to_uppercase(), member);
            match name.to_uppercase() == *name {
                true => continue,
                false => {
                    let error = document.print(&changed).unwrap_err().to_string();
                    assert!(error.contains("only by letter case"), "{}: {error}", pointer(&place));
                }
            }
        }
    }
}

// covers: RT-GEN-04, RT-STATE-07, RT-ANN-04
#[test]
fn unknown_members_survive_in_every_object() {
    let unknown = value(r#"[1.50,-0,1e400,{"b":null},"é"]"#);
    for document in all() {
        for place in places(&document.value) {
            let mut changed = document.value.clone();
            if is_map(&place) || !matches!(at(&mut changed, &place), Value::Object(_)) {
                continue;
            }
            members(&mut changed, &place).insert("x.unknown".into(), unknown.clone());
            let printed = document.print(&changed).unwrap();
            assert_eq!(printed, changed, "{} {}", document.name, pointer(&place));
        }
    }
}

// covers: RT-GEN-03
#[test]
fn members_that_occur_twice_are_refused() {
    let text = document("linux").value.to_string();
    for name in ["ociVersion", "cwd", "destination", "net.ipv4.ip_forward", "eth0", "hcaHandles"] {
        let member = format!("\"{name}\":");
        let twice = text.replacen(&member, &format!("\"{name}\":null,{member}"), 1);
        let error = json::from_slice::<Spec>(twice.as_bytes()).unwrap_err();
        assert!(twice != text && !error.to_string().is_empty(), "{name}");
    }
    let same = r#"{"ociVersion":"1.0.0","x":{"y":1,"y":1}}"#;
    let error = json::from_slice::<Spec>(same.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("duplicate member `y`"), "{error}");
}

// covers: RT-GEN-02
#[test]
fn what_is_not_utf_8_is_refused() {
    assert!(json::from_slice::<Spec>(b"{\"ociVersion\":\"\xff\"}").is_err());
}

/// Without the member, reading fails and says where it should have been.
const REQUIRED: &[(&str, &[&str])] = &[
    (
        "linux",
        &[
            "/ociVersion",
            "/process/cwd",
            "/process/consoleSize/height",
            "/process/consoleSize/width",
            "/process/rlimits/0/type",
            "/process/rlimits/0/hard",
            "/process/rlimits/0/soft",
            "/process/scheduler/policy",
            "/process/ioPriority/class",
            "/process/ioPriority/priority",
            "/root/path",
            "/mounts/0/destination",
            "/mounts/1/destination",
            "/mounts/1/uidMappings/0/containerID",
            "/mounts/1/uidMappings/0/hostID",
            "/mounts/1/uidMappings/0/size",
            "/mounts/1/gidMappings/0/containerID",
            "/mounts/1/gidMappings/0/hostID",
            "/mounts/1/gidMappings/0/size",
            "/hooks/prestart/0/path",
            "/hooks/createRuntime/0/path",
            "/hooks/createContainer/0/path",
            "/hooks/startContainer/0/path",
            "/hooks/poststart/0/path",
            "/hooks/poststop/0/path",
            "/linux/uidMappings/0/containerID",
            "/linux/uidMappings/0/hostID",
            "/linux/uidMappings/0/size",
            "/linux/gidMappings/0/containerID",
            "/linux/gidMappings/0/hostID",
            "/linux/gidMappings/0/size",
            "/linux/resources/devices/0/allow",
            "/linux/resources/devices/1/allow",
            "/linux/resources/blockIO/weightDevice/0/major",
            "/linux/resources/blockIO/weightDevice/0/minor",
            "/linux/resources/blockIO/throttleReadBpsDevice/0/major",
            "/linux/resources/blockIO/throttleReadBpsDevice/0/minor",
            "/linux/resources/blockIO/throttleReadBpsDevice/0/rate",
            "/linux/resources/blockIO/throttleWriteBpsDevice/0/major",
            "/linux/resources/blockIO/throttleWriteBpsDevice/0/minor",
            "/linux/resources/blockIO/throttleWriteBpsDevice/0/rate",
            "/linux/resources/blockIO/throttleReadIOPSDevice/0/major",
            "/linux/resources/blockIO/throttleReadIOPSDevice/0/minor",
            "/linux/resources/blockIO/throttleReadIOPSDevice/0/rate",
            "/linux/resources/blockIO/throttleWriteIOPSDevice/0/major",
            "/linux/resources/blockIO/throttleWriteIOPSDevice/0/minor",
            "/linux/resources/blockIO/throttleWriteIOPSDevice/0/rate",
            "/linux/resources/hugepageLimits/0/pageSize",
            "/linux/resources/hugepageLimits/0/limit",
            "/linux/resources/network/priorities/0/name",
            "/linux/resources/network/priorities/0/priority",
            "/linux/namespaces/0/type",
            "/linux/namespaces/1/type",
            "/linux/namespaces/2/type",
            "/linux/namespaces/3/type",
            "/linux/namespaces/4/type",
            "/linux/namespaces/5/type",
            "/linux/namespaces/6/type",
            "/linux/namespaces/7/type",
            "/linux/devices/0/type",
            "/linux/devices/0/path",
            "/linux/devices/1/type",
            "/linux/devices/1/path",
            "/linux/seccomp/defaultAction",
            "/linux/seccomp/syscalls/0/names",
            "/linux/seccomp/syscalls/0/action",
            "/linux/seccomp/syscalls/0/args/0/index",
            "/linux/seccomp/syscalls/0/args/0/value",
            "/linux/seccomp/syscalls/0/args/0/op",
            "/linux/seccomp/syscalls/1/names",
            "/linux/seccomp/syscalls/1/action",
            "/linux/memoryPolicy/mode",
            "/linux/personality/domain",
        ],
    ),
    (
        "windows",
        &[
            "/ociVersion",
            "/process/cwd",
            "/mounts/0/destination",
            "/windows/devices/0/id",
            "/windows/devices/0/idType",
            "/windows/resources/cpu/affinity/0/mask",
            "/windows/resources/cpu/affinity/0/group",
        ],
    ),
    ("solaris", &["/ociVersion", "/root/path"]),
    (
        "vm",
        &[
            "/ociVersion",
            "/root/path",
            "/vm/hypervisor/path",
            "/vm/kernel",
            "/vm/kernel/path",
            "/vm/image/path",
            "/vm/image/format",
            "/vm/hwConfig/iomems/0/firstMFN",
            "/vm/hwConfig/iomems/0/nrMFNs",
        ],
    ),
    ("vm-go", &["/ociVersion", "/root/path", "/vm/kernel", "/vm/kernel/path"]),
    ("zos", &["/ociVersion", "/root/path", "/zos/namespaces/0/type", "/zos/namespaces/1/type"]),
    ("freebsd", &["/ociVersion", "/root/path", "/freebsd/devices/0/path"]),
    ("state", &["/ociVersion", "/id", "/status", "/bundle"]),
    (
        "container-process-state",
        &[
            "/ociVersion",
            "/pid",
            "/state",
            "/state/ociVersion",
            "/state/id",
            "/state/status",
            "/state/bundle",
        ],
    ),
    ("features", &["/ociVersionMin", "/ociVersionMax"]),
];

// covers: RT-GEN-06, RT-BUNDLE-04, RT-PROC-03, RT-STATE-08, RT-FEAT-03
#[test]
fn exactly_the_required_members_are_required() {
    for (document, (name, required)) in all().into_iter().zip(REQUIRED) {
        assert_eq!(document.name, *name);
        let mut found = Vec::new();
        for place in places(&document.value) {
            let Some((Step::Member(name), parent)) = place.split_last() else { continue };
            let mut changed = document.value.clone();
            members(&mut changed, parent).remove(name);
            let Err(error) = document.print(&changed) else { continue };
            let Error::Data { pointer: at, message, .. } = error else { panic!("{error}") };
            assert_eq!(message, format!("missing field `{name}`"));
            assert_eq!(at, pointer(parent));
            found.push(pointer(&place));
        }
        let mut required: Vec<_> = required.iter().map(ToString::to_string).collect();
        required.sort();
        found.sort();
        assert_eq!(found, required, "{name}");
    }
}

/// An array in place of an object, an object in place of anything else.
#[test]
fn members_of_another_kind_are_refused() {
    for document in all() {
        for place in places(&document.value) {
            if pointer(&place).starts_with("/windows/credentialSpec") {
                continue;
            }
            let mut changed = document.value.clone();
            let member = at(&mut changed, &place);
            *member = match member {
                Value::Object(_) => Value::Array(Vec::new()),
                _ => Value::Object(BTreeMap::new()),
            };
            assert!(document.print(&changed).is_err(), "{} {}", document.name, pointer(&place));
        }
    }
}

#[test]
fn numbers_keep_to_the_range_of_the_spec() {
    let signed = ["/linux/resources/memory/limit", "/linux/resources/cpu/quota"];
    let document = document("linux");
    let read = |pointer_of: &str, text: &str| {
        let mut changed = document.value.clone();
        let place = places(&changed).into_iter().find(|place| pointer(place) == pointer_of);
        *at(&mut changed, &place.unwrap()) = value(text);
        document.print(&changed).is_ok_and(|printed| printed == changed)
    };
    for place in signed {
        assert!(read(place, "-1") && read(place, "9223372036854775807"), "{place}");
        assert!(!read(place, "9223372036854775808") && !read(place, "1.0"), "{place}");
    }
    for place in ["/process/rlimits/0/hard", "/linux/resources/hugepageLimits/0/limit"] {
        assert!(read(place, "18446744073709551615") && !read(place, "-1"), "{place}");
        assert!(!read(place, "18446744073709551616") && !read(place, "\"1\""), "{place}");
    }
    for place in ["/process/user/uid", "/linux/uidMappings/0/size"] {
        assert!(read(place, "4294967295") && !read(place, "4294967296"), "{place}");
        assert!(!read(place, "-1") && !read(place, "0.0"), "{place}");
    }
}

// covers: RT-VM-02
#[test]
fn the_go_spelling_of_hw_config_reads_as_itself() {
    let document = document("vm-go");
    let spec: Spec = json::from_slice(document.value.to_string().as_bytes()).unwrap();
    assert_eq!(spec.vm.unwrap().hardware().unwrap().vcpus, Some(2));
    for both in ["{}", "null"] {
        let text = document.value.to_string();
        let both = text.replace("\"hwconfig\"", &format!("\"hwConfig\":{both},\"hwconfig\""));
        let error = json::from_slice::<Spec>(both.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("only by letter case at `/vm`"), "{error}");
    }
    let third = document.value.to_string().replace("\"hwconfig\"", "\"HwConfig\"");
    assert!(json::from_slice::<Spec>(third.as_bytes()).is_err());
}

// covers: RT-FEAT-02
#[test]
fn features_tell_absent_from_empty() {
    let read = |hooks: &str| {
        let text = format!(r#"{{"ociVersionMin":"1.0.0","ociVersionMax":"1.3.0"{hooks}}}"#);
        let features: Features = json::from_slice(text.as_bytes()).unwrap();
        assert_eq!(json::to_vec(&features).unwrap(), text.as_bytes());
        features.hooks
    };
    assert_eq!(read(""), None);
    assert_eq!(read(r#","hooks":null"#), None);
    assert_eq!(read(r#","hooks":[]"#), Some(Vec::new()));
}

// covers: RT-STATE-06
#[test]
fn absent_null_and_empty_come_back_as_they_were() {
    let state = r#"{"ociVersion":"1.0.0","id":"c","status":"stopped","bundle":"/b""#;
    for end in ["}", r#","annotations":null}"#, r#","annotations":{}}"#, r#","pid":null}"#] {
        let text = format!("{state}{end}");
        let state: State = json::from_slice(text.as_bytes()).unwrap();
        assert!(state.annotations.is_empty() && state.pid.is_none());
        let printed = String::from_utf8(json::to_vec(&state).unwrap()).unwrap();
        assert_eq!(value(&printed), value(&text));
    }
}

// covers: RT-STATE-04, RT-PROC-10
#[test]
fn words_of_a_later_spec_survive() {
    let state = r#"{"ociVersion":"1.0.0","id":"c","status":"frozen","bundle":"/b"}"#;
    let state: State = json::from_slice(state.as_bytes()).unwrap();
    assert_eq!(state.status, Status::from("frozen"));
    let spec = document("linux").value.to_string();
    let spec: Spec = json::from_slice(spec.as_bytes()).unwrap();
    let bounding = spec.process.unwrap().capabilities.unwrap().bounding;
    assert_eq!(bounding, [Capability::Kill, Capability::from("CAP_NEWTHING")]);
    assert_eq!(NamespaceType::from("Pid"), NamespaceType::from("Pid"));
}

#[test]
fn capabilities_have_the_numbers_of_the_kernel() {
    let numbers = [("CAP_CHOWN", 0), ("CAP_SYS_ADMIN", 21), ("CAP_CHECKPOINT_RESTORE", 40)];
    for (name, number) in numbers {
        assert_eq!(Capability::from(name).number(), Some(number));
    }
    assert_eq!(Capability::from("cap_chown").number(), None);
}

#[test]
fn a_positional_array_is_not_a_document() {
    assert!(json::from_slice::<State>(br#"["1.0.0","id","running",1,"/b",{}]"#).is_err());
}

pub(super) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][-+]?[0-9]{1,3})?"
            .prop_map(|text| value(&text)),
        "\\PC{0,8}".prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[a-z]{0,6}", inner, 0..4).prop_map(Value::Object),
        ]
    })
}

proptest! {
    /// Whatever is changed where: what reads comes back.
    #[test]
    fn what_reads_comes_back(
        which: proptest::sample::Index,
        changes in proptest::collection::vec(
            (any::<proptest::sample::Index>(), "[a-zA-Z.]{1,8}", any_value(), 0..4_u8),
            1..6,
        ),
    ) {
        let documents = all();
        let document = which.get(&documents);
        let mut changed = document.value.clone();
        for (place, name, value, kind) in changes {
            let places = places(&changed);
            let place = place.get(&places);
            match (kind, at(&mut changed, place)) {
                (0, Value::Object(members)) => { members.insert(name, value); }
                (1, Value::Object(members)) => { members.retain(|member, _| *member < name); }
                (2, Value::Array(items)) => items.clear(),
                (2, member) => *member = Value::Null,
                (_, Value::Object(members)) => { members.insert(format!("x.{name}"), value); }
                _ => {}
            }
        }
        if let Ok(printed) = document.print(&changed) {
            prop_assert_eq!(printed, changed);
        }
    }

    #[test]
    fn equal_values_print_equal_bytes(which: proptest::sample::Index) {
        let documents = all();
        let text = which.get(&documents).value.to_string();
        if let (Ok(one), Ok(two)) = (
            json::from_slice::<Spec>(text.as_bytes()),
            json::from_slice::<Spec>(text.as_bytes()),
        ) {
            prop_assert_eq!(json::to_vec(&one).unwrap(), json::to_vec(&two.clone()).unwrap());
        }
    }
}
