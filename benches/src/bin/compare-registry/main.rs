//! Requests a second of a registry under load: ours, Debian's docker-registry, and nginx with the same files.
//!
//! `compare-registry [ROUNDS [CONNECTIONS]]` has 64 connections ask each server in turn, two seconds at a time, for a
//! manifest by its tag and for a blob of 64 KiB, and push blobs of 64 KiB to the registries; it prints the median of each.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod load;
mod servers;

use std::time::Duration;

use load::{Load, Request};
use oci_digest::Digest;
use servers::Server;

/// How long each server is asked in each round.
const TIME: Duration = Duration::from_secs(2);

const BLOB: usize = 64 << 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, directory] = arguments.as_slice()
        && serve == "serve"
    {
        return servers::serve(directory);
    }
    let number = |place: usize, default| {
        arguments.get(place).map_or(default, |text| text.parse().expect("ROUNDS [CONNECTIONS]"))
    };
    let (rounds, connections) = (number(0, 5), number(1, 64));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut servers = vec![Server::ours(directory.path()), Server::docker(directory.path())];
    for server in &servers {
        runtime.block_on(load::fill(&server.host, &vec![7; BLOB]));
    }
    let blob = Digest::sha256(vec![7; BLOB]);
    servers.push(Server::nginx(directory.path(), &vec![7; BLOB]));
    let get = |path: &str| Request::Get(path.to_owned());
    let tasks = [
        ("manifests", get("/v2/a/manifests/v1")),
        ("blobs of 64 KiB", get(&format!("/v2/a/blobs/{blob}"))),
        ("pushes of 64 KiB", Request::Push(BLOB)),
    ];
    println!("| requests a second, {connections} connections | {} |", names(&servers));
    println!("|---|{}", "---|".repeat(servers.len()));
    for (name, request) in tasks {
        let mut rates = vec![Vec::new(); servers.len()];
        for round in 0..rounds {
            // Each round begins with another one.
            for turn in 0..servers.len() {
                let at = (round + turn) % servers.len();
                if servers[at].takes(&request) {
                    let load = Load { host: servers[at].host.clone(), connections, time: TIME };
                    rates[at].push(runtime.block_on(load.rate(&request)));
                }
            }
        }
        let cells: Vec<String> = rates.iter_mut().map(|rates| median(rates)).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

fn names(servers: &[Server]) -> String {
    let names: Vec<&str> = servers.iter().map(|server| server.name).collect();
    names.join(" | ")
}

fn median(rates: &mut [f64]) -> String {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).map_or(String::new(), |rate| format!("{rate:.0}"))
}
