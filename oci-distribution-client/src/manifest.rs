mod put;
mod resolved;

pub(crate) use put::{Condition, not_carried_out};
pub use resolved::Resolved;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use oci_digest::Verified;
use oci_image::distribution::{essence, header as names, is_strong_entity_tag, stated_media_type};
use oci_image::{
    Algorithm, AnyDocument, Config, Descriptor, Digest, Document, MediaType, TagOrDigest,
};

use crate::auth::{Access, is_same_registry};
use crate::call::Answer;
use crate::error::{Error, ErrorKind};
use crate::repository::Repository;
use crate::text::printable;

/// The types of manifests that are accepted.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, */*;q=0.1";

impl Repository {
    /// What `name`, a tag or a digest, means now.
    ///
    /// # Errors
    /// Of kind [`NotFound`](ErrorKind::NotFound) if it means nothing.
    pub async fn resolve(&self, name: &str) -> Result<Resolved, Error> {
        let action = format!("resolve `{}` in `{self}`", printable(name, 200));
        let name = name.parse().map_err(|reason| Error::name(&action, reason))?;
        self.resolve_name(name).await
    }

    pub(crate) async fn resolve_name(&self, name: TagOrDigest) -> Result<Resolved, Error> {
        self.resolve_again(name, None).await
    }

    /// What `name` means, where `known` is what it meant before.
    async fn resolve_again(
        &self,
        name: TagOrDigest,
        known: Option<&Resolved>,
    ) -> Result<Resolved, Error> {
        let action = format!("resolve `{name}` in `{self}`");
        let (descriptor, entity_tag) = self.resolve_anywhere(&name, known, &action).await?;
        let repository = self.resolved(name.clone());
        repository.allow(&descriptor, None, &action).await?;
        Ok(Resolved { repository, descriptor, name, entity_tag })
    }

    async fn resolve_anywhere(
        &self,
        name: &TagOrDigest,
        known: Option<&Resolved>,
        action: &str,
    ) -> Result<(Descriptor, Option<String>), Error> {
        let mut failed = None;
        for mirror in self.mirrors_to_resolve(name) {
            let action = format!("resolve `{name}` in `{mirror}`");
            match mirror.resolve_here(name, known, &action).await {
                Ok(found) => return Ok(found),
                Err(error) => failed = mirror.mirror_failed(error),
            }
        }
        let here = self.source().resolve_here(name, known, action).await;
        here.map_err(|error| error.after_mirror(failed))
    }

    async fn resolve_here(
        &self,
        name: &TagOrDigest,
        known: Option<&Resolved>,
        action: &str,
    ) -> Result<(Descriptor, Option<String>), Error> {
        if let Some(found) = self.head_unless(name, known, action).await? {
            return Ok(found);
        }
        let Found { descriptor, content, entity_tag } = self.get(name, action).await?;
        // Nothing but the content says that it is one.
        parse(content, &descriptor, self.shared.wire.limits.manifest, action)?;
        Ok((descriptor, entity_tag))
    }

    /// The manifest or index that `descriptor` names: size, digest and type are verified.
    ///
    /// # Errors
    /// Of kind [`NotFound`](ErrorKind::NotFound) if it is not there,
    /// [`Verification`](ErrorKind::Verification) if other content was received,
    /// [`Document`](ErrorKind::Document) if the content is not a valid manifest.
    pub async fn manifest(&self, descriptor: &Descriptor) -> Result<AnyDocument, Error> {
        let document = self.manifest_anywhere(descriptor).await?;
        let action = format!("use manifest `{}` of `{self}`", descriptor.digest);
        self.allow(descriptor, Some(&document), &action).await?;
        Ok(document)
    }

    pub(crate) async fn manifest_anywhere(
        &self,
        descriptor: &Descriptor,
    ) -> Result<AnyDocument, Error> {
        let mut failed = None;
        for mirror in self.mirrors() {
            match mirror.manifest_here(descriptor).await {
                Ok(document) => return Ok(document),
                Err(error) => failed = mirror.mirror_failed(error),
            }
        }
        self.source().manifest_here(descriptor).await.map_err(|error| error.after_mirror(failed))
    }

    async fn manifest_here(&self, descriptor: &Descriptor) -> Result<AnyDocument, Error> {
        let action = format!("pull manifest `{}` of `{self}`", descriptor.digest);
        let bytes = self.manifest_bytes(descriptor, &action).await?;
        parse(bytes, descriptor, self.shared.wire.limits.manifest, &action)
    }

