use core::fmt;

use sha2::block_api::compress256;

use super::stream::Stream;

/// A way to compute SHA-256 that this processor can run.
///
/// Every one gives the same digests. A [`Hasher`](crate::Hasher) takes the fastest, which is the
/// [default](Default); that a program takes another makes sense in tests and benchmarks alone.
///
/// | name | needs | what it is |
/// |---|---|---|
/// | `sha-ni` | x86-64 with SHA-NI | the crate `sha2`; of several messages two take turns |
/// | `avx2` | x86-64 with AVX2, BMI1 and BMI2 | assembly: rounds by BMI2, message schedules by AVX2; from three messages on, eight side by side by AVX2 |
/// | `sha2` | nothing | the crate `sha2`, with the processor's SHA instructions if it knows them |
#[derive(Clone, Copy)]
pub struct Implementation(&'static Entry);

struct Entry {
    name: &'static str,
    is_available: fn() -> bool,
    /// Compresses the blocks of streams into their states. Sound only where it is available.
    compress: unsafe fn(&mut [Stream<'_>]),
}

/// The fastest first.
static ENTRIES: &[Entry] = &[
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    Entry { name: "sha-ni", is_available: has_sha_ni, compress: super::sha_ni::compress },
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    Entry { name: "avx2", is_available: avx2::get, compress: super::avx2::compress },
    SHA2,
];

const SHA2: Entry = Entry { name: "sha2", is_available: || true, compress };

fn compress(streams: &mut [Stream<'_>]) {
    for Stream { state, blocks, .. } in streams {
        compress256(state, blocks);
    }
}

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
cpufeatures::new!(sha_ni, "sha", "ssse3", "sse4.1");
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
cpufeatures::new!(avx2, "avx2", "bmi1", "bmi2");

/// Benchmarks are built with the cfg, to measure on one processor what those without SHA-NI do.
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
fn has_sha_ni() -> bool {
    cfg!(not(oci_digest_without_sha_ni)) && sha_ni::get()
}

impl Implementation {
    /// Those that this processor can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        ENTRIES.iter().filter(|entry| (entry.is_available)()).map(Self)
    }

    /// Its name, as in the table above.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    #[expect(unsafe_code, reason = "it may need instructions that not every processor has")]
    pub(super) fn compress(self, streams: &mut [Stream<'_>]) {
        // SAFETY: an implementation is the portable one or comes from `available`, which found that this
        // processor has all instructions that its functions are compiled for.
        unsafe { (self.0.compress)(streams) }
    }
}

impl PartialEq for Implementation {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Implementation {}

/// The fastest.
impl Default for Implementation {
    fn default() -> Self {
        Self::available().next().unwrap_or(Self(&SHA2))
    }
}

impl fmt::Debug for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Implementation").field(&self.name()).finish()
    }
}
