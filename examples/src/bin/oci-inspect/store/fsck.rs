use std::process::ExitCode;

use oci_image::{Digest, Level};
use oci_layout::Fault;
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

/// The status says whether a fault is left.
pub(super) fn check(request: &Request) -> Result<ExitCode> {
    let (layout, _) = request.layout()?;
    let faults = layout.fsck()?;
    let repaired = if request.repair { layout.repair(&faults)? } else { Vec::new() };
    for fault in &faults {
        show(request, fault, repaired.contains(fault))?;
    }
    let left = faults.len() > repaired.len();
    Ok(if left { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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
    request.print(&line, format_args!("{fault}{}", if repaired { " (removed)" } else { "" }))
}
