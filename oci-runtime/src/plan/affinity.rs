//! The processors of a process that enters a container.

use super::{Planner, Step};

impl Planner<'_> {
    /// The processors up to the control group, and from there on.
    ///
    /// Without the second the kernel decides, and nothing is done.
    pub(super) fn affinity(&mut self) -> (Option<Step>, Option<Step>) {
        let process = self.spec.process.as_ref();
        let Some(asked) = process.and_then(|process| process.exec_cpu_affinity.as_ref()) else {
            return (None, None);
        };
        let initial = self.processors("initial", asked.initial.as_deref());
        let last = self.processors("final", asked.r#final.as_deref());
        (initial.map(Step::Processors), last.map(Step::Processors))
    }

    fn processors(&mut self, member: &str, text: Option<&str>) -> Option<Vec<u32>> {
        let text = text.filter(|text| !text.is_empty())?;
        let list = super::identity::list(text).filter(|list| !list.is_empty());
        if list.is_none() {
            let reason = format!("`{text}` is no list of processors like `0-3,7`");
            self.refuse(format!("/process/execCPUAffinity/{member}"), reason);
        }
        list
    }
}
