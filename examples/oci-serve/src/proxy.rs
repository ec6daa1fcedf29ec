use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use oci_distribution_client::{Client, Config, Error, ErrorKind, Repository, Retry};
use oci_image::{Descriptor, RepositoryName, TagOrDigest};
use oci_registry::bytes::Bytes;
use oci_registry::{Body, BoxFuture, Upstream};

use crate::Result;

/// A registry that this one is a proxy of.
pub(crate) struct Origin {
    client: Arc<Client>,
    /// HOST, or HOST:PORT.
    host: String,
}

/// A registry as it is named in the settings, and what it is called by clients (`ns`).
pub(crate) fn origin(text: &str) -> Result<(String, Origin)> {
    let failed = |reason: &str| format!("cannot be a proxy of `{text}`: {reason}");
    let (name, url) = match text.split_once('=') {
        Some((name, url)) => (Some(name), url),
        None => (None, text),
    };
    let (is_plain, host) = match url.split_once("://") {
        Some(("https", host)) => (false, host),
        Some(("http", host)) => (true, host),
        None => (false, url),
        Some(_) => return Err(failed("it is not an https or http URL").into()),
    };
    let host = host.trim_end_matches('/');
    if host.is_empty() || host.contains(['/', '@', '?', '#']) {
        return Err(failed("it is not [NAME=][https://]HOST[:PORT]").into());
    }
    // Clients wait, and have what is kept here instead.
    let mut retry = Retry::default();
    (retry.attempts, retry.longest_retry_after) = (2, Duration::from_secs(5));
    let mut config = Config::from_environment()?.retry(retry);
    if is_plain {
        config = config.danger_plain_http(host);
    }
    let client = Arc::new(Client::new(config)?);
    Ok((name.unwrap_or(host).to_owned(), Origin { client, host: host.to_owned() }))
}

impl Origin {
    fn repository(&self, name: &RepositoryName) -> io::Result<Repository> {
        self.client.repository(&format!("{}/{name}", self.host)).map_err(io::Error::other)
    }
}

/// What is there, if it is.
fn found<T>(result: Result<T, Error>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        // Registries hide so what there is not.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::Denied | ErrorKind::Unauthorized
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

impl Upstream for Origin {
    fn resolve<'a>(
        &'a self,
        repository: &'a RepositoryName,
        reference: &'a TagOrDigest,
    ) -> BoxFuture<'a, io::Result<Option<Descriptor>>> {
        Box::pin(async move {
            let resolved = self.repository(repository)?.resolve(reference.as_str()).await;
            Ok(found(resolved)?.map(|resolved| resolved.descriptor().clone()))
        })
    }

    fn manifest<'a>(
        &'a self,
        repository: &'a RepositoryName,
        manifest: &'a Descriptor,
    ) -> BoxFuture<'a, io::Result<Option<Bytes>>> {
        Box::pin(async move {
            let document = found(self.repository(repository)?.manifest(manifest).await)?;
            Ok(document.map(|document| Bytes::copy_from_slice(document.bytes())))
        })
    }

    fn blob_size<'a>(
        &'a self,
        repository: &'a RepositoryName,
        blob: &'a oci_digest::Digest,
    ) -> BoxFuture<'a, io::Result<Option<u64>>> {
        Box::pin(async move { found(self.repository(repository)?.blob_size(blob).await) })
    }

    fn blob<'a>(
        &'a self,
        repository: &'a RepositoryName,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, io::Result<Body>> {
        Box::pin(async move {
            let reader = self.repository(repository)?.blob(blob).map_err(io::Error::other)?;
            let pieces = stream::try_unfold(reader, |mut reader| async move {
                let piece = reader.chunk().await.map_err(io::Error::other)?;
                Ok(piece.map(|piece| (piece, reader)))
            });
            Ok(Body::stream(pieces))
        })
    }
}
