use oci_image::json::model;

model! {
    /// Programs to run at points of a container's life, each list in its order.
    pub struct Hooks {
        /// During create, in the runtime's namespaces. Deprecated: use `create_runtime`.
        list prestart: Vec<Hook> = "prestart";
        /// During create, in the runtime's namespaces.
        list create_runtime: Vec<Hook> = "createRuntime";
        /// During create, in the container's namespaces, before the root changes.
        list create_container: Vec<Hook> = "createContainer";
        /// During start, in the container, before the program.
        list start_container: Vec<Hook> = "startContainer";
        /// After the program has started, in the runtime's namespaces.
        list poststart: Vec<Hook> = "poststart";
        /// After the container is deleted, in the runtime's namespaces.
        list poststop: Vec<Hook> = "poststop";
    }

    /// A program that gets the container's state on its standard input.
    pub struct Hook {
        /// The program's absolute path.
        required path: String = "path";
        /// Its arguments, with the program's name as the first.
        list args: Vec<String> = "args";
        /// Its environment: `NAME=VALUE`.
        list env: Vec<String> = "env";
        /// After how many seconds to give it up.
        optional timeout: i64 = "timeout";
    }
}
