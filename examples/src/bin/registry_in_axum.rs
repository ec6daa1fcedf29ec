//! A registry beside the other routes of an axum application.
//!
//! `registry_in_axum ADDRESS` serves until it is killed. Its first line says where.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use oci_registry::{Peer, Registry, Store};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: registry_in_axum ADDRESS")?;
    let registry = oci_registry::serve(Store::memory()).registry();
    let application = Router::new()
        .route("/", get(async || "there is a registry at /v2/\n"))
        // The registry reads the whole path, which a nested service would not see.
        .route("/v2/", any(answer))
        .route("/v2/{*path}", any(answer))
        .with_state(registry);
    let listener = TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "listening at {}", listener.local_addr()?)?;
    let application = application.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, application).await?)
}

async fn answer(
    State(registry): State<Registry>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    // By this the registry tells clients apart, so that none takes from others what it has.
    request.extensions_mut().insert(Peer(address.ip()));
    match registry.respond(request).await {
        Ok(response) => response.map(Body::new),
        // Only faults, of which there are none here, close a connection without an answer.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
