#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

// Where to look. Each line uses those below it, and none above.
//
//   blocking  images                what a repository has, as images; the same for callers that block
//   copy  delete                    a repository as what a push is from; deletion
//   push                            the order of a push or copy: blobs, manifests, tags
//   client  pull  upload            the public handle; a pull; one upload session
//   progress  graph  source         events for callers; what is taken of and with an image; where it is from
//   referrers                       the list of referrers, by the API or by a tag
//   blob  list  manifest            one download, resumed; pages; manifests and what tags mean
//   extensions                      what a registry offers beside the specification
//   repository  policy              the public handle: URLs, scopes, mirrors; what may be used
//   call                            one request with its redirects, logins and retries; where a redirect
//                                   loses its credentials
//   shared                          what all handles share; where a request may go
//   config  registry                settings; one registry
//   machine                         the files of the machine that say where repositories are, and how
//   route  mirror                   where a repository is; where a mirror keeps it
//   auth                            challenges, tokens, credentials, helpers, login files
//   wire  retry  gate               one exchange within the limits; what is retried, and when; when a host
//                                   may be asked
//   bridge  jobs                    blocking stores; work at once
//   trace  warnings  origin  error  events; warnings; what credentials belong to
//   transport  limits  text         the seam to HTTP; bounds; printable text
//   worker                          threads for what blocks

#[cfg(feature = "machine")]
pub mod machine;
pub mod transport;

mod auth;
mod blob;
#[cfg(feature = "runtime")]
mod blocking;
mod bridge;
mod call;
mod client;
mod config;
mod copy;
mod delete;
mod error;
mod extensions;
mod gate;
mod graph;
mod images;
mod jobs;
mod limits;
mod list;
mod manifest;
mod mirror;
mod origin;
mod policy;
mod progress;
mod pull;
mod push;
mod referrers;
mod registry;
mod repository;
mod retry;
mod route;
mod shared;
mod source;
mod text;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "trace/off.rs"]
mod trace;
mod upload;
mod warnings;
mod wire;
mod worker;

pub use bytes;
pub use http;

pub use auth::{
    CredentialError, CredentialHelper, CredentialProvider, CredentialRequest, Credentials,
    LoginFile,
};
pub use blob::BlobReader;
#[cfg(feature = "runtime")]
pub use blocking::{BlockingRepository, ReadAhead};
pub use client::Client;
pub use config::Config;
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use list::List;
pub use manifest::Resolved;
pub use policy::{
    Candidate, Policy, PolicyFile, Refusal, Requirement, SignedRequirement, Verifier,
};
pub use progress::{Event, Step, Summary, Total};
pub use pull::Pull;
pub use push::{Fate, Plan, Planned, Push};
pub use repository::Repository;
pub use retry::Retry;
pub use transport::Tls;
pub use warnings::Warning;
