//! From a profile to a program of classic BPF.
//!
//! For each architecture a binary search over the numbers of system calls, then the conditions on arguments. A rule
//! without conditions decides whatever other rules say; among rules with conditions the first that holds decides. The
//! first instruction tells architectures apart: a number means another call on each (seccomp(2), "Caveats").

use std::collections::BTreeMap;

use super::syscalls::{self, X32_BIT};
use super::{Architecture, action};

/// A profile whose words have been parsed.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// What happens to system calls that no rule names.
    pub(crate) default: u32,
    pub(crate) architectures: Vec<Architecture>,
    pub(crate) rules: Vec<Rule>,
}

/// What happens to some system calls.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) names: Vec<String>,
    pub(crate) action: u32,
    /// All must hold.
    pub(crate) conditions: Vec<Condition>,
}

/// A condition on one argument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    /// 0 to 5.
    pub(crate) index: u8,
    pub(crate) comparison: Comparison,
    pub(crate) value: u64,
}

/// How an argument compares with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    GreaterOrEqual,
    Greater,
    /// The argument, with this mask applied, is equal.
    Masked(u64),
}

/// The program is longer than the kernel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the filter has {length} instructions, more than the 4096 of the kernel")]
pub(crate) struct TooLong {
    length: usize,
}

/// Code, jump if true, jump if false, value.
type Instruction = (u16, u8, u8, u32);

const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const EQUAL: u16 = 0x15;
const GREATER: u16 = 0x25;
const NOT_LESS: u16 = 0x35;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;

const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

const ENOSYS: u32 = 38;
const MAX_LENGTH: usize = 4096;

/// Compiles a profile.
pub(crate) fn compile(profile: &Profile) -> Result<Vec<Instruction>, TooLong> {
    let mut program = vec![(LOAD, 0, 0, ARCHITECTURE)];
    let has = |architecture| profile.architectures.contains(&architecture);
    for architecture in Architecture::ALL {
        if architecture == Architecture::X32
            || !(has(architecture) || is_x32_only(profile, architecture))
        {
            continue;
        }
        let mut body = vec![(LOAD, 0, 0, NUMBER)];
        if architecture == Architecture::X86_64 {
            let x32 = if has(Architecture::X32) {
                calls(profile, Architecture::X32)
            } else {
                vec![(RETURN, 0, 0, action::KILL_PROCESS)]
            };
            body.extend([(NOT_LESS, 0, 1, X32_BIT), (JUMP, 0, 0, 0)]);
            let jump = body.len() - 1;
            body.extend(calls(profile, architecture));
            body[jump].3 = (body.len() - jump - 1) as u32;
            body.extend(x32);
        } else {
            body.extend(calls(profile, architecture));
        }
        program.push((EQUAL, 1, 0, architecture.audit()));
        program.push((JUMP, 0, 0, body.len() as u32));
        program.extend(body);
    }
    program.push((RETURN, 0, 0, action::KILL_PROCESS));
    if program.len() > MAX_LENGTH { Err(TooLong { length: program.len() }) } else { Ok(program) }
}

/// Whether the block of x86-64 is needed for x32 alone, whose calls have the same audit number and another bit set.
fn is_x32_only(profile: &Profile, architecture: Architecture) -> bool {
    architecture == Architecture::X86_64 && profile.architectures.contains(&Architecture::X32)
}

/// The rules about one system call.
struct Call<'profile> {
    /// The action of a rule without conditions.
    unconditional: Option<u32>,
    conditional: Vec<(&'profile [Condition], u32)>,
}

/// The code for the calls of one architecture; the number is loaded.
fn calls(profile: &Profile, architecture: Architecture) -> Vec<Instruction> {
    let mut calls: BTreeMap<u32, Call<'_>> = BTreeMap::new();
    let mut newest = 0;
    for rule in &profile.rules {
        for name in &rule.names {
            let Some(number) = syscalls::number(architecture, name) else { continue };
            newest = newest.max(number);
            if rule.action == profile.default {
                continue;
            }
            let call = calls
                .entry(number)
                .or_insert(Call { unconditional: None, conditional: Vec::new() });
            if rule.conditions.is_empty() {
                call.unconditional = call.unconditional.or(Some(rule.action));
            } else {
                alternatives(&rule.conditions)
                    .for_each(|all| call.conditional.push((all, rule.action)));
            }
        }
    }
    let ranges = ranges(&calls, profile, architecture);
    let unknown = unknown_calls(profile.default);
    let mut code = Vec::new();
    if unknown != profile.default && newest > 0 {
        // C libraries fall back to an older system call after ENOSYS, but fail after EPERM.
        code.extend([(GREATER, 0, 1, newest), (RETURN, 0, 0, unknown)]);
    }
    code.extend(search(&ranges));
    code
}

/// The action for calls that are newer than all that the profile names.
fn unknown_calls(default: u32) -> u32 {
    if default & action::MASK == action::ERRNO { action::ERRNO | ENOSYS } else { default }
}

/// Conditions that name an argument twice are alternatives, as in runc, whose profiles rely on it; else all must hold.
fn alternatives(conditions: &[Condition]) -> impl Iterator<Item = &[Condition]> {
    let twice = conditions.iter().enumerate().any(|(at, condition)| {
        conditions.iter().take(at).any(|earlier| earlier.index == condition.index)
    });
    conditions.chunks(if twice { 1 } else { conditions.len().max(1) })
}

