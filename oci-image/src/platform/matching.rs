use super::normal::normal_architecture;
use super::rank::{Rank, Version};
use super::windows::windows_runs;
use super::{Architecture, Os, Platform};

impl Platform {
    /// Whether `image` is for exactly this platform, whatever the spelling of its names.
    ///
    /// The image's required features must be among the features here. Versions of the operating
    /// system are compared for Windows alone, by its rules.
    pub fn matches(&self, image: &Self) -> bool {
        let (machine, image) = (self.normalized(), image.normalized());
        machine.variant == image.variant
            && machine.architecture == image.architecture
            && machine.runs_os_of(&image)
    }

    /// How well a machine of this platform runs `image`, as containerd has it: less is better, `None`
    /// is not at all.
    ///
    /// A machine runs what is made for lesser variants of its architecture, `amd64` also runs `386`,
    /// and `arm64` runs 32-bit `arm`. Of several versions of Windows the one of the machine's own build
    /// is the best, then the newest; an image that states no version comes last.
    pub fn rank(&self, image: &Self) -> Option<Rank> {
        let (machine, image) = (self.normalized(), image.normalized());
        if !machine.runs_os_of(&image) {
            return None;
        }
        let wanted = (&image.architecture, image.variant.as_deref().unwrap_or_default());
        let mut offers =
            compatible(&machine.architecture, machine.variant.as_deref().unwrap_or_default());
        offers.dedup();
        let variant =
            offers.iter().position(|(name, variant)| (name, variant.as_str()) == wanted)?;
        Some(Rank { variant, version: Version::of(&machine, &image) })
    }

    fn runs_os_of(&self, image: &Self) -> bool {
        self.os == image.os
            && image.os_features.iter().all(|feature| self.os_features.contains(feature))
            && (self.os != Os::Windows || windows_runs(self, image))
    }
}

/// Architectures and variants that run on a machine, the best first, by their normal names.
fn compatible(architecture: &Architecture, variant: &str) -> Vec<(Architecture, String)> {
    let mut names = vec![(architecture.clone(), variant.to_owned())];
    let version = variant.trim_start_matches('v');
    let mut add = |architecture: &str, variant: String| {
        names.push(normal_architecture(architecture, &variant));
    };
    match architecture {
        Architecture::Amd64 => {
            let level = version.parse().unwrap_or(1_u8);
            (1..level).rev().for_each(|level| add("amd64", format!("v{level}")));
            add("386", String::new());
        }
        Architecture::Arm => {
            let level = version.parse().unwrap_or(0_u8);
            (5..level).rev().for_each(|level| add("arm", format!("v{level}")));
        }
        Architecture::Arm64 => {
            let version = if version.is_empty() { "8" } else { version };
            let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
            let (major, minor) = (major.parse().unwrap_or(0_u8), minor.parse().unwrap_or(0_u8));
            if major == 9 {
                (0..minor).rev().for_each(|minor| add("arm64", format!("v9.{minor}")));
            }
            // ARMv9.n has what ARMv8.(n+5) has.
            let minors = if major == 9 { 0..minor.saturating_add(6) } else { 0..minor };
            if major >= 8 {
                minors.rev().for_each(|minor| add("arm64", format!("v8.{minor}")));
                (5..=8).rev().for_each(|level| add("arm", format!("v{level}")));
            }
        }
        _ => {}
    }
    names
}
