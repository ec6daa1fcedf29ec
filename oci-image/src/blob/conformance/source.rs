use std::io::{self, Read};

use super::{Violation, content, ensure, is_absent, is_there, right, violation};
use crate::Descriptor;
use crate::blob::BlobSource;

/// Checks a source that has the blobs `present`, with their content.
///
/// # Errors
/// The first claim that does not hold.
pub fn source<S: BlobSource + ?Sized>(
    store: &S,
    present: &[(Descriptor, Vec<u8>)],
) -> Result<(), Violation> {
    let absent = "what is not there is `None` and not an error";
    is_absent(absent, store, &content(250, 31).0)?;
    for (blob, bytes) in present {
        is_there("a blob that is there is read whole", store, blob, bytes)?;
        in_small_pieces(store, blob, bytes)?;
        other_size(store, blob)?;
    }
    Ok(())
}

fn in_small_pieces<S: BlobSource + ?Sized>(
    store: &S,
    blob: &Descriptor,
    bytes: &[u8],
) -> Result<(), Violation> {
    let claim = "readers of one blob do not disturb each other, however small their pieces are";
    let open = || right(claim, store.open(blob))?.ok_or_else(|| violation(claim, "it is gone"));
    let (mut first, mut second) = (open()?, open()?);
    let (mut read, mut piece) = (Vec::new(), [0; 3]);
    let mut other = Vec::new();
    right(claim, second.by_ref().take(bytes.len() as u64 / 2).read_to_end(&mut other))?;
    loop {
        match first.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => read.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return right(claim, Err(error)),
        }
    }
    right(claim, second.read_to_end(&mut other))?;
    ensure(claim, read == bytes && other == bytes, || "other bytes were read".into())
}

fn other_size<S: BlobSource + ?Sized>(store: &S, blob: &Descriptor) -> Result<(), Violation> {
    let claim = "a reader does not end well if the size is not that of the descriptor";
    for size in [blob.size + 1, blob.size.saturating_sub(1)] {
        if size == blob.size {
            continue;
        }
        let wrong = Descriptor { size, ..blob.clone() };
        let ended_well = matches!(super::read(store, &wrong), Ok(Some(_)));
        ensure(claim, !ended_well, || {
            format!("it ended well where the size should be {size}: a `VerifyReader` would not")
        })?;
    }
    Ok(())
}
