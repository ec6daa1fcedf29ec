use oci_cli::report::{Step as Line, Transfer, print_outcome};
use oci_distribution_client::{Event, Step};
use oci_image::{Descriptor, json};
use serde::Serialize;

use crate::Result;
use crate::options::Options;

/// One line of JSON.
#[derive(Serialize)]
struct Told<'a> {
    event: &'a str,
    #[serde(flatten)]
    of: &'a Descriptor,
    /// How many bytes have moved by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Where it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
}

/// Tells what happens to blobs: by a bar on a terminal, or by lines of JSON.
pub(crate) fn follow(
    line: &mut Line,
    options: &Options,
) -> impl Fn(Event<'_>) + Send + Sync + 'static {
    let (is_json, transfer) = (options.is_json, Transfer::new(line));
    move |Event { blob, step, .. }| {
        if is_json {
            // A line that cannot be written cannot be told of either.
            _ = tell(name(step), blob, bytes(step));
            return;
        }
        match step {
            Step::Planned => transfer.plan(blob),
            // The next event says how much there is then.
            Step::Retrying { .. } => {}
            step => transfer.set(blob, bytes(step).unwrap_or(blob.size)),
        }
    }
}

/// Prints an event as a line of JSON.
pub(crate) fn tell(event: &str, of: &Descriptor, bytes: Option<u64>) -> Result<()> {
    print(&Told { event, of, bytes, at: None })
}

/// Prints that an image is where it was to go.
pub(crate) fn end(event: &str, of: &Descriptor, at: &str) -> Result<()> {
    print(&Told { event, of, bytes: None, at: Some(at) })
}

fn print(told: &Told<'_>) -> Result<()> {
    Ok(print_outcome(String::from_utf8_lossy(&json::to_vec(told)?))?)
}

fn name(step: Step) -> &'static str {
    match step {
        Step::Planned => "planned",
        Step::Moved(_) => "moving",
        Step::Present => "present",
        Step::Mounted => "mounted",
        Step::Foreign => "foreign",
        Step::Retrying { .. } => "retrying",
        _ => "done",
    }
}

fn bytes(step: Step) -> Option<u64> {
    match step {
        Step::Moved(bytes) => Some(bytes),
        _ => None,
    }
}
