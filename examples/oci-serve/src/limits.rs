use std::time::Duration;

use oci_registry::Limits;

use crate::Result;

/// An option `NAME=NUMBER`.
pub(crate) fn limit(text: &str) -> Result<(String, u64), &'static str> {
    let (name, value) = text.split_once('=').ok_or("it is not NAME=NUMBER")?;
    Ok((name.to_owned(), value.parse().map_err(|_| "it is not NAME=NUMBER")?))
}

/// Sets a limit by its name, a time in seconds.
pub(crate) fn set(limits: &mut Limits, name: &str, value: u64) -> Result<()> {
    let too_large = || format!("cannot set the limit `{name}`: {value} is too large");
    let count = || usize::try_from(value).map_err(|_| too_large());
    let time = Duration::from_secs(value);
    match name {
        "manifest" => limits.manifest = count()?,
        "blob" => limits.blob = value,
        "chunk-minimum" => limits.chunk_minimum = value,
        "uploads" => limits.uploads = count()?,
        "client-uploads" => limits.client_uploads = count()?,
        "upload-age" => limits.upload_age = time,
        "page" => limits.page = count()?,
        "tags" => limits.tags = count()?,
        "head" => limits.head = count()?,
        "head-time" => limits.head_time = time,
        "idle" => limits.idle = time,
        "progress" => limits.progress = value,
        "contended-idle" => limits.contended_idle = time,
        "request-time" => limits.request_time = time,
        "drain" => limits.drain = value,
        "connections" => limits.connections = count()?,
        "client-connections" => limits.client_connections = count()?,
        "streams" => limits.streams = u32::try_from(value).map_err(|_| too_large())?,
        "connection-manifests" => limits.connection_manifests = count()?,
        "downloads" => limits.downloads = count()?,
        "stop-time" => limits.stop_time = time,
        "tokens" => limits.tokens = count()?,
        _ => {
            return Err(format!("cannot set the limit `{name}`: there is none of this name").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set() {
        let shown = format!("{:?}", Limits::default());
        let fields = shown.trim_start_matches("Limits { ").trim_end_matches(" }").split(", ");
        for field in fields {
            let name = field.split_once(':').unwrap().0.replace('_', "-");
            let mut limits = Limits::default();
            set(&mut limits, &name, 7).unwrap();
            assert_ne!(limits, Limits::default(), "{name}");
        }
        assert!(set(&mut Limits::default(), "more", 7).is_err());
        assert!(set(&mut Limits::default(), "streams", u64::MAX).is_err());
    }
}
