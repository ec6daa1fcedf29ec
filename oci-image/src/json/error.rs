/// Why JSON cannot be read or written. [`DocumentError`](crate::DocumentError) also says which document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document is over the limit.
    #[error("document of {size} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// The size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes are not JSON.
    #[error("not JSON at line {line} column {column}: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// The JSON is not a document of this kind, or has more than one reading.
    #[error("{message} {} (line {line} column {column})", place(pointer))]
    Data {
        /// The JSON pointer (RFC 6901) of the member or of the object that lacks one.
        pointer: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A value cannot be written as JSON.
    #[error("cannot write the value as JSON: {message}")]
    Unwritable {
        /// What is wrong.
        message: String,
    },
}

impl Error {
    pub(super) fn from_serde(error: &serde_json::Error, pointer: String) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        match error.classify() {
            serde_json::error::Category::Data => Self::Data { pointer, line, column, message },
            _ => Self::Syntax { line, column, message },
        }
    }
}

fn place(pointer: &str) -> String {
    match pointer {
        "" => "at the top".to_owned(),
        _ => format!("at `{pointer}`"),
    }
}
