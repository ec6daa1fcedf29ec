//! Debian's `containerd`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use oci_testing::program::{Done, run_with};

/// A containerd with everything in a directory of its own, stopped when dropped.
pub(crate) struct Containerd {
    child: Child,
    socket: PathBuf,
}

impl Containerd {
    /// It keeps its files in `directory`.
    pub(crate) fn start(directory: &Path) -> Self {
        let place = |name: &str| directory.join(name).display().to_string();
        let socket = directory.join("containerd.sock");
        let config = format!(
            "version = 2\nroot = '{}'\nstate = '{}'\ndisabled_plugins = [{}]\n[grpc]\naddress = '{}'\n",
            place("containerd"),
            place("containerd-state"),
            // What writes to places of the system, or runs what it finds.
            "'io.containerd.grpc.v1.cri', 'io.containerd.internal.v1.opt', 'io.containerd.internal.v1.restart'",
            socket.display()
        );
        std::fs::write(directory.join("containerd.toml"), config).unwrap();
        let mut child = Command::new("containerd")
            .arg("--config")
            .arg(directory.join("containerd.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let booted = log.by_ref().any(|line| line.unwrap().contains("successfully booted"));
        assert!(booted, "containerd did not start");
        std::thread::spawn(move || log.for_each(drop));
        Self { child, socket }
    }

    /// Runs `ctr images`.
    pub(crate) fn images(&self, arguments: &[&str]) -> Done {
        run_with(
            Command::new("ctr").arg("--address").arg(&self.socket).arg("images").args(arguments),
        )
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
