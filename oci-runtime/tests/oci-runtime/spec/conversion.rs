use oci_image::{Config, json};
use oci_runtime::Spec;
use oci_runtime::spec::{Conversion, ConversionError, Users};
use proptest::prelude::*;

fn config(execution: &str, more: &str) -> Config {
    let text = format!(
        r#"{{"architecture":"arm64","os":"linux","config":{execution},"rootfs":{{"type":"layers","diff_ids":[]}}{more}}}"#
    );
    json::from_slice(text.as_bytes()).unwrap()
}

fn convert(config: &Config) -> Spec {
    Conversion::new(config).build().unwrap()
}

// covers: IMG-CONV-01, IMG-CONV-03
#[test]
fn the_command_is_taken_verbatim() {
    let execution = r#"{"Entrypoint":["/e","-x"],"Cmd":["c",""],"WorkingDir":"/a/../b",
        "Env":["B=2","A=1","PATH=/bin","B=3"]}"#;
    let process = convert(&config(execution, "")).process.unwrap();
    assert_eq!(process.args, ["/e", "-x", "c", ""]);
    assert_eq!(process.env, ["B=2", "A=1", "PATH=/bin", "B=3"]);
    assert_eq!(process.cwd, "/a/../b");
}

// covers: IMG-CONV-02, IMG-CONV-04
#[test]
fn defaults_add_and_do_not_change() {
    let process = convert(&config(r#"{"Env":["A=1"],"WorkingDir":""}"#, "")).process.unwrap();
    assert_eq!(process.env.first().unwrap(), "A=1");
    assert!(process.env.iter().skip(1).all(|entry| entry.starts_with("PATH=")));
    assert_eq!(process.cwd, "/");
    assert!(process.args.is_empty());

    let mut base = Spec::linux_default();
    base.process.as_mut().unwrap().env = vec!["A=base".into(), "Z=base".into()];
    base.annotations.insert("org.example".into(), "base".into());
    let image = config(r#"{"Env":["A=1"]}"#, "");
    let spec = Conversion::new(&image).base(base).build().unwrap();
    assert_eq!(spec.process.unwrap().env, ["A=1", "Z=base"]);
    assert_eq!(spec.annotations["org.example"], "base");
}

// covers: IMG-CONV-05
#[test]
fn the_config_speaks_of_itself_in_annotations() {
    let more = r#","variant":"v8","os.version":"1","os.features":["x","y"],"author":"me",
        "created":"2026-01-01T00:00:00Z""#;
    let spec = convert(&config(r#"{"StopSignal":"SIGINT","Labels":{"org.example":"1"}}"#, more));
    let expected = [
        ("org.example", "1"),
        ("org.opencontainers.image.architecture", "arm64"),
        ("org.opencontainers.image.author", "me"),
        ("org.opencontainers.image.created", "2026-01-01T00:00:00Z"),
        ("org.opencontainers.image.os", "linux"),
        ("org.opencontainers.image.os.features", "x,y"),
        ("org.opencontainers.image.os.version", "1"),
        ("org.opencontainers.image.stopSignal", "SIGINT"),
        ("org.opencontainers.image.variant", "v8"),
    ];
    let found: Vec<_> = spec.annotations.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(found, expected);
}

// covers: IMG-CONV-06, IMG-CONV-14
#[test]
fn a_label_beats_what_the_config_says() {
    let execution = r#"{"ExposedPorts":{"80/tcp":{}},"Labels":{
        "org.opencontainers.image.author":"label","org.opencontainers.image.exposedPorts":"label"}}"#;
    let config = config(execution, r#","author":"config""#);
    let spec = Conversion::new(&config).exposed_ports().build().unwrap();
    assert_eq!(spec.annotations["org.opencontainers.image.author"], "label");
    assert_eq!(spec.annotations["org.opencontainers.image.exposedPorts"], "label");
}

// covers: IMG-CONV-11
#[test]
fn exposed_ports_become_an_annotation_on_request() {
    let config = config(r#"{"ExposedPorts":{"80/tcp":{},"53/udp":{},"8080":{}}}"#, "");
    let key = "org.opencontainers.image.exposedPorts";
    assert_eq!(convert(&config).annotations.get(key), None);
    let spec = Conversion::new(&config).exposed_ports().build().unwrap();
    assert_eq!(spec.annotations[key], "53/udp,80/tcp,8080");
}

// covers: IMG-CONV-12
#[test]
fn volumes_become_mounts_on_request() {
    let config = config(r#"{"Volumes":{"/data":{},"/srv/x":{}}}"#, "");
    let before = convert(&config).mounts;
    let after = Conversion::new(&config).volumes_as_tmpfs().build().unwrap().mounts;
    let added = after.strip_prefix(before.as_slice()).unwrap();
    let places: Vec<_> = added.iter().map(|mount| mount.destination.as_str()).collect();
    assert_eq!(places, ["/data", "/srv/x"]);
    assert!(added.iter().all(|mount| mount.r#type.as_deref() == Some("tmpfs")));
}

#[test]
fn volumes_that_no_container_owns_are_refused() {
    for path in ["/", "data", "", "/a/../../etc", "//proc/self", "/./sys", "/dev", "/data/.."] {
        let config = config(&format!(r#"{{"Volumes":{{"{path}":{{}}}}}}"#), "");
        let error = Conversion::new(&config).volumes_as_tmpfs().build().unwrap_err();
        assert_eq!(error, ConversionError::Volume { path: path.into() });
        assert!(Conversion::new(&config).build().is_ok());
    }
}

#[test]
fn a_windows_user_is_a_name() {
    let mut config = config(r#"{"User":"ContainerUser"}"#, "");
    config.os = "windows".into();
    let spec = convert(&config);
    let user = spec.process.unwrap().user.unwrap();
    assert_eq!((user.username.as_deref(), user.uid), (Some("ContainerUser"), None));
    assert!(spec.windows.is_some() && spec.linux.is_none());
}

#[test]
fn labels_that_instruct_runtimes_do_not_become_annotations() {
    for label in [
        "run.oci.handler",
        "org.systemd.property.ExecStartPre",
        "io.katacontainers.config.hypervisor.path",
        "dev.gvisor.flag.network",
        "cdi.k8s.io/gpu",
        "io.kubernetes.cri-o.Devices",
        "org.opencontainers.runc.state",
        "org.opencontainers.imagex",
    ] {
        let spec = convert(&config(&format!(r#"{{"Labels":{{"{label}":"1"}}}}"#), ""));
        assert!(!spec.annotations.contains_key(label), "{label}");
    }
    let kept = r#"{"Labels":{"org.opencontainers.image.title":"t","maintainer":"m"}}"#;
    let annotations = convert(&config(kept, "")).annotations;
    assert_eq!(annotations["org.opencontainers.image.title"], "t");
    assert_eq!(annotations["maintainer"], "m");
}

prop_compose! {
    fn any_config()(
        text in proptest::collection::vec("\\PC{0,12}", 6),
        reserved in 0..Conversion::RESERVED.len(),
        host in prop_oneof!["/etc", "/proc/1/ns/net", "/var/run/docker.sock", "/dev/sda"],
    ) -> Config {
        let mut config = config("{}", "");
        let execution = config.config.as_mut().unwrap();
        execution.env = text.clone();
        execution.cmd = vec![host.clone(), text[0].clone()];
        execution.working_dir = Some(host.clone());
        execution.labels.insert(text[1].clone(), host.clone());
        execution.labels.insert(format!("{}{}", Conversion::RESERVED[reserved], text[2]), host.clone());
        execution.volumes.insert(host, json::Value::Object(Default::default()));
        execution.stop_signal = Some(text[3].clone());
        config.author = Some(text[4].clone());
        config.variant = Some(text[5].clone());
        config
    }
}

proptest! {
    // covers: IMG-CONV-13
    #[test]
    fn an_image_decides_only_what_it_may(config in any_config()) {
        let mut spec = Conversion::new(&config).exposed_ports().build().unwrap();
        for name in spec.annotations.keys() {
            prop_assert!(!Conversion::is_reserved(name), "{}", name);
        }
        let base = Spec::linux_default();
        let (process, plain) = (spec.process.as_mut().unwrap(), base.process.clone().unwrap());
        (process.args, process.env, process.cwd) = (plain.args, plain.env, plain.cwd);
        spec.annotations.clear();
        prop_assert_eq!(spec, base);
    }

    #[test]
    fn any_user_text_converts_or_is_refused(text in "\\PC{0,16}") {
        let mut config = config("{}", "");
        config.config.as_mut().unwrap().user = Some(text.clone());
        let users = Users::new("root:x:0:0::/:\n", "");
        let Ok(spec) = Conversion::new(&config).users(users).build() else { return Ok(()) };
        let root = matches!(text.split(':').next(), Some("" | "0" | "root"));
        prop_assert_eq!(spec.process.unwrap().user.unwrap().uid == Some(0), root);
    }
}
