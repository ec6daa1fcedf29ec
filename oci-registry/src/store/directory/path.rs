//! Where what is kept.

use std::path::{Path, PathBuf};

use oci_digest::Digest;
use oci_image::RepositoryName;

use super::super::{Collection, Record, Session};

/// The directory of all repositories.
pub(super) fn repositories(root: &Path) -> PathBuf {
    root.join("repositories")
}

/// The directory of what is being written.
pub(super) fn uploads(root: &Path) -> PathBuf {
    root.join("uploads")
}

/// What was written to a session: its name says of which repository it is, whatever that is called.
pub(super) fn session(root: &Path, session: &Session) -> PathBuf {
    let repository = Digest::sha256(session.repository.as_str());
    uploads(root).join(format!("{}.{}", session.id, repository.encoded()))
}

pub(super) fn repository(root: &Path, name: &RepositoryName) -> PathBuf {
    repositories(root).join(name.as_str())
}

pub(super) fn blob(root: &Path, name: &RepositoryName, digest: &Digest) -> PathBuf {
    repository(root, name).join("_blobs").join(of_digest(digest))
}

/// Digests, as of a subject that is not here, may be longer than the 255 bytes of a file name.
fn of_digest(digest: &Digest) -> PathBuf {
    let parts = [digest.algorithm_name(), digest.encoded()];
    if parts.iter().all(|part| part.len() <= 255) {
        parts.iter().collect()
    } else {
        // No algorithm begins with an underscore.
        Path::new("_long").join(Digest::sha256(digest.as_str()).encoded())
    }
}

fn referrers(root: &Path, name: &RepositoryName, subject: &Digest) -> PathBuf {
    repository(root, name).join("_referrers").join(of_digest(subject))
}

/// The directory of a collection. That of blobs and that of manifests has a directory for each algorithm.
pub(super) fn collection(root: &Path, name: &RepositoryName, collection: &Collection) -> PathBuf {
    match collection {
        Collection::Blobs => repository(root, name).join("_blobs"),
        Collection::Manifests => repository(root, name).join("_manifests"),
        Collection::Tags => repository(root, name).join("_tags"),
        Collection::Referrers(subject) => referrers(root, name, subject),
    }
}

pub(super) fn record(root: &Path, name: &RepositoryName, record: &Record) -> PathBuf {
    match record {
        Record::Manifest(digest) => {
            repository(root, name).join("_manifests").join(of_digest(digest))
        }
        Record::Tag(tag) => repository(root, name).join("_tags").join(tag.as_str()),
        Record::Referrer { subject, referrer } => {
            referrers(root, name, subject).join(referrer.as_str())
        }
    }
}
