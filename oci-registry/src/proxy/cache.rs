use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use oci_digest::Digest;
use oci_image::distribution::{Endpoint, ErrorCode, header as names, query, warning};
use oci_image::{Descriptor, MediaType, RepositoryName, Tag, TagOrDigest};

use super::{Origin, unreachable};
use crate::auth::Identity;
use crate::call::Call;
use crate::conditions::entity_tag;
use crate::incoming::Incoming;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::route::Route;
use crate::routes::CONTENT_DIGEST;
use crate::{Body, Registry};

const NAMESPACE: HeaderName = HeaderName::from_static(names::NAMESPACE);

impl Registry {
    /// Answers a request for what another registry has.
    pub(crate) async fn answer_for(
        &self,
        origin: &Origin,
        route: Route,
        call: Call,
    ) -> Result<Reply, Refusal> {
        let reply = match route.clone() {
            Route::Manifest(name, reference) => {
                let is_stale = self.keep_manifest(origin, &name, &reference).await?;
                let reply =
                    self.dispatch(route, call, &mut Incoming::empty(&self.0.limits)).await?;
                match (is_stale, HeaderValue::try_from(warning("the registry does not answer"))) {
                    (true, Ok(warning)) => reply.also(header::WARNING, text(&warning)),
                    _ => reply,
                }
            }
            Route::Blob(name, digest) => match self.own(route.clone()).await? {
                Some(_) => self.dispatch(route, call, &mut Incoming::empty(&self.0.limits)).await?,
                None => self.blob_from(origin, name, digest, &call.method).await?,
            },
            route => self.dispatch(route, call, &mut Incoming::empty(&self.0.limits)).await?,
        };
        Ok(reply.header(NAMESPACE, &origin.namespace))
    }

    /// Sees to it that a manifest is here as it is there. True if what is here may be old, as nothing else is known.
    async fn keep_manifest(
        &self,
        origin: &Origin,
        name: &RepositoryName,
        reference: &TagOrDigest,
    ) -> Result<bool, Refusal> {
        let key = format!("{name}@{reference}");
        // One at a time for each; what the first brings, the others find.
        let _turn = self.0.proxy.downloads.turn(&key).await;
        let here = self.own(Route::Manifest(name.clone(), reference.clone())).await?;
        let here = here.and_then(|headers| digest_in(&headers));
        let tag = match reference {
            TagOrDigest::Digest(_) if here.is_some() => return Ok(false),
            TagOrDigest::Digest(_) => None,
            TagOrDigest::Tag(tag) => Some(tag),
        };
        let there = match origin.upstream.resolve(&origin.repository, reference).await {
            Ok(there) => there,
            Err(error) => return self.without_upstream(origin, &error, here.is_some()),
        };
        let unknown = || {
            let message = format!("there is no manifest `{reference}` in `{}`", origin.namespace);
            Refusal::new(ErrorCode::ManifestUnknown, message)
        };
        let there = there.ok_or_else(unknown)?;
        if here.as_ref() == Some(&there.digest) {
            return Ok(false);
        }
        let bytes = match origin.upstream.manifest(&origin.repository, &there).await {
            Ok(bytes) => bytes.ok_or_else(unknown)?,
            Err(error) => return self.without_upstream(origin, &error, here.is_some()),
        };
        self.put_manifest(name, tag, &there, bytes).await?;
        Ok(false)
    }

    fn without_upstream(
        &self,
        origin: &Origin,
        error: &io::Error,
        is_here: bool,
    ) -> Result<bool, Refusal> {
        self.0.on_error.iter().for_each(|on_error| on_error(error));
        if is_here { Ok(true) } else { Err(unreachable(origin)) }
    }

