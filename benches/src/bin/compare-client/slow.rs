//! Pulls over connections that are slow, from our registry.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use oci_registry::{Fault, Server, Store};
use tokio::runtime::Runtime;

use crate::ours;
use crate::table::Table;
use crate::{check, image, time};

/// One large blob at 20 MB/s a connection, over eight connections and over one.
pub(crate) fn large(mebibytes: u64, rounds: u64, table: &mut Table) {
    let slow = || Fault::slow_body("/blobs/", 200_000, Duration::from_millis(10));
    let registry = Slow::with_image(mebibytes << 20, 1);
    registry.server.registry().add_faults([slow()]);
    for _ in 0..rounds {
        registry.pull("20 MB/s a connection", "skopeo", None, table);
        registry.pull("20 MB/s a connection", "ours, one connection", Some("1"), table);
        registry.pull("20 MB/s a connection", "ours, eight connections", Some("8"), table);
    }
}

/// 500 small blobs from a registry that takes 20 ms for each answer.
pub(crate) fn small(rounds: u64, table: &mut Table) {
    let registry = Slow::with_image(500 * 1024, 500);
    registry.server.registry().add_faults([Fault::delay("/v2/", Duration::from_millis(20))]);
    for _ in 0..rounds {
        registry.pull("500 small blobs, 20 ms", "skopeo", None, table);
        registry.pull("500 small blobs, 20 ms", "ours", Some("4"), table);
    }
}

/// A registry that has an image.
struct Slow {
    server: Server,
    digest: oci_image::Digest,
    _runtime: Runtime,
}

impl Slow {
    fn with_image(bytes: u64, layers: u64) -> Self {
        let runtime = ours::runtime();
        let bound = oci_registry::serve(Store::memory()).bind("127.0.0.1:0");
        let server = runtime.block_on(bound).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let digest = image(&directory.path().join("source"), bytes, layers);
        ours::push(&directory.path().join("source"), &server.address().to_string());
        Self { server, digest, _runtime: runtime }
    }

    /// By our client with this many parts at once, or by skopeo.
    fn pull(&self, what: &'static str, who: &'static str, parts: Option<&str>, table: &mut Table) {
        let directory = tempfile::tempdir().unwrap();
        let layout = directory.path().join("layout");
        let host = self.server.address().to_string();
        let mut command = match parts {
            Some(parts) => command_of_ours(&host, &layout, parts),
            None => {
                let mut skopeo = Command::new("skopeo");
                let from = format!("docker://{host}/image:v1");
                let to = format!("oci:{}:v1", layout.display());
                skopeo.args(["copy", "--quiet", "--src-tls-verify=false", &from, &to]);
                skopeo
            }
        };
        table.note(what, who, time(&mut command));
        check(&layout, &self.digest);
    }
}

fn command_of_ours(host: &str, layout: &Path, parts: &str) -> Command {
    let mut own = Command::new(std::env::current_exe().unwrap());
    own.args(["pull", host]).arg(layout).args(["relaxed", parts]);
    own
}
