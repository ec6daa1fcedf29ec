use oci_image::json::model;

model! {
    /// The execution domain of a process, as personality(2) takes it.
    pub struct Personality {
        /// The domain.
        required domain: PersonalityDomain = "domain";
        /// Flags; the spec names none yet.
        list flags: Vec<String> = "flags";
    }
}

open! {
    /// An execution domain.
    pub enum PersonalityDomain {
        Linux = "LINUX",
        Linux32 = "LINUX32",
    }
}

impl PersonalityDomain {
    /// The number by which personality(2) knows it.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::Linux => Some(0),
            Self::Linux32 => Some(8),
            Self::Other(_) => None,
        }
    }
}
