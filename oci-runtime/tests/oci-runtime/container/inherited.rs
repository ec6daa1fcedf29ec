//! What clone and exec would pass on from the caller, and what a container must not have.

use std::process::Command;
use std::sync::LazyLock;

use super::exec::{run, shell, within};
use super::fixture::{Fixture, chain};

/// Becomes the test program again, with a secret in its session keyring that only processes with this keyring see, with
/// ignored signals, on one processor, as a real-time process, with a memory policy and without randomized addresses.
#[cfg(target_arch = "x86_64")]
const CALLER: &str = r#"
    my ($setaffinity, $setscheduler, $personality, $mempolicy, $add_key, $keyctl) = (203, 144, 135, 238, 248, 250);
    sub must { syscall(shift, @_) != -1 or die "$!" }
    must($keyctl, 1, 0);
    my $key = syscall($add_key, my $type = "user", my $name = "callers-secret", my $secret = "x", 1, -3);
    must($keyctl, 5, $key, 0x3f000000);
    $SIG{USR1} = "IGNORE";
    must($setaffinity, 0, 8, my $first = pack("Q", 1));
    must($setscheduler, 0, 1, my $priority = pack("i", 1));
    must($mempolicy, 3, my $nodes = pack("Q", 1), 64);
    must($personality, 0x40000);
    $ENV{OCI_TEST_INHERITED} = 1;
    exec(@ARGV) or die "$!";
"#;

const SHOW: &str = "grep -c callers-secret /proc/keys; grep SigIgn /proc/self/status; \
    cat /proc/self/personality; grep ^policy /proc/self/sched | tr -d ' '; \
    grep -c interleave /proc/self/numa_maps; grep Cpus_allowed_list: /proc/self/status";

/// Those of a process that nobody bound to any.
static PROCESSORS: LazyLock<String> = LazyLock::new(|| {
    let status = std::fs::read_to_string("/proc/1/status").unwrap();
    status.lines().find(|line| line.starts_with("Cpus_allowed_list:")).unwrap().into()
});

#[cfg(target_arch = "x86_64")]
#[test]
fn nothing_that_the_caller_has_for_itself_passes_on() {
    oci_testing::needs!(root, busybox, "perl");
    let name = "container::inherited::of_a_caller_with_secrets";
    let output = Command::new("perl")
        .args(["-e", CALLER])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_with_secrets() {
    if std::env::var_os("OCI_TEST_INHERITED").is_none() {
        return;
    }
    let own = Command::new("sh").args(["-c", SHOW]).output().unwrap();
    let own = String::from_utf8(own.stdout).unwrap();
    let lines: Vec<&str> = own.lines().collect();
    assert_eq!((lines[0], &lines[2..4]), ("1", &["00040000", "policy:1"][..]));
    // Shells ignore other signals, too, for what they run in the background.
    let ignored = u64::from_str_radix(lines[1].strip_prefix("SigIgn:\t").unwrap(), 16).unwrap();
    assert_ne!(ignored & 1 << (10 - 1), 0, "{own}");
    assert_ne!(lines[4..], ["0", PROCESSORS.as_str()]);

    let mut fixture = Fixture::new().shell("exec sleep 1000");
    fixture.spec.linux.as_mut().unwrap().masked_paths.retain(|path| path != "/proc/keys");
    let expected = ["0", "SigIgn:\t0000000000000000", "00000000", "policy:0", "0", &PROCESSORS];
    within(&fixture, |container| {
        let (text, _) = run(container, shell(SHOW)).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    });
    let outcome = fixture.shell(SHOW).run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), expected, "{}", outcome.stderr);
}

#[test]
fn a_process_that_is_added_has_the_oom_score_of_its_container() {
    oci_testing::needs!(root, busybox);
    let mut fixture = Fixture::new().shell("exec sleep 1000");
    fixture.spec.process.as_mut().unwrap().oom_score_adj = Some(300);
    within(&fixture, |container| {
        let score = |process| run(container, process).unwrap().0;
        let mut process = shell("cat /proc/self/oom_score_adj");
        assert_eq!(score(process.clone()), "300\n");
        process.oom_score_adj = Some(400);
        assert_eq!(score(process), "400\n");
    });
}
