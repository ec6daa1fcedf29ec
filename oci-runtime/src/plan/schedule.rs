//! How the process is scheduled, and where its memory comes from.

use super::identity::list;
use super::{Constant, Planner, ProcessStep, Schedule};
use crate::spec::linux::{MemoryPolicy, Personality};
use crate::spec::{IoPriority, Process, Scheduler};

impl Planner<'_> {
    pub(super) fn schedule(&mut self, process: &Process) {
        if let Some(scheduler) = &process.scheduler {
            self.scheduler(scheduler);
        }
        if let Some(priority) = &process.io_priority {
            self.io_priority(priority);
        }
        let linux = self.linux();
        if let Some(personality) = &linux.personality {
            self.personality(personality);
        }
        if let Some(policy) = &linux.memory_policy {
            self.memory_policy(policy);
        }
    }

    fn scheduler(&mut self, scheduler: &Scheduler) {
        let pointer = "/process/scheduler";
        let word = &scheduler.policy;
        let policy = self.constant(&format!("{pointer}/policy"), word.as_str(), word.number());
        let flags = scheduler.flags.iter().map(|flag| (flag.as_str(), flag.number()));
        let flags = self.flags(&format!("{pointer}/flags"), flags);
        let priority = u32::try_from(scheduler.priority.unwrap_or_default());
        if priority.is_err() {
            self.refuse(format!("{pointer}/priority"), "it is negative");
        }
        let (Some(policy), Ok(priority)) = (policy, priority) else { return };
        let schedule = Schedule {
            policy,
            flags,
            nice: scheduler.nice.unwrap_or_default(),
            priority,
            runtime: scheduler.runtime.unwrap_or_default(),
            deadline: scheduler.deadline.unwrap_or_default(),
            period: scheduler.period.unwrap_or_default(),
        };
        self.steps.push(ProcessStep::Schedule(schedule).into());
    }

    fn io_priority(&mut self, priority: &IoPriority) {
        let (pointer, word) = ("/process/ioPriority", &priority.class);
        let class = self.constant(&format!("{pointer}/class"), word.as_str(), word.number());
        let level = u32::try_from(priority.priority).ok().filter(|level| *level <= 7);
        if level.is_none() {
            self.refuse(format!("{pointer}/priority"), "it is not between 0 and 7");
        }
        let (Some(class), Some(level)) = (class, level) else { return };
        self.steps.push(ProcessStep::IoPriority { class, level }.into());
    }

    fn personality(&mut self, personality: &Personality) {
        let pointer = "/linux/personality";
        if !personality.flags.is_empty() {
            self.refuse(format!("{pointer}/flags"), "the specification defines none");
        }
        let word = &personality.domain;
        let domain = self.constant(&format!("{pointer}/domain"), word.as_str(), word.number());
        self.steps.extend(domain.map(|domain| ProcessStep::Personality(domain).into()));
    }

    fn memory_policy(&mut self, policy: &MemoryPolicy) {
        let (pointer, word) = ("/linux/memoryPolicy", &policy.mode);
        let mode = self.constant(&format!("{pointer}/mode"), word.as_str(), word.number());
        let flags = policy.flags.iter().map(|flag| (flag.as_str(), flag.number()));
        let flags = self.flags(&format!("{pointer}/flags"), flags);
        let nodes = list(policy.nodes.as_deref().unwrap_or_default());
        if nodes.is_none() {
            self.refuse(format!("{pointer}/nodes"), "it is not a list of nodes like `0-3,7`");
        }
        let (Some(mode), Some(nodes)) = (mode, nodes) else { return };
        self.steps.push(ProcessStep::MemoryPolicy { mode, flags, nodes }.into());
    }

    /// The constant of a word of the specification; one without a number is refused.
    fn constant(&mut self, pointer: &str, word: &str, number: Option<u32>) -> Option<Constant> {
        if number.is_none() {
            self.refuse(pointer, format!("`{word}` is not known"));
        }
        Some(Constant { name: word.into(), number: number? })
    }

    /// The bits of the words; each without a number is refused.
    pub(super) fn flags<'a>(
        &mut self,
        pointer: &str,
        words: impl Iterator<Item = (&'a str, Option<u32>)>,
    ) -> u32 {
        words.fold(0, |bits, (word, number)| {
            if number.is_none() {
                self.refuse(pointer, format!("flag `{word}` is not supported"));
            }
            bits | number.unwrap_or_default()
        })
    }
}
