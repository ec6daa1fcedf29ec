//! The events of a build without them: nothing.

use std::io;
use std::time::Duration;

use http::{Method, StatusCode};
use oci_image::RepositoryName;
use uuid::Uuid;

pub(crate) fn request<F: Future>(
    _: &Method,
    _: &str,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    work
}

pub(crate) fn known(_: &str) {}

pub(crate) fn answered(_: &Method, _: &str, _: StatusCode, _: Duration) {}

pub(crate) fn disconnected(_: &Method, _: &str) {}

pub(crate) fn faulted(_: &Method, _: &str, _: usize) {}

pub(crate) fn upload_began(_: &RepositoryName, _: Uuid) {}

pub(crate) fn upload_ended(_: Uuid) {}

pub(crate) fn store_failed(_: &io::Error) {}
