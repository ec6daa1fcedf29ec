use std::iter::once;

use super::annotations;
use super::descriptor::media_type;
use super::{Findings, Lint};
use crate::docker::Format;
use crate::json::Map;
use crate::{Config, Descriptor, Finding, Manifest, MediaType};

impl Lint for Manifest {
    fn lint_into(&self, findings: &mut Findings) {
        schema_version(findings, "IMG-MAN-01", self.schema_version);
        own_media_type(findings, "IMG-MAN-02", self.media_type.as_ref(), MediaType::is_manifest);
        if let Some(artifact_type) = &self.artifact_type {
            media_type(findings, "IMG-MAN-05", "artifactType", artifact_type);
        } else if self.config.media_type == MediaType::EMPTY_JSON {
            let message = "the config is the empty one, so the artifact must say its type";
            findings.at("artifactType", |findings| findings.error("IMG-MAN-04", message));
        }
        findings.member("config", &self.config);
        layers(findings, &self.layers);
        format(findings, self);
        subject_and_annotations(findings, self.subject.as_ref(), &self.annotations);
        findings.unknown(&self.unknown);
    }
}

impl Manifest {
    /// What is wrong between the manifest and its config, beyond what is wrong in each of them.
    pub fn lint_with(&self, config: &Config) -> Vec<Finding> {
        let mut findings = Findings::new();
        let (layers, diff_ids) = (self.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            let message =
                format!("the manifest has {layers} layers and its config {diff_ids} diff_ids");
            findings.at("layers", |findings| findings.error("IMG-CFG-19", message));
        }
        findings.into_vec()
    }
}

/// What manifests and indexes have in common.
pub(super) fn subject_and_annotations(
    findings: &mut Findings,
    subject: Option<&Descriptor>,
    annotations: &Map<String>,
) {
    if let Some(subject) = subject {
        findings.member("subject", subject);
    }
    findings.at("annotations", |findings| {
        annotations::lint(findings, annotations);
        annotations::lint_no_name(findings, annotations);
    });
}

pub(super) fn schema_version(findings: &mut Findings, id: &'static str, version: u64) {
    if version != 2 {
        let message = format!("the version of the schema is {version}, not 2");
        findings.at("schemaVersion", |findings| findings.error(id, message));
    }
}

pub(super) fn own_media_type(
    findings: &mut Findings,
    id: &'static str,
    media_type: Option<&MediaType>,
    right: fn(&MediaType) -> bool,
) {
    findings.at("mediaType", |findings| match media_type {
        None => findings.warning(id, "the document does not say its type"),
        Some(other) if !right(other) => {
            findings.error(id, format!("`{other}` is the type of another kind of document"));
        }
        Some(_) => {}
    });
}

/// Config and layers are named by the types of the manifest's own format. The spec calls the types of both
/// interchangeable, but skopeo, podman and others refuse a manifest that has types of both.
fn format(findings: &mut Findings, manifest: &Manifest) {
    let Manifest { media_type, config, layers, .. } = manifest;
    let mut types = media_type
        .iter()
        .chain(once(&config.media_type))
        .chain(layers.iter().map(|it| &it.media_type));
    let Some(expected) = types.find_map(Format::of) else { return };
    let check = |findings: &mut Findings, media_type: &MediaType| {
        if Format::of(media_type).is_some_and(|format| format != expected) {
            let message = format!("`{media_type}` is not of the manifest's own format, {expected}");
            findings.at("mediaType", |findings| findings.warning("IMG-MT-06", message));
        }
    };
    findings.at("config", |findings| check(findings, &config.media_type));
    findings.each("layers", layers, |findings, layer| check(findings, &layer.media_type));
}

fn layers(findings: &mut Findings, layers: &[Descriptor]) {
    if layers.is_empty() {
        let message = "the manifest has no layers; the schema requires one, for an artifact without content the empty one";
        findings.at("layers", |findings| findings.error("IMG-MAN-12", message));
    } else if layers.iter().all(|layer| layer.size == 0) {
        let message = "all layers are empty; registries expect one that is not";
        findings.at("layers", |findings| findings.warning("IMG-MAN-20", message));
    }
    findings.each("layers", layers, |findings, layer| {
        layer.lint_into(findings);
        annotations::lint_no_name(findings, &layer.annotations);
        if layer.media_type.is_nondistributable() {
            let message = "layers that must not be distributed should not be made any more";
            findings.at("mediaType", |findings| findings.warning("IMG-LAYER-16", message));
        }
    });
}
