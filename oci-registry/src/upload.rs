//! What was received of a blob.

use std::io;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use oci_digest::{Algorithm, Digest, Hasher};
use oci_image::RepositoryName;
use oci_image::distribution::ErrorCode;

use crate::refusal::Refusal;
use crate::store::{Stage, pieces};

/// What was received so far.
pub(crate) struct Upload {
    stage: Box<dyn Stage>,
    size: u64,
    /// Has seen all `size` bytes, if there is one: what another process received is hashed at the end.
    hasher: Option<Hasher>,
    /// Something was written since it was settled.
    unsettled: bool,
    /// The last chunk was under the minimum, so it must have been the last of all.
    pub(crate) ended: bool,
}

impl Upload {
    pub(crate) fn new(stage: Box<dyn Stage>, algorithm: Algorithm) -> Self {
        Self {
            stage,
            size: 0,
            hasher: Some(Hasher::new(algorithm)),
            unsettled: false,
            ended: false,
        }
    }

    /// One that another process began, perhaps.
    pub(crate) fn resumed(stage: Box<dyn Stage>) -> Self {
        Self { stage, size: 0, hasher: None, unsettled: false, ended: false }
    }

    /// Looks what other processes have written meanwhile.
    pub(crate) async fn refresh(&mut self) -> io::Result<()> {
        let size = self.stage.size().await?;
        if size != self.size {
            (self.size, self.hasher) = (size, None);
        }
        Ok(())
    }

    /// The number of bytes received.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let hashing = hash(self.hasher.take(), bytes.clone());
        let length = bytes.len() as u64;
        self.unsettled = true;
        let (hasher, written) = tokio::join!(hashing, self.stage.write(bytes));
        written?;
        self.hasher = hasher?;
        self.size += length;
        Ok(())
    }

    /// Ends the writes of one request.
    pub(crate) async fn settle(&mut self) -> io::Result<()> {
        self.unsettled = false;
        self.stage.settle().await
    }

    pub(crate) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// Makes it the blob `digest`, if it has this digest. Whatever fails, nothing is left of it.
    pub(crate) async fn commit(
        mut self,
        repository: &RepositoryName,
        digest: &Digest,
        algorithm: Algorithm,
    ) -> Result<(), Refusal> {
        let hasher = self.hasher.take().filter(|hasher| hasher.algorithm() == algorithm);
        let actual = match hasher {
            Some(hasher) => Ok(hasher.finish()),
            // The client did not say at the start which algorithm it would use, or began elsewhere.
            None => self.reread(algorithm).await,
        };
        if actual.as_ref().is_ok_and(|actual| actual == digest) {
            return Ok(self.stage.commit(repository, digest).await?);
        }
        // What went wrong before is what the client is to know.
        let _ = self.stage.discard().await;
        let message = format!("the content has digest `{}`, not `{digest}`", actual?);
        Err(Refusal::new(ErrorCode::DigestInvalid, message))
    }

    async fn reread(&mut self, algorithm: Algorithm) -> io::Result<Digest> {
        let blob = self.stage.content().await?;
        let size = blob.size;
        let mut hasher = Some(Hasher::new(algorithm));
        let mut pieces = std::pin::pin!(pieces(blob, 0, size));
        while let Some(piece) = pieces.try_next().await? {
            hasher = hash(hasher, piece).await?;
        }
        hasher.map(Hasher::finish).ok_or_else(|| io::ErrorKind::Other.into())
    }

    pub(crate) async fn discard(self) -> io::Result<()> {
        self.stage.discard().await
    }
}

/// What is hashed where others do not wait for it, in bytes.
const LARGE: usize = 64 << 10;

async fn hash(hasher: Option<Hasher>, bytes: Bytes) -> io::Result<Option<Hasher>> {
    let Some(mut hasher) = hasher else { return Ok(None) };
    if bytes.len() < LARGE {
        hasher.update(&bytes);
        return Ok(Some(hasher));
    }
    let work = move || {
        hasher.update(&bytes);
        Some(hasher)
    };
    Ok(tokio::task::spawn_blocking(work).await?)
}
