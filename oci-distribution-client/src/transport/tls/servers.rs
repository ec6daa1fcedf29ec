use std::sync::Arc;

use http::Uri;
use rustls::ClientConfig;
use url::Url;

use crate::origin::Origin;
use crate::transport::tls::Tls;
use crate::transport::tls::client::BoxError;

/// By what TLS is spoken with each server.
pub(crate) struct ServerConfigs {
    general: Arc<ClientConfig>,
    own: Vec<(Origin, Arc<ClientConfig>)>,
}

impl ServerConfigs {
    /// The settings `general` for all servers.
    pub(crate) fn new(general: &Tls) -> Result<Self, BoxError> {
        Ok(Self { general: Arc::new(general.client_config()?), own: Vec::new() })
    }

    /// Uses `tls` for `server`, whatever was said of it before.
    pub(crate) fn set(&mut self, server: Origin, tls: &Tls) -> Result<(), BoxError> {
        self.own.retain(|(known, _)| *known != server);
        self.own.push((server, Arc::new(tls.client_config()?)));
        Ok(())
    }

    /// What is for the server that `uri` leads to, and no other.
    pub(in crate::transport) fn of(&self, uri: &Uri) -> &Arc<ClientConfig> {
        let own = || {
            let server = Origin::of(&Url::parse(&uri.to_string()).ok()?)?;
            self.own.iter().find(|(known, _)| *known == server)
        };
        match self.own.is_empty() {
            true => &self.general,
            false => own().map_or(&self.general, |(_, config)| config),
        }
    }
}
