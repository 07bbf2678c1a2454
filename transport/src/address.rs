//! Where somebody listens, and how one gets there.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

use crate::net::{Listening, Net};
use crate::stream::Stream;
#[cfg(feature = "tls")]
use crate::tls::Connector;

/// Where somebody listens, and how one is let in there.
#[derive(Debug, Clone)]
pub struct Address {
    addr: SocketAddr,
    /// The network on which that is; none is the machine's own.
    net: Option<Net>,
    #[cfg(feature = "tls")]
    tls: Option<Connector>,
}

/// It is the same where it is the same place, whatever is spoken there.
impl PartialEq for Address {
    fn eq(&self, other: &Address) -> bool {
        (self.addr, &self.net) == (other.addr, &other.net)
    }
}

impl Eq for Address {}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Address {
        Address {
            addr,
            net: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Address {
    pub(crate) fn simulated(net: Net, addr: SocketAddr) -> Address {
        Address { net: Some(net), ..addr.into() }
    }

    /// The same, with TLS.
    #[cfg(feature = "tls")]
    pub fn over_tls(self, connector: Connector) -> Address {
        Address { tls: Some(connector), ..self }
    }

    /// How TLS is begun there, if it is.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<&Connector> {
        self.tls.as_ref()
    }

    /// Connects to whoever listens there, the handshake of TLS included.
    pub async fn connect(&self) -> io::Result<Stream> {
        let Some(net) = &self.net else {
            let socket = TcpStream::connect(self.addr).await?;
            #[cfg(feature = "tls")]
            if let Some(connector) = &self.tls {
                return connector.connect(socket).await;
            }
            return Ok(socket.into());
        };
        Ok(Stream::simulated(net.connect(self.addr).await?))
    }

    /// The address by itself; on a simulated network it means something only there.
    pub fn socket_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The simulated network on which it is.
    pub fn net(&self) -> Option<&Net> {
        self.net.as_ref()
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.addr.fmt(f)
    }
}

/// Accepts connections.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Simulated(Listening),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener(Kind::Tcp(listener))
    }
}

impl Listener {
    pub(crate) fn simulated(listening: Listening) -> Listener {
        Listener(Kind::Simulated(listening))
    }

    /// A listener of the standard library, on the current runtime.
    ///
    /// # Errors
    ///
    /// If it cannot be used with the runtime.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        Ok(TcpListener::from_std(listener)?.into())
    }

    /// The next connection.
    pub async fn accept(&self) -> io::Result<Stream> {
        match &self.0 {
            Kind::Tcp(listener) => Ok(listener.accept().await?.0.into()),
            Kind::Simulated(listening) => Ok(Stream::simulated(listening.accept().await?)),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<Address> {
        match &self.0 {
            Kind::Tcp(listener) => Ok(listener.local_addr()?.into()),
            Kind::Simulated(listening) => Ok(listening.address()),
        }
    }
}
