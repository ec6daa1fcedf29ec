use oci_image::Config;

use super::Conversion;

impl Conversion<'_> {
    /// Beginnings of labels that become no annotations, as some runtime or its tooling takes
    /// annotations of these names for instructions of its caller.
    pub const RESERVED: &'static [&'static str] = &[
        "cdi.k8s.io/",
        "com.docker.",
        "com.github.containers.",
        "com.microsoft.",
        "dev.gvisor.",
        "io.containerd.",
        "io.containers.",
        "io.katacontainers.",
        "io.kubernetes.",
        "io.microsoft.",
        "io.podman.",
        "module.wasm.image/",
        "nvidia.cdi.k8s.io/",
        "org.criu.",
        "org.opencontainers.",
        "org.systemd.",
        "run.oci.",
    ];

    /// What of `org.opencontainers.` an image may say of itself.
    const IMAGE: &'static str = "org.opencontainers.image.";

    /// Whether a label of an image is left out of the annotations.
    pub fn is_reserved(label: &str) -> bool {
        let reserved = Self::RESERVED.iter().any(|prefix| label.starts_with(prefix));
        label.is_empty() || (reserved && !label.starts_with(Self::IMAGE))
    }
}

/// What the config itself says, as annotations.
pub(super) fn implicit(config: &Config) -> impl Iterator<Item = (String, String)> {
    let features = (!config.os_features.is_empty()).then(|| config.os_features.join(","));
    let stop_signal = config.config.as_ref().and_then(|execution| execution.stop_signal.clone());
    [
        ("os", Some(config.os.to_string())),
        ("os.version", config.os_version.clone()),
        ("os.features", features),
        ("architecture", Some(config.architecture.to_string())),
        ("variant", config.variant.clone()),
        ("author", config.author.clone()),
        ("created", config.created.clone()),
        ("stopSignal", stop_signal),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((key(name), value.filter(|value| !value.is_empty())?)))
}

/// The labels that may become annotations.
pub(super) fn labels(config: &Config) -> impl Iterator<Item = (String, String)> {
    let labels = config.config.iter().flat_map(|execution| &execution.labels);
    labels
        .filter(|(name, _)| !Conversion::is_reserved(name))
        .map(|(name, value)| (name.clone(), value.clone()))
}

/// The exposed ports, separated by commas.
pub(super) fn exposed_ports(config: &Config) -> Option<(String, String)> {
    let ports = &config.config.as_ref()?.exposed_ports;
    let names: Vec<_> = ports.keys().map(String::as_str).collect();
    (!names.is_empty()).then(|| (key("exposedPorts"), names.join(",")))
}

fn key(name: &str) -> String {
    format!("{}{name}", Conversion::IMAGE)
}
