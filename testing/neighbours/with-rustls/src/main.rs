//! A program with the client and `rustls` as it is by default, whose cryptography is chosen by the features that it
//! is built with: both work.

use std::error::Error;

use oci_distribution_client::{Client, Config};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    Client::new(Config::default())?.check("localhost:1").await.expect_err("nothing listens there");
    assert!(CryptoProvider::get_default().is_none(), "the process is not the client's");
    // It panics if two kinds of cryptography are built in.
    let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    drop(config.with_no_client_auth());
    Client::new(Config::default())?.check("localhost:1").await.expect_err("nothing listens there");
    Ok(())
}
