//! Changes of a file that others read and change: whole, or not at all.

#[cfg(not(unix))]
#[path = "rewrite/other.rs"]
mod system;
#[cfg(unix)]
#[path = "rewrite/unix.rs"]
mod system;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use zeroize::Zeroizing;

/// How often the change is made again because programs that take no lock changed the file meanwhile.
const ATTEMPTS: usize = 20;

/// Writes to the file at `path` what `change` makes of its content, if that is anything, and says whether it is. A file that is missing
/// has no content, and is made with its directory; links are followed.
///
/// The file is replaced as a whole and is its owner's alone (mode 0600). Of two processes that change it by this
/// function, the second sees what the first wrote; what programs without a lock write is noticed up to the moment
/// before it is replaced.
pub(crate) fn rewrite(
    path: &Path,
    change: impl Fn(&[u8]) -> io::Result<Option<String>>,
) -> io::Result<bool> {
    let path = followed(path)?;
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    system::make_directory(directory)?;
    let _lock = system::lock(directory)?;
    for _ in 0..ATTEMPTS {
        let before = read(&path)?;
        let Some(after) = change(&before)?.map(Zeroizing::new) else { return Ok(false) };
        let new = write_beside(&path, after.as_bytes())?;
        if read(&path)? == before {
            fs::rename(&new.0, &path)?;
            // The name lasts only with the directory.
            return system::sync(directory).map(|()| true);
        }
    }
    Err(io::Error::other("other programs change it all the time"))
}

/// A file that is removed when it has not become another one.
struct New(PathBuf);

impl Drop for New {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Where a link leads, also one to a file that is missing.
fn followed(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Ok(path.parent().unwrap_or(Path::new("")).join(target)),
            Err(_) => Ok(path.to_owned()),
        },
        found => found,
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Zeroizing::new(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Zeroizing::default()),
        Err(error) => Err(error),
    }
}

fn write_beside(path: &Path, content: &[u8]) -> io::Result<New> {
    let (new, mut file) = create_beside(path)?;
    system::keep_owner(path, &file)?;
    file.write_all(content)?;
    // Before the rename: after a crash the name must not lead to an empty file.
    file.sync_all()?;
    Ok(new)
}

fn create_beside(path: &Path) -> io::Result<(New, File)> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    system::owned_alone(&mut options);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let new = path.with_file_name(format!(".{name}.{}.{number}", std::process::id()));
        match options.open(&new) {
            // In containers many processes have one id, and one of them was killed before it renamed its file.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            file => return file.map(|file| (New(new), file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What is left in the directory of `path`, where another program writes `theirs(number)` in the middle of each change.
    fn meanwhile(
        path: &Path,
        theirs: impl Fn(usize) -> Option<String>,
    ) -> (io::Result<bool>, usize) {
        let changes = Cell::new(0);
        let result = rewrite(path, |before| {
            changes.set(changes.get() + 1);
            if let Some(theirs) = theirs(changes.get()) {
                fs::write(path, theirs)?;
            }
            Ok(Some(format!("{}, ours", String::from_utf8_lossy(before))))
        });
        let names = fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(names.count(), 1, "something is left behind");
        (result, changes.get())
    }

    #[test]
    fn what_a_program_without_a_lock_writes_meanwhile_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config.json");
        let (changed, changes) = meanwhile(&path, |number| (number == 1).then(|| "theirs".into()));
        assert_eq!((changed.unwrap(), changes), (true, 2));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs, ours");

        let (changed, changes) = meanwhile(&path, |number| Some(number.to_string()));
        changed.unwrap_err();
        assert_eq!((changes, fs::read_to_string(&path).unwrap()), (ATTEMPTS, ATTEMPTS.to_string()));
    }

    #[test]
    fn what_a_killed_process_of_the_same_id_left_is_in_nobodys_way() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("auth.json");
        for number in 0..50 {
            let left = format!(".auth.json.{}.{number}", std::process::id());
            fs::write(home.path().join(left), "theirs").unwrap();
        }
        assert!(rewrite(&path, |_| Ok(Some("ours".to_owned()))).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
    }
}
