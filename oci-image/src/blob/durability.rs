/// What is guaranteed when a write has returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// What was written survives a power cut.
    #[default]
    Synced,
    /// What was written survives the process alone. A power cut may leave names without content.
    Relaxed,
}
