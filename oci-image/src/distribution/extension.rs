use crate::json::model;

model! {
    /// What extensions a registry offers (`_oci/ext/discover`).
    pub struct Extensions {
        /// The extensions.
        required_list extensions: Vec<Extension> = "extensions";
    }

    /// One extension of a registry.
    pub struct Extension {
        /// The name: an underscore and then the name of a namespace.
        required name: String = "name";
        /// Where it is described.
        required url: String = "url";
        /// What it does.
        optional description: String = "description";
        /// The paths at which it answers.
        required_list endpoints: Vec<String> = "endpoints";
    }
}
