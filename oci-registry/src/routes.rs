//! The endpoints.

use http::{HeaderName, Method, StatusCode};
use oci_image::RepositoryName;
use oci_image::distribution::{ErrorCode, header as names};

use crate::Store;
use crate::call::Call;
use crate::refusal::Refusal;
use crate::registry::Shared;
use crate::reply::Reply;
use crate::route::Route;

mod blobs;
mod catalog;
pub(crate) mod manifests;
mod referrers;
mod tags;
pub(crate) mod uploads;

pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static(names::CONTENT_DIGEST);

/// The endpoints that need nothing but the store.
pub(crate) fn stored(shared: &Shared, route: Route, call: &Call) -> Result<Reply, Refusal> {
    let deletes = call.method == Method::DELETE;
    match &route {
        Route::Catalog => catalog::get(shared, call),
        Route::Blob(name, digest) if deletes => blobs::delete(shared, name, digest),
        Route::Blob(name, digest) => blobs::read(shared, name, digest, call),
        Route::Manifest(name, reference) if deletes => manifests::delete(shared, name, reference),
        Route::Manifest(name, reference) => manifests::read(shared, name, reference, call),
        Route::Tags(name) => tags::get(shared, name, call),
        Route::Referrers(name, digest) => referrers::get(shared, name, digest, call),
        Route::Base | Route::Token | Route::Uploads(_) | Route::Upload(..) => {
            Err(Refusal::new(ErrorCode::Unsupported, "there is no such endpoint")
                .status(StatusCode::NOT_FOUND))
        }
    }
}

/// What is not there: the repository, or something in it.
fn unknown(store: &Store, name: &RepositoryName, otherwise: Refusal) -> Refusal {
    match store.backend().knows(name) {
        Ok(true) => otherwise,
        Ok(false) => unknown_repository(name),
        Err(error) => error.into(),
    }
}

fn unknown_repository(name: &RepositoryName) -> Refusal {
    Refusal::new(ErrorCode::NameUnknown, format!("there is no repository `{name}` here"))
}
