/// Extended attributes that are the host's and not an image's: they are neither set nor packed.
///
/// By default these are `security.selinux` and `system.nfs4_acl`, which the host manages itself.
///
/// Attributes of an image that mean something to the kernel's overlay filesystem (`trusted.overlay.*`,
/// `user.overlay.*`) are the image's, as any others, and stay in every form: in a tree as they are, in
/// trees in the form of an overlay escaped, in an archive as they are. Where trees that others made
/// become the layers of an overlay, leave them out.
///
/// ```
/// use oci_rootfs::XattrFilter;
///
/// let filter = XattrFilter::default().let_through("security.selinux").leave_out("user.cache.*");
/// assert!(!filter.leaves_out(b"security.selinux"));
/// assert!(filter.leaves_out(b"user.cache.of.something"));
/// assert!(!filter.leaves_out(b"user.mime_type"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XattrFilter {
    patterns: Vec<String>,
}

impl XattrFilter {
    /// Leaves nothing out.
    pub fn none() -> Self {
        Self { patterns: Vec::new() }
    }

    /// Leaves out attributes of this name, or whose names begin so if there is a `*` at the end.
    #[must_use]
    pub fn leave_out(mut self, pattern: impl Into<String>) -> Self {
        self.patterns.push(pattern.into());
        self
    }

    /// Lets through what was left out by exactly this pattern.
    #[must_use]
    pub fn let_through(mut self, pattern: &str) -> Self {
        self.patterns.retain(|it| it != pattern);
        self
    }

    /// What is left out, each once and in order.
    pub(crate) fn sorted(&self) -> Vec<&str> {
        let mut patterns: Vec<_> = self.patterns.iter().map(String::as_str).collect();
        patterns.sort_unstable();
        patterns.dedup();
        patterns
    }

    /// Whether an attribute is left out.
    pub fn leaves_out(&self, name: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning.as_bytes()),
            None => name == pattern.as_bytes(),
        })
    }
}

impl Default for XattrFilter {
    fn default() -> Self {
        Self::none().leave_out("security.selinux").leave_out("system.nfs4_acl")
    }
}
