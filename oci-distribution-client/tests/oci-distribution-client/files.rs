//! How much is read of the files of a machine.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use oci_distribution_client::machine::{FILE_LIMIT, HostsDir, RegistriesConf};
use oci_distribution_client::{Client, Config, Error, ErrorKind, PolicyFile, Tls};

use crate::fixture::chain;

/// A file by its name in a directory, what may stand in it, and how it is read.
type Case = (&'static str, &'static str, fn(&Path) -> Result<(), Error>);

const POLICY: &str = r#"{"default": [{"type": "reject"}]}"#;
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----";

const CASES: [Case; 4] = [
    ("policy.json", POLICY, |directory| PolicyFile::read(directory.join("policy.json")).map(drop)),
    ("registries.conf", "", |directory| {
        RegistriesConf::read(directory.join("registries.conf")).map(drop)
    }),
    ("registry.example/hosts.toml", "", |directory| {
        let config = Config::default().hosts_dir(HostsDir::new(directory));
        Client::new(config)?.repository("registry.example/app").map(drop)
    }),
    ("registry.example/ca.crt", CERTIFICATE, |directory| {
        Tls::from_directory(directory.join("registry.example")).map(drop)
    }),
];

#[test]
fn files_are_bounded() {
    assert_eq!(PolicyFile::LIMIT, FILE_LIMIT);
    for (name, text, read) in CASES {
        let directory = oci_testing::directory();
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        for (length, is_read) in [(FILE_LIMIT, true), (FILE_LIMIT + 1, false)] {
            let mut content = text.as_bytes().to_vec();
            content.resize(usize::try_from(length).unwrap(), b'\n');
            fs::write(&file, content).unwrap();
            let result = read(directory.path());
            assert_eq!(result.is_ok(), is_read, "{name}: {length}");
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Configuration, "{name}: {}", chain(&error));
            }
        }
    }
}

/// What is read of a file is bounded as it is read, not when all of it is in memory.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_does_not_end_is_not_read_to_its_end() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    const MUCH: u64 = 8 * FILE_LIMIT;
    for (name, _, read) in CASES {
        let directory = oci_testing::directory();
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        mknodat(CWD, &file, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let writer = std::thread::spawn(move || {
            // It waits for who reads, and fails when nobody does any more.
            let mut pipe = OpenOptions::new().write(true).open(file).unwrap();
            let piece = [b'\n'; 4096];
            let pieces = (0..MUCH / 4096).take_while(|_| pipe.write_all(&piece).is_ok());
            pieces.count() as u64 * 4096
        });
        let error = read(directory.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}: {}", chain(&error));
        assert!(writer.join().unwrap() < MUCH, "{name} was read to its end");
    }
}
