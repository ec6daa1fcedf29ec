use oci_image::validate::{Level, Lint};
use oci_runtime::Spec;

use super::documents::{Document, Step, at, document, members, value};

/// The place of a JSON pointer.
fn place(pointer: &str) -> Vec<Step> {
    let step = |step: &str| match step.parse() {
        Ok(number) => Step::Element(number),
        Err(_) => Step::Member(step.replace("~1", "/").replace("~0", "~")),
    };
    pointer.split('/').skip(1).map(step).collect()
}

/// What the linter says of a document, as `id level pointer`.
fn findings(document: &Document, changes: &[(&str, &str)]) -> Vec<String> {
    let mut changed = document.value.clone();
    for (pointer, text) in changes {
        let place = place(pointer);
        match place.split_last() {
            Some((Step::Member(name), parent)) => {
                members(&mut changed, parent).insert(name.clone(), value(text));
            }
            _ => *at(&mut changed, &place) = value(text),
        }
    }
    let findings = document.lint(&changed).unwrap();
    findings.iter().map(|f| format!("{} {} {}", f.id, f.level, f.pointer)).collect()
}

/// What changes in the findings when members change.
fn new_findings(name: &str, changes: &[(&str, &str)]) -> Vec<String> {
    let document = document(name);
    let before = findings(&document, &[]);
    let mut after = findings(&document, changes);
    for finding in before {
        if let Some(index) = after.iter().position(|other| *other == finding) {
            after.remove(index);
        }
    }
    after
}

/// Each row changes a document and names the one finding that this makes.
#[track_caller]
fn check(document: &str, rows: &[(&str, &str, &str)]) {
    for (pointer, text, finding) in rows {
        let expected = match finding.split_whitespace().collect::<Vec<_>>()[..] {
            [] => Vec::new(),
            [id, level] => vec![format!("{id} {level} {pointer}")],
            [id, level, "-"] => vec![format!("{id} {level} ")],
            [id, level, place] => vec![format!("{id} {level} {place}")],
            _ => panic!("{finding}"),
        };
        assert_eq!(new_findings(document, &[(pointer, text)]), expected, "{pointer} = {text}");
    }
}

#[test]
fn good_documents_are_clean() {
    let expected: &[(&str, &[&str])] = &[
        (
            "linux",
            &[
                "RT-PROC-10 warning /process/capabilities/bounding/1",
                "RT-LINUX-18 warning /linux/resources/memory/kernel",
                "RT-LINUX-18 warning /linux/resources/memory/kernelTCP",
            ],
        ),
        ("windows", &["RT-WIN-04 warning /windows/network"]),
        ("solaris", &[]),
        ("vm", &[]),
        ("vm-go", &["RT-VM-02 warning /vm/hwconfig"]),
        ("zos", &[]),
        ("freebsd", &[]),
        ("state", &[]),
        ("container-process-state", &[]),
        ("features", &[]),
    ];
    for (name, expected) in expected {
        assert_eq!(findings(&document(name), &[]), *expected, "{name}");
    }
}

#[test]
fn the_default_specs_are_clean() {
    assert_eq!(Spec::linux_default().lint(), []);
    assert_eq!(Spec::linux_default().rootless(1000, 1000).spec.lint(), []);
}

#[test]
fn a_finding_says_what_and_where() {
    let mut spec = Spec::linux_default();
    spec.process.as_mut().unwrap().cwd = "work".into();
    spec.linux.as_mut().unwrap().masked_paths.push("x".into());
    let findings = spec.lint();
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[0].level, Level::Error);
    assert_eq!(
        findings[0].to_string(),
        "RT-PROC-03 at /process/cwd: `work` is not an absolute path"
    );
}

