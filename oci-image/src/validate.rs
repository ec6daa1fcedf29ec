//! Linting: every rule of the specs that a document breaks, all at once.
//!
//! Reading a document refuses what has no reading or more than one. What can be read and is still not
//! as a spec says is found here, each [`Finding`] with the id of the requirement and its place.

mod annotations;
mod config;
mod date_time;
mod descriptor;
mod distribution;
mod execution;
mod finding;
mod findings;
mod index;
mod manifest;
mod platform;
mod uri;

pub use date_time::is_date_time;
pub use finding::{Finding, Level};
pub use findings::Findings;
pub use uri::is_uri;

/// What can be held against the rules of its spec.
pub trait Lint {
    /// Adds what is wrong to `findings`.
    fn lint_into(&self, findings: &mut Findings);

    /// Everything that is wrong, in the order of the document.
    fn lint(&self) -> Vec<Finding> {
        let mut findings = Findings::new();
        self.lint_into(&mut findings);
        findings.into_vec()
    }
}
