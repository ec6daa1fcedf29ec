use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use oci_testing::needs;
use oci_testing::program::run;

use crate::server::Server;

fn get(server: &Server, path: &str) -> String {
    let url = format!("http://{}{path}", server.host);
    run("curl", &["-sS", "--fail", "--noproxy", "*", &url]).good()
}

fn push(server: &Server, name: &str) {
    let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let url = format!("http://{}/v2/{name}/blobs/uploads/?digest={digest}", server.host);
    run("curl", &["-sS", "--fail", "--noproxy", "*", "--data-binary", "{}", &url]).good();
    let config = format!(
        r#"{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{digest}","size":2}}"#
    );
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{config},"layers":[]}}"#
    );
    let url = format!("http://{}/v2/{name}/manifests/v1", server.host);
    let header = format!("Content-Type: {media_type}");
    let put = ["-sS", "--fail", "--noproxy", "*", "-X", "PUT", "-H", &header, "--data", &manifest];
    run("curl", &[put.as_slice(), &[&url]].concat()).good();
}

#[test]
fn a_proxy_keeps_what_was_pulled_once() {
    needs!("curl");
    let origin = Server::start(&[]);
    push(&origin, "team/app");
    let proxy = Server::start(&["--proxy", &format!("origin.example=http://{}", origin.host)]);
    let manifest = get(&proxy, "/v2/team/app/manifests/v1?ns=origin.example");
    assert_eq!(manifest, get(&origin, "/v2/team/app/manifests/v1"));
    let blob = "/v2/team/app/blobs/\
        sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(get(&proxy, blob), "{}");
    origin.stop();
    assert_eq!(get(&proxy, "/v2/team/app/manifests/v1"), manifest);
}

/// Reads a request, and answers it.
fn answer(mut stream: TcpStream, status: &str) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let length = stream.read(&mut piece).unwrap();
        request.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let told = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= told.unwrap().parse().unwrap() {
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            return text;
        }
    }
}

#[test]
fn programs_are_told_in_order_and_again_where_they_fail() {
    needs!("curl");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let server = Server::start(&["--notify", &url, "--web-page"]);
    push(&server, "team/app");
    get(&server, "/v2/team/app/manifests/v1");
    let next = |status: &str| answer(listener.accept().unwrap().0, status);
    let (first, again) = (next("503 Busy"), next("200 OK"));
    let manifest = next("200 OK");
    let body = |request: &str| -> serde_json::Value {
        serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    assert_eq!(body(&first), body(&again));
    let event = &body(&manifest)["events"][0];
    assert_eq!(event["action"], "push");
    assert_eq!(event["target"]["repository"], "team/app");
    assert_eq!(event["target"]["tag"], "v1");
    assert_eq!(event["request"]["method"], "PUT");
    crate::server::eventually(|| {
        server.scrape().contains("oci_serve_notifications_total{result=\"sent\"} 2")
    });
    assert!(get(&server, "/").contains("<!doctype html>"));
}
