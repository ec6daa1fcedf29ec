//! Programs to run at points of a container's life.

use super::{Hook, HookKind, Hooks, Planner, RuntimeStep, Step};
use crate::Spec;
use crate::spec;

/// The lists of a specification.
pub(super) fn all(spec: &Spec) -> Vec<(HookKind, &[spec::Hook])> {
    let Some(hooks) = &spec.hooks else { return Vec::new() };
    vec![
        (HookKind::Prestart, hooks.prestart.as_slice()),
        (HookKind::CreateRuntime, &hooks.create_runtime),
        (HookKind::CreateContainer, &hooks.create_container),
        (HookKind::StartContainer, &hooks.start_container),
        (HookKind::Poststart, &hooks.poststart),
        (HookKind::Poststop, &hooks.poststop),
    ]
}

/// The hooks that run when the plan has been carried out.
pub(super) fn later(spec: &Spec) -> Vec<Hooks> {
    [HookKind::Poststart, HookKind::Poststop]
        .into_iter()
        .filter_map(|kind| of(spec, kind))
        .collect()
}

/// The hooks of a kind, if there are any.
fn of(spec: &Spec, kind: HookKind) -> Option<Hooks> {
    let (_, hooks) =
        all(spec).into_iter().find(|(other, hooks)| *other == kind && !hooks.is_empty())?;
    let hook = |hook: &spec::Hook| Hook {
        path: hook.path.clone().into(),
        arguments: hook.args.clone(),
        // Those of the container without an environment have that of the program which they precede, as under runc.
        environment: match (kind, &spec.process) {
            (HookKind::StartContainer, Some(process)) if hook.env.is_empty() => {
                super::identity::environment(&process.env)
            }
            _ => hook.env.clone(),
        },
        timeout: hook.timeout.and_then(|seconds| u64::try_from(seconds).ok()),
    };
    Some(Hooks { kind, hooks: hooks.iter().map(hook).collect() })
}

impl Planner<'_> {
    /// The steps of these kinds of hooks.
    pub(super) fn hooks(&self, kinds: &[HookKind]) -> Vec<Step> {
        let lists = kinds.iter().filter_map(|kind| of(self.spec, *kind));
        lists
            .map(|hooks| match hooks.kind.runs_in_runtime() {
                true => RuntimeStep::Hooks(hooks).into(),
                false => Step::Hooks(hooks),
            })
            .collect()
    }
}
