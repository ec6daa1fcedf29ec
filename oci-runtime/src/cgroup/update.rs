//! New limits for a cgroup that is in use.

use std::fs::read_to_string;
use std::path::PathBuf;

use super::{Cgroup, CgroupError, devices, make, write};
use crate::plan::{CgroupUpdate, CgroupWrite};

impl Cgroup {
    /// Sets limits. After a failure those that were set before are in force again, as far as the kernel permits.
    pub(crate) fn update(&self, update: &CgroupUpdate) -> Result<(), CgroupError> {
        self.check_use(update)?;
        if let Some(group) = self.unified() {
            make::enable(&group.mount, &group.directory, &update.writes)?;
        }
        let before = self.now(&update.writes);
        let updated =
            self.write_in_any_order(&update.writes).and_then(|()| match &update.devices {
                Some(rules) => devices::replace(self, rules),
                None => Ok(()),
            });
        let updated = match &self.unit {
            Some(unit) => updated.and_then(|()| unit.update(&update.writes)),
            None => updated,
        };
        if updated.is_err() {
            // Twice: what is refused because of another limit is set after that one.
            for (path, text) in before.iter().chain(&before) {
                text.lines().for_each(|line| drop(write(path, line)));
            }
        }
        updated
    }

    /// Writes what it can, and then again what the kernel refused because of another limit that is written after it: the
    /// limit of memory is never above that of memory and swap, and the quota of a cgroup fits the one above.
    fn write_in_any_order(&self, writes: &[CgroupWrite]) -> Result<(), CgroupError> {
        let mut left: Vec<&CgroupWrite> = writes.iter().collect();
        loop {
            let (count, mut refused, mut first) = (left.len(), Vec::new(), None);
            for line in left {
                if let Err(error) = self.write_all(std::slice::from_ref(line)) {
                    if error.reason().raw_os_error() != Some(libc::EINVAL) {
                        return Err(error);
                    }
                    refused.push(line);
                    first.get_or_insert(error);
                }
            }
            match first {
                None => return Ok(()),
                Some(error) if refused.len() == count => return Err(error),
                Some(_) => left = refused,
            }
        }
    }

    /// The kernel of version 2 kills processes for a limit that is below the use; that of version 1 refuses it (`EBUSY`).
    fn check_use(&self, update: &CgroupUpdate) -> Result<(), CgroupError> {
        let (Some(limit), Some(group)) = (update.memory_above_use, self.group("memory")) else {
            return Ok(());
        };
        let path = group.directory.join("memory.current");
        let used = read_to_string(&path).ok().and_then(|text| text.trim().parse::<u64>().ok());
        if used.is_some_and(|used| used > limit) {
            let reason = "`checkBeforeUpdate` is set, and more memory is in use than the new limit";
            return Err(CgroupError::new(
                "lower the limit of memory below",
                path,
                std::io::Error::other(reason),
            ));
        }
        Ok(())
    }

    /// What the files hold that will be written.
    fn now(&self, writes: &[CgroupWrite]) -> Vec<(PathBuf, String)> {
        let paths = writes
            .iter()
            .filter_map(|line| Some(self.group(&line.controller)?.directory.join(&line.file)));
        paths
            .filter_map(|path| Some((read_to_string(&path).ok()?, path)))
            .map(|(text, path)| (path, text))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::write;

    use super::*;
    use crate::cgroup::Group;

    /// A directory in place of a cgroup of version 2, where the kernel would kill processes instead.
    #[test]
    fn a_limit_below_the_use_is_refused_where_that_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        write(path("memory.current"), "100\n").unwrap();
        let group = Group {
            controllers: Vec::new(),
            mount: directory.path().into(),
            directory: directory.path().into(),
        };
        let cgroup = Cgroup { groups: vec![group], ..Cgroup::default() };
        for (checked, limit, expected) in
            [(Some(99), "99", "max"), (Some(100), "100", "100"), (None, "50", "50")]
        {
            write(path("memory.max"), "max").unwrap();
            let line = CgroupWrite {
                controller: String::new(),
                file: "memory.max".into(),
                value: limit.into(),
            };
            let update =
                CgroupUpdate { writes: vec![line], devices: None, memory_above_use: checked };
            let updated = cgroup.update(&update);
            assert_eq!(updated.is_ok(), expected == limit);
            let found = read_to_string(path("memory.max")).unwrap();
            assert_eq!(found.get(..expected.len()), Some(expected));
        }
    }
}
