//! Names of the API's query parameters.

/// The type of the referrers that are asked for.
pub const ARTIFACT_TYPE: &str = "artifactType";
/// The digest of a blob that is pushed.
pub const DIGEST: &str = "digest";
/// The algorithm of the digest that an upload will be closed with.
pub const DIGEST_ALGORITHM: &str = "digest-algorithm";
/// The repository that a blob is mounted from.
pub const FROM: &str = "from";
/// The entry of a list that the page follows.
pub const LAST: &str = "last";
/// The digest of a blob that is mounted.
pub const MOUNT: &str = "mount";
/// The most entries of a page.
pub const N: &str = "n";
/// The registry that a mirror is asked for.
pub const NAMESPACE: &str = "ns";
/// A tag for a manifest that is pushed by its digest.
pub const TAG: &str = "tag";
