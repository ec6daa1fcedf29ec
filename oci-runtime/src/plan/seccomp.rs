//! The system call filter, compiled.

use super::{Filter, Planner};
use crate::seccomp::{
    Architecture, Comparison, Condition, Profile, Rule, action, compile, is_known,
};
use crate::spec::linux::{Arch, Seccomp, SeccompAction, Syscall, SyscallArg, SyscallOperator};

const EPERM: u32 = 1;
const ALLOW: u32 = action::ALLOW;

impl Planner<'_> {
    /// The filter of the specification, if it has one.
    pub(super) fn seccomp(&mut self) -> Option<Filter> {
        let linux = self.linux();
        let seccomp = linux.seccomp.as_ref()?;
        if self.host.seccomp_actions.is_empty() {
            self.refuse("/linux/seccomp", "the kernel has no system call filters");
        }
        if seccomp.listener_path.is_some() || seccomp.listener_metadata.is_some() {
            self.refuse("/linux/seccomp/listenerPath", "notifying a listener is not supported");
        }
        let flags = seccomp.flags.iter().map(|flag| (flag.as_str(), flag.number()));
        let flags = self.flags("/linux/seccomp/flags", flags);
        let profile = self.profile(seccomp)?;
        let instructions = match compile(&profile) {
            Ok(instructions) => instructions,
            Err(error) => {
                self.refuse("/linux/seccomp/syscalls", error.to_string());
                return None;
            }
        };
        let summary = format!(
            "{} unless one of {} rules applies",
            seccomp.default_action.as_str(),
            profile.rules.len()
        );
        Some(Filter { summary, flags, instructions })
    }

    fn profile(&mut self, seccomp: &Seccomp) -> Option<Profile> {
        let pointer = "/linux/seccomp/defaultAction";
        let default = self.action(pointer, &seccomp.default_action, seccomp.default_errno_ret)?;
        let mut architectures = vec![self.native()?];
        for arch in &seccomp.architectures {
            match architecture(arch) {
                Some(known) => architectures.push(known),
                // No program of it runs here; without rules of its own its calls end the program.
                None => self.warn(format!(
                    "system calls of `{}` are not filtered but all refused",
                    arch.as_str()
                )),
            }
        }
        let mut rules = Vec::new();
        for (index, syscall) in seccomp.syscalls.iter().enumerate() {
            let pointer = format!("/linux/seccomp/syscalls/{index}");
            rules.extend(self.rule(&pointer, syscall, default));
        }
        Some(Profile { default, architectures, rules })
    }

    fn rule(&mut self, pointer: &str, syscall: &Syscall, default: u32) -> Option<Rule> {
        let action = self.action(pointer, &syscall.action, syscall.errno_ret)?;
        // Of another machine, or newer than this crate: other runtimes skip it, too. It is worth a warning where it is to
        // be refused and is permitted; the lists of calls that are permitted have such names for every machine.
        let unknown = syscall.names.iter().filter(|name| default == ALLOW && !is_known(name));
        for name in unknown {
            self.warn(format!("system call `{name}` is unknown: the filter does not mention it"));
        }
        if syscall.names.is_empty() {
            self.refuse(pointer, "it names no system call");
        }
        let conditions = syscall.args.iter().map(condition).collect::<Option<Vec<_>>>();
        if conditions.is_none() {
            self.refuse(pointer, "an argument's index is above 5 or its operator is unknown");
        }
        Some(Rule { names: syscall.names.clone(), action, conditions: conditions? })
    }

    fn action(&mut self, pointer: &str, word: &SeccompAction, errno: Option<u32>) -> Option<u32> {
        let Some((value, name)) = action_value(word) else {
            self.refuse(pointer, format!("action `{}` is not supported", word.as_str()));
            return None;
        };
        if !self.host.seccomp_actions.iter().any(|known| known == name) {
            self.refuse(pointer, format!("the kernel lacks action `{name}`"));
        }
        if !matches!(value, action::ERRNO | action::TRACE) {
            if errno.is_some() {
                self.refuse(
                    pointer,
                    format!("`{}` does not return an error number", word.as_str()),
                );
            }
            return Some(value);
        }
        let errno = errno.unwrap_or(EPERM);
        if errno > 0xffff {
            self.refuse(pointer, format!("{errno} is not an error number"));
        }
        Some(value | errno & 0xffff)
    }

    fn native(&mut self) -> Option<Architecture> {
        match self.host.architecture.as_str() {
            "x86_64" => Some(Architecture::X86_64),
            "i386" | "i486" | "i586" | "i686" => Some(Architecture::X86),
            "aarch64" => Some(Architecture::Aarch64),
            arm if arm.starts_with("arm") => Some(Architecture::Arm),
            other => {
                self.refuse("/linux/seccomp", format!("system calls of `{other}` are not known"));
                None
            }
        }
    }
}

/// The architecture whose system calls are known by this word.
pub(super) fn architecture(word: &Arch) -> Option<Architecture> {
    Some(match word {
        Arch::X86_64 => Architecture::X86_64,
        Arch::X86 => Architecture::X86,
        Arch::X32 => Architecture::X32,
        Arch::Aarch64 => Architecture::Aarch64,
        Arch::Arm => Architecture::Arm,
        Arch::Mips
        | Arch::Mips64
        | Arch::Mips64N32
        | Arch::Mipsel
        | Arch::Mipsel64
        | Arch::Mipsel64N32
        | Arch::Ppc
        | Arch::Ppc64
        | Arch::Ppc64le
        | Arch::S390
        | Arch::S390x
        | Arch::Parisc
        | Arch::Parisc64
        | Arch::Riscv64
        | Arch::Loongarch64
        | Arch::M68k
        | Arch::Sh
        | Arch::Sheb
        | Arch::Other(_) => return None,
    })
}

/// What a filter returns for an action, and the kernel's name for it.
pub(super) fn action_value(word: &SeccompAction) -> Option<(u32, &'static str)> {
    Some(match word {
        SeccompAction::Kill | SeccompAction::KillThread => (action::KILL_THREAD, "kill_thread"),
        SeccompAction::KillProcess => (action::KILL_PROCESS, "kill_process"),
        SeccompAction::Trap => (action::TRAP, "trap"),
        SeccompAction::Errno => (action::ERRNO, "errno"),
        SeccompAction::Trace => (action::TRACE, "trace"),
        SeccompAction::Log => (action::LOG, "log"),
        SeccompAction::Allow => (action::ALLOW, "allow"),
        SeccompAction::Notify | SeccompAction::Other(_) => return None,
    })
}

fn condition(argument: &SyscallArg) -> Option<Condition> {
    let index = u8::try_from(argument.index).ok().filter(|index| *index < 6)?;
    let (comparison, value) = match argument.op {
        SyscallOperator::NotEqual => (Comparison::NotEqual, argument.value),
        SyscallOperator::LessThan => (Comparison::Less, argument.value),
        SyscallOperator::LessOrEqual => (Comparison::LessOrEqual, argument.value),
        SyscallOperator::Equal => (Comparison::Equal, argument.value),
        SyscallOperator::GreaterOrEqual => (Comparison::GreaterOrEqual, argument.value),
        SyscallOperator::GreaterThan => (Comparison::Greater, argument.value),
        SyscallOperator::MaskedEqual => {
            (Comparison::Masked(argument.value), argument.value_two.unwrap_or_default())
        }
        SyscallOperator::Other(_) => return None,
    };
    Some(Condition { index, comparison, value })
}
