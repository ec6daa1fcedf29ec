//! Bars for what takes long.

use std::sync::Arc;

use indicatif::ProgressBar;
use oci_cli::report::{Step, Transfer};
use oci_distribution_client::{Event, Step as Moving};
use oci_rootfs::unpack::{Progress, Step as Unpacking};

/// Follows a pull or a push.
pub(crate) fn transfer(step: &mut Step) -> impl Fn(Event<'_>) + Send + Sync + 'static {
    let transfer = Transfer::new(step);
    move |event| match event.step {
        Moving::Planned => transfer.plan(event.blob),
        Moving::Moved(bytes) => transfer.set(event.blob, bytes),
        _ => transfer.set(event.blob, event.blob.size),
    }
}

/// Follows an unpacking of `bytes` bytes of layers.
pub(crate) fn unpacking(step: &mut Step, bytes: u64) -> Progress {
    let bar: Arc<ProgressBar> = step.bar(bytes).into();
    Progress::new(move |step| {
        if let Unpacking::Read(bytes) = step {
            bar.inc(bytes);
        }
    })
}
