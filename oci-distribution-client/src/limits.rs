use std::time::Duration;

/// What a server may make the client hold, follow or wait for.
///
/// How far documents are followed is bounded by [`oci_image::graph::Limits`].
///
/// Each field has its default in its description; change it on [`Config::limits`](crate::Config::limits).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest manifest or index, in bytes. Default: 4 MiB.
    pub manifest: u64,
    /// The largest page of a list of tags or referrers, in bytes. Default: 4 MiB.
    pub page: u64,
    /// The largest answer of a token server, in bytes. Default: 1 MiB.
    pub token: u64,
    /// The largest body of an error that is read, in bytes. Default: 1 MiB.
    pub error: u64,
    /// What one pull, push or copy may walk through. Default: 10,000 manifests of 256 MiB together, 32 of
    /// them one below the other.
    pub graph: oci_image::graph::Limits,
    /// The most pages of one list. Default: 1,000.
    pub pages: usize,
    /// The most bytes of all pages of one list. Default: 64 MiB.
    pub list: u64,
    /// The most redirects of one request. Default: 5.
    pub redirects: usize,
    /// The most connections that pulls have to one registry at once, over all that this client pulls. Default: 32.
    pub connections: usize,
    /// A blob of at least this size is pulled in [parts](crate::Pull::parts), in bytes. Default: 128 MiB.
    pub large: u64,
    /// The size of these parts, in bytes. Default: 8 MiB.
    pub part: u64,
    /// The most bytes of one blob that are held in memory where the sink takes them in order alone, and
    /// parts are received out of order. Default: 32 MiB.
    pub window: u64,
    /// How long a connection may take to be made. Default: 10 s.
    pub connect: Duration,
    /// How long a server may take to begin its answer. Default: 60 s.
    pub response: Duration,
    /// How long a server may take to begin its answer once it has the whole of a blob. Default: 10 min.
    pub commit: Duration,
    /// A body that is slower than [`min_rate`](Self::min_rate) over this time is given up. Default: 30 s.
    pub stall: Duration,
    /// The slowest rate of a body, in bytes per second. Default: 256.
    pub min_rate: u64,
    /// How long a credential helper or [provider](crate::CredentialProvider) may take. Default: 60 s.
    pub helper: Duration,
    /// How long after an index of referrers was written it is read again, at least, where the registry is not
    /// known to compare what is there before it writes. Default: 200 ms.
    pub referrers_settle: Duration,
    /// How long a mirror that was out of reach is not asked again. Default: 60 s.
    pub mirror_rest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            manifest: 4 * MIB,
            page: 4 * MIB,
            token: MIB,
            error: MIB,
            graph: oci_image::graph::Limits::default(),
            pages: 1_000,
            list: 64 * MIB,
            redirects: 5,
            connections: 32,
            large: 128 * MIB,
            part: 8 * MIB,
            window: 32 * MIB,
            connect: Duration::from_secs(10),
            response: Duration::from_secs(60),
            commit: Duration::from_secs(600),
            stall: Duration::from_secs(30),
            min_rate: 256,
            helper: Duration::from_secs(60),
            referrers_settle: Duration::from_millis(200),
            mirror_rest: Duration::from_secs(60),
        }
    }
}
