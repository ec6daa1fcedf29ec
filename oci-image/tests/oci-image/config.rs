use std::collections::BTreeMap;

use oci_image::Config;
use oci_image::json::{self, Map, Value};

/// What Docker writes, with its many empty values.
const DOCKER: &str = r#"{"architecture":"amd64","os":"linux","config":{"Hostname":"","Domainname":"","User":"0:0","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"ExposedPorts":{"80/tcp":{}},"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/bin"],"Cmd":["nginx","-g"],"Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":30000000000,"StartInterval":5,"Retries":3},"ArgsEscaped":true,"Image":"sha256:1","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":[],"Labels":{"maintainer":"x"},"StopSignal":"SIGQUIT","StopTimeout":10,"Shell":["/bin/bash","-c"],"Memory":1,"MemorySwap":-1,"CpuShares":512},"rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":"x","empty_layer":true}],"container":"c0ffee","container_config":{"Hostname":"c0ffee","Cmd":["/bin/sh"],"com.example":1.0},"docker_version":"20.10.7","moby.buildkit.buildinfo.v1":"e30="}"#;

// covers: IMG-CFG-02, IMG-CFG-15, IMG-CFG-16, IMG-CFG-21, IMG-GEN-02
#[test]
fn what_docker_writes_is_written_unchanged() {
    let config: Config = json::from_slice(DOCKER.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(json::to_vec(&config).unwrap()).unwrap(), DOCKER);
    let run = config.config.unwrap();
    assert_eq!(run.healthcheck.unwrap().retries, Some(3));
    assert_eq!((run.args_escaped, run.memory_swap), (Some(true), Some(-1)));
    assert_eq!(run.shell, ["/bin/bash", "-c"]);
    assert_eq!(config.container_config.unwrap().hostname.as_deref(), Some("c0ffee"));
}

// covers: IMG-CFG-04, IMG-CFG-05, IMG-CFG-17, IMG-CFG-19
#[test]
fn required_members_are_required() {
    let whole = r#"{"architecture":"a","os":"o","rootfs":{"type":"layers","diff_ids":[]}}"#;
    assert!(json::from_slice::<Config>(whole.as_bytes()).is_ok());
    for member in ["architecture", "os", "rootfs", "type", "diff_ids"] {
        let text = whole.replace(&format!("\"{member}\""), "\"other\"");
        let error = json::from_slice::<Config>(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("missing field `{member}`")), "{error}");
    }
}

// covers: IMG-CFG-19
#[test]
fn diff_ids_are_digests() {
    let text = r#"{"architecture":"a","os":"o","rootfs":{"type":"layers","diff_ids":["latest"]}}"#;
    let error = json::from_slice::<Config>(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("/rootfs/diff_ids/0"), "{error}");
}

// covers: IMG-CFG-03, IMG-CFG-06, IMG-CFG-07, IMG-CFG-08, IMG-CFG-09, IMG-CFG-10, IMG-CFG-11, IMG-CFG-12, IMG-CFG-13, IMG-CFG-14, IMG-CFG-20
#[test]
fn optional_members_are_read_by_their_names() {
    let text = r#"{"created":"2015-10-31T22:22:56Z","author":"a","architecture":"arm64","os":"windows","os.version":"10","os.features":["win32k"],"variant":"v8","config":{"User":"u:g","ExposedPorts":{"1/udp":{}},"Env":["A=B"],"Cmd":["c"],"Volumes":{"/v":{}},"WorkingDir":"/w","Entrypoint":["e"],"Labels":{"l":"m"},"StopSignal":"SIGTERM"},"rootfs":{"type":"layers","diff_ids":[]},"history":[{"created":"2015-10-31T22:22:54Z","author":"b","created_by":"c","comment":"d","empty_layer":false}]}"#;
    let config: Config = json::from_slice(text.as_bytes()).unwrap();
    assert_eq!(json::to_vec(&config).unwrap(), text.as_bytes());
    assert_eq!(config.os_version.as_deref(), Some("10"));
    assert_eq!(config.os_features, ["win32k"]);
    let run = config.config.unwrap();
    let empty = || Value::Object(BTreeMap::new());
    assert_eq!(run.exposed_ports, Map::from([("1/udp".into(), empty())]));
    assert_eq!(run.volumes, Map::from([("/v".into(), empty())]));
    assert_eq!((run.entrypoint, run.cmd), (vec!["e".into()], vec!["c".into()]));
    assert_eq!(config.history[0].empty_layer, Some(false));
    for member in ["created", "author", "variant", "config", "history", "os.features", "os.version"]
    {
        let null =
            r#"{"architecture":"a","os":"o","rootfs":{"type":"layers","diff_ids":[]},"X":null}"#;
        let text = null.replace('X', member);
        let config: Config = json::from_slice(text.as_bytes()).unwrap();
        let again: Config = json::from_slice(&json::to_vec(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }
}
