use crate::json::model;

model! {
    /// The tags of a repository, or one page of them.
    pub struct TagList {
        /// The repository.
        required name: String = "name";
        /// The tags; some registries write `null` for none.
        required_list tags: Vec<String> = "tags";
    }

    /// The repositories of a registry, or one page of them (`_catalog`, by Docker).
    pub struct Catalog {
        /// The repositories.
        required_list repositories: Vec<String> = "repositories";
    }
}
