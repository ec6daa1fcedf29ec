//! The user and the capabilities of the process, and the order in which it gives rights up.

use std::collections::BTreeSet;

use super::namespaces::{id_ranges, maps};
use super::{
    Capabilities, Constant, Filter, HookKind, Label, Namespace, Planner, ProcessStep, Step,
};
use crate::spec;

/// The `PATH` of a process whose environment has none.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Planner<'_> {
    /// How readily the kernel kills the process, set while `/proc` is the host's.
    pub(super) fn oom_score(&mut self) {
        let score = self.spec.process.as_ref().and_then(|process| process.oom_score_adj);
        let Some(score) = score else { return };
        if !(-1000..=1000).contains(&score) {
            self.refuse("/process/oomScoreAdj", "it is not between -1000 and 1000");
        }
        self.steps.push(ProcessStep::OomScore(score).into());
    }

    /// Replaces the caller's session keyring, which passes clone and exec with the keys in it. Before the user
    /// namespace: the keyring counts for the caller, not for one of its subordinate users, who may have few keys.
    pub(super) fn keyring(&mut self) {
        if self.host.keyrings {
            let label = self.keyring_label();
            self.steps.push(ProcessStep::SessionKeyring { label }.into());
        }
    }

    /// Adds the steps from the finished filesystem to the program.
    pub(super) fn process(&mut self) {
        let Some(process) = &self.spec.process else {
            self.steps.push(Step::AwaitStart);
            return;
        };
        let rights = self.find_program(process);
        self.steps.push(Step::AwaitStart);
        self.steps.extend(self.hooks(&[HookKind::StartContainer]));
        self.execute(process, rights);
    }

    /// From root of the user namespace to the user of the process with just the rights that were asked for, up to the
    /// program that is found. What is returned is left for [`execute`](Self::execute).
    pub(super) fn find_program(&mut self, process: &spec::Process) -> Rights {
        self.limits_of_scheduling(process);
        self.schedule(process);
        self.steps.push(ProcessStep::WorkingDirectory(process.cwd.clone()).into());
        let labels = self.labels(process);
        self.steps
            .extend(labels.iter().map(|label| ProcessStep::OpenLabel(label.file.clone()).into()));
        let (bounding, sets) = self.capabilities(process);
        let sets = self.without_exec(process, sets);
        let filter = self.seccomp();
        let no_new_privileges = process.no_new_privileges == Some(true);
        self.steps.push(ProcessStep::BoundingSet(bounding).into());
        self.user(process);
        let mask = process.user.as_ref().and_then(|user| user.umask).unwrap_or(0o022);
        if mask > 0o777 {
            self.refuse("/process/user/umask", format!("{mask:o} has more than permissions"));
        }
        self.steps.push(ProcessStep::Umask(mask).into());
        // Loading a filter takes no_new_privs or CAP_SYS_ADMIN (seccomp(2)): without the first, the capabilities are
        // given up only after it.
        let is_late = filter.is_some() && !no_new_privileges;
        let late = is_late.then(|| sets.clone());
        if !is_late {
            self.steps.push(ProcessStep::Capabilities(sets).into());
        }
        if no_new_privileges {
            self.steps.push(ProcessStep::NoNewPrivileges.into());
        }
        self.steps.push(self.look_up(process).into());
        Rights { labels, filter, late }
    }

    /// The step that finds what is run, before the start is awaited.
    fn look_up(&self, process: &spec::Process) -> ProcessStep {
        if let Some(function) = self.function {
            return ProcessStep::FindFunction(function.name.clone());
        }
        let search = process
            .env
            .iter()
            .rev()
            .find_map(|entry| entry.strip_prefix("PATH="))
            .unwrap_or(SEARCH);
        let name = process.args.first().cloned().unwrap_or_default();
        ProcessStep::FindProgram { name, search: search.split(':').map(String::from).collect() }
    }

    /// From the process that waits for its start to the program.
    pub(super) fn execute(&mut self, process: &spec::Process, rights: Rights) {
        self.limits(process);
        // Last before the filter that might forbid it: by then no hook can get them.
        self.steps.extend(rights.labels.into_iter().map(|label| ProcessStep::Label(label).into()));
        self.steps.extend(rights.filter.map(|filter| ProcessStep::Seccomp(filter).into()));
        self.steps.extend(rights.late.map(|sets| ProcessStep::Capabilities(sets).into()));
        let (arguments, environment) = (process.args.clone(), environment(&process.env));
        self.steps.push(match self.function.cloned() {
            Some(function) => ProcessStep::Call { function, arguments, environment }.into(),
            None => ProcessStep::Execute { arguments, environment }.into(),
        });
    }

    fn user(&mut self, process: &spec::Process) {
        let user = process.user.clone().unwrap_or_else(|| spec::User::posix(0, 0));
        let (uid, gid) = (user.uid.unwrap_or_default(), user.gid.unwrap_or_default());
        self.require_id("/process/user/uid", uid);
        self.require_id("/process/user/gid", gid);
        for (index, gid) in user.additional_gids.iter().enumerate() {
            self.require_id(&format!("/process/user/additionalGids/{index}"), *gid);
        }
        let linux = self.linux();
        if self.is_new(Namespace::User) {
            let (uids, gids) = (id_ranges(&linux.uid_mappings), id_ranges(&linux.gid_mappings));
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
        if !self.has_user_namespace() && self.host.is_in_user_namespace() {
            let existing = self.host.id_maps.clone();
            if !maps(&existing.uids, uid) {
                let reason = format!("user {uid} does not exist in the caller's user namespace");
                self.refuse("/process/user/uid", reason);
            }
            if !maps(&existing.gids, gid) {
                let reason = format!("group {gid} does not exist in the caller's user namespace");
                self.refuse("/process/user/gid", reason);
            }
        }
        let denied = self.denies_setgroups() || self.host.id_maps.denies_setgroups;
        if denied && !user.additional_gids.is_empty() {
            self.refuse(
                "/process/user/additionalGids",
                "the kernel takes additional groups only where newgidmap or root made the mapping",
            );
        }
        let groups = (!denied).then_some(user.additional_gids);
        if !process.env.iter().any(|entry| entry.starts_with("HOME=")) {
            self.steps.push(ProcessStep::Home(uid).into());
        }
        self.steps.push(ProcessStep::User { uid, gid, groups }.into());
    }

    /// The bounding set, and the other sets.
    fn capabilities(&mut self, process: &spec::Process) -> (Vec<Constant>, Capabilities) {
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

    /// A user other than root keeps of its capabilities what exec would leave: the ambient ones. A function, which no exec
    /// precedes, is to have no more than a program.
    fn without_exec(&self, process: &spec::Process, sets: Capabilities) -> Capabilities {
        let is_root = process.user.as_ref().is_none_or(|user| user.uid.unwrap_or_default() == 0);
        if self.function.is_none() || is_root {
            return sets;
        }
        let kept = sets.ambient;
        Capabilities { effective: kept.clone(), permitted: kept.clone(), ambient: kept, ..sets }
    }

    /// The capabilities that the kernel knows and the caller can give; each of the others is a warning.
    fn granted(&mut self, set: &str, asked: &[spec::Capability]) -> Vec<Constant> {
        let mut granted: Vec<Constant> = Vec::new();
        for capability in asked {
            let name = capability.as_str().to_owned();
            match capability.number() {
                None => self.warn(format!("capability `{name}` of the {set} set is unknown")),
                Some(number) if number > self.host.last_capability => {
                    self.warn(format!(
                        "the kernel does not know capability `{name}` of the {set} set"
                    ));
                }
                Some(_) if !self.has_user_namespace() && !self.host.has_capability(capability) => {
                    self.warn(format!("the caller lacks capability `{name}` of the {set} set"));
                }
                Some(number) if granted.iter().any(|other| other.number == number) => {}
                Some(number) => granted.push(Constant { name, number }),
            }
        }
        granted
    }

    /// The kernel requires one set to be within another (capabilities(7)).
    fn keep_within(&mut self, set: &str, inner: &mut Vec<Constant>, of: &str, outer: &[Constant]) {
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

/// The environment without variables that a later entry sets again: programs disagree on which of two counts.
pub(super) fn environment(entries: &[String]) -> Vec<String> {
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    let mut seen = BTreeSet::new();
    let mut kept: Vec<String> =
        entries.iter().rev().filter(|entry| seen.insert(name(entry))).cloned().collect();
    kept.reverse();
    kept
}

/// What a process gives up last.
pub(super) struct Rights {
    labels: Vec<Label>,
    filter: Option<Filter>,
    /// The capabilities, if they are set after the filter.
    late: Option<Capabilities>,
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
