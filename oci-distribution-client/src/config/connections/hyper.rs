use std::sync::Arc;

use crate::config::Config;
use crate::error::{Error, ErrorKind};
use crate::origin::Origin;
use crate::transport::{Hyper, Routes, ServerConfigs, Transport};

/// The default transport, by the settings of TLS and of proxies.
pub(super) fn transport(config: &Config) -> Result<Arc<dyn Transport>, Error> {
    let refuse = || Error::new(ErrorKind::Configuration, "set up connections");
    let mut tls = ServerConfigs::new(&config.tls).map_err(|source| refuse().with_source(source))?;
    let mut routes = Routes::new(&config.proxies).map_err(|source| refuse().with_source(source))?;
    for (name, settings) in &config.tls_of {
        let action = format!("use the TLS settings of `{}`", name.escape_debug());
        let [secure, _] = origins(name, &action)?;
        let result = tls.set(secure, &settings.clone().over(&config.tls));
        result.map_err(|source| Error::name(action, source))?;
    }
    for (name, url) in &config.proxies.own {
        let action = format!("use the proxy of `{}`", name.escape_debug());
        for origin in origins(name, &action)? {
            let result = routes.set(origin, url.as_deref());
            result.map_err(|source| Error::name(&*action, source))?;
        }
    }
    Ok(Arc::new(Hyper::new(tls, routes, config.limits.connect)))
}

/// The server `name`, asked over https and over http.
fn origins(name: &str, action: &str) -> Result<[Origin; 2], Error> {
    let name = name.parse().map_err(|reason| Error::name(action, reason))?;
    let origins = Origin::secure(&name).zip(Origin::plain(&name));
    let (secure, plain) = origins.ok_or_else(|| {
        Error::new(ErrorKind::Configuration, action).because("it cannot stand in a URL")
    })?;
    Ok([secure, plain])
}
