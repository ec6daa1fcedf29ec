//! What a program needs to run: its interpreter and shared libraries, read from its ELF headers.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use elf::ElfBytes;
use elf::abi::{DT_NEEDED, DT_RPATH, DT_RUNPATH, PT_INTERP};
use elf::endian::AnyEndian;

/// The files that `program` needs, by the paths at which its interpreter looks for them. None for a static program.
///
/// # Errors
/// If a file cannot be read, is not ELF, or a library is in no directory that is searched.
pub fn needed_files(program: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut search = system_directories();
    let mut open = vec![program.to_path_buf()];
    while let Some(file) = open.pop() {
        let headers = Headers::read(&file)?;
        search.extend(headers.search);
        open.extend(headers.interpreter.into_iter().filter(|path| found.insert(path.clone())));
        for name in headers.libraries {
            let path =
                search.iter().map(|directory| directory.join(&name)).find(|path| path.is_file());
            let path = path.ok_or_else(|| {
                let message =
                    format!("no directory has the library `{name}` of `{}`", file.display());
                io::Error::new(io::ErrorKind::NotFound, message)
            })?;
            if found.insert(path.clone()) {
                open.push(path);
            }
        }
    }
    Ok(found)
}

struct Headers {
    interpreter: Option<PathBuf>,
    libraries: Vec<String>,
    search: Vec<PathBuf>,
}

impl Headers {
    fn read(file: &Path) -> io::Result<Self> {
        let bytes = fs::read(file)?;
        Self::parse(&bytes, file).map_err(|error| {
            let message = format!("cannot read the ELF headers of `{}`: {error}", file.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    }

    fn parse(bytes: &[u8], file: &Path) -> Result<Self, elf::ParseError> {
        let elf = ElfBytes::<AnyEndian>::minimal_parse(bytes)?;
        let mut headers = Self { interpreter: None, libraries: Vec::new(), search: Vec::new() };
        let segments = elf.segments().into_iter().flatten();
        if let Some(segment) = segments.into_iter().find(|segment| segment.p_type == PT_INTERP) {
            let text = String::from_utf8_lossy(elf.segment_data(&segment)?).into_owned();
            headers.interpreter = Some(text.trim_end_matches('\0').into());
        }
        let (Some(dynamic), Some((_, strings))) = (elf.dynamic()?, elf.dynamic_symbol_table()?)
        else {
            return Ok(headers);
        };
        let origin = file.parent().unwrap_or(Path::new("/")).to_string_lossy();
        for entry in dynamic {
            match entry.d_tag {
                DT_NEEDED => {
                    headers.libraries.push(strings.get(entry.d_val() as usize)?.to_owned())
                }
                DT_RPATH | DT_RUNPATH => {
                    let paths = strings.get(entry.d_val() as usize)?;
                    let paths = paths.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
                    headers.search.extend(paths.split(':').map(PathBuf::from));
                }
                _ => {}
            }
        }
        Ok(headers)
    }
}

/// Where the interpreter looks: the directories of `/etc/ld.so.conf` and the usual ones.
fn system_directories() -> Vec<PathBuf> {
    let mut directories = Vec::new();
    configured_directories(Path::new("/etc/ld.so.conf"), 0, &mut directories);
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    for root in ["/lib", "/usr/lib"] {
        directories.push(Path::new(root).join(&multiarch));
    }
    directories.extend(["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(PathBuf::from));
    directories
}

/// Reads one configuration file; `include DIRECTORY/*.conf` is followed to a depth of 4.
fn configured_directories(file: &Path, depth: usize, directories: &mut Vec<PathBuf>) {
    let Ok(text) = fs::read_to_string(file) else { return };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("include ") {
            Some(pattern) if depth < 4 => {
                let pattern = file.parent().unwrap_or(Path::new("/")).join(pattern.trim());
                let included = pattern.parent().and_then(|directory| fs::read_dir(directory).ok());
                for entry in included.into_iter().flatten().flatten() {
                    if entry.path().extension().is_some_and(|extension| extension == "conf") {
                        configured_directories(&entry.path(), depth + 1, directories);
                    }
                }
            }
            None if line.starts_with('/') => directories.push(line.into()),
            _ => {}
        }
    }
}
