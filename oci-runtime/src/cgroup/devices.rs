//! Which devices the processes of a cgroup may use: rules in version 1, a BPF program in version 2.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use super::{Cgroup, CgroupError, write};
use crate::plan::{DeviceRule, DeviceRuleKind};
use crate::spec::linux::DeviceAccess;
use crate::sys::bpf::{
    attach_device_program, attached_device_programs, detach_device_program, load_device_program,
};

/// Puts the rules in force, in order.
pub(super) fn apply(cgroup: &Cgroup, rules: &[DeviceRule]) -> Result<(), CgroupError> {
    if rules.is_empty() {
        return Ok(());
    }
    let v1 =
        cgroup.groups.iter().find(|group| group.controllers.iter().any(|name| name == "devices"));
    match (v1, cgroup.unified()) {
        (Some(group), _) => rules.iter().try_for_each(|rule| {
            let file = if rule.allow { "devices.allow" } else { "devices.deny" };
            write(&group.directory.join(file), &line(rule))
        }),
        (None, Some(group)) => attach(&group.directory, rules),
        (None, None) => {
            let unsupported = std::io::ErrorKind::Unsupported.into();
            Err(CgroupError::new("find cgroup hierarchy", "devices", unsupported))
        }
    }
}

/// Puts the rules in force in place of those that are.
pub(super) fn replace(cgroup: &Cgroup, rules: &[DeviceRule]) -> Result<(), CgroupError> {
    if rules.is_empty() {
        return Ok(());
    }
    let is_v1 =
        cgroup.groups.iter().any(|group| group.controllers.iter().any(|name| name == "devices"));
    if is_v1 {
        // The first rule denies all: no process is to meet the moment before the next ones permit anything.
        let freezes = !cgroup.is_frozen_or_below() && cgroup.freeze().is_ok();
        let applied = apply(cgroup, rules);
        if freezes {
            cgroup.thaw()?;
        }
        return applied;
    }
    let Some(group) = cgroup.unified() else { return apply(cgroup, rules) };
    let failed = |error| CgroupError::new("replace the device filter of", &group.directory, error);
    let directory = File::open(&group.directory).map_err(failed)?;
    let before = attached_device_programs(directory.as_fd()).map_err(failed)?;
    // The new one first: with both attached only what both permit is permitted.
    apply(cgroup, rules)?;
    before
        .iter()
        .try_for_each(|program| detach_device_program(directory.as_fd(), program))
        .map_err(failed)
}

/// A rule as `devices.allow` and `devices.deny` of version 1 read it.
fn line(rule: &DeviceRule) -> String {
    let number =
        |number: Option<u32>| number.map_or_else(|| "*".into(), |number| number.to_string());
    let kind = match rule.kind {
        DeviceRuleKind::All => 'a',
        DeviceRuleKind::Character => 'c',
        DeviceRuleKind::Block => 'b',
    };
    let access: String = rule.access.iter().map(|access| access.letter()).collect();
    format!("{kind} {}:{} {access}", number(rule.major), number(rule.minor))
}

/// Attaches a program with the rules to the cgroup. Version 2 has no files for them: this is the kernel's only way.
fn attach(directory: &Path, rules: &[DeviceRule]) -> Result<(), CgroupError> {
    let attached = load_device_program(&compile(rules)).and_then(|program| {
        let group = File::open(directory)?;
        attach_device_program(group.as_fd(), &program)
    });
    attached.map_err(|error| CgroupError::new("attach a device filter to", directory, error))
}

/// The rules as a program: the last one that speaks about a use decides, and without one it is permitted, as in
/// version 1, where a later rule overwrites an earlier one.
fn compile(rules: &[DeviceRule]) -> Vec<u64> {
    // Registers: 1 the context, 2 the type, 3 the access, 4 major, 5 minor, 6 scratch.
    let mut code = vec![
        instruction(LOAD, 2, 1, 0, 0),
        instruction(COPY, 3, 2, 0, 0),
        instruction(AND, 2, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, 3, 0, 0, 16),
        instruction(LOAD, 4, 1, 4, 0),
        instruction(LOAD, 5, 1, 8, 0),
    ];
    for rule in rules.iter().rev() {
        let answer =
            [instruction(SET, 0, 0, 0, u32::from(rule.allow)), instruction(EXIT, 0, 0, 0, 0)];
        let tests = tests(rule);
        let decides_all = tests.is_empty();
        for (index, test) in tests.iter().enumerate() {
            // Past the tests that follow and the answer.
            let past = (tests.len() - 1 - index + answer.len()) as i16;
            code.push(match *test {
                Test::Do(instruction) => instruction,
                Test::Jump(code, register, value) => instruction(code, register, 0, past, value),
            });
        }
        code.extend(answer);
        if decides_all {
            // The kernel's verifier refuses unreachable instructions.
            return code;
        }
    }
    code.extend([instruction(SET, 0, 0, 0, 1), instruction(EXIT, 0, 0, 0, 0)]);
    code
}

/// One instruction of a rule's tests.
enum Test {
    Do(u64),
    /// Leave the rule: code, register, value.
    Jump(u8, u8, u32),
}

