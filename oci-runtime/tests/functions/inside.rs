//! What runs in the containers.
#![expect(clippy::print_stdout, reason = "the standard output of a container is the caller's file")]

use std::fs;
use std::io::Read;

use oci_runtime::{Function, FunctionCall};

pub(crate) const FUNCTIONS: [(&str, Function); 5] = [
    ("look", look),
    ("echo", echo),
    ("seven", |_| 7),
    ("panic", |_| panic!("here")),
    ("wait", wait),
];

/// Prints what it was given.
fn look(call: FunctionCall) -> u8 {
    println!("{call:?}");
    println!("variables {}", std::env::vars_os().count());
    println!("process {} in {}", std::process::id(), std::env::current_dir().unwrap().display());
    let status = fs::read_to_string("/proc/self/status").unwrap();
    for name in ["Name", "Uid", "Gid", "CapEff", "CapBnd", "NoNewPrivs"] {
        let line = status.lines().find(|line| line.split(':').next() == Some(name)).unwrap();
        println!("{}", line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let open = (0..64).filter(|number| is_open(*number)).map(|number| format!(" {number}"));
    println!("descriptors{}", open.collect::<String>());
    0
}

/// Not by a list of the directory, which would have a descriptor of its own.
fn is_open(number: i32) -> bool {
    fs::metadata(format!("/proc/self/fd/{number}")).is_ok()
}

/// Prints its input and its environment without a line's end.
fn echo(call: FunctionCall) -> u8 {
    print!("{} {:?}", String::from_utf8_lossy(&call.input), call.environment);
    0
}

/// Waits for the end of its standard input.
fn wait(_: FunctionCall) -> u8 {
    std::io::stdin().read_to_end(&mut Vec::new()).map_or(1, |_| 0)
}
