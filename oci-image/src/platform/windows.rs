use super::Platform;

/// Whether a Windows machine runs an image of Windows: before Server 2022 the builds must be equal, since
/// then all builds from there up to the machine's own run. An unknown version on either side passes.
pub(super) fn windows_runs(machine: &Platform, image: &Platform) -> bool {
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

/// Build and revision of `10.0.17763.1234`, the revision 0 if there is none.
pub(super) fn windows_revision(version: &str) -> Option<(u16, u32)> {
    let (.., build) = windows_build(version)?;
    let revision = version.split('.').nth(3).and_then(|revision| revision.parse().ok());
    Some((build, revision.unwrap_or_default()))
}

/// Major, minor and build number of `10.0.17763.1234`.
fn windows_build(version: &str) -> Option<(u8, u8, u16)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
