use std::sync::Arc;

use crate::config::Config;
use crate::error::Error;
use crate::transport::Transport;

#[cfg(not(feature = "hyper"))]
#[path = "connections/none.rs"]
mod own;
#[cfg(feature = "hyper")]
#[path = "connections/hyper.rs"]
mod own;

impl Config {
    /// The transport to use.
    pub(crate) fn build_transport(&self) -> Result<Arc<dyn Transport>, Error> {
        match &self.transport {
            Some(transport) => Ok(Arc::clone(transport)),
            None => own::transport(self),
        }
    }
}
