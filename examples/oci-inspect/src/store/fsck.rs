use std::process::ExitCode;

use oci_image::{Digest, Level};
use oci_layout::{Fault, FaultKind};
use serde::Serialize;

use super::Request;
use crate::Result;

#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    level: Level,
    path: &'a str,
    digest: Option<&'a Digest>,
    message: &'a str,
    repaired: bool,
}

/// Exits with 1 if a fault is left that is not meant. A repair may cause another: the index still names a corrupt blob that was
/// removed.
pub(super) fn check(request: &Request) -> Result<ExitCode> {
    let (path, _) = request.directory()?;
    let options = &request.options;
    let mut faults = options.fsck(path)?;
    // A layout that cannot be opened is not repaired: one of its faults says why.
    if request.repair
        && !faults.is_empty()
        && let Ok(layout) = options.open(path)
    {
        for fault in &layout.repair(&faults)? {
            show(request, fault, true)?;
        }
        faults = layout.fsck()?;
    }
    for fault in &faults {
        show(request, fault, false)?;
    }
    let is_meant = |fault: &Fault| request.sparse_indexes && fault.kind == FaultKind::Sparse;
    Ok(if faults.iter().all(is_meant) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(request: &Request, fault: &Fault, repaired: bool) -> Result<()> {
    let line = Line {
        kind: fault.kind.as_str(),
        level: fault.kind.level(),
        path: &fault.path,
        digest: fault.digest.as_ref(),
        message: &fault.message,
        repaired,
    };
    request.print(&line, &[&format_args!("{fault}{}", if repaired { " (removed)" } else { "" })])
}
