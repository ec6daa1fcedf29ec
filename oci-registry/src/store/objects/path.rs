//! What is called how.

use object_store::path::Path;
use oci_digest::Digest;
use oci_image::RepositoryName;
use uuid::Uuid;

use super::super::{Collection, Record, Session};

pub(super) const KNOWN: &str = "names";
pub(super) const DATA: &str = "data";
pub(super) const UPLOADS: &str = "uploads";
pub(super) const UNLINKED: &str = "unlinked";

/// It sorts as the name does, and is not a directory where objects are files.
pub(super) fn known(name: &RepositoryName) -> Path {
    Path::from(format!("{KNOWN}/{name}!"))
}

pub(super) fn known_name(path: &Path) -> Option<RepositoryName> {
    let name = path.as_ref().strip_prefix(KNOWN)?.strip_prefix('/')?.strip_suffix('!')?;
    name.parse().ok()
}

pub(super) fn blob(name: &RepositoryName, digest: &Digest) -> Path {
    Path::from(format!("{}/{}", collection(name, &Collection::Blobs), of_digest(digest)))
}

/// A name may have 1,024 bytes in S3.
fn of_digest(digest: &Digest) -> String {
    if digest.as_str().len() <= 255 {
        format!("{}/{}", digest.algorithm_name(), digest.encoded())
    } else {
        format!("_long/{}", Digest::sha256(digest.as_str()).encoded())
    }
}

pub(super) fn collection(name: &RepositoryName, collection: &Collection) -> Path {
    let kind = match collection {
        Collection::Blobs => "_blobs".to_owned(),
        Collection::Manifests => "_manifests".to_owned(),
        Collection::Tags => "_tags".to_owned(),
        Collection::Referrers(subject) => format!("_referrers/{}", of_digest(subject)),
    };
    Path::from(format!("repositories/{name}/{kind}"))
}

/// The object of a tag sorts by the tag without regard to case, and then by it: a comma is before all that is in a tag.
pub(super) fn listed(of: &RepositoryName, kind: &Collection, name: &str) -> Path {
    let file = match kind {
        Collection::Tags => format!("{},{name}", name.to_ascii_lowercase()),
        Collection::Referrers(_) => name.to_owned(),
        Collection::Blobs | Collection::Manifests => name.replacen(':', "/", 1),
    };
    Path::from(format!("{}/{file}", collection(of, kind)))
}

/// The name in its collection of what is listed there.
pub(super) fn name_in(collection: &Path, kind: &Collection, path: &Path) -> Option<String> {
    let file = path.as_ref().strip_prefix(collection.as_ref())?.strip_prefix('/')?;
    match kind {
        Collection::Tags => file.split_once(',').map(|(_, tag)| tag.to_owned()),
        Collection::Referrers(_) => Some(file.to_owned()),
        Collection::Blobs | Collection::Manifests => Some(file.replacen('/', ":", 1)),
    }
}

pub(super) fn record(name: &RepositoryName, record: &Record) -> Path {
    match record {
        Record::Manifest(digest) => {
            let manifests = collection(name, &Collection::Manifests);
            Path::from(format!("{manifests}/{}", of_digest(digest)))
        }
        Record::Tag(tag) => listed(name, &Collection::Tags, tag.as_str()),
        Record::Referrer { subject, referrer } => {
            listed(name, &Collection::Referrers(subject.clone()), referrer.as_str())
        }
    }
}

pub(super) fn data(id: Uuid) -> Path {
    Path::from(format!("{DATA}/{id}"))
}

/// Offsets sort as numbers do.
pub(super) fn part(id: Uuid, offset: u64) -> Path {
    Path::from(format!("{DATA}/{id}/{offset:020}"))
}

pub(super) fn offset(path: &Path) -> Option<u64> {
    path.filename()?.parse().ok()
}

/// The number of what this is a part of.
pub(super) fn id(path: &Path) -> Option<Uuid> {
    Uuid::try_parse(path.parts().nth(1)?.as_ref()).ok()
}

pub(super) fn session(session: &Session) -> Path {
    let repository = Digest::sha256(session.repository.as_str());
    Path::from(format!("{DATA}/{}/of.{}", session.id, repository.encoded()))
}

pub(super) fn is_session(path: &Path) -> bool {
    path.filename().is_some_and(|name| name.starts_with("of."))
}

/// It says that a repository has a blob that was mounted there, whose data this is.
pub(super) fn mounted(id: Uuid, to: &RepositoryName) -> Path {
    Path::from(format!("{DATA}/{id}/in.{}", Digest::sha256(to.as_str()).encoded()))
}

pub(super) fn is_mounted(path: &Path) -> bool {
    path.filename().is_some_and(|name| name.starts_with("in."))
}

/// It says that a repository had this data, and no longer has it.
pub(super) fn unlinked(id: Uuid) -> Path {
    Path::from(format!("{UNLINKED}/{id}"))
}

pub(super) fn upload(id: Uuid) -> Path {
    Path::from(format!("{UPLOADS}/{id}"))
}
