//! Debian's `containerd`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program::{Done, run_with};

const SOCKET: &str = "containerd.sock";

/// A containerd with everything in a directory of its own, stopped when dropped.
#[derive(Debug)]
pub struct Containerd {
    child: Child,
    directory: PathBuf,
}

impl Containerd {
    /// It keeps its files in `directory`.
    pub fn start(directory: &Path) -> Self {
        let place = |name: &str| directory.join(name).display().to_string();
        let socket = directory.join(SOCKET);
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
        Self { child, directory: directory.to_owned() }
    }

    /// Its `ctr`.
    pub fn ctr(&self, arguments: &[&str]) -> Command {
        let mut ctr = Command::new("ctr");
        ctr.arg("--address").arg(self.directory.join(SOCKET)).args(arguments);
        ctr
    }

    /// Runs `ctr images`.
    pub fn images(&self, arguments: &[&str]) -> Done {
        run_with(self.ctr(&["images"]).args(arguments))
    }

    /// Unpacks the image `v1` of an oci-archive and has its files read, unless it refuses them.
    pub fn unpack<T>(&self, archive: &Path, read: impl FnOnce(&Path) -> T) -> Option<T> {
        const NAME: &str = "example.org/unpacked";
        let archive = archive.display().to_string();
        let import = ["import", "--snapshotter", "native", "--base-name", NAME, &archive];
        let is_unpacked = self.images(&import).code == Some(0);
        let files = is_unpacked.then(|| read(&self.last_snapshot()));
        self.images(&["remove", "--sync", &format!("{NAME}:v1")]);
        files
    }

    fn last_snapshot(&self) -> PathBuf {
        let all = self.directory.join("containerd/io.containerd.snapshotter.v1.native/snapshots");
        let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
        let all = std::fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path());
        all.max_by_key(number).unwrap()
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
