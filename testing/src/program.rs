//! Programs, run to their end.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// The outcome of a program.
#[derive(Debug)]
pub struct Done {
    /// Its exit code, if no signal killed it.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it printed on standard error.
    pub errors: String,
}

/// Runs a program.
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Done {
    run_with(Command::new(program).args(arguments))
}

/// Runs a prepared program.
pub fn run_with(command: &mut Command) -> Done {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Done { code: output.status.code(), out: text(output.stdout), errors: text(output.stderr) }
}

/// Copies a program in order to run it. Another process writes the copy: a child that another thread forks
/// meanwhile would inherit the open file, and the kernel executes no file that is open for writing (ETXTBSY).
pub fn copy_program(from: &str, to: impl AsRef<OsStr>) {
    run("cp", &[OsStr::new(from), to.as_ref()]).good();
}

impl Done {
    /// What it printed; it must have succeeded.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.errors);
        self.out
    }

    /// The one line of its error; it must have failed with this exit code.
    #[track_caller]
    pub fn bad(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.errors);
        let line = self.errors.trim_end();
        assert!(!line.is_empty() && !line.contains('\n'), "{line}");
        line.to_owned()
    }
}
