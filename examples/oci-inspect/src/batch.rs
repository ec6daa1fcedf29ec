use std::io::{self, BufRead, Write};

use oci_image::json::{self, model};
use oci_image::{Finding, json::Error};
use serde::Serialize;

use crate::Kind;

model! {
    /// A request: a document and its kind.
    struct Request {
        /// The kind.
        required kind: String = "kind";
        /// The document.
        required text: String = "text";
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Good { ok: bool, text: String, findings: Vec<Finding> },
    Bad { ok: bool, error: String },
}

/// Answers each line of `requests`, `{"kind":…,"text":…}`, by one line: `{"ok":true,"text":…,"findings":[…]}`
/// or `{"ok":false,"error":…}`.
///
/// # Errors
/// If a line cannot be read or an answer cannot be written.
pub fn batch(requests: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    for line in requests.split(b'\n') {
        let line = line?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = match answer(&line) {
            Ok(answer) => answer,
            Err(error) => Answer::Bad { ok: false, error },
        };
        let bytes = json::to_vec(&answer).map_err(|error: Error| io::Error::other(error))?;
        answers.write_all(&bytes)?;
        answers.write_all(b"\n")?;
    }
    answers.flush()
}

fn answer(line: &[u8]) -> Result<Answer, String> {
    // The text is a document in a JSON string, where escapes make it up to six times longer.
    let limit = 8 * json::DOCUMENT_LIMIT;
    let request: Request =
        json::from_slice_with_limit(line, limit).map_err(|error| format!("request: {error}"))?;
    let kind: Kind = request.kind.parse().map_err(|error: crate::UnknownKind| error.to_string())?;
    let inspected = kind.inspect(request.text.as_bytes())?;
    Ok(Answer::Good { ok: true, text: inspected.text, findings: inspected.findings })
}
