use std::error::Error;

use oci_distribution_client as client;

/// Whether the reason of an error is one that may be gone when the command is repeated.
pub(crate) fn is_transient(error: &(dyn Error + 'static)) -> bool {
    let mut reasons = std::iter::successors(Some(error), |&error| error.source());
    reasons.any(|reason| reason.downcast_ref().is_some_and(client::Error::is_transient))
}
