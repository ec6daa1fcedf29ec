//! The steps that would create the container. Nothing is created, not even a file.

use oci_runtime::spec::Conversion;
use oci_runtime::{Bundle, Host, Plan};

use crate::arguments::Run;
use crate::{Result, bundle, demonstration, fetch};

pub(crate) async fn plan(what: &Run) -> Result<Plan> {
    let config = match &what.image {
        Some(name) => fetch::config(name, what.plain_http).await?,
        None => demonstration::config()?,
    };
    let config = bundle::with_command(&config, &what.args);
    let conversion = Conversion::new(&config).exposed_ports();
    if conversion.needs_users() {
        let user = config.config.iter().find_map(|run| run.user.as_deref()).unwrap_or_default();
        let reason = "only its root filesystem says who that is";
        return Err(format!("cannot explain an image whose user is `{user}`: {reason}").into());
    }
    let spec = bundle::isolated(conversion.build()?);
    let place = std::env::temp_dir().join("oci-quickstart").join("bundle");
    let bundle = Bundle::new(place, spec);
    Ok(Plan::new(&bundle, &Host::probe()?)?)
}
