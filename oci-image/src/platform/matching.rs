use super::normal::normal_architecture;
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

    /// How well a machine of this platform runs `image`, as containerd has it: 0 is best, more is
    /// worse, `None` is not at all.
    ///
    /// A machine runs what is made for lesser variants of its architecture, `amd64` also runs `386`,
    /// and `arm64` runs 32-bit `arm`.
    pub fn rank(&self, image: &Self) -> Option<usize> {
        let (machine, image) = (self.normalized(), image.normalized());
        if !machine.runs_os_of(&image) {
            return None;
        }
        let wanted = (&image.architecture, image.variant.as_deref().unwrap_or_default());
        let mut offers =
            compatible(&machine.architecture, machine.variant.as_deref().unwrap_or_default());
        offers.dedup();
        offers.iter().position(|(name, variant)| (name, variant.as_str()) == wanted)
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

/// Whether a Windows machine runs an image of Windows: before Server 2022 the builds must be equal, since
/// then all builds from there up to the machine's own run. An unknown version on either side passes.
fn windows_runs(machine: &Platform, image: &Platform) -> bool {
    const SERVER_2022: u16 = 20348;
    let Some(machine) = machine.os_version.as_deref().and_then(windows_build) else { return true };
    let version = image.os_version.as_deref().unwrap_or_default();
    if version.is_empty() {
        return true;
    }
    let image = windows_build(version).unwrap_or_default();
    if (machine.0, machine.1) != (image.0, image.1) {
        return false;
    }
    match machine.2 {
        build if build < SERVER_2022 => image.2 == build,
        build => (SERVER_2022..=build).contains(&image.2),
    }
}

/// Major, minor and build number of `10.0.17763.1234`.
fn windows_build(version: &str) -> Option<(u8, u8, u16)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
