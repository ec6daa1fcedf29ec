//! Running commands of the other runtime.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio as Standard};

use super::Driver;
use crate::child::Child;
use crate::deadline::Deadline;
use crate::launch::{Launch, Launched, RuntimeSteps, launch as launch_init};
use crate::plan::{CommandStep, RuntimeStep, Step};
use crate::standard_error::StandardError;
use crate::{Error, ErrorKind, Stdio, memory_file};

/// The search path of the other runtime.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The longest output of a command that is read, in bytes.
const OUTPUT_LIMIT: u64 = 4 << 20;

/// The files of one container.
#[derive(Debug)]
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.0
    }

    pub(super) fn pid(&self) -> PathBuf {
        self.0.join("pid")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    pub(super) fn process(&self) -> PathBuf {
        self.0.join("process.json")
    }
}

impl Driver {
    /// The arguments that go before any command.
    fn global(&self) -> Vec<OsString> {
        let mut all = vec!["--root".into(), self.dir.join("state").into()];
        all.extend(self.arguments.iter().cloned());
        all
    }
}

/// Has an init run a command that makes a process, and wait for that process.
pub(super) fn launch(
    driver: &Driver,
    files: &Files,
    arguments: Vec<OsString>,
    (stdio, deadline): (Stdio, Deadline),
) -> Result<Launched, Error> {
    let doing = || format!("run `{}`", driver.program.display());
    let mut all = driver.global();
    all.extend(["--log".into(), files.log().into()]);
    all.extend(arguments);
    let text = |word: OsString| {
        word.into_string()
            .map_err(|_| Error::new(ErrorKind::System, doing(), "an argument is not UTF-8"))
    };
    let step = Step::Command(CommandStep {
        program: driver.program.clone(),
        arguments: all.into_iter().map(text).collect::<Result<_, _>>()?,
        search: PATH.into(),
        pid_file: files.pid(),
        log: files.log(),
    });
    let descriptors =
        stdio.into_descriptors().map_err(Error::system("open standard input and output"))?;
    let (state, directory) = (serde_json::Value::Null, Some(files.dir().into()));
    let launch = Launch { steps: &[step], descriptors, state, directory, deadline };
    launch_init(&driver.launcher, launch, &mut NoSteps)
}

/// Runs a command to its end. Returns what it printed.
pub(super) fn run(driver: &Driver, arguments: &[&str]) -> Result<Vec<u8>, Error> {
    let doing = format!("run `{} {}`", driver.program.display(), arguments.join(" "));
    let started = || {
        let (output, errors) = (memory_file::create("output")?, StandardError::new()?);
        let mut command = Command::new(&driver.program);
        command.args(driver.global()).args(arguments).env("PATH", PATH);
        command.stdin(Standard::null()).stdout(output.try_clone()?).stderr(errors.stdio()?);
        Ok((Child::spawn(&mut command)?, output, errors))
    };
    let (child, output, errors) = started().map_err(Error::system::<std::io::Error>(&*doing))?;
    let status = crate::wait::wait(std::os::fd::AsFd::as_fd(&child.pidfd));
    let status = status.map_err(Error::system(&*doing))?;
    let saying = errors.saying();
    // How it ended is not known where the caller ignores SIGCHLD or waits for any child; what it wrote is.
    if status.map_or(saying.is_empty(), |status| status.success()) {
        return read(output).map_err(Error::system(&*doing));
    }
    let how = status.map_or_else(|| "an unknown status".into(), |status| status.to_string());
    Err(Error::new(ErrorKind::System, doing, format!("it ended with {how}{saying}")))
}

fn read(mut output: File) -> std::io::Result<Vec<u8>> {
    let mut printed = Vec::new();
    output.rewind()?;
    output.take(OUTPUT_LIMIT).read_to_end(&mut printed)?;
    Ok(printed)
}

/// Writes the process of an exec where the runtime reads it.
pub(super) fn write_process(files: &Files, process: &crate::spec::Process) -> Result<(), Error> {
    let doing = || format!("write `{}`", files.process().display());
    let text = oci_image::json::to_vec(process)
        .map_err(|error| Error::because(ErrorKind::System, doing(), error))?;
    fs::write(files.process(), text).map_err(Error::system(doing()))
}

/// The command does all that there is to do.
struct NoSteps;

impl RuntimeSteps for NoSteps {
    fn run(&mut self, step: &RuntimeStep, _: i32) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Step, step.to_string(), "another runtime does it"))
    }

    fn process_created(&mut self, _: &Launched) -> Result<(), Error> {
        Ok(())
    }

    fn is_out_of_memory(&self) -> bool {
        false
    }

    fn is_frozen(&self) -> bool {
        false
    }

    fn thaw(&self) {}
}
