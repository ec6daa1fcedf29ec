//! Who the process is and what it may do, and in which order it gives rights up.

use super::namespaces::maps;
use super::{Capabilities, Capability, HookKind, IdRange, Namespace, Planner, Schedule, Step};
use crate::spec;

/// Where a program without a slash is looked for if the environment does not say.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Planner<'_> {
    /// The willingness of the kernel to kill, set while `/proc` is the host's.
    pub(super) fn oom_score(&mut self) {
        let score = self.spec.process.as_ref().and_then(|process| process.oom_score_adj);
        let Some(score) = score else { return };
        if !(-1000..=1000).contains(&score) {
            self.refuse("/process/oomScoreAdj", "it is not between -1000 and 1000");
        }
        self.steps.push(Step::OomScore(score));
    }

    /// Adds the steps from the finished filesystem to the program.
    pub(super) fn process(&mut self) {
        let Some(process) = &self.spec.process else {
            self.steps.push(Step::AwaitStart);
            return;
        };
        self.limits_of_scheduling(process);
        self.schedule(process);
        self.steps.push(Step::WorkingDirectory(process.cwd.clone()));
        self.rights(process);
    }

    /// How the process is scheduled, and where its memory comes from.
    fn schedule(&mut self, process: &spec::Process) {
        if let Some(scheduler) = &process.scheduler {
            self.scheduler(scheduler);
        }
        if let Some(priority) = &process.io_priority {
            if matches!(priority.class, spec::IoPriorityClass::Other(_))
                || !(0..=7).contains(&priority.priority)
            {
                self.refuse(
                    "/process/ioPriority",
                    "the class is unknown or the priority not between 0 and 7",
                );
            }
            let level = i32::try_from(priority.priority).unwrap_or_default();
            self.steps.push(Step::IoPriority { class: priority.class.as_str().to_owned(), level });
        }
        let linux = self.linux();
        if let Some(personality) = &linux.personality {
            if matches!(personality.domain, spec::linux::PersonalityDomain::Other(_)) {
                self.refuse("/linux/personality/domain", "there is no such execution domain");
            }
            self.steps.push(Step::Personality(personality.domain.as_str().to_owned()));
        }
        if let Some(policy) = &linux.memory_policy {
            self.memory_policy(policy);
        }
    }

    fn scheduler(&mut self, scheduler: &spec::Scheduler) {
        if matches!(scheduler.policy, spec::SchedulerPolicy::Other(_)) {
            self.refuse("/process/scheduler/policy", "there is no such policy");
        }
        if scheduler.flags.iter().any(|flag| matches!(flag, spec::SchedulerFlag::Other(_))) {
            self.refuse("/process/scheduler/flags", "there is no such flag");
        }
        self.steps.push(Step::Schedule(Schedule {
            policy: scheduler.policy.as_str().to_owned(),
            flags: scheduler.flags.iter().map(|flag| flag.as_str().to_owned()).collect(),
            nice: scheduler.nice.unwrap_or_default(),
            priority: scheduler.priority.unwrap_or_default(),
            runtime: scheduler.runtime.unwrap_or_default(),
            deadline: scheduler.deadline.unwrap_or_default(),
            period: scheduler.period.unwrap_or_default(),
        }));
    }

    fn memory_policy(&mut self, policy: &spec::linux::MemoryPolicy) {
        use spec::linux::{MemoryPolicyFlag, MemoryPolicyMode};
        if matches!(policy.mode, MemoryPolicyMode::Other(_))
            || policy.flags.iter().any(|flag| matches!(flag, MemoryPolicyFlag::Other(_)))
        {
            self.refuse("/linux/memoryPolicy", "the mode or a flag is unknown");
        }
        let nodes = list(policy.nodes.as_deref().unwrap_or_default());
        if nodes.is_none() {
            self.refuse("/linux/memoryPolicy/nodes", "it is no list of nodes like `0-3,7`");
        }
        self.steps.push(Step::MemoryPolicy {
            mode: policy.mode.as_str().to_owned(),
            flags: policy.flags.iter().map(|flag| flag.as_str().to_owned()).collect(),
            nodes: nodes.unwrap_or_default(),
        });
    }

    /// From root of the namespace to the user with just the rights that were asked for, and on to the program.
    pub(super) fn rights(&mut self, process: &spec::Process) {
        let (bounding, sets) = self.capabilities(process);
        let filter = self.seccomp();
        let no_new_privileges = process.no_new_privileges == Some(true);
        // A filter may be loaded by who gains no privileges, else only with the capability for it: then that
        // is given up last.
        let keep_capabilities = true;
        self.steps.push(Step::BoundingSet(bounding));
        self.user(process, keep_capabilities);
        let mask = process.user.as_ref().and_then(|user| user.umask).unwrap_or(0o022);
        if mask > 0o777 {
            self.refuse("/process/user/umask", format!("{mask:o} has more than permissions"));
        }
        self.steps.push(Step::Umask(mask));
        let late = filter.is_some() && !no_new_privileges;
        if !late {
            self.steps.push(Step::Capabilities(sets.clone()));
        }
        if no_new_privileges {
            self.steps.push(Step::NoNewPrivileges);
        }
        let search = process
            .env
            .iter()
            .rev()
            .find_map(|entry| entry.strip_prefix("PATH="))
            .unwrap_or(SEARCH);
        self.steps.push(Step::FindProgram {
            name: process.args.first().cloned().unwrap_or_default(),
            search: search.split(':').map(String::from).collect(),
        });
        self.steps.push(Step::AwaitStart);
        self.steps.extend(self.hooks(&[HookKind::StartContainer]));
        self.limits(process);
        self.steps.extend(filter.map(Step::Seccomp));
        if late {
            self.steps.push(Step::Capabilities(sets));
        }
        self.steps.push(Step::Execute {
            arguments: process.args.clone(),
            environment: process.env.clone(),
        });
    }

    fn user(&mut self, process: &spec::Process, keep_capabilities: bool) {
        let user = process.user.clone().unwrap_or_else(|| spec::User::posix(0, 0));
        let (uid, gid) = (user.uid.unwrap_or_default(), user.gid.unwrap_or_default());
        self.demand_id("/process/user/uid", uid);
        self.demand_id("/process/user/gid", gid);
        for (index, gid) in user.additional_gids.iter().enumerate() {
            self.demand_id(&format!("/process/user/additionalGids/{index}"), *gid);
        }
        let linux = self.linux();
        if self.is_new(Namespace::User) {
            let ranges = |mappings: &[spec::IdMapping]| -> Vec<IdRange> {
                let range = |map: &spec::IdMapping| IdRange {
                    inside: map.container_id,
                    outside: map.host_id,
                    size: map.size,
                };
                mappings.iter().map(range).collect()
            };
            let (uids, gids) = (ranges(&linux.uid_mappings), ranges(&linux.gid_mappings));
            if !maps(&uids, uid) {
                self.refuse("/process/user/uid", format!("user {uid} is not in `uidMappings`"));
            }
            for (pointer, id) in [("/process/user/gid", gid)].into_iter().chain(
                user.additional_gids.iter().map(|gid| ("/process/user/additionalGids", *gid)),
            ) {
                if !maps(&gids, id) {
                    self.refuse(pointer, format!("group {id} is not in `gidMappings`"));
                }
            }
        }
        let denied =
            self.steps.iter().any(|step| matches!(step, Step::MapIds(ids) if ids.deny_setgroups));
        if denied && !user.additional_gids.is_empty() {
            self.refuse(
                "/process/user/additionalGids",
                "the kernel takes additional groups only where newgidmap or root made the mapping",
            );
        }
        let groups = (!denied).then_some(user.additional_gids);
        self.steps.push(Step::User { uid, gid, groups, keep_capabilities });
    }

    /// The bounding set, and the other sets.
    fn capabilities(&mut self, process: &spec::Process) -> (Vec<Capability>, Capabilities) {
        let Some(asked) = &process.capabilities else {
            return (Vec::new(), Capabilities::default());
        };
        let bounding = self.granted("bounding", &asked.bounding);
        let permitted = self.granted("permitted", &asked.permitted);
        let inheritable = self.granted("inheritable", &asked.inheritable);
        let mut effective = self.granted("effective", &asked.effective);
        let mut ambient = self.granted("ambient", &asked.ambient);
        self.keep_within("effective", &mut effective, "permitted", &permitted);
        self.keep_within("ambient", &mut ambient, "permitted", &permitted);
        self.keep_within("ambient", &mut ambient, "inheritable", &inheritable);
        (bounding, Capabilities { effective, permitted, inheritable, ambient })
    }

    /// The capabilities that the kernel knows and the caller can give; a warning names each other.
    fn granted(&mut self, set: &str, asked: &[spec::Capability]) -> Vec<Capability> {
        let mut granted: Vec<Capability> = Vec::new();
        for capability in asked {
            let name = capability.as_str().to_owned();
            match capability.number() {
                None => self.warn(format!("capability `{name}` of the {set} set is unknown")),
                Some(number) if number > self.host.last_capability => {
                    self.warn(format!(
                        "the kernel does not know capability `{name}` of the {set} set"
                    ));
                }
                Some(number) if !self.has_user_namespace() && !self.host.has_capability(number) => {
                    self.warn(format!("the caller lacks capability `{name}` of the {set} set"));
                }
                Some(number) if granted.iter().any(|other| other.number == number) => {}
                Some(number) => granted.push(Capability { name, number }),
            }
        }
        granted
    }

    /// The kernel demands that one set is within another.
    fn keep_within(
        &mut self,
        set: &str,
        inner: &mut Vec<Capability>,
        of: &str,
        outer: &[Capability],
    ) {
        inner.retain(|capability| {
            let kept = outer.contains(capability);
            if !kept {
                self.warn(format!(
                    "capability `{}` is in the {set} set and not in the {of} set",
                    capability.name
                ));
            }
            kept
        });
    }
}

/// Numbers of a list like `0-3,7`.
pub(super) fn list(text: &str) -> Option<Vec<u32>> {
    const MOST: u32 = 1024;
    let mut numbers = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last >= MOST || first > last {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}
