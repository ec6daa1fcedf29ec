//! What a program sees of itself and of its surroundings.

use std::collections::{BTreeMap, BTreeSet};

/// Prints lines of a subject and what there is to say of it. Of busybox alone.
pub(super) const PROBE: &str = r#"
say() { while IFS= read -r line; do echo "$subject	$line"; done; }
busybox() { /bin/busybox "$@"; }
subject=status
busybox grep -E '^(Uid|Gid|Groups|Cap[A-Za-z]*|NoNewPrivs|Seccomp|Seccomp_filters|Sig(Blk|Ign|Cgt)|Cpus_allowed_list|Mems_allowed_list|Threads|Umask):' /proc/self/status | say
subject=limits; busybox sed 1d /proc/self/limits | say
subject=variable; busybox env | busybox grep -vE '^(_|PWD|OLDPWD|SHLVL)=' | say
subject=directory; busybox pwd | say
subject=host; busybox hostname | say
subject=mount
while read -r id parent device root target flags rest; do
    kind=${rest#*- }; optional=${rest%%- *}
    case $optional in *master:*) how=slave ;; *shared:*) how=shared ;; *) how=private ;; esac
    echo "$subject	$target $flags ${kind%% *} $how"
done < /proc/self/mountinfo
subject=device
busybox find /dev -xdev ! -type d ! -name 'tty[0-9]*' | while read -r file; do
    busybox stat -c '%n %F %a %u:%g %t:%T' "$file"
done | say
busybox find /dev -xdev -type l | while read -r file; do echo "$file $(busybox readlink "$file")"; done | say
subject=descriptor; for file in /proc/self/fd/*; do [ -e "$file" ] && echo "${file##*/}"; done | busybox sort -u | busybox head -3 | say
subject=oom; busybox cat /proc/self/oom_score_adj | say
subject=personality; busybox cat /proc/self/personality 2>/dev/null | say
subject=nice; busybox cut -d ' ' -f 18,19,40,41 /proc/self/stat | say
subject=parameter
for name in net/ipv4/ip_forward kernel/msgmax kernel/shmmax; do echo "$name $(busybox cat /proc/sys/$name 2>&1)"; done | say
subject=cgroup; busybox cat /proc/self/cgroup | busybox grep -v '^0::' | busybox sort | say
subject=setting
for file in memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpuset/cpuset.cpus devices/devices.list blkio/blkio.weight blkio/blkio.bfq.weight; do
    [ -r /sys/fs/cgroup/$file ] && busybox sed "s|^|$file |" /sys/fs/cgroup/$file
done | busybox sort | say
subject=write
for place in / /tmp /etc /dev /proc/sys/kernel /sys /data; do
    if (: > $place/probe-$$) 2>/dev/null; then echo "$place yes"; busybox rm -f $place/probe-$$; else echo "$place no"; fi
done | say
subject=files; busybox stat -c '%n %a %u:%g' / /tmp /etc /dev /proc /sys /root /data /run /tmp/a /tmp/made /tmp/hooked 2>/dev/null | say
subject=link; for kind in cgroup ipc mnt net pid user uts; do [ -e /proc/self/ns/$kind ] && echo $kind; done | say
subject=masked; for path in /proc/kcore /proc/keys /proc/timer_list /sys/firmware; do busybox stat -c '%n %F %s' $path 2>&1; done | say
subject=call; busybox chmod 755 /tmp 2>&1 | say
subject=ids; busybox cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups | say
"#;

/// What the probe printed, by subject.
pub(super) struct View(BTreeMap<String, BTreeSet<String>>);

/// A subject, what its line begins with, and why the two runtimes differ there.
const REASONS: &[(&str, &str, &str)] = &[
    ("mount", "/proc/acpi ", MASK),
    ("mount", "/proc/interrupts ", MASK),
    ("mount", "/proc/keys ", MASK),
    ("mount", "/proc/timer_list ", MASK),
    ("mount", "/sys/firmware ", MASK),
    ("mount", "/tmp ro,nosuid,noexec,relatime tmpfs", MASK),
    ("mount", "/tmp ro,relatime tmpfs", MASK),
    (
        "mount",
        "/sys/fs/cgroup ",
        "the directory of the hierarchies is read-only, as its mount asks for",
    ),
    ("mount", "/sys/fs/cgroup/unified ", "the unified hierarchy is one of them"),
    (
        "setting",
        "devices/devices.list c 10:200 rwm",
        "no tunnel is permitted that is not asked for",
    ),
    ("files", "/tmp 1777 ", TMPFS),
    ("files", "/tmp 755 ", TMPFS),
    ("status", "SigIgn: ", "no signal is ignored because the caller ignores it"),
];

const TMPFS: &str = "runc 1.1.5 gives a tmpfs the mode of what it covers, whatever `mode=` says";

const MASK: &str = "what covers a masked path is read-only, and of the host";

impl View {
    pub(super) fn of(printed: &str) -> Self {
        let mut view = BTreeMap::<String, BTreeSet<String>>::new();
        for (subject, line) in printed.lines().filter_map(|line| line.split_once('\t')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            view.entry(subject.into()).or_default().insert(words.join(" "));
        }
        Self(view)
    }

    /// The lines that one of the two has alone, but for those that have a reason.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let none = BTreeSet::new();
        let subjects: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let mut found = Vec::new();
        for subject in subjects {
            let lines = |view: &Self| view.0.get(subject).unwrap_or(&none).clone();
            let (ours, theirs) = (lines(self), lines(other));
            let has_no_reason = |line: &&String| {
                !REASONS.iter().any(|(name, start, _)| name == subject && line.starts_with(start))
            };
            let ours_alone = ours.difference(&theirs).filter(has_no_reason);
            found.extend(ours_alone.map(|line| format!("{subject}: ours alone: {line}")));
            let theirs_alone = theirs.difference(&ours).filter(has_no_reason);
            found.extend(theirs_alone.map(|line| format!("{subject}: runc alone: {line}")));
        }
        found
    }
}
