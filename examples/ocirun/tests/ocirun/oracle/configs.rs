//! Two hundred configurations: each change by itself, and pairs of them.

use serde_json::{Value, json};

/// A change of a configuration, by name.
type Change = (&'static str, fn(&mut Value));

/// One or two changes.
pub(super) struct Config(Vec<Change>);

const COUNT: usize = 200;

/// Each change alone, and then pairs: the first with the second, the second with the third, and so on with growing distance.
pub(super) fn all() -> Vec<Config> {
    let single = CHANGES.iter().map(|change| Config(vec![*change]));
    let pairs = (1..CHANGES.len()).flat_map(|distance| {
        let partner = move |index: usize| CHANGES[(index + distance) % CHANGES.len()];
        CHANGES.iter().enumerate().map(move |(index, change)| Config(vec![*change, partner(index)]))
    });
    single.chain(pairs).take(COUNT).collect()
}

impl Config {
    pub(super) fn apply(&self, config: &mut Value) {
        self.0.iter().for_each(|(_, change)| change(config));
    }

    pub(super) fn names(&self) -> String {
        self.0.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" and ")
    }
}

fn push(config: &mut Value, pointer: &str, value: Value) {
    config.pointer_mut(pointer).unwrap().as_array_mut().unwrap().push(value);
}

fn drop_namespace(config: &mut Value, kind: &str) {
    let namespaces = config.pointer_mut("/linux/namespaces").unwrap().as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != kind);
}

fn mount(config: &mut Value, value: Value) {
    push(config, "/mounts", value);
}

const CHANGES: &[Change] = &[
    ("nothing", |_| {}),
    ("a user", |config| config["process"]["user"] = json!({ "uid": 7, "gid": 8 })),
    ("groups", |config| {
        config["process"]["user"] = json!({ "uid": 0, "gid": 0, "additionalGids": [10, 20] });
    }),
    ("a umask", |config| config["process"]["user"]["umask"] = 0o077.into()),
    ("no capabilities", |config| {
        config["process"]["capabilities"] = json!({});
    }),
    ("ambient capabilities", |config| {
        let set = json!(["CAP_NET_RAW", "CAP_KILL"]);
        config["process"]["capabilities"] = json!({
            "bounding": set, "effective": set, "permitted": set, "inheritable": set, "ambient": set
        });
    }),
    ("no no_new_privs", |config| config["process"]["noNewPrivileges"] = false.into()),
    ("a limit of descriptors", |config| {
        let limit = json!({ "type": "RLIMIT_NOFILE", "soft": 100, "hard": 200 });
        config["process"]["rlimits"] = json!([limit]);
    }),
    ("limits", |config| {
        config["process"]["rlimits"] = json!([
            { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 },
            { "type": "RLIMIT_NPROC", "soft": 500, "hard": 600 },
            { "type": "RLIMIT_STACK", "soft": 8_388_608, "hard": 16_777_216 }
        ]);
    }),
    ("an oom score", |config| config["process"]["oomScoreAdj"] = 500.into()),
    ("variables", |config| {
        push(config, "/process/env", "A=1".into());
        push(config, "/process/env", "A=2".into());
        push(config, "/process/env", "EMPTY=".into());
    }),
    ("a home", |config| push(config, "/process/env", "HOME=/else".into())),
    ("a working directory", |config| config["process"]["cwd"] = "/tmp/made".into()),
    ("a host name", |config| config["hostname"] = "inside".into()),
    ("a read-only root", |config| config["root"]["readonly"] = true.into()),
    ("a writable root", |config| config["root"]["readonly"] = false.into()),
    ("a bind mount", |config| {
        mount(
            config,
            json!({
                "destination": "/data", "type": "bind", "source": "data",
                "options": ["rbind", "ro", "nosuid", "nodev"]
            }),
        );
    }),
    ("a private bind mount", |config| {
        mount(
            config,
            json!({
                "destination": "/tmp/a", "source": "data", "options": ["bind", "rprivate", "noexec"]
            }),
        );
    }),
    ("a tmpfs", |config| {
        mount(
            config,
            json!({
                "destination": "/run", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "noexec", "mode=755", "size=1m"]
            }),
        );
    }),
    ("a read-only tmpfs", |config| {
        mount(
            config,
            json!({
                "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "mode=1777"]
            }),
        );
    }),
    ("a device", |config| {
        config["linux"]["devices"] = json!([{
            "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 432,
            "uid": 7, "gid": 8
        }]);
    }),
    ("rules for devices", |config| {
        push(
            config,
            "/linux/resources/devices",
            json!({
                "allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"
            }),
        );
    }),
    ("memory", |config| config["linux"]["resources"]["memory"] = json!({ "limit": 67_108_864 })),
    ("processes", |config| config["linux"]["resources"]["pids"] = json!({ "limit": 50 })),
    ("processor time", |config| {
        let cpu = json!({ "shares": 512, "quota": 50_000, "period": 100_000 });
        config["linux"]["resources"]["cpu"] = cpu;
    }),
    ("one processor", |config| config["linux"]["resources"]["cpu"] = json!({ "cpus": "0" })),
    ("masked paths", |config| {
        config["linux"]["maskedPaths"] = json!(["/proc/kcore", "/tmp", "/nosuch"]);
    }),
    ("read-only paths", |config| {
        config["linux"]["readonlyPaths"] = json!(["/proc/sys", "/etc", "/nosuch"]);
    }),
    ("kernel parameters", |config| {
        config["linux"]["sysctl"] = json!({ "net.ipv4.ip_forward": "1", "kernel.msgmax": "4096" });
    }),
    ("a filter", |config| {
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{ "names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5 }]
        });
    }),
    ("no network namespace", |config| drop_namespace(config, "network")),
    ("no ipc namespace", |config| drop_namespace(config, "ipc")),
    ("no process namespace", |config| drop_namespace(config, "pid")),
    ("a cgroup namespace", |config| {
        push(config, "/linux/namespaces", json!({ "type": "cgroup" }));
    }),
    ("a user namespace", |config| {
        push(config, "/linux/namespaces", json!({ "type": "user" }));
        let all = json!([{ "containerID": 0, "hostID": 0, "size": 65_536 }]);
        config["linux"]["uidMappings"] = all.clone();
        config["linux"]["gidMappings"] = all;
    }),
    ("propagation", |config| config["linux"]["rootfsPropagation"] = "rslave".into()),
    ("private propagation", |config| config["linux"]["rootfsPropagation"] = "rprivate".into()),
    ("a hook", |config| {
        let line = "echo hooked > /tmp/hooked";
        config["hooks"] = json!({
            "createContainer": [{ "path": "/bin/sh", "args": ["sh", "-c", line] }]
        });
    }),
    ("annotations", |config| config["annotations"] = json!({ "org.example.a": "b" })),
    ("no uts namespace", |config| {
        drop_namespace(config, "uts");
        config.as_object_mut().unwrap().remove("hostname");
    }),
];
