use crate::json::model;

model! {
    /// What an image needs to run ([image-index.md]).
    ///
    /// [image-index.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
    pub struct Platform {
        /// The CPU architecture, by Go's names (`amd64`, `arm64`).
        required architecture: String = "architecture";
        /// The operating system, by Go's names (`linux`).
        required os: String = "os";
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

impl Platform {
    /// The platform that this program was built for.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "loongarch64" => "loong64",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            "mips64" if cfg!(target_endian = "little") => "mips64le",
            other => other,
        };
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let mut platform = Self::new(architecture.into(), os.into());
        if architecture == "arm64" {
            platform.variant = Some("v8".into());
        }
        platform
    }
}
