//! What the client promises, against the embedded registry and against servers that misbehave.

#![allow(clippy::unwrap_used)]

mod ahead;
mod along;
mod arrivals;
mod auth;
mod bad_input;
mod blobs;
#[cfg(feature = "machine")]
mod containerd_hosts;
#[cfg(unix)]
mod credential_helpers;
mod cuts;
mod deadlines;
mod dialects;
mod endless;
mod ends;
#[cfg(feature = "tracing")]
mod events;
mod fake;
mod false_success;
mod faults;
#[cfg(feature = "machine")]
mod files;
mod fixture;
mod fronts;
#[cfg(feature = "machine")]
mod hosts;
mod images;
mod kills;
mod labels;
mod leaks;
mod limits;
mod lists;
mod local;
#[cfg(feature = "machine")]
mod locations;
mod login_files;
mod logins;
#[cfg(feature = "machine")]
mod machine_peers;
mod messages;
mod mirror;
mod moves;
mod parts;
mod peers;
mod plans;
mod policy;
mod policy_file;
mod protocol;
mod providers;
mod proxies;
mod ranges;
mod rates;
mod redirects;
mod referrers;
#[cfg(feature = "machine")]
mod registries_conf;
mod resume;
mod round_trip;
mod secrets;
mod secure;
mod single;
mod takers;
mod times;
mod tls;
mod token_service;
mod uploads;
mod wire;
mod words;
