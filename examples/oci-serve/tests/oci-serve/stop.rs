use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use oci_testing::needs;
use oci_testing::program::run;
use rustix::process::Signal;

use crate::server::{Server, eventually};

#[test]
fn a_request_that_is_under_way_ends_after_sigterm() {
    needs!("curl");
    let mut server = Server::start(&[]);
    let ready = server.metrics.replace("/metrics", "/readyz");
    let status = ["-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", &ready];
    assert_eq!(run("curl", &status).good(), "200");
    let mut put = TcpStream::connect(&server.host).unwrap();
    put.write_all(b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").unwrap();
    // The go-ahead: it is under way.
    let mut head = [0; 25];
    put.read_exact(&mut head).unwrap();
    server.signal(Signal::TERM);
    eventually(|| run("curl", &status).good() != "200");
    put.write_all(b"x").unwrap();
    let mut answer = String::new();
    put.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.line(), "");
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn what_takes_too_long_is_broken_off() {
    let server = Server::start(&["--drain", "0"]);
    let mut put = TcpStream::connect(&server.host).unwrap();
    put.write_all(b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").unwrap();
    put.read_exact(&mut [0; 25]).unwrap();
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(put.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
}