    async fn put_manifest(
        &self,
        name: &RepositoryName,
        tag: Option<&Tag>,
        manifest: &Descriptor,
        bytes: Bytes,
    ) -> Result<(), Refusal> {
        let mut call = self.own_call(Method::PUT);
        let media_type = HeaderValue::try_from(manifest.media_type.as_str());
        call.headers.extend(media_type.ok().map(|it| (header::CONTENT_TYPE, it)));
        call.query = Query::of(tag.map(|tag| (query::TAG, tag.as_str())));
        let route = Route::Manifest(name.clone(), manifest.digest.clone().into());
        let mut body = Incoming::new(Full::new(bytes), &self.0.limits);
        self.dispatch(route, call, &mut body).await.map(drop)
    }

    /// A blob that is not here, as it arrives.
    async fn blob_from(
        &self,
        origin: &Origin,
        name: RepositoryName,
        digest: Digest,
        method: &Method,
    ) -> Result<Reply, Refusal> {
        let download = {
            let _turn = self.0.proxy.downloads.turn(&format!("{name}@{digest}")).await;
            match self.0.proxy.downloads.running(&name, &digest) {
                Some(download) => Ok(download),
                None => {
                    let unknown = || {
                        let message = format!("there is no blob `{digest}` here");
                        Refusal::new(ErrorCode::BlobUnknown, message).about(&digest)
                    };
                    // Completed since it was looked for, perhaps.
                    let route = Route::Blob(name.clone(), digest.clone());
                    if self.own(route.clone()).await?.is_some() {
                        let call = self.own_call(method.clone());
                        return self
                            .dispatch(route, call, &mut Incoming::empty(&self.0.limits))
                            .await;
                    }
                    let upstream = &origin.upstream;
                    let failed = |error: io::Error| {
                        self.0.on_error.iter().for_each(|on_error| on_error(&error));
                        unreachable(origin)
                    };
                    let size = upstream.blob_size(&origin.repository, &digest).await;
                    let size = size.map_err(failed)?.ok_or_else(unknown)?;
                    if size > self.0.limits.blob {
                        return Err(crate::incoming::too_large(self.0.limits.blob));
                    }
                    if *method == Method::HEAD {
                        Err(size)
                    } else {
                        let blob = Descriptor::new(
                            MediaType::from(OCTET_STREAM.to_owned()),
                            digest.clone(),
                            size,
                        );
                        let body = upstream.blob(&origin.repository, &blob).await;
                        Ok(self.download(name, blob, body.map_err(failed)?)?)
                    }
                }
            }
        };
        let (size, body) = match download {
            Ok(download) if *method == Method::GET => (download.size(), download.body()),
            Ok(download) => (download.size(), Body::empty()),
            Err(size) => (size, Body::empty()),
        };
        Ok(Reply::new(StatusCode::OK)
            .header(CONTENT_DIGEST, &digest)
            .header(header::ETAG, entity_tag(&digest))
            .header(header::CONTENT_TYPE, OCTET_STREAM)
            .body(body, size))
    }

    /// Stores what was downloaded, which is verified once more by that.
    pub(super) async fn put_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        content: Body,
    ) -> Result<(), Refusal> {
        let mut call = self.own_call(Method::POST);
        call.query = Query::of([(query::DIGEST, digest.as_str())]);
        let mut body = Incoming::new(content.map_err(Into::<BoxError>::into), &self.0.limits);
        self.dispatch(Route::Uploads(name.clone()), call, &mut body).await.map(drop)
    }

    /// The headers of what is here, if it is.
    async fn own(&self, route: Route) -> Result<Option<HeaderMap>, Refusal> {
        let call = self.own_call(Method::HEAD);
        match self.dispatch(route, call, &mut Incoming::empty(&self.0.limits)).await {
            Ok(reply) => Ok(Some(reply.headers)),
            Err(Refusal::Client(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A request of the registry to itself.
    fn own_call(&self, method: Method) -> Call {
        Call {
            method,
            path: Endpoint::Base.to_string(),
            headers: HeaderMap::new(),
            query: Query::default(),
            identity: Arc::new(Identity::own()),
            connection: None,
        }
    }
}

const OCTET_STREAM: &str = "application/octet-stream";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn digest_in(headers: &HeaderMap) -> Option<Digest> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.parse().ok()
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}
