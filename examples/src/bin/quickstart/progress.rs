//! Bars for what takes long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::ProgressBar;
use oci_cli::report::Step;
use oci_distribution_client::{Event, Step as Transfer};
use oci_image::Digest;
use oci_rootfs::unpack::{Progress, Step as Unpacking};

/// Follows a pull or a push.
pub(crate) fn transfer(step: &mut Step) -> impl Fn(Event<'_>) + Send + Sync + 'static {
    let bar = step.bar(0);
    let moved = Mutex::new(HashMap::<Digest, u64>::new());
    move |event| {
        let now = match event.step {
            Transfer::Planned => return bar.inc_length(event.blob.size),
            Transfer::Moved(bytes) => bytes,
            _ => event.blob.size,
        };
        let mut moved = moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.insert(event.blob.digest.clone(), now);
        bar.set_position(moved.values().sum());
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
