//! Under containerd's shim.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

use oci_testing::containerd::Containerd;
use oci_testing::program::{Done, run_with};

use super::fixture::{OCIRUN, root_filesystem};

/// The topics of the events of containerd, from now on.
fn topics(containerd: &Containerd) -> Receiver<String> {
    let mut ctr = containerd.ctr(&["events"]);
    ctr.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = ctr.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, topics) = channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let topic = line.split(' ').find(|word| word.starts_with('/')).map(String::from);
            topic.into_iter().try_for_each(|topic| sender.send(topic)).unwrap_or_default();
        }
        // It ends with containerd.
        child.wait()
    });
    // It has subscribed when it prints what happens.
    for number in 0.. {
        run_with(&mut containerd.ctr(&["namespaces", "create", &format!("n{number}")])).good();
        if topics.try_recv().is_ok() {
            break;
        }
    }
    topics
}

#[test]
fn the_shim_of_containerd_runs_adds_pauses_and_tells() {
    oci_testing::needs!(root, cgroups, busybox, "containerd", "containerd-shim-runc-v2");
    let directory = tempfile::Builder::new().prefix("ocirun-").tempdir().unwrap();
    let rootfs = directory.path().join("rootfs");
    root_filesystem(&rootfs);
    let containerd = Containerd::start(directory.path());
    let topics = topics(&containerd);
    let ctr = |arguments: &[&str]| run_with(&mut containerd.ctr(arguments));
    let id = format!("o-{}", std::process::id());
    let cgroup = format!("/oci-test/{id}");
    let run = |options: &[&str], program: &[&str]| -> Done {
        let runtime = ["run", "--runc-binary", OCIRUN, "--rootfs", "--cgroup", &cgroup];
        let limit = ["--memory-limit", "20000000", rootfs.to_str().unwrap(), &id];
        ctr(&[&runtime, options, &limit, program].concat())
    };
    let done = run(&["--rm"], &["/bin/sh", "-c", "echo out; exit 4"]);
    assert_eq!((done.code, done.out.as_str()), (Some(4), "out\n"), "{}", done.errors);
    while topics.recv().unwrap() != "/containers/delete" {}

    run(&["--detach"], &["/bin/sleep", "1000"]).good();
    let exec = |line: &str| ctr(&["task", "exec", "--exec-id", "more", &id, "/bin/sh", "-c", line]);
    let done = exec("echo out; exit 6");
    assert_eq!((done.code, done.out.as_str()), (Some(6), "out\n"), "{}", done.errors);
    ctr(&["task", "pause", &id]).good();
    assert!(ctr(&["task", "list"]).good().contains("PAUSED"));
    ctr(&["task", "resume", &id]).good();
    assert_eq!(exec("a=x; while :; do a=$a$a; done").code, Some(137));
    ctr(&["task", "kill", "--signal", "KILL", &id]).good();
    let (mut seen, mut is_out_of_memory) = (Vec::new(), false);
    while seen.len() < 12 || !is_out_of_memory {
        match topics.recv().unwrap() {
            // It is told of at any time from then on.
            topic if topic == "/tasks/oom" => is_out_of_memory = true,
            topic => seen.push(topic),
        }
    }
    ctr(&["task", "delete", &id]);
    ctr(&["containers", "delete", &id]).good();
    let expected = "/containers/create /tasks/create /tasks/start /tasks/exec-added /tasks/exec-started \
                    /tasks/exit /tasks/paused /tasks/resumed /tasks/exec-added /tasks/exec-started \
                    /tasks/exit /tasks/exit";
    assert_eq!(seen.join(" "), expected);
}
