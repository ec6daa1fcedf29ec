//! A program with the client and its own `reqwest`, which has no TLS: both work.

use std::error::Error;

use oci_distribution_client::{Client, Config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let host = listener.local_addr()?.to_string();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            let _ = stream.write_all(answer).await;
        }
    });
    let text = reqwest::Client::builder().no_proxy().build()?.get(format!("http://{host}/"));
    assert_eq!(text.send().await?.text().await?, "{}");
    Client::new(Config::default().plain_http(&host))?.check(&host).await?;
    Client::new(Config::default())?.check("localhost:1").await.expect_err("nothing listens there");
    server.abort();
    Ok(())
}
