//! TLS over TCP: how a connection is begun at either end, and what was agreed on then.
//!
//! The two ends of crosswire need little of it. The gateway under test has a certificate that nobody has signed, and it
//! is asked for by its address: any certificate is accepted. Ours is made when the origin starts, and belongs to
//! `localhost`. Nothing is resumed, so that every connection stands for itself.
//!
//! Who calls says which protocols may be spoken inside, by their names of ALPN (RFC 7301); nothing is known of them
//! here.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection,
    SignatureScheme,
};
use tokio::net::TcpStream;

use crate::stream::Stream;

mod end;
mod outgoing;

pub(crate) use end::End;

/// RFC 8446 §5.1: the first byte of a handshake. No request of HTTP begins with it.
const HANDSHAKE: u8 = 0x16;

/// Begins TLS where connections are accepted.
#[derive(Debug, Clone)]
pub struct Acceptor(Arc<ServerConfig>);

impl Acceptor {
    /// With a new certificate for `localhost` and 127.0.0.1. Of these protocols a connection is to speak the first that
    /// its peer offers, or any if its peer offers none.
    ///
    /// # Errors
    ///
    /// If there is no certificate to be had.
    pub fn new(protocols: &[&str]) -> io::Result<Acceptor> {
        let names = ["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = names_of(protocols);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Acceptor(Arc::new(config)))
    }

    /// Waits for the peer's first byte, and says whether it begins TLS. The byte stays where it is.
    pub async fn is_called(&self, stream: &Stream) -> bool {
        let Some(socket) = stream.socket() else { return false };
        let mut first = [0];
        matches!(socket.peek(&mut first).await, Ok(1..)) && first[0] == HANDSHAKE
    }

    /// Does the handshake. Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// If the peer goes away, or the two cannot agree.
    pub async fn accept(&self, stream: Stream) -> io::Result<Stream> {
        let session = ServerConnection::new(Arc::clone(&self.0)).map_err(io::Error::other)?;
        begin(stream, session.into()).await
    }
}

/// Begins TLS where a connection is opened.
#[derive(Debug, Clone)]
pub struct Connector {
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
    /// The protocol without which the connection is of no use.
    insists_on: Option<String>,
}

impl Connector {
    /// For a peer of this name or address. It is offered these protocols, and need not know that there is such an
    /// offer.
    ///
    /// # Errors
    ///
    /// If that is no name and no address.
    pub fn new(host: &str, protocols: &[&str]) -> io::Result<Connector> {
        let host = ServerName::try_from(host.to_owned()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{host:?} is no host's name or address"))
        })?;
        let provider = provider();
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        config.alpn_protocols = names_of(protocols);
        config.resumption = Resumption::disabled();
        Ok(Connector { config: Arc::new(config), host, insists_on: None })
    }

    /// The same, but it is offered this protocol only, and has to agree to it.
    pub fn insisting_on(mut self, protocol: &str) -> Connector {
        Arc::make_mut(&mut self.config).alpn_protocols = names_of(&[protocol]);
        Connector { insists_on: Some(protocol.to_owned()), ..self }
    }

    /// The same, but it is offered these protocols, and may agree to none.
    pub fn offering(mut self, protocols: &[&str]) -> Connector {
        Arc::make_mut(&mut self.config).alpn_protocols = names_of(protocols);
        Connector { insists_on: None, ..self }
    }

    /// Does the handshake. Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// If the peer goes away, if the two cannot agree, or if the protocol that is insisted on was not agreed on; the
    /// last is a [`NotAgreed`] of kind `Unsupported`.
    pub(crate) async fn connect(&self, socket: TcpStream) -> io::Result<Stream> {
        let session = ClientConnection::new(Arc::clone(&self.config), self.host.clone()).map_err(io::Error::other)?;
        let stream = begin(socket.into(), session.into()).await;
        let Some(wanted) = &self.insists_on else { return stream };
        let agreed = match &stream {
            Ok(stream) => stream.agreed().map(str::to_owned),
            Err(error) if is_no_agreement(error) => None,
            Err(_) => return stream,
        };
        match agreed.as_ref() == Some(wanted) {
            true => stream,
            false => {
                let not_agreed = NotAgreed { wanted: wanted.clone(), agreed };
                Err(io::Error::new(io::ErrorKind::Unsupported, not_agreed))
            }
        }
    }
}

/// The peer speaks TLS, and not the protocol that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAgreed {
    /// What was asked for.
    pub wanted: String,
    /// What the peer agreed to instead, if to anything.
    pub agreed: Option<String>,
}

impl Display for NotAgreed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let NotAgreed { wanted, agreed } = self;
        match agreed {
            Some(agreed) => write!(f, "TLS was offered {wanted:?} (ALPN), and {agreed:?} was agreed to"),
            None => write!(f, "TLS was offered {wanted:?} (ALPN), and nothing was agreed to"),
        }
    }
}

impl std::error::Error for NotAgreed {}

/// Whether the peer has said that it knows none of the protocols (RFC 7301 §3.2).
fn is_no_agreement(error: &io::Error) -> bool {
    let told = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(told, Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)))
}

async fn begin(stream: Stream, session: rustls::Connection) -> io::Result<Stream> {
    let Some(socket) = stream.into_socket() else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "TLS is spoken over TCP only"));
    };
    // A handshake is flight after flight of small writes.
    socket.set_nodelay(true)?;
    Ok(Stream::secured(End::begin(socket, session).await?))
}

/// Of two providers in one program rustls could not choose: it is told.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn names_of(protocols: &[&str]) -> Vec<Vec<u8>> {
    protocols.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// Takes any certificate for the one that is meant. Whom one talks to is known by the address, and what the peer proves
/// of itself is not what is tested.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
