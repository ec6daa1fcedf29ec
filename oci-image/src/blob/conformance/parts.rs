use std::ops::Range;
use std::{io, thread};

use super::{Violation, begun, content, ensure, is_absent, is_there, right, violation};
use crate::blob::{BlobParts, BlobSink, BlobSource, BlobWriter};

/// Checks that a sink takes a blob in parts, and keeps them. `open` is as for [`resume`](super::resume()).
///
/// # Errors
/// The first claim that does not hold.
pub fn parts<S: BlobSink + BlobSource>(mut open: impl FnMut() -> S) -> Result<(), Violation> {
    many_threads(&open())?;
    after_what_is_in_order(&open())?;
    one_over_the_other(&open())?;
    refuses_gaps_and_other_content(&open())?;
    keeps_them(&mut open)
}

fn of<'a>(claim: &'static str, writer: &'a dyn BlobWriter) -> Result<&'a dyn BlobParts, Violation> {
    writer.parts().ok_or_else(|| violation(claim, "the writer takes no parts"))
}

fn write(parts: &dyn BlobParts, bytes: &[u8], range: Range<usize>) -> io::Result<()> {
    parts.write_at(range.start as u64, bytes.get(range).unwrap_or_default())
}

fn is_missing(
    claim: &'static str,
    parts: &dyn BlobParts,
    expected: &[Range<u64>],
) -> Result<(), Violation> {
    let missing = parts.missing();
    ensure(claim, missing == expected, || format!("missing is {missing:?}, not {expected:?}"))
}

fn many_threads<S: BlobSink + BlobSource>(store: &S) -> Result<(), Violation> {
    let claim = "parts are written in any order and by several threads";
    let (blob, bytes) = content(21, 100_000);
    let writer = begun(claim, store.resume(&blob))?;
    let parts = of(claim, &*writer)?;
    is_missing("all of a new blob is missing", parts, &[Range { start: 0, end: 100_000 }])?;
    let bytes = &bytes;
    let outcomes: Vec<io::Result<()>> = thread::scope(|scope| {
        let workers = [3, 1, 0, 2].map(|number| {
            let range = number * 25_000..(number + 1) * 25_000;
            scope.spawn(move || write(parts, bytes, range))
        });
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.map(|it| it.unwrap_or_else(|_| Err(io::Error::other("it panicked")))).collect()
    });
    outcomes.into_iter().try_for_each(|outcome| right(claim, outcome))?;
    is_missing("nothing is missing of a blob that was written", parts, &[])?;
    is_absent("parts are not visible before the commit", store, &blob)?;
    right(claim, writer.commit())?;
    is_there(claim, store, &blob, bytes)
}

fn after_what_is_in_order<S: BlobSink + BlobSource>(store: &S) -> Result<(), Violation> {
    let claim = "what is written in order and in parts is one blob";
    let (blob, bytes) = content(22, 10_000);
    let mut writer = begun(claim, store.resume(&blob))?;
    right(claim, writer.write_all(bytes.get(..4000).unwrap_or_default()))?;
    let parts = of(claim, &*writer)?;
    is_missing(claim, parts, &[Range { start: 4000, end: 10_000 }])?;
    right(claim, write(parts, &bytes, 7000..10_000))?;
    is_missing(claim, parts, &[Range { start: 4000, end: 7000 }])?;
    right(claim, writer.write_all(bytes.get(4000..7000).unwrap_or_default()))?;
    let before = "a part before what was written in order is refused";
    for offset in [0, 6999] {
        let outcome = of(before, &*writer)?.write_at(offset, b"ab");
        ensure(before, outcome.is_err(), || format!("it was accepted at {offset}"))?;
    }
    right(claim, writer.commit())?;
    is_there(claim, store, &blob, &bytes)
}

fn one_over_the_other<S: BlobSink + BlobSource>(store: &S) -> Result<(), Violation> {
    let claim = "of parts that overlap the last one counts, and nothing of the others is lost";
    let (blob, bytes) = content(25, 10_000);
    let mut wrong = bytes.clone();
    wrong.reverse();
    let writer = begun(claim, store.resume(&blob))?;
    let parts = of(claim, &*writer)?;
    for (content, range) in [
        (&wrong, 2000..6000),
        (&bytes, 5000..8000),
        (&bytes, 0..3000),
        (&bytes, 3000..5000),
        (&bytes, 8000..10_000),
        (&bytes, 8000..9000),
        (&bytes, 6000..7000),
    ] {
        right(claim, write(parts, content, range))?;
    }
    is_missing(claim, parts, &[])?;
    right(claim, writer.commit())?;
    is_there(claim, store, &blob, &bytes)
}

fn refuses_gaps_and_other_content<S: BlobSink + BlobSource>(store: &S) -> Result<(), Violation> {
    let (blob, bytes) = content(23, 10_000);
    let mut wrong = bytes.clone();
    wrong.reverse();
    let halves = [0..5000, 5000..10_000];
    for (claim, content, ranges) in [
        ("a blob with a gap is not committed", &bytes, &[0..4999, 5000..10_000][..]),
        ("a blob without its end is not committed", &bytes, &halves[..1]),
        ("a blob without its beginning is not committed", &bytes, &halves[1..]),
        ("parts of other content are not committed", &wrong, &halves[..]),
    ] {
        let writer = begun(claim, store.resume(&blob))?;
        let parts = of(claim, &*writer)?;
        for range in ranges {
            right(claim, write(parts, content, range.clone()))?;
        }
        ensure(claim, writer.commit().is_err(), || "it was committed".into())?;
        is_absent(claim, store, &blob)?;
    }
    let claim = "a part behind the end is refused";
    let writer = begun(claim, store.resume(&blob))?;
    let parts = of(claim, &*writer)?;
    for offset in [9999, 10_000, u64::MAX] {
        let outcome = parts.write_at(offset, b"ab");
        ensure(claim, outcome.is_err(), || format!("it was accepted at {offset}"))?;
    }
    is_missing("a part that was refused is missing", parts, &[Range { start: 0, end: 10_000 }])
}

fn keeps_them<S: BlobSink + BlobSource>(open: &mut impl FnMut() -> S) -> Result<(), Violation> {
    let claim = "parts that were kept are not missing";
    let (blob, bytes) = content(24, 10_000);
    let store = open();
    let writer = begun(claim, store.resume(&blob))?;
    let parts = of(claim, &*writer)?;
    right(claim, write(parts, &bytes, 0..2000))?;
    right(claim, write(parts, &bytes, 6000..8000))?;
    right(claim, writer.keep())?;
    is_absent("parts that are kept are not visible", &open(), &blob)?;
    let store = open();
    let writer = begun(claim, store.resume(&blob))?;
    ensure(claim, writer.start() == 2000, || format!("the writer begins at {}", writer.start()))?;
    let parts = of(claim, &*writer)?;
    is_missing(claim, parts, &[2000..6000, 8000..10_000])?;
    let claim = "parts that are resumed are committed";
    right(claim, write(parts, &bytes, 2000..6000))?;
    right(claim, write(parts, &bytes, 8000..10_000))?;
    right(claim, writer.commit())?;
    is_there(claim, &open(), &blob, &bytes)
}
