//! What the registry does, as events of the crate `tracing`: never a header, a body or a query, so that no
//! event holds a secret.

use std::io;
use std::time::Duration;

use http::{Method, StatusCode};
use oci_image::RepositoryName;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, debug, debug_span, error, info};
use uuid::Uuid;

/// The span of a request, in which all its events are.
pub(crate) fn request<F: Future>(
    method: &Method,
    path: &str,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    work.instrument(debug_span!("request", %method, path, user = Empty))
}

/// The request is a user's.
pub(crate) fn known(user: &str) {
    Span::current().record("user", user);
}

/// A request was answered; of the answer, the body may still be on its way.
pub(crate) fn answered(method: &Method, path: &str, status: StatusCode, elapsed: Duration) {
    debug!(%method, path, status = status.as_u16(), ?elapsed, "answered");
}

/// A fault closes the connection instead of an answer.
pub(crate) fn disconnected(method: &Method, path: &str) {
    debug!(%method, path, "closing the connection");
}

/// A request meets faults that were asked for.
pub(crate) fn faulted(method: &Method, path: &str, faults: usize) {
    info!(%method, path, faults, "applying faults");
}

/// An upload session was opened.
pub(crate) fn upload_began(repository: &RepositoryName, id: Uuid) {
    debug!(%repository, %id, "opened an upload session");
}

/// An upload session was completed, cancelled or forgotten.
pub(crate) fn upload_ended(id: Uuid) {
    debug!(%id, "closed an upload session");
}

/// The store failed, which the client is told only as "500".
pub(crate) fn store_failed(failure: &io::Error) {
    error!(error = failure as &(dyn std::error::Error + 'static), "the store failed");
}
