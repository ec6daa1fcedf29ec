//! Names of headers that HTTP itself does not have, in lower case, as HTTP/2 and most libraries want
//! them.

/// `Docker-Content-Digest`: the digest of a manifest or blob.
pub const CONTENT_DIGEST: &str = "docker-content-digest";
/// `Docker-Distribution-API-Version`: `registry/2.0`.
pub const API_VERSION: &str = "docker-distribution-api-version";
/// `Docker-Upload-UUID`: the session of an upload.
pub const UPLOAD_UUID: &str = "docker-upload-uuid";
/// `OCI-Chunk-Min-Length`: the smallest chunk that a registry takes, in bytes, but for the last.
pub const CHUNK_MIN_LENGTH: &str = "oci-chunk-min-length";
/// `OCI-Filters-Applied`: by what a list of referrers was filtered.
pub const FILTERS_APPLIED: &str = "oci-filters-applied";
/// `OCI-Namespace`: the registry that a mirror is asked for.
pub const NAMESPACE: &str = "oci-namespace";
/// `OCI-Subject`: the registry lists the manifest at this subject.
pub const SUBJECT: &str = "oci-subject";
/// `OCI-Tag`: a tag that a push by digest has set.
pub const TAG: &str = "oci-tag";
