use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "listener/off.rs"]
mod tls;

#[cfg(not(feature = "tls"))]
pub(crate) use tls::Tls;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

/// Where connections of a registry come from: [`Registry::listen`](crate::Registry::listen).
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    pub(crate) tls: Option<Tls>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A connection, and the address of the client if it has one.
pub(crate) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// What a connection is read from and written to.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Listener {
    /// Connections to a TCP address; port 0 is a free one.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn tcp(address: impl ToSocketAddrs) -> io::Result<Self> {
        let socket = Socket::Tcp(TcpListener::bind(address).await?);
        Ok(Self { socket, tls: None })
    }

    #[cfg(unix)]
    /// Connections to a unix socket at `path`. One that nobody listens on any more is replaced. All its clients
    /// without credentials count as one.
    ///
    /// # Errors
    /// If it cannot be made, or somebody listens on it.
    pub async fn unix(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let bound = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let answer = UnixStream::connect(path).await;
                // A file that is not a socket gives the same error, and stays.
                let is_socket = std::os::unix::fs::FileTypeExt::is_socket(
                    &std::fs::symlink_metadata(path)?.file_type(),
                );
                let is_left = answer.is_err_and(|it| it.kind() == io::ErrorKind::ConnectionRefused);
                if !is_socket || !is_left {
                    return Err(error);
                }
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            bound => bound?,
        };
        Ok(Self { socket: Socket::Unix(bound), tls: None })
    }

    /// Where it listens, if that is a TCP address.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Socket::Unix(_) => None,
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        Ok(match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Accepted::Tcp(stream, peer)
            }
            #[cfg(unix)]
            Socket::Unix(listener) => Accepted::Unix(listener.accept().await?.0),
        })
    }
}

#[cfg(feature = "tls")]
impl Listener {
    /// Speaks TLS on its connections, by HTTP/2 or HTTP/1.1 as the client likes.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }
}

impl Accepted {
    pub(crate) fn peer(&self) -> Option<std::net::IpAddr> {
        match self {
            Self::Tcp(_, peer) => Some(peer.ip()),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// The connection, after the handshake if there is one.
    pub(crate) async fn open(self, tls: Option<&Tls>) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(stream, _) => {
                // Small answers go out at once.
                let _ = stream.set_nodelay(true);
                secure(stream, tls).await
            }
            #[cfg(unix)]
            Self::Unix(stream) => secure(stream, tls).await,
        }
    }
}

async fn secure(stream: impl Stream + 'static, tls: Option<&Tls>) -> io::Result<Box<dyn Stream>> {
    match tls {
        Some(tls) => tls.accept(stream).await,
        None => Ok(Box::new(stream)),
    }
}
