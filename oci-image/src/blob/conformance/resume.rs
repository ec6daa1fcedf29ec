use super::{Violation, begun, content, ensure, is_absent, is_refused, is_there, right};
use crate::Descriptor;
use crate::blob::{BlobSink, BlobSinkExt, BlobSource};

/// Checks that a sink keeps what was written of a blob. `open` opens the one store: a new handle at each
/// call shows that it is kept for other handles, and one in another process would find it too.
///
/// # Errors
/// The first claim that does not hold.
pub fn resume<S: BlobSink + BlobSource>(mut open: impl FnMut() -> S) -> Result<(), Violation> {
    continues(&mut open)?;
    drops_what_is_not_kept(&mut open)?;
    drops_what_is_wrong(&mut open)?;
    drops_what_is_too_long(&mut open)?;
    begins_anew_when_asked(&mut open)?;
    two_writers(&mut open)
}

fn continues<S: BlobSink + BlobSource>(open: &mut impl FnMut() -> S) -> Result<(), Violation> {
    let claim = "what was kept is held by the next writer";
    let (blob, bytes) = content(11, 100_000);
    let mut written = 0;
    for end in [1, 30_000, 30_000, 99_999, 100_000] {
        let store = open();
        let mut writer = begun(claim, store.resume(&blob))?;
        ensure(claim, writer.start() == written as u64, || {
            format!("{} bytes of {written} are held", writer.start())
        })?;
        right(claim, writer.write_all(bytes.get(written..end).unwrap_or_default()))?;
        right(claim, writer.keep())?;
        is_absent("a blob that is kept is not visible", &open(), &blob)?;
        written = end;
    }
    let claim = "a resumed blob is committed";
    let store = open();
    right(claim, begun(claim, store.resume(&blob))?.commit())?;
    is_there(claim, &open(), &blob, &bytes)?;
    ensure(claim, right(claim, store.resume(&blob))?.is_none(), || {
        "there is a writer for it all the same".into()
    })
}

fn drops_what_is_not_kept<S: BlobSink + BlobSource>(
    open: &mut impl FnMut() -> S,
) -> Result<(), Violation> {
    let claim = "a resumed writer that is dropped leaves no trace";
    let (blob, bytes) = content(12, 10_000);
    let (head, tail) = bytes.split_at(5000);
    let store = open();
    let mut writer = begun(claim, store.resume(&blob))?;
    right(claim, writer.write_all(head))?;
    right(claim, writer.keep())?;
    let mut writer = begun(claim, store.resume(&blob))?;
    right(claim, writer.write_all(tail))?;
    drop(writer);
    let start = begun(claim, open().resume(&blob))?.start();
    ensure(claim, start == 0, || format!("the next writer begins at {start}"))
}

fn drops_what_is_wrong<S: BlobSink + BlobSource>(
    open: &mut impl FnMut() -> S,
) -> Result<(), Violation> {
    let claim = "what was kept is verified with the rest";
    let (blob, bytes) = content(13, 10_000);
    let store = open();
    let mut writer = begun(claim, store.resume(&blob))?;
    right(claim, writer.write_all(&[0x55; 5000]))?;
    right(claim, writer.keep())?;
    let rest = bytes.get(5000..).unwrap_or_default();
    is_refused(claim, begun(claim, store.resume(&blob))?, rest)?;
    is_absent(claim, &open(), &blob)?;
    let claim = "what was kept and is wrong is dropped";
    let mut writer = begun(claim, store.resume(&blob))?;
    ensure(claim, writer.start() == 0, || format!("{} bytes are held", writer.start()))?;
    right(claim, writer.write_all(&bytes))?;
    right(claim, writer.commit())?;
    is_there(claim, &open(), &blob, &bytes)
}

fn drops_what_is_too_long<S: BlobSink + BlobSource>(
    open: &mut impl FnMut() -> S,
) -> Result<(), Violation> {
    let claim = "no more is held than the descriptor's size";
    let (blob, bytes) = content(16, 10_000);
    let store = open();
    let mut writer = begun(claim, store.resume(&blob))?;
    right(claim, writer.write_all(bytes.get(..5000).unwrap_or_default()))?;
    right(claim, writer.keep())?;
    let short = Descriptor { size: 4999, ..blob };
    let start = begun(claim, open().resume(&short))?.start();
    ensure(claim, start <= 4999, || format!("the next writer begins at {start} of 4999"))
}

fn begins_anew_when_asked<S: BlobSink + BlobSource>(
    open: &mut impl FnMut() -> S,
) -> Result<(), Violation> {
    let claim = "what was kept does not hinder a writer that begins with the first byte";
    let (blob, bytes) = content(14, 10_000);
    let store = open();
    let mut writer = begun(claim, store.resume(&blob))?;
    right(claim, writer.write_all(&[0x55; 5000]))?;
    right(claim, writer.keep())?;
    right(claim, open().put(&blob, &bytes))?;
    is_there(claim, &open(), &blob, &bytes)
}

fn two_writers<S: BlobSink + BlobSource>(open: &mut impl FnMut() -> S) -> Result<(), Violation> {
    let claim = "no two writers continue one blob at one time";
    let (blob, bytes) = content(15, 10_000);
    let (head, tail) = bytes.split_at(5000);
    let (one, other) = (open(), open());
    let mut writer = begun(claim, one.resume(&blob))?;
    right(claim, writer.write_all(head))?;
    right(claim, writer.keep())?;
    let mut first = begun(claim, one.resume(&blob))?;
    let mut second = begun(claim, other.resume(&blob))?;
    ensure(claim, (first.start(), second.start()) == (5000, 0), || {
        format!("they begin at {} and {}", first.start(), second.start())
    })?;
    right(claim, second.write_all(&bytes))?;
    right(claim, first.write_all(tail))?;
    right(claim, first.commit())?;
    right(claim, second.commit())?;
    is_there(claim, &open(), &blob, &bytes)
}
