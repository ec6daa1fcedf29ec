use super::{Findings, Lint, annotations, is_uri};
use crate::{Descriptor, EmbeddedError, MediaType};

impl Lint for Descriptor {
    fn lint_into(&self, findings: &mut Findings) {
        media_type(findings, "IMG-DESC-03", "mediaType", &self.media_type);
        findings.each("urls", &self.urls, |findings, text| url(findings, text));
        findings.at("annotations", |findings| annotations::lint(findings, &self.annotations));
        data(findings, self);
        if let Some(platform) = &self.platform {
            findings.member("platform", platform);
        }
        if let Some(artifact_type) = &self.artifact_type {
            media_type(findings, "IMG-DESC-15", "artifactType", artifact_type);
        }
        findings.unknown(&self.unknown);
    }
}

pub(super) fn media_type(
    findings: &mut Findings,
    id: &'static str,
    member: &str,
    media_type: &MediaType,
) {
    if !media_type.is_well_formed() {
        let message = format!("`{media_type}` is not a media type of the form type/subtype");
        findings.at(member, |findings| findings.error(id, message));
    }
}

fn url(findings: &mut Findings, text: &str) {
    let scheme = text.split(':').next().unwrap_or_default();
    if !is_uri(text) {
        findings.error("IMG-DESC-10", format!("`{text}` is not a URI"));
    } else if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        findings.warning("IMG-DESC-10", format!("the scheme of `{text}` is not http or https"));
    }
}

fn data(findings: &mut Findings, descriptor: &Descriptor) {
    let (id, message) = match descriptor.embedded() {
        Ok(_) | Err(EmbeddedError::Content(oci_digest::VerifyError::Unverifiable(_))) => return,
        Err(EmbeddedError::Encoding { .. }) => {
            ("IMG-DESC-13", "the embedded data is not base64".to_owned())
        }
        Err(EmbeddedError::Content(error)) => {
            ("IMG-DESC-14", format!("the embedded data is not what is named: {error}"))
        }
    };
    findings.at("data", |findings| findings.error(id, message));
}
