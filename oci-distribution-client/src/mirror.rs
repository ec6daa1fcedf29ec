//! Other hosts that have what a registry has.

use std::time::Instant;

use oci_image::Reference;

use crate::error::{Error, ErrorKind};
use crate::repository::Repository;

/// Where a mirror keeps the repositories of a registry.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    /// The registry that it stands in for.
    pub(crate) of: String,
    pub(crate) host: String,
    /// What stands before the names of repositories there, with its slash; or nothing.
    pub(crate) prefix: String,
}

impl Mirror {
    pub(crate) fn parse(of: String, place: &str) -> Result<Self, Error> {
        let (host, prefix) = match place.split_once('/') {
            Some((host, prefix)) => (host, format!("{prefix}/")),
            None => (place, String::new()),
        };
        // Only the form matters: this is how such a repository would be named.
        let example: Result<Reference, _> = format!("mirror.example/{prefix}name").parse();
        let is_place = crate::client::origin_of("https", host).is_some()
            && example.is_ok_and(|name| name.tag().is_none() && name.digest().is_none());
        if !is_place {
            let action = format!("use the mirror `{}` of `{of}`", place.escape_debug());
            return Err(Error::new(ErrorKind::Configuration, action)
                .because("it is not a host with an optional port and path"));
        }
        Ok(Self { of, host: host.to_owned(), prefix })
    }
}

impl Repository {
    /// The same repository at the mirrors that are not known to be out of reach.
    pub(crate) fn mirrors(&self) -> impl Iterator<Item = &Self> {
        let now = Instant::now();
        self.mirrors.iter().filter(move |mirror| mirror.registry.is_in_reach(now))
    }

    /// Notes that a mirror failed, and gives the error on: one that is out of reach is left alone for a while.
    pub(crate) fn mirror_failed(&self, error: Error) -> Option<Error> {
        let is_out_of_reach = matches!(
            error.kind(),
            ErrorKind::Unreachable
                | ErrorKind::Tls
                | ErrorKind::Transport
                | ErrorKind::Timeout
                | ErrorKind::RateLimited
        );
        if is_out_of_reach {
            self.registry.rest_until(Instant::now() + self.shared.wire.limits.mirror_rest);
        }
        Some(error)
    }
}
