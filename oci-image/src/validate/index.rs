use super::descriptor::media_type;
use super::manifest::{own_media_type, schema_version, subject_and_annotations};
use super::{Findings, Lint};
use crate::{Index, LayoutFile, MediaType};

impl Lint for Index {
    fn lint_into(&self, findings: &mut Findings) {
        schema_version(findings, "IMG-IDX-02", self.schema_version);
        own_media_type(findings, "IMG-IDX-03", self.media_type.as_ref(), MediaType::is_index);
        if let Some(artifact_type) = &self.artifact_type {
            media_type(findings, "IMG-IDX-04", "artifactType", artifact_type);
        }
        findings.each("manifests", &self.manifests, |findings, entry| entry.lint_into(findings));
        subject_and_annotations(findings, self.subject.as_ref(), &self.annotations);
        findings.unknown(&self.unknown);
    }
}

impl Lint for LayoutFile {
    fn lint_into(&self, findings: &mut Findings) {
        let version = &self.image_layout_version;
        if version != Self::VERSION {
            let message =
                format!("the version of the layout is `{version}`, not {}", Self::VERSION);
            findings.at("imageLayoutVersion", |findings| findings.error("IMG-LAYOUT-03", message));
        }
        findings.unknown(&self.unknown);
    }
}
