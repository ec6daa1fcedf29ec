use std::time::Duration;

/// Bounds on what clients can make long. What a client takes from a registry is bounded by
/// `oci_distribution_client::Limits`.
///
/// ```
/// let mut limits = oci_registry::Limits::default();
/// limits.page = 50;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest manifest, in bytes; more is answered by 413. Default 4 MiB, which the
    /// specification asks every registry to take.
    pub manifest: usize,
    /// The largest blob, in bytes; more is answered by 413. Default 1 TiB.
    pub blob: u64,
    /// The smallest chunk but for the last, in bytes, sent to clients as `OCI-Chunk-Min-Length`. Default 0,
    /// which is not sent.
    pub chunk_minimum: u64,
    /// Upload sessions that may be open at a time. When all are taken, the client with most of them loses the one
    /// that it used longest ago; where all are being written to, 429 is the answer. Default 1000.
    pub uploads: usize,
    /// Of [`uploads`](Self::uploads), how many one client may have: a user, or an address without credentials. Default
    /// 500.
    pub client_uploads: usize,
    /// How long an upload session lives without being used. Default one hour.
    pub upload_age: Duration,
    /// The most entries of a page of tags, repositories or referrers. Default 1000.
    pub page: usize,
    /// The most tags that one push of a manifest can set; more are answered by 414. Default 100.
    pub tags: usize,
    /// The size of a request line with its headers, in bytes (of the headers over HTTP/2). Default 64 KiB.
    pub head: usize,
    /// How long the head of a request may take, from the connection's idle start: so long is a connection idle before
    /// it is closed. Default 60 seconds.
    pub head_time: Duration,
    /// How long a request's body may pause, and how long a client may take nothing of an answer. Default 60 seconds.
    pub idle: Duration,
    /// How many bytes must be received or taken for a pause to end: fewer within [`idle`](Self::idle) are as good as none.
    /// Default 16 KiB.
    pub progress: u64,
    /// How long a body may pause that is written to an upload session for which another request waits. Default 2
    /// seconds.
    pub contended_idle: Duration,
    /// How long a request may take in all, until its answer begins. Default one hour.
    pub request_time: Duration,
    /// How much of a refused request's body is still read, in bytes, so that the client sees the answer
    /// and not a broken connection. Default 8 MiB.
    pub drain: u64,
    /// Connections served at a time. When all are taken, the client (an address) with most of them loses one that
    /// is idle; if none is, others wait. Default 1024.
    pub connections: usize,
    /// Of [`connections`](Self::connections), how many one address may have; more are closed if none of them is idle.
    /// Default 512.
    pub client_connections: usize,
    /// Requests that a connection may have under way, over HTTP/2; of the body of each up to 256 KiB are buffered.
    /// Default 64.
    pub streams: u32,
    /// Manifests of more than 64 KiB that are in memory for one connection at a time, received or being sent; others
    /// wait. Default 4.
    pub connection_manifests: usize,
    /// How long requests that are under way may go on when the server is stopped. Default 30 seconds.
    pub stop_time: Duration,
    /// Blobs that are on their way from other registries at a time, where this one is a proxy; more are answered by 429.
    /// Default 100.
    pub downloads: usize,
    /// Tokens that are kept at a time, and as many to refresh with. When all are taken, the client with most of
    /// them loses the one that it used longest ago. Default 10,000.
    pub tokens: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: 4 << 20,
            blob: 1 << 40,
            chunk_minimum: 0,
            uploads: 1000,
            client_uploads: 500,
            upload_age: Duration::from_secs(60 * 60),
            page: 1000,
            tags: 100,
            head: 64 << 10,
            head_time: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            progress: 16 << 10,
            contended_idle: Duration::from_secs(2),
            request_time: Duration::from_secs(60 * 60),
            drain: 8 << 20,
            connections: 1024,
            client_connections: 512,
            streams: 64,
            connection_manifests: 4,
            stop_time: Duration::from_secs(30),
            downloads: 100,
            tokens: 10_000,
        }
    }
}
