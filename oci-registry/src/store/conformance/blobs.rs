use std::time::SystemTime;

use bytes::Bytes;
use oci_digest::{Algorithm, Digest};

use super::super::{Backend, Collection, Condition};
use super::{Check, content, earlier, get, later, name, put, read, read_part, right, same, write};

/// Checks how blobs are written, read, mounted, renewed and removed.
///
/// # Errors
/// The first claim that does not hold.
pub async fn blobs(backend: &dyn Backend) -> Check {
    let (here, there) = (name("conformance/blobs")?, name("conformance/blobs/there")?);
    let bytes = content(1, 600_000);
    let digest = Digest::sha256(&bytes);
    const ABSENT: &str = "a blob that was not written is not there";
    same(ABSENT, right(ABSENT, get(backend, &here, &digest).await)?, None)?;
    const KNOWN: &str = "a repository is known from the first write to it";
    same(KNOWN, right(KNOWN, backend.knows(&here).await)?, false)?;

    const UNNAMED: &str =
        "a stage that is dropped or discarded is no blob, and makes no repository known";
    for discard in [false, true] {
        let mut stage = right(UNNAMED, backend.stage(None).await)?;
        right(UNNAMED, write(&mut *stage, &bytes).await)?;
        if discard {
            right(UNNAMED, stage.discard().await)?;
        }
    }
    same(UNNAMED, right(UNNAMED, backend.knows(&here).await)?, false)?;

    const WRITTEN: &str = "a blob that was committed is read as it was written";
    right(WRITTEN, put(backend, &here, &bytes).await)?;
    same(WRITTEN, right(WRITTEN, get(backend, &here, &digest).await)?.as_ref(), Some(&bytes))?;
    same(KNOWN, right(KNOWN, backend.knows(&here).await)?, true)?;
    same("a blob is of one repository", right(ABSENT, get(backend, &there, &digest).await)?, None)?;
    const EMPTY: &str = "the empty blob is a blob";
    let empty = right(EMPTY, put(backend, &here, &Bytes::new()).await)?;
    same(EMPTY, right(EMPTY, get(backend, &here, &empty).await)?, Some(Bytes::new()))?;

    parts(backend, &bytes).await?;
    mounts(backend, &bytes).await?;
    ages(backend).await
}

async fn parts(backend: &dyn Backend, bytes: &Bytes) -> Check {
    const PART: &str = "a part of a blob is read as it was written";
    let (here, digest) = (name("conformance/blobs")?, Digest::sha256(bytes));
    let size = bytes.len();
    for (first, end) in [(0, 1), (size - 1, size), (300_000, 300_001), (1, size - 1)] {
        let Some(blob) = right(PART, backend.open(&here, &digest).await)? else { continue };
        let part = read_part(blob, first as u64, (end - first) as u64).await;
        same(PART, right(PART, part)?, bytes.slice(first..end))?;
    }
    const STAGED: &str = "what was staged so far can be read, and more be written";
    let (half, rest) = (bytes.slice(..size / 2), bytes.slice(size / 2..));
    let mut stage = right(STAGED, backend.stage(None).await)?;
    right(STAGED, stage.write(half.clone()).await)?;
    let blob = right(STAGED, stage.content().await)?;
    same(STAGED, right(STAGED, read(blob).await)?, half)?;
    right(STAGED, stage.write(rest).await)?;
    same(STAGED, right(STAGED, stage.size().await)?, size as u64)?;
    let long = Digest::of(Algorithm::Sha512, bytes);
    right(STAGED, stage.commit(&here, &long).await)?;
    same(STAGED, right(STAGED, get(backend, &here, &long).await)?.as_ref(), Some(bytes))?;
    const LISTED: &str = "blobs are listed by digest";
    let listed = right(LISTED, backend.list(&here, &Collection::Blobs, None, 10).await)?;
    let mut expected = [Digest::sha256(bytes), Digest::sha256(""), long].map(|it| it.to_string());
    expected.sort();
    same(LISTED, listed, expected.to_vec())
}

async fn mounts(backend: &dyn Backend, bytes: &Bytes) -> Check {
    let (here, there) = (name("conformance/blobs")?, name("conformance/blobs/there")?);
    let digest = Digest::sha256(bytes);
    const LINKED: &str = "a blob that was linked is in both repositories";
    same(LINKED, right(LINKED, backend.link(&here, &there, &digest).await)?, true)?;
    same(LINKED, right(LINKED, backend.link(&here, &there, &digest).await)?, true)?;
    const ABSENT: &str = "a blob that is not there is not linked, and makes no repository known";
    let nowhere = name("conformance/nowhere")?;
    let missing = Digest::sha256("missing");
    same(ABSENT, right(ABSENT, backend.link(&here, &nowhere, &missing).await)?, false)?;
    same(ABSENT, right(ABSENT, backend.knows(&nowhere).await)?, false)?;
    const UNLINKED: &str =
        "a blob that is removed here stays there, and is read to its end by who has it open";
    let open = right(UNLINKED, backend.open(&here, &digest).await)?;
    let always = Condition::Always;
    same(UNLINKED, right(UNLINKED, backend.unlink(&here, &digest, &always).await)?, true)?;
    same(UNLINKED, right(UNLINKED, backend.unlink(&here, &digest, &always).await)?, false)?;
    same(UNLINKED, right(UNLINKED, get(backend, &here, &digest).await)?, None)?;
    same(UNLINKED, right(UNLINKED, get(backend, &there, &digest).await)?.as_ref(), Some(bytes))?;
    let Some(open) = open else { return Ok(()) };
    same(UNLINKED, &right(UNLINKED, read(open).await)?, bytes)
}

async fn ages(backend: &dyn Backend) -> Check {
    const RENEWED: &str = "the age of a blob is counted from when it was written or renewed";
    let here = name("conformance/blobs")?;
    let digest = right(RENEWED, put(backend, &here, &content(2, 10)).await)?;
    let modified = async || -> Check<Option<SystemTime>> {
        Ok(right(RENEWED, backend.open(&here, &digest).await)?.map(|blob| blob.modified))
    };
    let written = modified().await?;
    same(RENEWED, right(RENEWED, backend.renew(&here, &digest).await)?, true)?;
    let nothing = Digest::sha256("nothing");
    same(RENEWED, right(RENEWED, backend.renew(&here, &nothing).await)?, false)?;
    let renewed = modified().await?;
    let is_recent = written > Some(earlier()) && renewed < Some(later()) && renewed >= written;
    same(RENEWED, is_recent, true)?;
    const KEPT: &str = "a blob that was renewed since is not removed, and an older one is";
    let unlink = async |condition| {
        right(KEPT, backend.unlink(&here, &digest, &Condition::UnmodifiedSince(condition)).await)
    };
    same(KEPT, unlink(earlier()).await?, false)?;
    same(KEPT, unlink(later()).await?, true)?;
    same(KEPT, right(KEPT, get(backend, &here, &digest).await)?, None)
}
