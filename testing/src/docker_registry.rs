//! Debian's `docker-registry`, for interoperability tests and comparisons.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `docker-registry` on a free port of 127.0.0.1, stopped when dropped.
#[derive(Debug)]
pub struct DockerRegistry {
    child: Child,
    host: String,
}

impl DockerRegistry {
    /// Starts one that keeps its files in `directory`. `settings` are further lines of its configuration;
    /// those that begin with two spaces belong to `http`.
    ///
    /// # Errors
    /// If it cannot be run, or ends before it listens.
    pub fn start(directory: &Path, settings: &str) -> io::Result<Self> {
        let config = directory.join("registry.yml");
        let storage = directory.join("registry");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp:\n  addr: 127.0.0.1:0\n{settings}\n",
            storage.display()
        );
        fs::write(&config, text)?;
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = child.stderr.take();
        // From here on it is stopped when dropped.
        let mut registry = Self { child, host: String::new() };
        let mut log = BufReader::new(log.ok_or(io::ErrorKind::BrokenPipe)?).lines();
        for line in log.by_ref() {
            let line = line?;
            let host = line.split_once("listening on ").map(|(_, rest)| rest);
            if let Some(host) = host.and_then(|rest| rest.split(['"', ' ', ',']).next()) {
                registry.host = host.to_owned();
                // It blocks when its log is not read.
                std::thread::spawn(move || log.for_each(drop));
                return Ok(registry);
            }
        }
        Err(io::Error::other("docker-registry ended before it listened"))
    }

    /// Where it listens.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
