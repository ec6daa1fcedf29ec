//! The endpoints.

use std::sync::Arc;

use http::{HeaderName, StatusCode};
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

/// The endpoints that read.
pub(crate) async fn read(
    shared: &Arc<Shared>,
    route: &Route,
    call: &Call,
) -> Result<Reply, Refusal> {
    match route {
        Route::Catalog => catalog::get(shared, call).await,
        Route::Blob(name, digest) => blobs::read(shared, name, digest, call).await,
        Route::Manifest(name, reference) => manifests::read(shared, name, reference, call).await,
        Route::Tags(name) => tags::get(shared, name, call).await,
        Route::Referrers(name, digest) => referrers::get(shared, name, digest, call).await,
        Route::Base | Route::Token | Route::Uploads(_) | Route::Upload(..) => Err(no_endpoint()),
    }
}

/// The endpoints that delete what is stored.
pub(crate) async fn delete(shared: &Shared, route: &Route) -> Result<Reply, Refusal> {
    match route {
        Route::Blob(name, digest) => blobs::delete(shared, name, digest).await,
        Route::Manifest(name, reference) => manifests::delete(shared, name, reference).await,
        _ => Err(no_endpoint()),
    }
}

fn no_endpoint() -> Refusal {
    Refusal::new(ErrorCode::Unsupported, "there is no such endpoint").status(StatusCode::NOT_FOUND)
}

/// What is not there: the repository, or something in it.
async fn unknown(store: &Store, name: &RepositoryName, otherwise: Refusal) -> Refusal {
    match store.backend().knows(name).await {
        Ok(true) => otherwise,
        Ok(false) => unknown_repository(name),
        Err(error) => error.into(),
    }
}

fn unknown_repository(name: &RepositoryName) -> Refusal {
    Refusal::new(ErrorCode::NameUnknown, format!("there is no repository `{name}` here"))
}
