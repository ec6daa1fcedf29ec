use std::fmt;

use crate::json::{Value, model, open_enum};

open_enum! {
    /// What a registry says went wrong ([error codes]).
    ///
    /// Registries send codes of their own too; they are kept as [`Other`](Self::Other).
    ///
    /// [error codes]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
    pub enum ErrorCode {
        /// The blob is not known to the registry.
        BlobUnknown = "BLOB_UNKNOWN";
        /// The upload of a blob failed.
        BlobUploadInvalid = "BLOB_UPLOAD_INVALID";
        /// The registry does not know the upload.
        BlobUploadUnknown = "BLOB_UPLOAD_UNKNOWN";
        /// What was uploaded does not have the digest that was given.
        DigestInvalid = "DIGEST_INVALID";
        /// The manifest refers to a manifest or blob that the registry does not have.
        ManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN";
        /// The manifest is not valid.
        ManifestInvalid = "MANIFEST_INVALID";
        /// The manifest is not known to the registry.
        ManifestUnknown = "MANIFEST_UNKNOWN";
        /// The repository's name is not valid.
        NameInvalid = "NAME_INVALID";
        /// The repository is not known to the registry.
        NameUnknown = "NAME_UNKNOWN";
        /// What was uploaded does not have the size that was given.
        SizeInvalid = "SIZE_INVALID";
        /// The client must authenticate first.
        Unauthorized = "UNAUTHORIZED";
        /// The client may not do this.
        Denied = "DENIED";
        /// The registry does not offer the operation.
        Unsupported = "UNSUPPORTED";
        /// The client sent too many requests.
        TooManyRequests = "TOOMANYREQUESTS";
        /// The registry does not know the extension.
        ExtensionUnknown = "EXTENSION_UNKNOWN";
    }
}

model! {
    /// The body of a response that reports failure.
    pub struct ErrorResponse {
        /// What went wrong.
        required_list errors: Vec<RegistryError> = "errors";
    }

    /// One thing that went wrong, by the word of a registry. What failed in the client or in the server itself are
    /// the errors of those crates.
    pub struct RegistryError {
        /// What kind of thing.
        required code: ErrorCode = "code";
        /// A text for people. It comes from the other side: show it as such.
        optional message: String = "message";
        /// Anything more.
        optional detail: Value = "detail";
    }
}

impl ErrorResponse {
    /// What can be read of the body of a response that reports failure, from any registry: entries
    /// without a code have the code `UNKNOWN`, and what is not such a body has no errors.
    ///
    /// Documents are read strictly (see [`json`](crate::json)); a body like this only explains a failure,
    /// and half an explanation is better than none.
    pub fn read(body: &[u8]) -> Self {
        let mut response = Self::new();
        let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let entries = body.get("errors").and_then(|errors| errors.as_array());
        response.errors.extend(entries.into_iter().flatten().map(|entry| {
            let text = |member| entry.get(member).and_then(|text| text.as_str());
            let mut error = RegistryError::new(text("code").unwrap_or("UNKNOWN").into());
            error.message = text("message").map(str::to_owned);
            error
        }));
        response
    }

    /// A response with one error.
    pub fn of(code: ErrorCode, message: impl Into<String>) -> Self {
        let mut error = RegistryError::new(code);
        error.message = Some(message.into());
        let mut response = Self::new();
        response.errors.push(error);
        response
    }
}

impl RegistryError {
    /// What a body says of a failure that is not of the specification's form: a JSON object with a message, as of token
    /// servers and gateways, the title of a page, or a text. Its code is `UNKNOWN` where it has none.
    pub fn explaining(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.trim();
        let (code, message) = match serde_json::from_str(text) {
            Ok(serde_json::Value::Object(object)) => explanation(&object)?,
            Ok(serde_json::Value::String(text)) => (None, text),
            Ok(_) => return None,
            Err(_) if text.starts_with('<') => (None, title(text)?),
            Err(_) => (None, text.to_owned()),
        };
        let mut error = Self::new(code.as_deref().unwrap_or("UNKNOWN").into());
        error.message = Some(message).filter(|message| !message.trim().is_empty());
        (error.message.is_some() || code.is_some()).then_some(error)
    }
}

/// The code and the message in an object, by the names that servers have for them.
fn explanation(
    object: &serde_json::Map<String, serde_json::Value>,
) -> Option<(Option<String>, String)> {
    const CODES: [&str; 2] = ["code", "error"];
    const MESSAGES: [&str; 8] =
        ["message", "error_description", "details", "detail", "msg", "reason", "title", "error"];
    let text = |name: &&str| object.get(*name)?.as_str().filter(|text| !text.is_empty());
    if let Some(nested) = object.get("error").and_then(|error| error.as_object()) {
        return explanation(nested);
    }
    let is_code = |text: &&str| !text.contains(char::is_whitespace);
    let code = CODES.iter().find_map(|name| text(name).filter(is_code)).map(str::to_owned);
    let message = MESSAGES.iter().find_map(text).filter(|it| Some(*it) != code.as_deref());
    (code.is_some() || message.is_some()).then(|| (code, message.unwrap_or_default().to_owned()))
}

/// The title of a page.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let tags = [("<title", "</title"), ("<h1", "</h1")];
    tags.into_iter().find_map(|(open, close)| {
        let start = lower.find(open)?;
        let start = start + lower[start..].find('>')? + 1;
        let end = start + lower[start..].find(close)?;
        Some(page[start..end].trim().to_owned()).filter(|title| !title.is_empty())
    })
}

/// `CODE: message`, the message quoted as it comes from the other side.
impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_deref() {
            None | Some("") => write!(f, "{}", self.code.as_str().escape_debug()),
            Some(message) => {
                write!(f, "{}: {}", self.code.as_str().escape_debug(), message.escape_debug())
            }
        }
    }
}
