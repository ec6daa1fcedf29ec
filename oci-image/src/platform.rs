//! What images need to run, what machines run, and the choice between images.

pub mod choice;

mod matching;
mod names;
mod normal;
mod rank;
mod specifier;
mod windows;

use crate::json::model;

pub use names::{Architecture, Os};
pub use rank::Rank;
pub use specifier::PlatformError;

model! {
    /// What an image needs to run ([image-index.md]).
    ///
    /// As text it is `os/architecture/variant`, as in `linux/arm64/v8` or `windows(10.0.17763)/amd64`.
    ///
    /// ```
    /// use oci_image::Platform;
    ///
    /// let machine: Platform = "linux/arm64/v8".parse()?;
    /// assert!(machine.rank(&"linux/arm/v7".parse()?) > machine.rank(&"linux/arm64".parse()?));
    /// assert_eq!(machine.rank(&"linux/amd64".parse()?), None);
    /// # Ok::<(), oci_image::PlatformError>(())
    /// ```
    ///
    /// [image-index.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
    pub struct Platform {
        /// The CPU architecture.
        required architecture: Architecture = "architecture";
        /// The operating system.
        required os: Os = "os";
        /// The version of the operating system.
        optional os_version: String = "os.version";
        /// Features that the operating system must have.
        list os_features: Vec<String> = "os.features";
        /// The variant of the CPU (`v8`).
        optional variant: String = "variant";
        /// Reserved for future versions of the spec.
        list features: Vec<String> = "features";
    }
}