    /// The image config that `descriptor` names.
    async fn config(&self, descriptor: &Descriptor) -> Result<Document<Config>, Error> {
        let action = format!("read config `{}` of `{self}`", descriptor.digest);
        let limit = self.shared.wire.limits.manifest;
        let bytes = self.blob(descriptor)?.read_to_end(limit).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Document::parse_with_limit(bytes, descriptor, limit).map_err(|source| {
            Error::new(ErrorKind::Document, action)
                .because("it is not an image config")
                .with_source(source)
        })
    }

    async fn manifest_bytes(
        &self,
        descriptor: &Descriptor,
        action: &str,
    ) -> Result<Verified<Bytes>, Error> {
        let limit = self.shared.wire.limits.manifest;
        if descriptor.size > limit {
            let reason = format!("it has {} bytes, more than {limit}", descriptor.size);
            return Err(Error::new(ErrorKind::Limit, action).because(reason));
        }
        let url = self.manifest_url(&descriptor.digest.clone().into());
        let call = self.call(Method::GET, url, Access::Pull, action);
        let accept = format!("{}, {ACCEPT}", descriptor.media_type.as_str());
        let read = call.header(header::ACCEPT, &accept).read(limit).await;
        let (_, bytes) = read?;
        descriptor.verify(bytes).map_err(|source| {
            Error::new(ErrorKind::Verification, action)
                .because("the registry sent other content")
                .with_source(source)
        })
    }

    /// What the headers of a `HEAD` say, if they say all.
    pub(crate) async fn head(
        &self,
        name: &TagOrDigest,
        action: &str,
    ) -> Result<Option<Descriptor>, Error> {
        Ok(self.head_unless(name, None, action).await?.map(|(descriptor, _)| descriptor))
    }

    /// The same with the entity tag; of what is `known` before and has not changed, that.
    async fn head_unless(
        &self,
        name: &TagOrDigest,
        known: Option<&Resolved>,
        action: &str,
    ) -> Result<Option<(Descriptor, Option<String>)>, Error> {
        let url = self.manifest_url(name);
        let call = self.call(Method::HEAD, url, Access::Pull, action);
        let call = match known {
            None => call,
            // The digest is what registries have as entity tag, also those that do not say so.
            Some(Resolved { entity_tag: None, descriptor, .. }) => {
                call.unless(&format!("\"{}\"", descriptor.digest))
            }
            Some(Resolved { entity_tag: Some(entity_tag), .. }) => call.unless(entity_tag),
        };
        let answer = match call.header(header::ACCEPT, ACCEPT).send().await {
            Ok(answer) => answer,
            // There are registries without it, and this answer has no body that says why.
            Err(error) => match error.kind() {
                ErrorKind::Denied
                | ErrorKind::NotFound
                | ErrorKind::Unsupported
                | ErrorKind::Refused => return Ok(None),
                _ => return Err(error),
            },
        };
        self.refuse_other_namespace(&answer, action)?;
        if let Some(known) = known.filter(|_| answer.status() == StatusCode::NOT_MODIFIED) {
            return Ok(Some((known.descriptor.clone(), known.entity_tag.clone())));
        }
        // A length of nothing is that of the answer to the HEAD itself, by the word of some proxies; that of what is
        // encoded is another one than that of the manifest.
        let size = answer.content_length().filter(|size| *size > 0 && answer.encoding().is_none());
        let media_type = content_type(&answer).filter(MediaType::is_manifest_or_index);
        let digest = match name {
            TagOrDigest::Digest(digest) => {
                refuse_other_digest(&answer, digest, action)?;
                Some(digest.clone())
            }
            TagOrDigest::Tag(_) => content_digest(&answer),
        };
        let parts = (media_type, digest, size);
        let (Some(media_type), Some(digest), Some(size)) = parts else { return Ok(None) };
        let is_verifiable = digest.algorithm().is_some();
        let entity_tag = answer.header(&header::ETAG).map(str::to_owned);
        Ok(is_verifiable.then(|| (Descriptor::new(media_type, digest, size), entity_tag)))
    }

