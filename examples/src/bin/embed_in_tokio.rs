//! Creates containers from a busy, multi-threaded tokio program, and shows that the program stays what it was.
//!
//! `embed_in_tokio [--cgroup PATH] [NUMBER]` runs 200 containers, or NUMBER of them, eight at a time; their
//! cgroups are made below PATH. It works as root and as an ordinary user.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lexopt::prelude::*;
use oci_cli::report::{one_line, tell};
use oci_examples::process_state::ProcessState;
use oci_examples::rootfs;
use oci_runtime::{Bundle, Container, Runtime, Spec, Stdio};
use tokio::task::JoinSet;

const AT_ONCE: usize = 8;
const BUSY_TASKS: usize = 48;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    oci_runtime::init();
    match Arguments::parse().and_then(Arguments::run) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(format_args!("embed_in_tokio: {}", one_line(&*error)));
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    number: usize,
    cgroup: Option<String>,
    /// Print what the process sees: the command of a container without busybox.
    report: bool,
}

impl Arguments {
    fn parse() -> Result<Self, Failure> {
        let mut found = Self { number: 200, cgroup: None, report: false };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("cgroup") => found.cgroup = Some(arguments.value()?.string()?),
                Long("report") => found.report = true,
                Value(number) => found.number = number.parse()?,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(found)
    }

    /// Runs the containers and prints whether each part of this process is unchanged.
    fn run(self) -> Result<bool, Failure> {
        if self.report {
            rootfs::report(&mut std::io::stdout().lock())?;
            return Ok(true);
        }
        let program = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (before, after) = program.block_on(embed(self.number, self.cgroup))?;
        tell(format_args!("{} containers ran", self.number));
        for (part, same) in before.compare(&after) {
            tell(format_args!("{part}: {}", if same { "as before" } else { "changed" }));
        }
        Ok(before == after)
    }
}

/// Runs the containers beside other work, and returns the state of this process before and after.
async fn embed(
    number: usize,
    cgroup: Option<String>,
) -> Result<(ProcessState, ProcessState), Failure> {
    let work = tempfile::tempdir()?;
    let mut spec = Spec::linux_default();
    std::fs::create_dir(work.path().join("rootfs"))?;
    let command = rootfs::make(&work.path().join("rootfs"), &std::env::current_exe()?)?;
    if let Some(process) = &mut spec.process {
        (process.args, process.env) = (command.args, command.env);
    }
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    if !user.is_root() {
        spec = spec.rootless(user.as_raw(), group.as_raw()).spec;
    }
    let containers = Arc::new(Containers {
        runtime: Runtime::open(work.path().join("state"))?,
        bundle: Bundle::new(work.path(), spec),
        cgroup,
    });
    let before = ProcessState::capture()?;
    let busy = Busy::start();
    let result = containers.run(number).await;
    busy.stop().await;
    drop(containers);
    result?;
    Ok((before, ProcessState::capture()?))
}

struct Containers {
    runtime: Runtime,
    bundle: Bundle,
    cgroup: Option<String>,
}

impl Containers {
    async fn run(self: &Arc<Self>, number: usize) -> Result<(), Failure> {
        let mut running = JoinSet::new();
        for number in 0..number {
            if running.len() == AT_ONCE {
                running.join_next().await.transpose()?.transpose()?;
            }
            let containers = self.clone();
            // The runtime blocks, so it runs on threads for that.
            running.spawn_blocking(move || containers.run_one(number));
        }
        while let Some(outcome) = running.join_next().await {
            outcome??;
        }
        Ok(())
    }

    fn run_one(&self, number: usize) -> Result<(), Failure> {
        let id = format!("embedded-{}-{number}", std::process::id());
        let mut bundle = self.bundle.clone();
        if let (Some(parent), Some(linux)) = (&self.cgroup, &mut bundle.spec_mut().linux) {
            linux.cgroups_path = Some(format!("{parent}/{id}"));
        }
        let before = signal_mask()?;
        let container = self.runtime.create(&id, &bundle, Stdio::null())?;
        let outcome = start_and_wait(&container);
        container.force_delete()?;
        outcome?;
        match signal_mask()? == before {
            true => Ok(()),
            false => Err("the signal mask of the calling thread has changed".into()),
        }
    }
}

fn start_and_wait(container: &Container) -> Result<(), Failure> {
    container.start()?;
    let status = container.wait()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("container `{}`: {status}", container.id()).into()),
    }
}

/// The signals that the calling thread blocks.
fn signal_mask() -> Result<String, Failure> {
    let status = std::fs::read_to_string("/proc/thread-self/status")?;
    Ok(status.lines().find(|line| line.starts_with("SigBlk:")).unwrap_or_default().into())
}

/// Tasks that keep every thread of the program busy, most of the time inside the allocator.
struct Busy {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Busy {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..BUSY_TASKS {
            let stop = stop.clone();
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    drop(std::hint::black_box(vec![0u8; 100_000]));
                    tokio::task::yield_now().await;
                }
            });
        }
        Self { stop, tasks }
    }

    async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
    }
}
