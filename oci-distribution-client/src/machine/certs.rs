use std::collections::BTreeMap;
use std::fs::{DirEntry, File};
use std::io::{self, ErrorKind as IoErrorKind, Read};
use std::path::{Path, PathBuf};

use oci_image::reference::RegistryName;
use zeroize::Zeroizing;

use super::FILE_LIMIT;
use super::toml_file::{unreadable, unusable};
use crate::error::Error;
use crate::transport::Tls;

/// A directory of certificates, such as `/etc/containers/certs.d` ([containers-certs.d]) or `/etc/docker/certs.d`.
///
/// Below it, `HOST` or `HOST:PORT` is the directory of one registry: the certificates in its files `*.crt` are
/// trusted beside those of the operating system, and those in `*.cert`, with the key in the file `*.key` of the same
/// name, are shown if the registry asks for one.
///
/// [containers-certs.d]: https://github.com/containers/image/blob/main/docs/containers-certs.d.5.md
#[derive(Debug, Default)]
pub struct CertsDir {
    pub(crate) registries: BTreeMap<RegistryName, Result<Tls, Error>>,
}

impl CertsDir {
    /// Reads the directory at `path`.
    ///
    /// If it is not there or may not be read, it holds nothing. What is wrong with the directory of one registry
    /// is an error when that registry is asked.
    ///
    /// # Errors
    /// If it cannot be read for another reason.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let mut registries = BTreeMap::new();
        for entry in entries(path)? {
            // What is not named like a registry is not one's directory.
            let name = entry.file_name();
            let Some(Ok(name)) = name.to_str().map(str::parse::<RegistryName>) else { continue };
            if entry.path().is_dir() {
                registries.insert(name, certificates(&entry.path()));
            }
        }
        Ok(Self { registries })
    }

    /// Those of a machine and its user; the first that has a directory of a registry counts.
    pub(crate) fn usual(home: Option<PathBuf>) -> Vec<PathBuf> {
        let user = home.map(|home| home.join(".config/containers/certs.d"));
        let system = ["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from);
        user.into_iter().chain(system).collect()
    }
}

impl Tls {
    /// What the files in the directory of one registry say, as in `certs.d`: see [`CertsDir`].
    ///
    /// # Errors
    /// If it is not there, or a file cannot be read or used.
    pub fn from_directory(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        std::fs::read_dir(path).map_err(|error| unreadable(path, error))?;
        certificates(path)
    }
}

/// What there is in the directory at `path`.
fn entries(path: &Path) -> Result<Vec<DirEntry>, Error> {
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    match entries {
        Ok(mut entries) => {
            entries.sort_by_key(DirEntry::file_name);
            Ok(entries)
        }
        Err(error) => match error.kind() {
            // As in containers: `/etc/docker` may be readable by root alone.
            IoErrorKind::NotFound | IoErrorKind::PermissionDenied => Ok(Vec::new()),
            _ => Err(unreadable(path, error)),
        },
    }
}

/// The certificates in the directory of a registry, at `path`.
pub(super) fn certificates(path: &Path) -> Result<Tls, Error> {
    let mut tls = Tls::new();
    let entries = entries(path)?;
    let has = |file: &Path| entries.iter().any(|entry| entry.path() == file);
    for file in entries.iter().map(DirEntry::path) {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => tls = tls.root_certificate(pem(&file, "CERTIFICATE")?.to_vec()),
            Some("cert") => {
                let key = file.with_extension("key");
                if !has(&key) {
                    return Err(unusable(
                        &file,
                        "the key of the client certificate is missing; certificates to trust are in files `*.crt`",
                    ));
                }
                tls = client_certificate(tls, &file, &key)?;
            }
            Some("key") if !has(&file.with_extension("cert")) => {
                return Err(unusable(&file, "the client certificate of the key is missing"));
            }
            _ => {}
        }
    }
    Ok(tls)
}

/// `tls` with the client certificate in the file `chain`, whose key is in the file `key`.
pub(super) fn client_certificate(tls: Tls, chain: &Path, key: &Path) -> Result<Tls, Error> {
    let (chain, key) = (pem(chain, "CERTIFICATE")?, pem(key, "PRIVATE KEY")?);
    Ok(tls.client_certificate(chain.to_vec(), key.to_vec()))
}

/// The PEM in a file, which holds at least one `block`.
pub(super) fn pem(file: &Path, block: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut pem = Zeroizing::new(Vec::new());
    let opened = File::open(file).map(|file| file.take(FILE_LIMIT + 1));
    opened
        .and_then(|mut file| file.read_to_end(&mut pem))
        .map_err(|error| unreadable(file, error))?;
    if pem.len() as u64 > FILE_LIMIT {
        return Err(unusable(file, format!("it has more than {FILE_LIMIT} bytes")));
    }
    let end = format!("{block}-----");
    let has_block = pem.windows(end.len()).any(|window| window == end.as_bytes());
    match has_block {
        true => Ok(pem),
        false => Err(unusable(file, format!("it holds no PEM block `{block}`"))),
    }
}
