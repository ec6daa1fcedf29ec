use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use oci_digest::Digest;
use oci_registry::Store;
use oci_testing::docker_registry::DockerRegistry;

use crate::load::{Request, manifest};

/// A server, which ends with this.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) host: String,
    running: Running,
}

enum Running {
    Process(Child),
    /// With its settings, by which its workers are ended, too.
    Nginx(Child, PathBuf),
    Docker(#[expect(dead_code, reason = "it ends when it is dropped")] DockerRegistry),
}

impl Server {
    /// This program, as a registry over a directory.
    pub(crate) fn ours(directory: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("serve")
            .arg(directory.join("ours"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut host = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut host).unwrap();
        let host = host.trim_end().to_owned();
        Self { name: "ours", host, running: Running::Process(child) }
    }

    pub(crate) fn docker(directory: &Path) -> Self {
        let registry = DockerRegistry::start(directory, "").unwrap();
        let host = registry.host().to_owned();
        Self { name: "docker-registry", host, running: Running::Docker(registry) }
    }

    /// nginx with the files that the registries answer with. It takes no pushes.
    pub(crate) fn nginx(directory: &Path, blob: &[u8]) -> Self {
        let root = directory.join("nginx");
        for (path, content) in [
            ("v2/a/manifests/v1".to_owned(), manifest(blob).as_bytes()),
            (format!("v2/a/blobs/{}", Digest::sha256(blob)), blob),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        // A port that was free a moment ago.
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let at = root.display();
        let settings = format!(
            "daemon off; worker_processes auto; pid {at}/pid; error_log {at}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;\n\
             server {{ listen {host}; root {at}; }} }}\n"
        );
        let file = root.join("nginx.conf");
        fs::write(&file, settings).unwrap();
        let child = Command::new("nginx").arg("-c").arg(&file).spawn().unwrap();
        while TcpStream::connect(&host).is_err() {
            std::thread::yield_now();
        }
        Self { name: "nginx, static files", host, running: Running::Nginx(child, file) }
    }

    pub(crate) fn takes(&self, request: &Request) -> bool {
        matches!(request, Request::Get(_)) || !self.name.starts_with("nginx")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // They may have ended already.
        match &mut self.running {
            Running::Process(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Running::Nginx(child, file) => {
                let _ = Command::new("nginx").arg("-c").arg(file).args(["-s", "stop"]).status();
                let _ = child.wait();
            }
            Running::Docker(_) => {}
        }
    }
}

/// Serves a directory until its input ends.
pub(crate) fn serve(directory: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::directory(directory).unwrap();
        let server = oci_registry::serve(store).bind("127.0.0.1:0").await.unwrap();
        println!("{}", server.address());
        let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        let _ = end.await;
        server.stop().await;
    });
}
