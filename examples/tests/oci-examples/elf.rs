use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use oci_examples::elf::needed_files;

#[test]
fn needed_files_are_those_that_the_interpreter_maps() {
    let program = std::env::current_exe().unwrap();
    let needed = needed_files(&program).unwrap();
    let needed: BTreeSet<PathBuf> =
        needed.iter().map(|file| file.canonicalize().unwrap()).collect();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mapped: BTreeSet<PathBuf> = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .filter(|path| path.contains(".so"))
        .map(PathBuf::from)
        .collect();
    assert!(!mapped.is_empty());
    assert_eq!(needed, mapped);
}

#[test]
fn a_text_file_has_no_headers() {
    let error = needed_files("/etc/passwd".as_ref()).unwrap_err();
    assert!(error.to_string().starts_with("cannot read the ELF headers of `/etc/passwd`"));
}