/// Consecutive numbers with the same code: the first number and the code.
fn ranges(
    calls: &BTreeMap<u32, Call<'_>>,
    profile: &Profile,
    architecture: Architecture,
) -> Vec<(u32, Vec<Instruction>)> {
    let default = vec![(RETURN, 0, 0, profile.default)];
    let mut ranges = vec![(0, default.clone())];
    let mut push = |number, code: Vec<Instruction>| {
        if ranges.last().is_some_and(|last: &(u32, Vec<Instruction>)| last.0 == number) {
            ranges.pop();
        }
        if ranges.last().is_none_or(|last| last.1 != code) {
            ranges.push((number, code));
        }
    };
    for (number, call) in calls {
        push(*number, decide(call, profile.default, architecture));
        push(*number + 1, default.clone());
    }
    ranges
}

/// Binary search for the range that the number is in.
fn search(ranges: &[(u32, Vec<Instruction>)]) -> Vec<Instruction> {
    let (left, right) = ranges.split_at(ranges.len() / 2);
    match (left, right.first()) {
        ([], Some((_, code))) => code.clone(),
        (_, Some((first, _))) => {
            let (low, high) = (search(left), search(right));
            let mut code = match u8::try_from(low.len()) {
                Ok(over) => vec![(NOT_LESS, over, 0, *first)],
                Err(_) => vec![(NOT_LESS, 0, 1, *first), (JUMP, 0, 0, low.len() as u32)],
            };
            code.extend(low);
            code.extend(high);
            code
        }
        (_, None) => Vec::new(),
    }
}

/// The code that decides about one call; the number is loaded.
fn decide(call: &Call<'_>, default: u32, architecture: Architecture) -> Vec<Instruction> {
    if let Some(action) = call.unconditional {
        return vec![(RETURN, 0, 0, action)];
    }
    let mut code = Vec::new();
    for (conditions, action) in &call.conditional {
        let mut rest = vec![(RETURN, 0, 0, *action)];
        for condition in conditions.iter().rev() {
            rest = test(*condition, architecture, rest);
        }
        code.extend(rest);
    }
    code.push((RETURN, 0, 0, default));
    code
}

/// Code that goes through `then` if the condition holds, and past it if not.
fn test(
    condition: Condition,
    architecture: Architecture,
    then: Vec<Instruction>,
) -> Vec<Instruction> {
    let low_at = ARGUMENTS + 8 * u32::from(condition.index);
    let mask = if let Comparison::Masked(mask) = condition.comparison { mask } else { u64::MAX };
    let (low, high) = (condition.value as u32, (condition.value >> 32) as u32);
    let mut code = Vec::new();
    // Where a test leads, to be known once all is laid out.
    let mut tests: Vec<(usize, Target, Target)> = Vec::new();
    let Targets { high_greater, high_differs, low_holds, low_fails } =
        targets(condition.comparison);
    if !architecture.is_32_bit() {
        load(&mut code, low_at + 4, (mask >> 32) as u32);
        if let Some((yes, no)) = high_greater {
            tests.push((code.len(), yes, no));
            code.push((GREATER, 0, 0, high));
        }
        tests.push((code.len(), Target::Next, high_differs));
        code.push((EQUAL, 0, 0, high));
    }
    load(&mut code, low_at, mask as u32);
    tests.push((code.len(), low_holds, low_fails));
    code.push((code_of(condition.comparison), 0, 0, low));
    // Two jumps at the end: the first past `then`, reached if the condition does not hold; the second is `then` itself.
    let end = code.len();
    for (at, yes, no) in tests {
        let to = |target| match target {
            Target::Next => 0,
            Target::Skip => end - at - 1,
            Target::Then => end - at,
        };
        code[at].1 = to(yes) as u8;
        code[at].2 = to(no) as u8;
    }
    code.push((JUMP, 0, 0, then.len() as u32));
    code.extend(then);
    code
}

fn load(code: &mut Vec<Instruction>, at: u32, mask: u32) {
    code.push((LOAD, 0, 0, at));
    if mask != u32::MAX {
        code.push((AND, 0, 0, mask));
    }
}

/// Where a test leads.
#[derive(Clone, Copy)]
enum Target {
    /// The next instruction.
    Next,
    /// Past the code for a condition that holds.
    Skip,
    /// The code for a condition that holds.
    Then,
}

/// Where the tests of one comparison lead. Classic BPF compares 32 bits: first the high word, then the low one.
struct Targets {
    /// If the high word is greater than the value's, and if not. None: it is not asked.
    high_greater: Option<(Target, Target)>,
    high_differs: Target,
    low_holds: Target,
    low_fails: Target,
}

fn targets(comparison: Comparison) -> Targets {
    use Target::{Next, Skip, Then};
    let (high_greater, high_differs, low_holds, low_fails) = match comparison {
        Comparison::Equal | Comparison::Masked(_) => (None, Skip, Then, Skip),
        Comparison::NotEqual => (None, Then, Skip, Then),
        Comparison::Greater | Comparison::GreaterOrEqual => (Some((Then, Next)), Skip, Then, Skip),
        Comparison::Less | Comparison::LessOrEqual => (Some((Skip, Next)), Then, Skip, Then),
    };
    Targets { high_greater, high_differs, low_holds, low_fails }
}

/// The test of the low word.
fn code_of(comparison: Comparison) -> u16 {
    match comparison {
        Comparison::Equal | Comparison::NotEqual | Comparison::Masked(_) => EQUAL,
        Comparison::Greater | Comparison::LessOrEqual => GREATER,
        Comparison::GreaterOrEqual | Comparison::Less => NOT_LESS,
    }
}
