use oci_image::validate::Findings;

use crate::spec::Spec;

/// The system that a configuration is for, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Linux,
    Windows,
    /// Solaris, z/OS or FreeBSD.
    OtherPosix,
    /// No section says.
    Unknown,
}

impl Target {
    pub(super) fn of(spec: &Spec) -> Self {
        match () {
            () if spec.linux.is_some() => Self::Linux,
            () if spec.windows.is_some() => Self::Windows,
            () if spec.solaris.is_some() || spec.zos.is_some() || spec.freebsd.is_some() => {
                Self::OtherPosix
            }
            () => Self::Unknown,
        }
    }

    /// Whether it cannot be Windows.
    pub(super) fn is_posix(self) -> bool {
        matches!(self, Self::Linux | Self::OtherPosix)
    }
}

/// Sections beside each other: at most one system, where Windows may run Linux containers.
pub(super) fn check(findings: &mut Findings, spec: &Spec) {
    let sections = [
        ("linux", spec.linux.is_some()),
        ("solaris", spec.solaris.is_some()),
        ("zos", spec.zos.is_some()),
        ("freebsd", spec.freebsd.is_some()),
        ("windows", spec.windows.is_some() && spec.linux.is_none()),
    ];
    let mut present = sections.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name);
    let Some(first) = present.next() else { return };
    for second in present {
        let message = format!("section for another system than that of `{first}`");
        findings.at(second, |findings| findings.error("RT-PLAT-01", message));
    }
}
