use std::sync::Arc;

use crate::config::Config;
use crate::error::{Error, ErrorKind};
use crate::transport::Transport;

pub(super) fn transport(_: &Config) -> Result<Arc<dyn Transport>, Error> {
    Err(Error::new(ErrorKind::Configuration, "set up connections")
        .because("this build has no transport of its own (feature `hyper`), and `Config::transport` gave none"))
}
