//! `oci-serve` on free ports of 127.0.0.1, stopped when dropped.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use oci_testing::program::run;
use rustix::process::{Pid, Signal, kill_process};

pub(crate) struct Server {
    child: Child,
    errors: BufReader<ChildStderr>,
    /// HOST:PORT of the registry.
    pub(crate) host: String,
    /// HOST:PORT of the metrics.
    pub(crate) metrics: String,
}

impl Server {
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oci-serve"))
            .args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, errors, host: String::new(), metrics: String::new() };
        let metrics = server.line();
        let host = server.line();
        server.metrics = metrics.trim_start_matches("metrics at ").to_owned();
        server.host = host.rsplit_once('/').unwrap().1.to_owned();
        server
    }

    /// The next line of its standard error.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.errors.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it by SIGTERM; its exit code and what it printed.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        (self.child.wait().unwrap().code(), printed)
    }

    /// How it ended, by itself.
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub(crate) fn scrape(&self) -> String {
        run("curl", &["-sS", "--fail", "--noproxy", "*", &self.metrics]).good()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of users with one, who is alice.
pub(crate) fn users(file: &Path, password: &str) {
    let file = file.to_str().unwrap();
    run("htpasswd", &["-cbB", "-C", "4", file, "alice", password]).good();
}

/// A certificate for 127.0.0.1, its own authority, and its key.
pub(crate) fn certificate(directory: &Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (chain, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (chain.to_str().unwrap().to_owned(), key.to_str().unwrap().to_owned())
}

/// Asks again until it is so, and fails after a thousand times.
#[track_caller]
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) {
    assert!((0..1000).any(|_| is_so()), "it does not become so");
}
