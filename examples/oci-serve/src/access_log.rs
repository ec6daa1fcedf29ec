use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use jiff::Timestamp;
use oci_registry::Exchange;
use serde_json::json;

use crate::settings::Format;

/// Writes a line for each request to standard output, on a thread of its own: who reads it slowly holds up nobody.
#[derive(Clone)]
pub(crate) struct AccessLog {
    format: Format,
    lines: SyncSender<Line>,
}

enum Line {
    Text(String),
    /// All lines before it are written.
    Flush(SyncSender<()>),
}

/// Lines that wait to be written. More are lost, and counted.
const WAITING: usize = 1 << 14;

/// How long the last lines may take.
const LAST: Duration = Duration::from_secs(2);

impl AccessLog {
    pub(crate) fn new(format: Format) -> Self {
        let (lines, written) = sync_channel(WAITING);
        std::thread::spawn(move || write(&written));
        Self { format, lines }
    }

    /// False if there was no room for the line.
    pub(crate) fn add(&self, exchange: &Exchange) -> bool {
        let text = match self.format {
            Format::Common => common(exchange, Timestamp::now()),
            Format::Json => as_json(exchange, Timestamp::now()),
        };
        !matches!(self.lines.try_send(Line::Text(text)), Err(TrySendError::Full(_)))
    }

    /// Waits until what was added is written, for a short time.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.lines.try_send(Line::Flush(done)).is_ok() {
            let _ = written.recv_timeout(LAST);
        }
    }
}

fn write(lines: &Receiver<Line>) {
    let mut output = std::io::stdout();
    for line in lines {
        // Nobody is there to be told that nobody reads the log.
        let _ = match line {
            Line::Text(text) => output.write_all(text.as_bytes()),
            Line::Flush(done) => {
                let _ = output.flush();
                let _ = done.try_send(());
                Ok(())
            }
        };
    }
}

/// The Common Log Format of web servers.
fn common(it: &Exchange, now: Timestamp) -> String {
    let peer = it.peer.map_or("-".to_owned(), |peer| peer.to_string());
    let user = it.user.as_deref().map_or("-".to_owned(), quoted);
    let time = now.strftime("%d/%b/%Y:%H:%M:%S +0000");
    let (method, path, version) = (&it.method, quoted(&it.path), it.version);
    let (status, sent) = (it.status.as_u16(), it.sent);
    format!("{peer} - {user} [{time}] \"{method} {path} {version:?}\" {status} {sent}\n")
}

fn as_json(it: &Exchange, now: Timestamp) -> String {
    let line = json!({
        "time": now.to_string(),
        "peer": it.peer.map(|peer| peer.to_string()),
        "user": it.user,
        "method": it.method.as_str(),
        "path": it.path,
        "version": format!("{:?}", it.version),
        "user_agent": it.user_agent,
        "endpoint": it.endpoint,
        "status": it.status.as_u16(),
        "received": it.received,
        "sent": it.sent,
        "seconds": it.elapsed.as_secs_f64(),
    });
    format!("{line}\n")
}

/// Text that ends no field of a line: what clients send is in it.
fn quoted(text: &str) -> String {
    text.chars()
        .flat_map(|char| match char {
            '"' | '\\' | ' ' => char.escape_unicode().collect::<Vec<_>>(),
            char if char.is_control() => char.escape_unicode().collect(),
            char => vec![char],
        })
        .collect()
}