    /// A mirror that says for which registry it answers (`OCI-Namespace`) answers for this one.
    fn refuse_other_namespace(&self, answer: &Answer, action: &str) -> Result<(), Error> {
        let name = http::HeaderName::from_static(names::NAMESPACE);
        let named = self.upstream().zip(answer.header(&name));
        match named {
            Some((upstream, named)) if !is_same_registry(upstream.as_str(), named.trim()) => {
                let named = printable(named, 200);
                Err(Error::new(ErrorKind::Protocol, action)
                    .because(format!("the mirror answers for `{named}`, not for `{upstream}`")))
            }
            _ => Ok(()),
        }
    }

    /// What `name` means, by getting it.
    pub(crate) async fn get(&self, name: &TagOrDigest, action: &str) -> Result<Found, Error> {
        let limit = self.shared.wire.limits.manifest;
        let url = self.manifest_url(name);
        let call = self.call(Method::GET, url, Access::Pull, action);
        let (answer, bytes) = call.header(header::ACCEPT, ACCEPT).read(limit).await?;
        self.refuse_other_namespace(&answer, action)?;
        let media_type = content_type(&answer).or_else(|| stated_media_type(&bytes));
        let protocol = |reason: String| Error::new(ErrorKind::Protocol, action).because(reason);
        let media_type =
            media_type.ok_or_else(|| protocol("the manifest has no media type".to_owned()))?;
        // Servers that are not registries answer any path with a page for people.
        if !media_type.is_manifest_or_index() {
            let media_type = printable(media_type.as_str(), 100);
            return Err(protocol(format!(
                "the answer is of the type `{media_type}`, which is not one of manifests"
            )));
        }
        let digest = match name {
            TagOrDigest::Digest(digest) => Some(digest.clone()),
            TagOrDigest::Tag(_) => {
                content_digest(&answer).filter(|digest| digest.algorithm().is_some())
            }
        };
        let content = match digest {
            Some(digest) => digest.verify(bytes).map_err(|source| {
                Error::new(ErrorKind::Verification, action)
                    .because("the registry sent other content than its digest says")
                    .with_source(source)
            })?,
            None => Verified::hash(bytes, Algorithm::Sha256),
        };
        let descriptor = Descriptor::new(media_type, content.digest().clone(), content.size());
        let entity_tag = answer.header(&header::ETAG).filter(|tag| is_strong_entity_tag(tag));
        Ok(Found { descriptor, content, entity_tag: entity_tag.map(str::to_owned) })
    }
}

/// What a name means, as it was received.
pub(crate) struct Found {
    pub(crate) descriptor: Descriptor,
    pub(crate) content: Verified<Bytes>,
    /// What names this state of the name at the registry, if that gives it.
    pub(crate) entity_tag: Option<String>,
}

/// Reads a manifest or index of at most `limit` bytes.
pub(crate) fn parse(
    content: Verified<Bytes>,
    descriptor: &Descriptor,
    limit: u64,
    action: &str,
) -> Result<AnyDocument, Error> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let parsed = AnyDocument::parse_verified(content.as_bytes(), descriptor, limit);
    parsed.map_err(|source| {
        Error::new(ErrorKind::Document, action)
            .because("it is not a valid manifest of its type")
            .with_source(source)
    })
}

/// The type of the content, without parameters, if it says more than that it is JSON or bytes.
fn content_type(answer: &Answer) -> Option<MediaType> {
    let text = answer.header(&header::CONTENT_TYPE)?;
    let text = essence(text);
    let is_vague = matches!(
        text,
        "" | "application/json" | "application/octet-stream" | "binary/octet-stream" | "text/plain"
    );
    (!is_vague).then(|| MediaType::from(text.to_owned()))
}

/// The digest that the registry gives the content.
pub(crate) fn content_digest(answer: &Answer) -> Option<Digest> {
    let name = http::HeaderName::from_static(names::CONTENT_DIGEST);
    answer.header(&name)?.parse().ok()
}

/// What the registry says that the content is, if that is not `digest`. It may name the content by another
/// algorithm; by the same, it must be the same.
pub(crate) fn other_digest(answer: &Answer, digest: &Digest) -> Option<Digest> {
    content_digest(answer)
        .filter(|other| other != digest && other.algorithm_name() == digest.algorithm_name())
}

pub(crate) fn refuse_other_digest(
    answer: &Answer,
    digest: &Digest,
    action: &str,
) -> Result<(), Error> {
    match other_digest(answer, digest) {
        Some(other) => Err(Error::new(ErrorKind::Verification, action)
            .because(format!("the registry has `{other}` for it, not `{digest}`"))),
        None => Ok(()),
    }
}