// covers: RT-GEN-05, RT-GEN-06, RT-BUNDLE-03, RT-BUNDLE-04
#[test]
fn versions_and_roots() {
    check(
        "linux",
        &[
            ("/ociVersion", r#""1.0.0-rc.1+x""#, ""),
            ("/ociVersion", r#""1.0""#, "RT-GEN-06 error"),
            ("/ociVersion", r#""""#, "RT-GEN-06 error"),
            ("/root", "null", "RT-BUNDLE-03 error -"),
            ("/root/path", r#""""#, "RT-BUNDLE-04 error"),
            ("/root/path", r#""a\u0000rootfs""#, "RT-BUNDLE-04 error"),
            ("/root/path", r#""/var/lib/x/rootfs/""#, ""),
            ("/root/path", r#""/merged""#, "RT-BUNDLE-04 warning"),
        ],
    );
}

// covers: RT-BUNDLE-03, RT-BUNDLE-05
#[test]
fn roots_of_windows() {
    let path = r#""path":"\\\\?\\Volume{ec84d99e-3f02-11e7-ac6c-00155d7682cf}\\""#;
    let root = &format!("{{{path}}}");
    check("windows", &[("/root", root, "RT-BUNDLE-03 error")]);
    let server = ("/windows/hyperv", "null");
    assert_eq!(new_findings("windows", &[server]), ["RT-BUNDLE-03 error "]);
    assert!(new_findings("windows", &[server, ("/root", root)]).is_empty());
    let readonly = format!(r#"{{{path},"readonly":true}}"#);
    assert_eq!(
        new_findings("windows", &[server, ("/root", &readonly)]),
        ["RT-BUNDLE-05 error /root/readonly"]
    );
    for path in [r"C:\\rootfs", r"\\\\?\\Volume{ec84d99e}\\", "rootfs"] {
        let root = format!(r#"{{"path":"{path}"}}"#);
        let found = new_findings("windows", &[server, ("/root", &root)]);
        assert_eq!(found, ["RT-BUNDLE-05 error /root/path"], "{path}");
    }
}

// covers: RT-MOUNT-02, RT-MOUNT-10
#[test]
fn mounts() {
    check(
        "linux",
        &[
            ("/mounts/0/destination", r#""""#, "RT-MOUNT-02 error"),
            ("/mounts/0/destination", r#""proc""#, "RT-MOUNT-02 warning"),
            ("/mounts/1/gidMappings", "[]", "RT-MOUNT-10 error /mounts/1"),
            ("/mounts/1/uidMappings", "null", "RT-MOUNT-10 error /mounts/1"),
            ("/mounts/1/options", r#"["bind"]"#, "RT-MOUNT-10 warning /mounts/1"),
            ("/mounts/1/options", r#"["ridmap"]"#, ""),
            ("/mounts/1/uidMappings/0/size", "0", "RT-MOUNT-10 error /mounts/1/uidMappings/0"),
        ],
    );
    check(
        "freebsd",
        &[("/mounts", r#"[{"destination":"d"}]"#, "RT-MOUNT-02 error /mounts/0/destination")],
    );
    check(
        "windows",
        &[
            ("/mounts/0/destination", r#""folder""#, "RT-MOUNT-02 error"),
            ("/mounts/0/destination", r#""C:relative""#, "RT-MOUNT-02 error"),
            ("/mounts/0/destination", r#""c:/in""#, ""),
            (
                "/mounts",
                r#"[{"destination":"C:\\a"},{"destination":"c:\\A\\b\\"},{"destination":"C:\\ab"}]"#,
                "RT-MOUNT-02 error /mounts/1",
            ),
        ],
    );
}

// covers: RT-PROC-01, RT-PROC-03, RT-PROC-05, RT-PROC-07, RT-PROC-08, RT-PROC-16
#[test]
fn processes() {
    check(
        "linux",
        &[
            ("/process", "null", ""),
            ("/process/cwd", r#""""#, "RT-PROC-03 error"),
            ("/process/cwd", r#""a/b""#, "RT-PROC-03 error"),
            ("/process/cwd", r#""C:\\work""#, "RT-PROC-03 error"),
            ("/process/args", "[]", "RT-PROC-05 error"),
            ("/process/args", "null", "RT-PROC-05 error"),
            ("/process/args/0", r#""a\u0000""#, "RT-PROC-05 error"),
            ("/process/env/0", r#""NAME""#, "RT-PROC-04 warning"),
            ("/process/env/0", r#""=x""#, "RT-PROC-04 warning"),
            ("/process/env/0", r#""A=\u0000""#, "RT-PROC-04 error"),
            ("/process/user", "null", "RT-PROC-16 warning /process"),
            ("/process/user", r#"{"uid":1}"#, "RT-PROC-16 error"),
            ("/process/user", r#"{"gid":1}"#, "RT-PROC-16 error"),
            ("/process/user/uid", "null", "RT-PROC-16 error /process/user"),
            ("/process/rlimits/0/type", r#""RLIMIT_NOVEL""#, "RT-PROC-07 error"),
            ("/process/rlimits/0/type", r#""nofile""#, "RT-PROC-07 error"),
            ("/process/rlimits/0/hard", "1023", "RT-PROC-07 error /process/rlimits/0"),
            ("/process/oomScoreAdj", "1001", "RT-PROC-11 error"),
        ],
    );
    let twice =
        r#"[{"type":"RLIMIT_CPU","hard":1,"soft":1},{"type":"RLIMIT_CPU","hard":2,"soft":1}]"#;
    check("linux", &[("/process/rlimits", twice, "RT-PROC-08 error /process/rlimits/1")]);
    check(
        "windows",
        &[
            ("/process/commandLine", "null", "RT-PROC-05 error /process/args"),
            ("/process/cwd", r#""work""#, "RT-PROC-03 error"),
        ],
    );
}

// covers: RT-PROC-10, RT-PROC-12, RT-PROC-13, RT-PROC-14, RT-PROC-15
#[test]
fn words_of_processes() {
    check(
        "linux",
        &[
            ("/process/capabilities/ambient/0", r#""CAP_kill""#, "RT-PROC-10 warning"),
            ("/process/scheduler/policy", r#""SCHED_FAIR""#, "RT-PROC-12 error"),
            ("/process/scheduler/flags/0", r#""SCHED_RESET_ON_FORK""#, "RT-PROC-13 error"),
            ("/process/ioPriority/class", r#""IOPRIO_CLASS_NONE""#, "RT-PROC-14 error"),
            ("/process/ioPriority/priority", "8", "RT-PROC-14 error"),
            ("/process/ioPriority/priority", "-1", "RT-PROC-14 error"),
            ("/process/execCPUAffinity/initial", r#""0x7""#, "RT-PROC-15 error"),
            ("/process/execCPUAffinity/final", r#""""#, ""),
        ],
    );
}

// covers: RT-PLAT-01
#[test]
fn one_platform() {
    check(
        "linux",
        &[
            ("/zos", "{}", "RT-PLAT-01 error"),
            ("/freebsd", "{}", "RT-PLAT-01 error"),
            ("/solaris", "{}", "RT-PLAT-01 error"),
            ("/windows", r#"{"layerFolders":["C:\\a"]}"#, ""),
        ],
    );
    let windows = r#"{"layerFolders":["C:\\a"]}"#;
    let both = new_findings("zos", &[("/windows", windows)]);
    assert_eq!(both, ["RT-BUNDLE-05 error /root/path", "RT-PLAT-01 error /windows"]);
}

// covers: RT-HOOK-02
#[test]
fn hooks() {
    check(
        "linux",
        &[
            ("/hooks/prestart/0/path", r#""hook""#, "RT-HOOK-02 error"),
            ("/hooks/poststop/0/path", r#""""#, "RT-HOOK-02 error"),
            ("/hooks/prestart/0/timeout", "0", "RT-HOOK-02 error"),
            ("/hooks/prestart/0/timeout", "-5", "RT-HOOK-02 error"),
            ("/hooks/prestart/0/timeout", "1", ""),
        ],
    );
}

// covers: RT-ANN-01, RT-ANN-02, RT-ANN-03
#[test]
fn annotations() {
    check(
        "linux",
        &[
            ("/annotations", r#"{"":"1"}"#, "RT-ANN-01 error /annotations/"),
            ("/annotations", r#"{"com.example":""}"#, ""),
            ("/annotations/key", r#""1""#, "RT-ANN-02 warning"),
            ("/annotations/org.opencontainers.runc.x", r#""1""#, "RT-ANN-03 error"),
            ("/annotations/org.opencontainers.image.new", r#""1""#, "RT-ANN-03 error"),
            ("/annotations/org.opencontainers.image.os", r#""""#, "RT-ANN-03 error"),
            ("/annotations/org.opencontainers.image.os.features", r#""a,,b""#, "RT-ANN-03 error"),
            ("/annotations/org.opencontainers.image.stopSignal", r#""TERM""#, "RT-ANN-03 error"),
            ("/annotations/org.opencontainers.image.stopSignal", r#""9""#, ""),
            ("/annotations/org.opencontainers.image.created", r#""yesterday""#, "RT-ANN-03 error"),
            ("/annotations/org.opencontainers.image.created", r#""2026-01-02""#, "RT-ANN-03 error"),
            ("/annotations/org.opencontainers.image.created", r#""2026-01-02T03:04:05Z""#, ""),
            (
                "/annotations/org.opencontainers.image.created",
                r#""2026-01-02T03:04:05.Z""#,
                "RT-ANN-03 error",
            ),
            ("/annotations/org.opencontainers.imagex", r#""1""#, "RT-ANN-03 error"),
            ("/annotations/org.opencontainersx", r#""1""#, ""),
        ],
    );
}

// covers: RT-LINUX-02, RT-LINUX-03, RT-LINUX-04, RT-LINUX-05, RT-LINUX-06
#[test]
fn namespaces() {
    check(
        "linux",
        &[
            ("/linux/namespaces/0/type", r#""net""#, "RT-LINUX-02 error"),
            ("/linux/namespaces/0/path", r#""ns/pid""#, "RT-LINUX-03 error"),
            ("/linux/namespaces/1/type", r#""pid""#, "RT-LINUX-04 error /linux/namespaces/1"),
            ("/linux/namespaces", "null", ""),
            ("/linux/uidMappings/0/size", "0", "RT-LINUX-05 error /linux/uidMappings/0"),
            ("/linux/uidMappings/0/hostID", "4294967295", "RT-LINUX-05 error /linux/uidMappings/0"),
            (
                "/linux/gidMappings",
                r#"[{"containerID":0,"hostID":0,"size":2},{"containerID":1,"hostID":9,"size":1}]"#,
                "RT-LINUX-05 error /linux/gidMappings/1",
            ),
            ("/linux/timeOffsets/realtime", "{}", "RT-LINUX-06 error"),
            ("/linux/timeOffsets/boottime", r#"{"nanosecs":1000000000}"#, "RT-LINUX-06 error"),
        ],
    );
    let zos = [
        ("/zos/namespaces/0/type", r#""network""#, "RT-ZOS-01 error"),
        ("/zos/namespaces/1/type", r#""pid""#, "RT-ZOS-01 error /zos/namespaces/1"),
        ("/zos/namespaces/0/path", r#""x""#, "RT-ZOS-01 error"),
    ];
    check("zos", &zos);
}

// covers: RT-LINUX-08, RT-LINUX-10, RT-LINUX-12, RT-LINUX-14, RT-LINUX-17
#[test]
fn devices() {
    check(
        "linux",
        &[
            ("/linux/devices/0/type", r#""a""#, "RT-LINUX-08 error"),
            ("/linux/devices/0/type", r#""x""#, "RT-LINUX-08 error"),
            ("/linux/devices/0/path", r#""fuse""#, "RT-LINUX-08 error"),
            ("/linux/devices/0/major", "null", "RT-LINUX-08 error /linux/devices/0"),
            ("/linux/devices/1/type", r#""b""#, "RT-LINUX-08 error /linux/devices/1"),
            (
                "/linux/devices/1",
                r#"{"type":"c","path":"/dev/two","major":10,"minor":229}"#,
                "RT-LINUX-10 warning",
            ),
            ("/linux/netDevices/eth0", r#"{"name":"a/b"}"#, "RT-LINUX-12 error"),
            ("/linux/netDevices/eth0", r#"{"name":"sixteen-letters-"}"#, "RT-LINUX-12 error"),
            ("/linux/netDevices/eth0", r#"{"name":"ens4"}"#, "RT-LINUX-12 error"),
            ("/linux/netDevices/eth0", r#"{"name":"eth%d"}"#, ""),
            ("/linux/netDevices/..", "{}", "RT-LINUX-12 error"),
            ("/linux/cgroupsPath", r#""/a/../b""#, "RT-LINUX-14 warning"),
            ("/linux/cgroupsPath", r#""system.slice:runc:id""#, ""),
            ("/linux/resources/devices/1/type", r#""p""#, "RT-LINUX-17 error"),
            ("/linux/resources/devices/1/access", r#""rx""#, "RT-LINUX-17 error"),
            ("/linux/resources/devices/1/major", "-1", ""),
        ],
    );
}

// covers: RT-LINUX-18, RT-LINUX-19, RT-LINUX-20, RT-LINUX-21, RT-LINUX-24
#[test]
fn resources() {
    check(
        "linux",
        &[
            ("/linux/resources/memory/limit", "-2", "RT-LINUX-18 error"),
            ("/linux/resources/memory/limit", "-1", ""),
            ("/linux/resources/memory/swappiness", "101", "RT-LINUX-18 error"),
            (
                "/linux/resources/cpu/quota",
                "999999",
                "RT-LINUX-19 error /linux/resources/cpu/burst",
            ),
            ("/linux/resources/cpu/quota", "1000000", ""),
            ("/linux/resources/cpu/idle", "2", "RT-LINUX-19 error"),
            ("/linux/resources/cpu/cpus", r#""all""#, "RT-LINUX-19 error"),
            ("/linux/resources/pids/limit", "-2", "RT-LINUX-23 error"),
            ("/linux/resources/pids/limit", "0", ""),
            ("/linux/resources/pids/limit", "null", ""),
            ("/linux/resources/blockIO/weight", "9", "RT-LINUX-20 error"),
            ("/linux/resources/blockIO/leafWeight", "1001", "RT-LINUX-20 error"),
            (
                "/linux/resources/blockIO/weightDevice",
                r#"[{"major":8,"minor":0}]"#,
                "RT-LINUX-20 error /linux/resources/blockIO/weightDevice/0",
            ),
            ("/linux/resources/hugepageLimits/0/pageSize", r#""64kB""#, "RT-LINUX-21 error"),
            ("/linux/resources/hugepageLimits/0/pageSize", r#""MB""#, "RT-LINUX-21 error"),
            ("/linux/resources/hugepageLimits/0/pageSize", r#""0MB""#, "RT-LINUX-21 error"),
            ("/linux/resources/hugepageLimits/0/pageSize", r#""1GB""#, ""),
            ("/linux/resources/rdma/mlx5_1", "{}", "RT-LINUX-24 error"),
            ("/linux/resources/unified/..", r#""1""#, "RT-LINUX-25 error"),
            ("/linux/resources/unified/new.max", r#""1""#, ""),
        ],
    );
}

// covers: RT-LINUX-26, RT-LINUX-28, RT-LINUX-29, RT-LINUX-35, RT-LINUX-36, RT-LINUX-37
#[test]
fn linux_texts() {
    check(
        "linux",
        &[
            ("/linux/intelRdt/closID", r#""../x""#, "RT-LINUX-26 error"),
            ("/linux/intelRdt/closID", r#""a\nb""#, "RT-LINUX-26 error"),
            ("/linux/intelRdt/schemata/0", r#""L3:0=f\nMB:0=1""#, "RT-LINUX-26 error"),
            ("/linux/intelRdt/l3CacheSchema", r#""L2:0=f""#, "RT-LINUX-26 warning"),
            ("/linux/intelRdt/l3CacheSchema", r#""L3:0=f\n""#, "RT-LINUX-26 error"),
            ("/linux/intelRdt/memBwSchema", r#""L3:0=f""#, "RT-LINUX-26 error"),
            ("/linux/intelRdt/memBwSchema", r#""MB:0=1\n""#, "RT-LINUX-26 error"),
            ("/linux/memoryPolicy/mode", r#""BIND""#, "RT-LINUX-28 error"),
            ("/linux/memoryPolicy/flags/0", r#""STATIC""#, "RT-LINUX-28 error"),
            ("/linux/memoryPolicy/nodes", r#""""#, "RT-LINUX-28 error /linux/memoryPolicy"),
            ("/linux/memoryPolicy/nodes", r#""a""#, "RT-LINUX-28 error"),
            ("/linux/sysctl", r#"{"":"1"}"#, "RT-LINUX-29 error /linux/sysctl/"),
            ("/linux/sysctl", r#"{"a..b":"1"}"#, "RT-LINUX-29 error /linux/sysctl/a..b"),
            ("/linux/sysctl", r#"{"net/ipv4/conf/eth0.1/forwarding":"1"}"#, ""),
            ("/linux/rootfsPropagation", r#""everywhere""#, "RT-LINUX-35 error"),
            ("/linux/maskedPaths/0", r#""proc""#, "RT-LINUX-36 error"),
            ("/linux/readonlyPaths/0", r#""""#, "RT-LINUX-36 error"),
            ("/linux/personality/domain", r#""linux""#, "RT-LINUX-37 error"),
        ],
    );
}

// covers: RT-LINUX-30, RT-LINUX-31, RT-LINUX-32, RT-LINUX-33
#[test]
fn seccomp() {
    let syscall = "/linux/seccomp/syscalls/0";
    let at = |member: &str| format!("{syscall}/{member}");
    check(
        "linux",
        &[
            (
                "/linux/seccomp/defaultAction",
                r#""SCMP_ACT_ALLOW""#,
                "RT-LINUX-30 error /linux/seccomp/defaultErrnoRet",
            ),
            ("/linux/seccomp/defaultAction", r#""SCMP_ACT_TRACE""#, ""),
            ("/linux/seccomp/architectures/0", r#""SCMP_ARCH_Z80""#, "RT-LINUX-31 warning"),
            ("/linux/seccomp/flags/0", r#""LOG""#, "RT-LINUX-31 warning"),
            (&at("names"), "[]", "RT-LINUX-33 error"),
            (&at("names"), "null", "RT-LINUX-33 error"),
            (&at("action"), r#""SCMP_ACT_KILL""#, &format!("RT-LINUX-33 error {}", at("errnoRet"))),
            (&at("args/0/index"), "6", "RT-LINUX-33 error"),
            (&at("args/0/op"), r#""EQ""#, "RT-LINUX-33 error"),
        ],
    );
    let unknown = new_findings("linux", &[("/linux/seccomp/defaultAction", r#""SCMP_ACT_HOP""#)]);
    assert_eq!(
        unknown,
        [
            "RT-LINUX-30 error /linux/seccomp/defaultAction",
            "RT-LINUX-30 error /linux/seccomp/defaultErrnoRet"
        ]
    );
    let listener = new_findings("linux", &[("/linux/seccomp/listenerPath", "null")]);
    assert_eq!(
        listener,
        ["RT-LINUX-32 error /linux/seccomp/listenerMetadata", "RT-LINUX-32 warning /linux/seccomp"]
    );
}

// covers: RT-WIN-01, RT-WIN-02, RT-WIN-03, RT-VM-01, RT-BSD-02, RT-BSD-03
#[test]
fn other_platforms() {
    check(
        "windows",
        &[
            ("/windows/layerFolders", "[]", "RT-WIN-01 error"),
            ("/windows/layerFolders", "null", "RT-WIN-01 error"),
            ("/windows/devices/0/idType", r#""vpci""#, "RT-WIN-02 error"),
            ("/windows/resources/cpu/shares", "10001", "RT-WIN-03 error"),
            ("/windows/resources/cpu/maximum", "10001", "RT-WIN-03 error"),
        ],
    );
    check(
        "vm",
        &[
            ("/vm/hypervisor/path", r#""vmm""#, "RT-VM-01 error"),
            ("/vm/kernel/path", r#""""#, "RT-VM-01 error"),
            ("/vm/kernel/initrd", r#""initrd""#, "RT-VM-01 error"),
            ("/vm/image/path", r#""image""#, "RT-VM-01 error"),
            ("/vm/image/format", r#""iso""#, "RT-VM-01 error"),
        ],
    );
    check(
        "freebsd",
        &[
            ("/freebsd/devices/0/path", r#""""#, "RT-BSD-02 error"),
            ("/freebsd/devices/0/path", r#""/dev/pf""#, "RT-BSD-02 error"),
            ("/freebsd/jail/vnet", r#""disable""#, "RT-BSD-03 error"),
            ("/freebsd/jail/host", r#""disable""#, "RT-BSD-03 error"),
            ("/freebsd/jail/ip4", r#""disable""#, ""),
            ("/freebsd/jail/sysvshm", r#""share""#, "RT-BSD-03 error"),
            ("/freebsd/jail/enforceStatfs", "3", "RT-BSD-03 error"),
        ],
    );
}

// covers: RT-STATE-02, RT-STATE-05, RT-STATE-06, RT-STATE-08, RT-LINUX-34
#[test]
fn states() {
    check(
        "state",
        &[
            ("/ociVersion", r#""one""#, "RT-STATE-02 error"),
            ("/id", r#""""#, "RT-STATE-02 error"),
            ("/bundle", r#""redis""#, "RT-STATE-02 error"),
            ("/status", r#""paused""#, ""),
            ("/pid", "null", "RT-STATE-05 error -"),
            ("/pid", "0", "RT-STATE-05 error -"),
            ("/pid", "-1", "RT-STATE-08 error"),
            ("/annotations", r#"{"":""}"#, "RT-STATE-06 error /annotations/"),
        ],
    );
    assert!(new_findings("state", &[("/status", r#""stopped""#), ("/pid", "0")]).is_empty());
    check(
        "container-process-state",
        &[
            ("/ociVersion", r#""1""#, "RT-LINUX-34 error"),
            ("/fds", "[]", "RT-LINUX-34 error"),
            ("/pid", "0", "RT-LINUX-34 error"),
            ("/state/id", r#""""#, "RT-STATE-02 error"),
        ],
    );
}

// covers: RT-FEAT-03, RT-FEAT-04, RT-FEAT-05, RT-FEAT-07, RT-FEAT-08, RT-FEAT-11
#[test]
fn features() {
    check(
        "features",
        &[
            ("/ociVersionMin", r#""1""#, "RT-FEAT-03 error"),
            ("/ociVersionMin", r#""1.3.1""#, "RT-FEAT-03 error /ociVersionMax"),
            ("/ociVersionMax", r#""1.0.0-rc.1""#, "RT-FEAT-03 error"),
            ("/ociVersionMin", r#""1.3.0-rc.1""#, ""),
            ("/news", "1", "RT-FEAT-04 warning"),
            ("/linux/news", "1", "RT-FEAT-04 warning"),
            ("/hooks", r#"["postDelete"]"#, "RT-FEAT-05 warning"),
            ("/hooks", "[]", ""),
            ("/annotations", r#"{"":"1"}"#, "RT-FEAT-07 error /annotations/"),
            ("/potentiallyUnsafeConfigAnnotations", r#"[""]"#, "RT-FEAT-08 error"),
            (
                "/linux/seccomp/supportedFlags",
                r#"["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]"#,
                "RT-FEAT-11 error",
            ),
        ],
    );
    let later = [("/ociVersionMax", r#""1.4.0""#), ("/news", "1")];
    assert!(new_findings("features", &later).is_empty());
}
