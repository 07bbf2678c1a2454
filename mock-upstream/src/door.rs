//! The door of the origin's one port: a connection that begins with a handshake of TLS is one of TLS, any other is in
//! the clear. What is spoken inside is nobody's business here.

use transport::Stream;

use crate::office::Link;

/// How connections come in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Door {
    /// Without one all are in the clear.
    #[cfg(feature = "tls")]
    acceptor: Option<transport::tls::Acceptor>,
}

#[cfg(feature = "tls")]
impl Door {
    /// A door that knows TLS, with a certificate of its own.
    pub(crate) fn new() -> std::io::Result<Door> {
        // Whatever the gateway asks for first: both are spoken here.
        Ok(Door { acceptor: Some(transport::tls::Acceptor::new(&["h2", "http/1.1"])?) })
    }

    /// The connection as it goes on; none if it came to nothing, or is to be closed before it has begun.
    pub(crate) async fn admit(&self, link: &Link, stream: Stream) -> Option<Stream> {
        let Some(acceptor) = &self.acceptor else { return Some(stream) };
        tokio::select! {
            biased;
            is_called = acceptor.is_called(&stream) => if !is_called {
                return Some(stream);
            },
            // Whoever serves it sees that it is to be closed, and does it.
            () = told_to_close(link) => return Some(stream),
        }
        let handshake = tokio::time::timeout(vocabulary::limits::REQUEST_WAIT, acceptor.accept(stream));
        tokio::select! {
            biased;
            begun = handshake => match begun {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err(error)) => tracing::debug!("no TLS on {}: {error}", link.id),
                Err(_) => tracing::debug!("no TLS on {}: the handshake takes too long", link.id),
            },
            () = told_to_close(link) => {}
        }
        None
    }
}

#[cfg(not(feature = "tls"))]
impl Door {
    pub(crate) fn new() -> std::io::Result<Door> {
        Ok(Door::default())
    }

    pub(crate) async fn admit(&self, _: &Link, stream: Stream) -> Option<Stream> {
        Some(stream)
    }
}

/// Resolves when the connection is to be closed.
#[cfg(feature = "tls")]
async fn told_to_close(link: &Link) {
    while link.close_by().is_none() {
        link.changed.notified().await;
    }
}
