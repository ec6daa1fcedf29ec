use std::io;

use oci_digest::Digest;
use uuid::Uuid;

use super::super::{Session, Store};
use super::{Check, content, earlier, get, later, name, read, right, same, write};

/// Checks that upload sessions outlive the process that began them. `reopened` is the same store as of another process;
/// it is called when nothing of the earlier one is used any more.
///
/// # Errors
/// The first claim that does not hold.
pub async fn sessions(mut reopened: impl AsyncFnMut() -> Store) -> Check {
    let here = name("conformance/sessions")?;
    let bytes = content(3, 400_000);
    let digest = Digest::sha256(&bytes);
    let session = Session::new(here.clone(), Uuid::new_v4());

    const CONTINUED: &str = "a session is continued by another process where it was";
    let store = reopened().await;
    let backend = store.backend();
    same(CONTINUED, right(CONTINUED, backend.resume(&session).await)?.is_none(), true)?;
    let mut stage = right(CONTINUED, backend.stage(Some(&session)).await)?;
    right(CONTINUED, stage.write(bytes.slice(..1000)).await)?;
    right(CONTINUED, stage.settle().await)?;
    right(CONTINUED, write(&mut *stage, &bytes.slice(1000..300_000)).await)?;
    right(CONTINUED, stage.settle().await)?;
    drop(stage);
    drop(store);

    let store = reopened().await;
    let backend = store.backend();
    let other = Session::new(name("conformance/other")?, session.id);
    const OWN: &str = "a session is of one repository";
    same(OWN, right(OWN, backend.resume(&other).await)?.is_none(), true)?;
    const EXPIRED: &str = "sessions that were written to since stay, and older ones end";
    right(EXPIRED, backend.expire(earlier()).await)?;
    let resumed = right(CONTINUED, backend.resume(&session).await)?;
    let Some((mut stage, used)) = resumed else { return same(CONTINUED, "none", "a session") };
    same(CONTINUED, used > earlier() && used < later(), true)?;
    same(CONTINUED, right(CONTINUED, stage.size().await)?, 300_000)?;
    right(CONTINUED, stage.write(bytes.slice(300_000..)).await)?;
    right(CONTINUED, stage.settle().await)?;
    let whole = right(CONTINUED, stage.content().await)?;
    same(CONTINUED, right(CONTINUED, read(whole).await)? == bytes, true)?;
    right(CONTINUED, stage.commit(&here, &digest).await)?;
    let found = right(CONTINUED, get(backend, &here, &digest).await)?;
    same(CONTINUED, found == Some(bytes.clone()), true)?;

    const ENDED: &str = "a session that was committed, discarded or is too old has ended";
    same(ENDED, right(ENDED, backend.resume(&session).await)?.is_none(), true)?;
    for discard in [true, false] {
        let session = Session::new(here.clone(), Uuid::new_v4());
        let mut stage = right(ENDED, backend.stage(Some(&session)).await)?;
        right(ENDED, write(&mut *stage, &bytes).await)?;
        right(ENDED, stage.settle().await)?;
        if discard {
            right(ENDED, stage.discard().await)?;
        } else {
            right(EXPIRED, backend.expire(later()).await)?;
            let written = match stage.size().await {
                Ok(_) => stage.write(bytes.clone()).await.and(stage.settle().await),
                Err(error) => Err(error),
            };
            let kind = written.err().map(|error| error.kind());
            same(ENDED, kind, Some(io::ErrorKind::NotFound))?;
        }
        same(ENDED, right(ENDED, backend.resume(&session).await)?.is_none(), true)?;
    }
    let found = right(EXPIRED, get(backend, &here, &digest).await)?;
    same("a blob does not end with sessions", found == Some(bytes), true)
}
