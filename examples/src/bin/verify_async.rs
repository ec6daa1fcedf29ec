//! Verifies a stream of bytes that arrives asynchronously.
//!
//! `verify_async DIGEST SIZE` copies standard input to standard output, and fails if it was anything else.
#![allow(clippy::print_stderr)]

use std::error::Error;
use std::io;
use std::process::ExitCode;

use oci_digest::{Digest, Verifier};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("verify_async: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(digest), Some(size)) = (words.next(), words.next()) else {
        return Err("usage: verify_async DIGEST SIZE".into());
    };
    let verifier = Verifier::new(&digest.parse::<Digest>()?, size.parse()?)?;
    Ok(copy(tokio::io::stdin(), tokio::io::stdout(), verifier).await?)
}

/// Copies what the verifier expects. What was written before an error must not be used.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut verifier: Verifier,
) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            break;
        }
        verifier.update(&piece[..length])?; // refuses the first byte too many
        to.write_all(&piece[..length]).await?;
    }
    to.flush().await?;
    Ok(verifier.finish()?) // refuses what is too short, or of another digest
}
