//! Connections: accepted, served within the limits, and ended.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustix::io::Errno;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::Registry;
use crate::connection::{Activity, Admitted, Connected, Connection, End, Watched};
use crate::listener::{Accepted, Listener, Tls};

/// A registry that is serving the connections of one [`Listener`]. Dropped, it stops at once, and breaks off what it
/// was doing.
#[derive(Debug)]
#[must_use = "a server stops when it is dropped"]
pub struct Listening {
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Listening {
    /// Stops listening, lets the requests that are under way end, within
    /// [`Limits::stop_time`](crate::Limits::stop_time), and stops.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // It ends by itself; a panic in it cannot be reported here.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The set of connections is the task's own, and is aborted with it.
        self.accepting.abort();
    }
}

impl Registry {
    /// Serves the connections of a listener, of which a registry may have several, by HTTP/1.1 and HTTP/2, until the
    /// [`Listening`] is dropped. Connections are bounded for all listeners together.
    pub fn listen(&self, listener: Listener) -> Listening {
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, self.clone(), stopped));
        Listening { stop, accepting }
    }

    /// Serves one connection, such as a TLS stream, by HTTP/1.1 or HTTP/2, within the limits on
    /// request heads and on silence.
    ///
    /// # Errors
    /// If the connection broke, or the client did not speak HTTP.
    pub async fn serve_connection<S>(&self, stream: S) -> Result<(), ConnectionError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.0.limits;
        let connection = Connection::new(None, Arc::new(Activity::new(limits)), limits);
        let (_never, stopped) = watch::channel(false);
        self.serve_until(stream, connection, stopped).await
    }

    fn protocol(&self) -> auto::Builder<TokioExecutor> {
        let limits = &self.0.limits;
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head.max(8 << 10));
        let head = u32::try_from(limits.head).unwrap_or(u32::MAX);
        server
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(head)
            .max_concurrent_streams(limits.streams)
            // Bodies that are not read yet must not use up what those that are read need.
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(
                WINDOW.saturating_mul(limits.streams).min(i32::MAX as u32),
            )
            .max_send_buf_size(SEND_BUFFER);
        server
    }
}

/// What is buffered of each body over HTTP/2, in bytes.
const WINDOW: u32 = 256 << 10;

/// What is buffered of each answer over HTTP/2, in bytes.
const SEND_BUFFER: usize = 64 << 10;

/// Why a connection did not end well.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the connection: it broke off, or the client did not speak HTTP")]
pub struct ConnectionError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Accepts connections until it is told to stop; then waits for those that are open.
async fn accept(listener: Listener, registry: Registry, mut stopped: watch::Receiver<bool>) {
    let admission = registry.0.admission.clone();
    let mut connections = JoinSet::new();
    // One that is accepted and waits for its place.
    let mut waiting: Option<Accepted> = None;
    loop {
        let next = async {
            match &waiting {
                Some(accepted) => Next::Admitted(admission.admit(accepted.peer()).await),
                None => Next::Accepted(listener.accept().await),
            }
        };
        let next = tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => continue,
            next = next => next,
        };
        match next {
            Next::Accepted(Ok(accepted)) => waiting = Some(accepted),
            Next::Accepted(Err(error)) => {
                if is_out_of_descriptors(&error) {
                    admission.give_up_one();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Next::Admitted(admitted) => {
                // Without a place, it is closed.
                if let (Some(accepted), Some(admitted)) = (waiting.take(), admitted) {
                    let (registry, tls) = (registry.clone(), listener.tls.clone());
                    connections.spawn(registry.connect(accepted, tls, admitted, stopped.clone()));
                }
            }
        }
    }
    drop((listener, waiting));
    let stop_time = registry.0.limits.stop_time;
    let open = async { while connections.join_next().await.is_some() {} };
    // Those that are left end with the set.
    let _ = tokio::time::timeout(stop_time, open).await;
}

enum Next {
    Accepted(io::Result<Accepted>),
    Admitted(Option<Admitted>),
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE].iter().any(|it| errno == Some(it.raw_os_error()))
}

/// How long a connection that is to end may stay idle.
const FAREWELL: Duration = Duration::from_secs(1);

impl Registry {
    async fn connect(
        self,
        accepted: Accepted,
        tls: Option<Tls>,
        admitted: Admitted,
        stopped: watch::Receiver<bool>,
    ) {
        let limits = &self.0.limits;
        let activity = admitted.activity.clone();
        let connection = Connection::new(accepted.peer(), activity.clone(), limits);
        // A handshake is as a head that does not come: it may take so long, and gives way to others.
        let stream = tokio::select! {
            stream = accepted.open(tls.as_ref()) => stream,
            _ = activity.ends(limits.head_time, limits.idle) => return,
        };
        if let Ok(stream) = stream {
            // An error is the client's: it is gone, or was cut off as a fault asked.
            let _ = self.serve_until(stream, connection, stopped).await;
        }
        drop(admitted);
    }

    /// Serves a connection until it is told to stop, or the connection is not worth its place any more.
    async fn serve_until<S>(
        &self,
        stream: S,
        connection: Connection,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), ConnectionError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.0.limits;
        let activity = connection.activity.clone();
        let stream = Watched { stream, activity: activity.clone() };
        let service = Connected { registry: self.clone(), connection };
        let server = self.protocol();
        let mut serving = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            result = serving.as_mut() => return result.map_err(ConnectionError),
            end = activity.ends(limits.head_time, limits.idle) => if end == End::TooSlow {
                return Ok(());
            },
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        // What is under way may end.
        serving.as_mut().graceful_shutdown();
        tokio::select! {
            result = serving => result.map_err(ConnectionError),
            () = activity.is_silent(FAREWELL, limits.idle) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_answer_does_not_keep_a_server_that_is_stopped() {
        let registry = crate::serve(crate::Store::memory()).registry();
        let limits = &registry.0.limits;
        let connection = Connection::new(None, Arc::new(Activity::new(limits)), limits);
        let (mut here, there) = tokio::io::duplex(1 << 10);
        let (stop, stopped) = watch::channel(false);
        here.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        here.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let served = registry.clone();
        let serving =
            tokio::spawn(async move { served.serve_until(there, connection, stopped).await });
        // Both sides have begun.
        here.read_exact(&mut [0; 9]).await.unwrap();
        let start = Instant::now();
        stop.send_replace(true);
        // By HTTP/2 the client is asked whether all that it sent has arrived; this one is silent.
        let ended = tokio::time::timeout(limits.stop_time, serving).await;
        ended.expect("it is waited for").unwrap().unwrap();
        assert!(start.elapsed() < 2 * FAREWELL);
    }
}
