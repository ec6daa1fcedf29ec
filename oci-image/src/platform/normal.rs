use super::{Architecture, Os, Platform};

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
            "mips" if cfg!(target_endian = "little") => "mipsle",
            "wasm32" => "wasm",
            other => other,
        };
        let mut platform = Self::new(architecture.into(), normal_os(std::env::consts::OS));
        platform.variant = match architecture {
            "arm64" => Some("v8".into()),
            "arm" => Some("v7".into()),
            _ => None,
        };
        platform
    }

    /// The same platform by its usual names: `arm64` for `aarch64`, `darwin` for `macOS`, no variant
    /// where it is the usual one (`amd64/v1`, `arm64/v8`), `arm/v7` for `arm`, and
    /// features in order.
    pub fn normalized(&self) -> Self {
        let variant = self.variant.as_deref().unwrap_or_default();
        let (architecture, variant) = normal_architecture(self.architecture.as_str(), variant);
        let mut features = self.os_features.clone();
        features.sort();
        features.dedup();
        Self {
            architecture,
            os: normal_os(self.os.as_str()),
            variant: (!variant.is_empty()).then_some(variant),
            os_features: features,
            ..self.clone()
        }
    }
}

pub(super) fn normal_os(os: &str) -> Os {
    match os.to_lowercase().as_str() {
        "macos" => Os::Darwin,
        os => os.into(),
    }
}

pub(super) fn normal_architecture(architecture: &str, variant: &str) -> (Architecture, String) {
    let (architecture, variant) = (architecture.to_lowercase(), variant.to_lowercase());
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8" | "8.0" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64" | "arm64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (architecture.into(), variant.into())
}
