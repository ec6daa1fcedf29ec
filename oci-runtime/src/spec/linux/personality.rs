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