fn tests(rule: &DeviceRule) -> Vec<Test> {
    const BLOCK: u32 = 1;
    const CHARACTER: u32 = 2;
    let mut tests = Vec::new();
    match rule.kind {
        DeviceRuleKind::All => {}
        DeviceRuleKind::Character => tests.push(Test::Jump(UNLESS_EQUAL, 2, CHARACTER)),
        DeviceRuleKind::Block => tests.push(Test::Jump(UNLESS_EQUAL, 2, BLOCK)),
    }
    let access = rule.access.iter().fold(0, |bits, access| bits | bit(*access));
    if rule.access.len() < DeviceAccess::ALL.len() {
        tests.push(Test::Do(instruction(COPY, 6, 3, 0, 0)));
        if rule.allow {
            // One open may ask for reading and writing at once: a rule allows it only if it allows both, and a rule
            // denies it if it denies either.
            tests.push(Test::Do(instruction(AND, 6, 0, 0, !access)));
            tests.push(Test::Jump(UNLESS_EQUAL, 6, 0));
        } else {
            tests.push(Test::Do(instruction(AND, 6, 0, 0, access)));
            tests.push(Test::Jump(IF_EQUAL, 6, 0));
        }
    }
    tests.extend(rule.major.map(|major| Test::Jump(UNLESS_EQUAL, 4, major)));
    tests.extend(rule.minor.map(|minor| Test::Jump(UNLESS_EQUAL, 5, minor)));
    tests
}

/// As `BPF_DEVCG_ACC_MKNOD` and its like.
fn bit(access: DeviceAccess) -> u32 {
    match access {
        DeviceAccess::Mknod => 1,
        DeviceAccess::Read => 2,
        DeviceAccess::Write => 4,
    }
}

const LOAD: u8 = 0x61;
const COPY: u8 = 0xbf;
const SET: u8 = 0xb7;
const AND: u8 = 0x54;
const SHIFT_RIGHT: u8 = 0x74;
const UNLESS_EQUAL: u8 = 0x56;
const IF_EQUAL: u8 = 0x16;
const EXIT: u8 = 0x95;

/// Code, destination, source, offset, value, in the kernel's layout.
fn instruction(code: u8, to: u8, from: u8, offset: i16, value: u32) -> u64 {
    let registers = if cfg!(target_endian = "little") { from << 4 | to } else { to << 4 | from };
    let [offset_0, offset_1] = offset.to_ne_bytes();
    let [value_0, value_1, value_2, value_3] = value.to_ne_bytes();
    u64::from_ne_bytes([code, registers, offset_0, offset_1, value_0, value_1, value_2, value_3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Hierarchy;
    use crate::plan::CgroupPlan;
    use std::process::Command;

    fn rule(allow: bool, device: Option<(u32, u32)>, letters: &str) -> DeviceRule {
        let kind = device.map_or(DeviceRuleKind::All, |_| DeviceRuleKind::Character);
        let (major, minor) = device.unzip();
        let access = letters.chars().map(|letter| DeviceAccess::from_letter(letter).unwrap());
        DeviceRule { allow, kind, major, minor, access: access.collect() }
    }

    #[test]
    fn version_1_reads_a_rule_as_a_line() {
        assert_eq!(line(&rule(false, None, "mwr")), "a *:* rwm");
        assert_eq!(line(&rule(true, Some((1, 3)), "rw")), "c 1:3 rw");
        let block = DeviceRule { kind: DeviceRuleKind::Block, ..rule(true, None, "m") };
        assert_eq!(line(&block), "b *:* m");
    }

    #[test]
    fn nothing_follows_a_rule_for_everything() {
        let rules = [rule(true, Some((1, 3)), "rwm"), rule(false, None, "rwm")];
        assert_eq!(compile(&rules).len(), 6 + 2);
    }

    /// The unified hierarchy wherever it is mounted: also where version 1 restricts devices.
    #[test]
    fn a_program_permits_what_the_rules_permit() {
        oci_testing::needs!(root, unified_cgroups);
        let mount = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
            .into_iter()
            .find(|mount| Path::new(mount).join("cgroup.procs").exists())
            .unwrap();
        let rules = vec![
            rule(false, None, "rwm"),
            rule(true, Some((1, 3)), "rw"),
            rule(true, Some((1, 5)), "r"),
        ];
        let path = format!("/oci-test/devices-{}", std::process::id());
        let hierarchy = Hierarchy { controllers: Vec::new(), mount: mount.into(), own: "/".into() };
        let plan = CgroupPlan {
            path: Some(path.clone()),
            hierarchies: vec![hierarchy],
            writes: Vec::new(),
            devices: rules,
            unit: None,
        };
        let mut cgroup = Cgroup::of(&plan, &"test".parse().unwrap());
        cgroup.make(&plan, 0).unwrap();
        let procs = format!("{mount}{path}/cgroup.procs");
        let holds = |line: &str| {
            let line = format!("echo $$ > {procs} && {line}");
            Command::new("sh")
                .args(["-c", &line])
                .stderr(std::process::Stdio::null())
                .status()
                .unwrap()
                .success()
        };
        let seen = [
            holds("echo x > /dev/null"),
            holds("head -c 1 /dev/zero > /dev/null"),
            holds("echo x > /dev/zero"),
            holds("head -c 1 /dev/urandom > /dev/null"),
        ];
        // In place of the program before: beside it, /dev/null alone would be permitted.
        replace(
            &cgroup,
            &[
                rule(false, None, "rwm"),
                rule(true, Some((1, 9)), "r"),
                rule(true, Some((1, 3)), "rw"),
            ],
        )
        .unwrap();
        let replaced =
            [holds("head -c 1 /dev/zero > /dev/null"), holds("head -c 1 /dev/urandom > /dev/null")];
        cgroup.remove().unwrap();
        assert_eq!(seen, [true, true, false, false]);
        assert_eq!(replaced, [false, true]);
    }
}
