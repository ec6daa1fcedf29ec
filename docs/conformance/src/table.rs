use std::collections::BTreeMap;
use std::fmt::Write;

use crate::Mark;

/// A row of `docs/requirements.tsv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The id.
    pub id: String,
    /// How strong it is.
    pub level: String,
    /// What is required.
    pub text: String,
    /// Why no test covers it, where none does.
    pub reason: String,
}

/// What is wrong with the requirements or the marks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A line does not have four columns.
    #[error("line {line} of the requirements does not have four columns")]
    Columns {
        /// The line, from 1.
        line: usize,
    },
    /// An id occurs twice.
    #[error("the requirement `{id}` occurs twice")]
    Twice {
        /// The id.
        id: String,
    },
    /// A test covers a requirement that does not exist.
    #[error("the test `{test}` in `{file}` covers `{id}`, which is not a requirement")]
    Unknown {
        /// The id.
        id: String,
        /// The file.
        file: String,
        /// The test.
        test: String,
    },
    /// No test covers a requirement, and no reason is given.
    #[error("no test covers `{id}` and no reason is given")]
    NoReason {
        /// The id.
        id: String,
    },
}

/// Reads the requirements: a line of column names, then id, level, requirement and reason.
///
/// # Errors
/// If a line has other columns or an id occurs twice.
pub fn requirements(text: &str) -> Result<Vec<Requirement>, TableError> {
    let mut rows: Vec<Requirement> = Vec::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, level, text, reason] = columns[..] else {
            return Err(TableError::Columns { line: number + 1 });
        };
        if rows.iter().any(|row| row.id == id) {
            return Err(TableError::Twice { id: id.into() });
        }
        let [id, level, text, reason] = [id, level, text, reason].map(str::to_owned);
        rows.push(Requirement { id, level, text, reason });
    }
    Ok(rows)
}

/// The table as Markdown.
///
/// # Errors
/// If a mark names an unknown requirement, or a requirement has neither test nor reason.
pub fn table(requirements: &[Requirement], marks: &[Mark]) -> Result<String, TableError> {
    let mut tests: BTreeMap<&str, Vec<&Mark>> = BTreeMap::new();
    for mark in marks {
        if !requirements.iter().any(|row| row.id == mark.id) {
            let Mark { id, file, test } = mark.clone();
            return Err(TableError::Unknown { id, file, test });
        }
        tests.entry(&mark.id).or_default().push(mark);
    }
    let mut text = format!(
        "# Conformance\n\n\
         What image-spec 1.1.1, runtime-spec 1.3.0, distribution-spec 1.1.1 and their main branches require, in our \
         words, and the tests that prove it. Made from `docs/requirements.tsv` and the marks `// covers:` of the tests by \
         `cargo run -p oci-conformance`.\n\n\
         {} of {} requirements have a test.\n\n\
         | id | level | requirement | proof, or why there is none |\n|---|---|---|---|\n",
        tests.len(),
        requirements.len(),
    );
    for row in requirements {
        let proof = match tests.get(row.id.as_str()) {
            Some(marks) => marks.iter().map(|mark| proof(mark)).collect::<Vec<_>>().join("<br>"),
            None if row.reason.is_empty() => {
                return Err(TableError::NoReason { id: row.id.clone() });
            }
            None => format!("— {}", row.reason),
        };
        _ = writeln!(text, "| {} | {} | {} | {proof} |", row.id, row.level, row.text);
    }
    Ok(text)
}

fn proof(mark: &Mark) -> String {
    format!("[`{}`](../{})", mark.test, mark.file)
}
