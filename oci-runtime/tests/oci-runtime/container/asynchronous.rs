//! In a program on tokio.

use std::future::Future;

use oci_runtime::{Signal, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::exec::shell;
use super::fixture::{Fixture, chain};

/// In a runtime of one thread, which nothing may block.
fn on_tokio<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future)
}

#[test]
fn the_end_of_a_container_is_awaited_by_many() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("read line; exit 5");
    let (stdio, pipes) = Stdio::piped().unwrap();
    let container = fixture.create(stdio).map_err(|error| chain(&error)).unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    let found = fixture.runtime.container(&fixture.id).unwrap();
    let ended = on_tokio(async {
        let mut pipes = pipes.into_async().unwrap();
        let (first, second, other, _) = tokio::join!(
            container.wait_async(),
            container.wait_async(),
            found.wait_async(),
            pipes.stdin.write_all(b"\n"),
        );
        [first, second, other].map(|status| status.map_err(|error| chain(&error)).unwrap().code())
    });
    assert_eq!(ended, [Some(5); 3]);
    container.delete().unwrap();
}

#[test]
fn an_added_process_is_written_to_and_read_from() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("exec sleep 1000");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    let (stdio, pipes) = Stdio::piped().unwrap();
    let process = container.exec(shell("read a; echo $a; echo bad >&2; exit 6"), stdio).unwrap();
    let (text, status) = on_tokio(async {
        let mut pipes = pipes.into_async().unwrap();
        pipes.stdin.write_all(b"said\n").await.unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        pipes.stdout.read_to_string(&mut out).await.unwrap();
        pipes.stderr.read_to_string(&mut err).await.unwrap();
        (out + &err, process.wait_async().await.unwrap())
    });
    container.kill(Signal::KILL).unwrap();
    container.force_delete().unwrap();
    assert_eq!((text.as_str(), status.code()), ("said\nbad\n", Some(6)));
}

/// A wait that is given up changes nothing.
#[test]
fn a_wait_that_is_dropped_takes_nothing_away() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("read line; exit 5");
    let (stdio, pipes) = Stdio::piped().unwrap();
    let container = fixture.create(stdio).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    on_tokio(async {
        tokio::select! {
            biased;
            ended = container.wait_async() => panic!("{ended:?}"),
            () = std::future::ready(()) => {}
        }
    });
    drop(pipes);
    assert!(container.wait().unwrap().code().is_some());
    container.delete().unwrap();
}
