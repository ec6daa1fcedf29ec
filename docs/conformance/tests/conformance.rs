//! The table of the workspace, and what is wrong with others.

use std::path::Path;

use oci_conformance::{Mark, TableError, marks, requirements, table};

const ROWS: &str = "id\tlevel\trequirement\treason\nA-1\tMUST\tThis\t\nA-2\tMAY\tThat\tnot yet\n";

fn mark(id: &str) -> Mark {
    Mark { id: id.into(), file: "a/b.rs".into(), test: "it_is_so".into() }
}

#[test]
fn every_mark_of_the_workspace_names_a_requirement() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/requirements.tsv")).expect("requirements");
    let rows = requirements(&text).expect("four columns");
    let marks = marks(&root).expect("the sources");
    assert!(rows.len() >= 384 && marks.len() >= 100, "{} {}", rows.len(), marks.len());
    table(&rows, &marks).expect("a table");
}

#[test]
fn a_row_shows_its_tests_or_its_reason() {
    let rows = requirements(ROWS).expect("four columns");
    let text = table(&rows, &[mark("A-1")]).expect("a table");
    assert!(text.contains("| A-1 | MUST | This | [`it_is_so`](../a/b.rs) |\n"), "{text}");
    assert!(text.contains("| A-2 | MAY | That | — not yet |\n"), "{text}");
    assert!(text.contains("1 of 2 requirements have a test"), "{text}");
}

#[test]
fn wrong_requirements_and_marks_are_refused() {
    let rows = requirements(ROWS).expect("four columns");
    assert!(matches!(table(&rows, &[mark("A-3")]), Err(TableError::Unknown { .. })));
    assert_eq!(table(&rows, &[]), Err(TableError::NoReason { id: "A-1".into() }));
    assert_eq!(requirements("\nA-1\tMUST\tx\n"), Err(TableError::Columns { line: 2 }));
    assert!(matches!(requirements("\nA\t\t\t\nA\t\t\t\n"), Err(TableError::Twice { .. })));
}
