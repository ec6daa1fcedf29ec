//! Progress for a person: a line for each step, and a bar for long steps on a terminal.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use oci_image::{Descriptor, Digest};

/// The steps of a program, printed to standard error.
#[derive(Debug, Default)]
pub struct Steps {
    number: usize,
}

impl Steps {
    /// No step yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the next step.
    pub fn begin(&mut self, name: &'static str) -> Step {
        self.number += 1;
        Step { number: self.number, name, began: Instant::now(), bar: ProgressBar::hidden() }
    }
}

/// A step that is being done.
#[derive(Debug)]
pub struct Step {
    number: usize,
    name: &'static str,
    began: Instant,
    bar: ProgressBar,
}

impl Step {
    /// Shows a bar of `bytes` bytes if standard error is a terminal, and returns it.
    pub fn bar(&mut self, bytes: u64) -> ProgressBar {
        if std::io::stderr().is_terminal() {
            let style =
                ProgressStyle::with_template("    {msg} [{bar:30}] {bytes}/{total_bytes} {eta}");
            self.bar =
                ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(10))
                    .with_message(self.name);
            if let Ok(style) = style {
                self.bar.set_style(style.progress_chars("=> "));
            }
        }
        self.bar.clone()
    }

    /// Shows how many bytes were done, where the total is unknown, if standard error is a terminal. Returns
    /// the counter.
    pub fn counter(&mut self) -> ProgressBar {
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("    {msg} {spinner} {bytes} {bytes_per_sec}");
            let target = ProgressDrawTarget::stderr_with_hz(10);
            self.bar = ProgressBar::with_draw_target(None, target).with_message(self.name);
            if let Ok(style) = style {
                self.bar.set_style(style);
            }
        }
        self.bar.clone()
    }

    /// Ends the step and prints its result.
    pub fn end(self, result: impl fmt::Display) {
        self.bar.finish_and_clear();
        let Self { number, name, began, .. } = self;
        tell(format_args!("{number:>2}. {name:<24} {result} ({})", Seconds(began.elapsed())));
    }
}

/// A bar for blobs of which several move at once.
#[derive(Debug)]
pub struct Transfer {
    bar: ProgressBar,
    moved: Mutex<HashMap<Digest, u64>>,
}

impl Transfer {
    /// A bar of `step`, as long as what is planned.
    pub fn new(step: &mut Step) -> Self {
        Self { bar: step.bar(0), moved: Mutex::default() }
    }

    /// A blob is to be moved.
    pub fn plan(&self, blob: &Descriptor) {
        self.bar.inc_length(blob.size);
    }

    /// So many bytes of a blob were moved.
    pub fn set(&self, blob: &Descriptor, bytes: u64) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.insert(blob.digest.clone(), bytes);
        self.bar.set_position(moved.values().sum());
    }
}

/// Prints a line on standard output.
///
/// # Errors
/// If it cannot be written; see [`has_enough`].
pub fn print(line: impl fmt::Display) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Prints a line on what was done, or what happens, which goes on if nobody reads of it any more.
///
/// # Errors
/// If it cannot be written for another reason.
pub fn print_outcome(line: impl fmt::Display) -> io::Result<()> {
    match print(line) {
        Err(error) if has_enough(&error) => Ok(()),
        result => result,
    }
}

/// Whether an error says that the reader of standard output has enough of it, as `head` has.
pub fn has_enough(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == ErrorKind::BrokenPipe)
}

/// Prints a line on standard error.
#[allow(clippy::print_stderr)]
pub fn tell(line: impl fmt::Display) {
    eprintln!("{line}");
}

/// An error with its reasons, in one line. A reason that the text before it says already is not repeated.
pub fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    for reason in std::iter::successors(error.source(), |&error| error.source()) {
        let reason = reason.to_string();
        if !line.contains(&reason) {
            line.push_str(": ");
            line.push_str(&reason);
        }
    }
    plain(&line.replace('\n', "; "))
}

/// Text with its control characters escaped: it cannot move the cursor of a terminal or begin a line.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char.is_control() {
            true => plain.extend(char.escape_default()),
            false => plain.push(char),
        }
    }
    plain
}

/// A digest and a size, shortened for reading.
#[derive(Debug)]
pub struct Content<'a>(pub &'a Digest, pub u64);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = self.0.encoded();
        let short = encoded.get(..12).unwrap_or(encoded);
        write!(f, "{}:{short}, {}", self.0.algorithm_name(), Bytes(self.1))
    }
}

/// A number of blobs.
#[derive(Debug)]
pub struct Blobs(pub usize);

impl fmt::Display for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 blob"),
            some => write!(f, "{some} blobs"),
        }
    }
}

/// A number of bytes in binary units.
#[derive(Debug)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = 0;
        let mut number = self.0 as f64;
        while number >= 1024.0 && unit < 4 {
            number /= 1024.0;
            unit += 1;
        }
        match unit {
            0 => write!(f, "{} B", self.0),
            _ => write!(f, "{number:.1} {}", ["B", "KiB", "MiB", "GiB", "TiB"][unit]),
        }
    }
}

#[derive(Debug)]
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            0..1000 => write!(f, "{} ms", self.0.as_millis()),
            _ => write!(f, "{:.1} s", self.0.as_secs_f64()),
        }
    }
}
