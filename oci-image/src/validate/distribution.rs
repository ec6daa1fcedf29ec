use super::{Findings, Lint};
use crate::distribution::{Catalog, ErrorResponse, Extension, Extensions, RegistryError, TagList};
use crate::{RepositoryName, Tag};

impl Lint for ErrorResponse {
    fn lint_into(&self, findings: &mut Findings) {
        findings.each("errors", &self.errors, |findings, error| error.lint_into(findings));
        findings.unknown(&self.unknown);
    }
}

impl Lint for RegistryError {
    fn lint_into(&self, findings: &mut Findings) {
        let code = self.code.as_str();
        let spelled = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        findings.at("code", |findings| {
            if code.is_empty() || !code.bytes().all(spelled) {
                let message = format!("`{code}` has more than upper-case letters and underscores");
                findings.error("DIST-ERR-02", message);
            } else if !self.code.is_listed() {
                findings.warning("DIST-ERR-02", format!("`{code}` is not a code of the spec"));
            }
        });
        findings.unknown(&self.unknown);
    }
}

impl Lint for TagList {
    fn lint_into(&self, findings: &mut Findings) {
        findings.at("name", |findings| repository(findings, &self.name));
        findings.each("tags", &self.tags, |findings, tag| {
            if let Err(error) = tag.parse::<Tag>() {
                findings.error("DIST-GEN-05", error.to_string());
            }
        });
        let folded = self.tags.is_sorted_by_key(|tag| tag.to_lowercase());
        if !folded && !self.tags.is_sorted() {
            let message = "the tags are not in order";
            findings.at("tags", |findings| findings.error("DIST-LIST-02", message));
        }
        findings.unknown(&self.unknown);
    }
}

impl Lint for Catalog {
    fn lint_into(&self, findings: &mut Findings) {
        findings
            .each("repositories", &self.repositories, |findings, name| repository(findings, name));
        findings.unknown(&self.unknown);
    }
}

impl Lint for Extensions {
    fn lint_into(&self, findings: &mut Findings) {
        findings.each("extensions", &self.extensions, |findings, extension| {
            extension.lint_into(findings);
        });
        findings.unknown(&self.unknown);
    }
}

impl Lint for Extension {
    fn lint_into(&self, findings: &mut Findings) {
        if !self.name.starts_with('_') {
            let message = format!("`{}` does not begin with an underscore", self.name);
            findings.at("name", |findings| findings.error("DIST-EXT-01", message));
        }
        findings.unknown(&self.unknown);
    }
}

fn repository(findings: &mut Findings, name: &str) {
    if let Err(error) = name.parse::<RepositoryName>() {
        findings.error("DIST-GEN-04", error.to_string());
    }
}
