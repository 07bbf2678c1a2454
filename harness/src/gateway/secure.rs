//! TLS between clients and gateway: who is asked for, and what is offered for which version of HTTP.

use std::io;

use transport::Address;
use vocabulary::crossing::Http;

/// The address, with TLS, of whoever goes by this name or address.
#[cfg(feature = "tls")]
pub(super) fn secured(address: Address, host: &str) -> io::Result<Address> {
    match address.net() {
        None => Ok(address.over_tls(transport::tls::Connector::new(host, &[])?)),
        Some(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "there is no TLS in a simulation")),
    }
}

/// As above, where there is no TLS to be had.
#[cfg(not(feature = "tls"))]
pub(super) fn secured(_: Address, _: &str) -> io::Result<Address> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "it speaks TLS, and this crosswire was built without; build it with its feature `tls`",
    ))
}

/// The address, for connections on which this is spoken.
#[cfg(feature = "tls")]
pub(crate) fn speaking(address: &Address, http: Http) -> Address {
    let Some(connector) = address.tls() else { return address.clone() };
    let connector = connector.clone();
    address.clone().over_tls(match http {
        // Older than the negotiation, it is spoken where nothing was agreed on.
        Http::H1 => connector.offering(&["http/1.1"]),
        // RFC 9113 §3.2.
        Http::H2 => connector.insisting_on("h2"),
    })
}

/// As above, where all connections are in the clear.
#[cfg(not(feature = "tls"))]
pub(crate) fn speaking(address: &Address, _: Http) -> Address {
    address.clone()
}

/// The protocol that a handshake there agrees on (ALPN), if it comes about and agrees on any.
#[cfg(feature = "tls")]
pub(crate) async fn agreed(address: &Address) -> Option<String> {
    address.connect().await.ok()?.agreed().map(str::to_owned)
}

/// As above, where all connections are in the clear.
#[cfg(not(feature = "tls"))]
pub(crate) async fn agreed(_: &Address) -> Option<String> {
    None
}
