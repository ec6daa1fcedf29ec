//! Debian's `docker-registry`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Debian's `docker-registry` on a free port of 127.0.0.1, stopped when dropped.
pub(crate) struct DockerRegistry {
    child: Child,
    port: u16,
}

impl DockerRegistry {
    /// It keeps its files in `directory`.
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_with(directory, "")
    }

    /// `settings` are further lines of its configuration.
    pub(crate) fn start_with(directory: &Path, settings: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = directory.join("registry.yml");
        let storage = directory.join("registry");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n{settings}\n",
            storage.display()
        );
        fs::write(&config, text).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = log.by_ref().any(|line| line.unwrap().contains("listening on"));
        assert!(listening, "docker-registry did not start");
        std::thread::spawn(move || log.for_each(drop));
        Self { child, port }
    }

    /// Where it listens.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
