use std::fs;
use std::io;
use std::path::Path;

/// A test that says what it covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The id of the requirement.
    pub id: String,
    /// The file of the test, from the root of the workspace.
    pub file: String,
    /// The name of the test.
    pub test: String,
}

/// All marks in the sources below `root`, in order.
///
/// # Errors
/// If a folder or file cannot be read.
pub fn marks(root: &Path) -> io::Result<Vec<Mark>> {
    let mut found = Vec::new();
    walk(root, root, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Mark>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if name != "target" && !name.to_string_lossy().starts_with('.') {
                walk(root, &path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            marks_in(&fs::read_to_string(&path)?, &file, found);
        }
    }
    Ok(())
}

/// A mark belongs to the next function.
fn marks_in(text: &str, file: &str, found: &mut Vec<Mark>) {
    let mut ids: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(listed) = line.strip_prefix("// covers:") {
            ids.extend(listed.split(',').map(str::trim).filter(|id| !id.is_empty()));
        } else if let Some(test) = function(line).filter(|_| !ids.is_empty()) {
            let mark = |id: &str| Mark { id: id.into(), file: file.into(), test: test.into() };
            found.extend(ids.drain(..).map(mark));
        }
    }
}

fn function(line: &str) -> Option<&str> {
    let start = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    start.split(['(', '<']).next()
}

#[cfg(test)]
mod tests {
    use super::{Mark, marks_in};

    #[test]
    fn marks_belong_to_the_next_function() {
        let text = "\
            // covers: A-1, B-2\n#[test]\nfn one() {}\nfn helper<T>() {}\n\
            // covers: A-1\n// covers: C-3\n#[tokio::test]\nasync fn two() {}\n";
        let mut found = Vec::new();
        marks_in(text, "f.rs", &mut found);
        let mark =
            |id: &str, test: &str| Mark { id: id.into(), file: "f.rs".into(), test: test.into() };
        let expected = [("A-1", "one"), ("B-2", "one"), ("A-1", "two"), ("C-3", "two")];
        assert_eq!(found, expected.map(|(id, test)| mark(id, test)));
    }
}
