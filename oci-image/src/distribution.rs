//! What both halves of the [distribution spec] speak, without the network: the paths of the API
//! ([`Endpoint`]), the names of its [headers](header) and [query parameters](query), what stands in them
//! (ranges, challenges, links, scopes), and its JSON bodies.
//!
//! Parsers here take untrusted text: they never panic, and give `None` or an error for what is not
//! understood.
//!
//! [distribution spec]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md

pub mod header;
pub mod percent;
pub mod query;

mod challenge;
mod content_type;
mod endpoint;
mod entity_tags;
mod error;
mod extension;
mod link;
mod list;
mod quoted;
mod range;
mod referrers_tag;
mod scope;
mod session_id;
mod warning;

pub use challenge::Challenge;
pub use content_type::{essence, stated_media_type};
pub use endpoint::{Endpoint, EndpointError};
pub use entity_tags::{EntityTags, is_strong_entity_tag};
pub use error::{ErrorCode, ErrorResponse, RegistryError};
pub use extension::{Extension, Extensions};
pub use link::{next_link, target_of_next};
pub use list::{Catalog, TagList};
pub use range::{ByteRange, ContentRange, RangeRequest, Selection, UploadProgress};
pub use referrers_tag::{digest_tags, referrers_tag};
pub use scope::Scope;
pub use session_id::SessionId;
pub use warning::{warning, warnings};
