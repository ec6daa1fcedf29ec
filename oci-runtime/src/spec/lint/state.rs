use oci_image::validate::{Findings, Lint};

use super::place::absolute;
use super::target::Target;
use super::{annotations, version};
use crate::spec::{ContainerProcessState, State, Status};

impl Lint for State {
    fn lint_into(&self, findings: &mut Findings) {
        findings.at("ociVersion", |f| version::check(f, "RT-STATE-02", &self.oci_version));
        if self.id.is_empty() {
            findings.at("id", |findings| findings.error("RT-STATE-02", "ID is empty"));
        }
        let lives = matches!(self.status, Status::Created | Status::Running | Status::Paused);
        match self.pid {
            Some(..0) => findings.at("pid", |f| f.error("RT-STATE-08", "process ID is negative")),
            None | Some(0) if lives => {
                let message = format!("on Linux a container that is {} has a `pid`", self.status);
                findings.error("RT-STATE-05", message);
            }
            _ => {}
        }
        findings.at("bundle", |f| absolute(f, "RT-STATE-02", &self.bundle, Target::Unknown));
        let check = |f: &mut Findings| annotations::keys(f, "RT-STATE-06", &self.annotations);
        findings.at("annotations", check);
    }
}

impl Lint for ContainerProcessState {
    fn lint_into(&self, findings: &mut Findings) {
        findings.at("ociVersion", |f| version::check(f, "RT-LINUX-34", &self.oci_version));
        if !self.fds.iter().any(|name| name == Self::SECCOMP_FD) {
            let message = "the descriptor `seccompFd` is missing";
            findings.at("fds", |findings| findings.error("RT-LINUX-34", message));
        }
        if self.pid < 1 {
            findings.at("pid", |findings| findings.error("RT-LINUX-34", "not a process ID"));
        }
        findings.member("state", &self.state);
    }
}
