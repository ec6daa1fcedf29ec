use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use oci_cli::report::{one_line, tell};
use oci_registry::{Listener, Listening, Registry, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::access_log::AccessLog;
use crate::audit::Audit;
use crate::files::Files;
use crate::metrics::Metrics;
use crate::monitor::Monitor;
use crate::notify::Notifier;
use crate::settings::Settings;
use crate::{Result, accounts, proxy, upkeep};

/// How often is looked whether files have changed.
const LOOK: Duration = Duration::from_secs(10);

/// Removes what nothing names, each so many hours.
async fn collect(store: Store, hours: u64) {
    let hours = Duration::from_secs(hours.saturating_mul(60 * 60));
    let mut time = tokio::time::interval_at(tokio::time::Instant::now() + hours, hours);
    loop {
        time.tick().await;
        if let Err(error) = upkeep::collect(&store).await {
            tell(format_args!("oci-serve: cannot collect garbage: {}", one_line(&*error)));
        }
    }
}

/// Serves until it is told to stop, and then lets requests end.
pub(crate) async fn serve(settings: Settings) -> Result<()> {
    let mut files = Files::open(&settings)?;
    let metrics = Arc::new(Metrics::default());
    let log = settings.log.map(AccessLog::new);
    let audit = settings
        .audit
        .clone()
        .map(Audit::open)
        .transpose()
        .map_err(|error| format!("cannot open the audit log: {error}"))?;
    let audit = audit.map(Arc::new);
    let (notifier, notifying) = match settings.notify.as_slice() {
        [] => (None, None),
        urls => {
            let (notifier, notifying) = Notifier::start(urls, settings.notify_pulls, &metrics)?;
            (Some(notifier), Some(notifying))
        }
    };
    let listeners = Listeners { log: log.clone(), audit: audit.clone(), notifier };
    let store = upkeep::open(settings.store.as_deref())?;
    let registry = registry(&settings, &store, &files, &metrics, listeners)?;
    // Before the first client can be served: from here on no signal kills it.
    let (mut hangup, mut terminate, mut interrupt) = (
        signal(SignalKind::hangup())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let (drain, draining) = watch::channel(false);
    let mut monitoring = None;
    if let Some(address) = &settings.metrics {
        let listener = bound(address, TcpListener::bind(address).await)?;
        tell(format_args!("metrics at http://{}/metrics", listener.local_addr()?));
        let monitor = Monitor { metrics, registry: registry.clone(), draining };
        monitoring = Some(tokio::spawn(monitor.serve(listener)));
    }
    let mut listening = Vec::new();
    for address in &settings.listen {
        listening.push(listen(address, &files, &registry).await?);
    }
    let collecting = settings.gc.map(|hours| tokio::spawn(collect(store, hours)));
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                files.reload();
                audit.iter().for_each(|audit| audit.reopen());
            }
            _ = look.tick() => files.reload_changed(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    // What it was doing is done by the next one.
    collecting.iter().for_each(|it| it.abort());
    drain.send_replace(true);
    join_all(listening.into_iter().map(Listening::stop)).await;
    for path in settings.listen.iter().filter_map(|address| socket(address)) {
        // The next start replaces one that stays.
        let _ = std::fs::remove_file(path);
    }
    // With the last handle to the registry, no more events are added.
    monitoring.iter().for_each(|it| it.abort());
    drop(registry);
    if let Some(notifying) = notifying {
        notifying.finish().await;
    }
    log.iter().for_each(AccessLog::flush);
    Ok(())
}

/// Who is told what the registry does.
struct Listeners {
    log: Option<AccessLog>,
    audit: Option<Arc<Audit>>,
    notifier: Option<Notifier>,
}

fn registry(
    settings: &Settings,
    store: &Store,
    files: &Files,
    metrics: &Arc<Metrics>,
    listeners: Listeners,
) -> Result<Registry> {
    let Listeners { log, audit, notifier } = listeners;
    let mut serve =
        oci_registry::serve(store.clone()).limits(settings.limits()?).on_error(|error| {
            tell(format_args!("oci-serve: the store failed: {}", one_line(error)));
        });
    if let Some(auth) = accounts::auth(settings, files)? {
        serve = serve.auth(auth);
    }
    if let Some(rules) = accounts::rules(settings)? {
        serve = serve.authorize(rules);
    }
    if let Some(audit) = audit {
        serve = serve.on_decision(move |decision| audit.add(decision));
    }
    for it in &settings.immutable {
        serve = serve.immutable_tags(&it.repositories, &it.tags);
    }
    if settings.web_page {
        serve = serve.web_page();
    }
    for text in &settings.proxy {
        let (name, origin) = proxy::origin(text)?;
        serve = serve.proxy(name, origin);
    }
    if let Some(notifier) = notifier {
        serve = serve.on_event(move |event| notifier.add(event));
    }
    if settings.read_only {
        serve = serve.read_only();
    }
    if log.is_some() || settings.metrics.is_some() {
        let metrics = metrics.clone();
        serve = serve.on_exchange(move |exchange| {
            metrics.count(exchange);
            if log.as_ref().is_some_and(|log| !log.add(exchange)) {
                metrics.lost_line();
            }
        });
    }
    Ok(serve.registry())
}

async fn listen(address: &str, files: &Files, registry: &Registry) -> Result<Listening> {
    if let Some(path) = socket(address) {
        let listener = bound(address, Listener::unix(&path).await)?;
        tell(format_args!("listening at unix:{}", path.display()));
        return Ok(registry.listen(listener));
    }
    let mut listener = bound(address, Listener::tcp(address).await)?;
    let mut scheme = "http";
    if let Some(tls) = &files.tls {
        (listener, scheme) = (listener.tls(tls.clone()), "https");
    }
    if let Some(address) = listener.address() {
        tell(format_args!("listening at {scheme}://{address}"));
    }
    Ok(registry.listen(listener))
}

/// The path of an address that is a unix socket.
fn socket(address: &str) -> Option<PathBuf> {
    address.strip_prefix("unix:").map(PathBuf::from)
}

fn bound<T>(address: &str, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|error| format!("cannot listen at `{address}`: {error}").into())
}
