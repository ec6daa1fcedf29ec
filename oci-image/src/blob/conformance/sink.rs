use std::io;

use oci_digest::{Algorithm, Verified};

use super::{
    Violation, begun, content, ensure, is_absent, is_refused, is_there, right, source, violation,
};
use crate::blob::{BlobSink, BlobSinkExt, BlobSource};
use crate::{Descriptor, Digest};

/// Checks a sink that is read by its own [`BlobSource`].
///
/// # Errors
/// The first claim that does not hold.
pub fn sink<S: BlobSink + BlobSource + ?Sized>(store: &S) -> Result<(), Violation> {
    let blobs = [content(1, 0), content(2, 1), content(3, 1000), content(4, 300_000)];
    for (blob, bytes) in &blobs {
        committed(store, blob, bytes)?;
    }
    invisible_before_commit(store)?;
    refuses_other_content(store)?;
    refuses_what_cannot_be_verified(store)?;
    several_writers(store)?;
    verified_content(store)?;
    unnamed(store)?;
    source(store, &blobs)
}

fn committed<S: BlobSink + BlobSource + ?Sized>(
    store: &S,
    blob: &Descriptor,
    bytes: &[u8],
) -> Result<(), Violation> {
    let claim = "what is written in pieces and committed is there";
    is_absent("the store that is checked is a new one", store, blob)?;
    let mut writer = begun(claim, store.create(blob))?;
    ensure("a created blob begins with its first byte", writer.start() == 0, || {
        format!("it begins at {}", writer.start())
    })?;
    for piece in bytes.chunks(777) {
        right(claim, writer.write_all(piece))?;
        right(claim, writer.flush())?;
    }
    right(claim, writer.commit())?;
    is_there(claim, store, blob, bytes)?;
    let claim = "a blob that is there is not written again";
    for begun in [store.create(blob), store.resume(blob)] {
        ensure(claim, right(claim, begun)?.is_none(), || "the sink gave a writer".into())?;
    }
    right(claim, store.put_from(blob, io::empty()))
}

fn invisible_before_commit<S: BlobSink + BlobSource + ?Sized>(store: &S) -> Result<(), Violation> {
    let claim = "a blob is not visible before it is committed";
    let (blob, bytes) = content(5, 5000);
    let mut writer = begun(claim, store.create(&blob))?;
    right(claim, writer.write_all(&bytes))?;
    right(claim, writer.flush())?;
    is_absent(claim, store, &blob)?;
    drop(writer);
    let claim = "a writer that is dropped leaves no trace";
    is_absent(claim, store, &blob)?;
    ensure(claim, begun(claim, store.resume(&blob))?.start() == 0, || {
        "the next writer does not begin with the first byte".into()
    })
}

fn refuses_other_content<S: BlobSink + BlobSource + ?Sized>(store: &S) -> Result<(), Violation> {
    let (blob, bytes) = content(6, 5000);
    let mut wrong = bytes.clone();
    wrong.reverse();
    let mut long = bytes.clone();
    long.push(0);
    for (claim, content) in [
        ("content of another digest is refused", &wrong[..]),
        ("content that is too short is refused", bytes.get(1..).unwrap_or_default()),
        ("content that is too long is refused", &long),
        ("no content is refused where there should be some", &[]),
    ] {
        is_refused(claim, begun(claim, store.create(&blob))?, content)?;
        is_absent(claim, store, &blob)?;
    }
    let claim = "after content that was refused the right one is stored";
    right(claim, store.put(&blob, &bytes))?;
    is_there(claim, store, &blob, &bytes)
}

fn refuses_what_cannot_be_verified<S: BlobSink + ?Sized>(store: &S) -> Result<(), Violation> {
    let claim = "a digest that cannot be computed is refused as `Unsupported`";
    let digest: Digest = match "unknown:abc".parse() {
        Ok(digest) => digest,
        Err(_) => return Err(violation(claim, "the digest was not parsed")),
    };
    let blob = Descriptor::new("text/plain".into(), digest, 3);
    for begun in [store.create(&blob), store.resume(&blob)] {
        let kind = begun.err().map(|error| error.kind());
        ensure(claim, kind == Some(io::ErrorKind::Unsupported), || match kind {
            Some(kind) => format!("the error is of kind {kind:?}"),
            None => "it was accepted".into(),
        })?;
    }
    Ok(())
}

fn several_writers<S: BlobSink + BlobSource + ?Sized>(store: &S) -> Result<(), Violation> {
    let claim = "writers of one blob at one time do not disturb each other";
    let (blob, bytes) = content(7, 5000);
    let (head, tail) = bytes.split_at(1234);
    let [mut first, mut second] =
        [begun(claim, store.create(&blob))?, begun(claim, store.create(&blob))?];
    right(claim, first.write_all(head))?;
    right(claim, second.write_all(&bytes))?;
    right(claim, first.write_all(tail))?;
    right(claim, second.commit())?;
    right(claim, first.commit())?;
    is_there(claim, store, &blob, &bytes)
}

fn verified_content<S: BlobSink + BlobSource + ?Sized>(store: &S) -> Result<(), Violation> {
    let (blob, bytes) = content(8, 5000);
    let other = || Verified::hash(&b"other"[..], Algorithm::Sha256);
    let claim = "verified content of another blob is refused";
    ensure(claim, store.put_verified(&blob, other()).is_err(), || "it was accepted".into())?;
    let claim = "verified content is refused where the size is not that of the descriptor";
    let wrong = Descriptor { size: 4999, ..blob.clone() };
    let content = || Verified::hash(&*bytes, Algorithm::Sha256);
    ensure(claim, store.put_verified(&wrong, content()).is_err(), || "it was accepted".into())?;
    is_absent(claim, store, &blob)?;
    let claim = "verified content is stored, and once more does no harm";
    for expected in [true, false] {
        let written = right(claim, store.put_verified(&blob, content()))?;
        ensure(claim, written == expected, || format!("whether it was written: {written}"))?;
    }
    let claim = "verified content of another blob is refused where the blob is there";
    ensure(claim, store.put_verified(&blob, other()).is_err(), || "it was accepted".into())?;
    is_there(claim, store, &blob, &bytes)
}

fn unnamed<S: BlobSink + BlobSource + ?Sized>(store: &S) -> Result<(), Violation> {
    let claim = "a blob is written before its digest is known";
    let (blob, bytes) = content(9, 5000);
    let begin = || -> Result<_, Violation> {
        let Some(mut writer) = right(claim, store.create_unnamed())? else { return Ok(None) };
        for piece in bytes.chunks(777) {
            right(claim, writer.write_all(piece))?;
        }
        Ok(Some(writer))
    };
    let (other, _) = content(10, 5000);
    for wrong in [
        Descriptor { size: 4999, ..blob.clone() },
        Descriptor { size: 5001, ..blob.clone() },
        other,
    ] {
        let Some(writer) = begin()? else { return Ok(()) };
        let claim = "another descriptor is refused";
        ensure(claim, writer.commit(&wrong).is_err(), || "it was accepted".into())?;
        is_absent(claim, store, &blob)?;
        is_absent(claim, store, &wrong)?;
    }
    // The second time the blob is there.
    for _ in 0..2 {
        let Some(writer) = begin()? else { return Ok(()) };
        right(claim, writer.commit(&blob))?;
        is_there(claim, store, &blob, &bytes)?;
    }
    Ok(())
}
