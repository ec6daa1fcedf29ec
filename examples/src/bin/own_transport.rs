//! The registry client over the HTTP client that the program has already: here one of `reqwest`.
//!
//! `own_transport HOST` asks a registry on this machine over http whether it is one.
#![allow(clippy::print_stdout)]

use std::error::Error;

use oci_distribution_client::http::{Request, Response};
use oci_distribution_client::transport::{
    Body, BoxFuture, Transport, TransportError, TransportErrorKind,
};
use oci_distribution_client::{Client, Config};

#[derive(Debug)]
struct Shared(reqwest::Client);

impl Transport for Shared {
    fn send(
        &self,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(async move {
            let request = request.map(reqwest::Body::wrap).try_into().map_err(broken)?;
            let response = self.0.execute(request).await.map_err(broken)?;
            Ok(Response::from(response).map(|body| Body::wrap(body, broken)))
        })
    }
}

/// The kind tells the client what it may repeat.
fn broken(error: reqwest::Error) -> TransportError {
    let kind = match error.is_connect() {
        true => TransportErrorKind::Connect,
        false => TransportErrorKind::Exchange,
    };
    TransportError::new(kind, error)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = std::env::args().nth(1).ok_or("usage: own_transport HOST")?;
    // The client follows redirects itself: it knows who may have the login.
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let config = Config::default().plain_http(&registry).transport(Shared(http));
    Client::new(config)?.check(&registry).await?;
    println!("{registry} is a registry");
    Ok(())
}
