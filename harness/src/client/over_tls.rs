//! The scenes of clients once more, with TLS between them and the gateway of the script.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tokio::net::TcpListener;
use transport::Address;
use transport::tls::{Acceptor, Connector};
use vocabulary::crossing::Http;

use super::connection::Connection;
use super::request::Target;
use super::stage::target;

/// Bytes of DATA that streams have room for.
const STREAM_ROOM: u32 = 65_535;

/// Where it is set, every scene is played over TLS.
const OVER_TLS: &str = "CROSSWIRE_TEST_OVER_TLS";

/// What accepts connections in this process's scenes; none in the clear.
pub(super) fn acceptor() -> Option<Acceptor> {
    std::env::var_os(OVER_TLS).map(|_| Acceptor::new(&["h2", "http/1.1"]).unwrap())
}

/// The address, for clients that speak TLS.
pub(super) fn address(addr: SocketAddr) -> Address {
    Address::from(addr).over_tls(Connector::new("127.0.0.1", &[]).unwrap())
}

#[test]
fn every_scene_plays_over_tls_as_well() {
    let scenes = Command::new(std::env::current_exe().unwrap())
        .args(["client::", "--skip", "over_tls"])
        .env(OVER_TLS, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(scenes.status.success(), "{}", String::from_utf8_lossy(&scenes.stdout));
}

/// Opens a connection that is to speak this, with a gateway that agrees to these protocols: what was agreed on.
async fn open(http: Http, knows: &[&str]) -> io::Result<Option<String>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let target = Target { address: address(addr), scheme: "https", ..target(addr) }.for_case(http);
    let acceptor = Acceptor::new(knows).unwrap();
    let accepted = async { acceptor.accept(listener.accept().await.unwrap().0.into()).await };
    let (opened, accepted) = tokio::join!(Connection::open(&target, STREAM_ROOM), accepted);
    let agreed = opened?.stream.agreed().map(str::to_owned);
    assert_eq!(agreed.as_deref(), accepted.unwrap().agreed());
    Ok(agreed)
}

#[tokio::test]
async fn what_a_case_speaks_is_what_is_agreed_on() {
    for (http, name) in [(Http::H1, "http/1.1"), (Http::H2, "h2")] {
        assert_eq!(open(http, &["h2", "http/1.1"]).await.unwrap().as_deref(), Some(name));
        assert_eq!(open(http, &["http/1.1", "h2"]).await.unwrap().as_deref(), Some(name));
    }
}

/// RFC 9113 §3.2.
#[tokio::test]
async fn without_an_agreement_http1_is_spoken_and_http2_is_not() {
    assert_eq!(open(Http::H1, &[]).await.unwrap(), None);
    for knows in [[].as_slice(), &["http/1.1"]] {
        let refused = open(Http::H2, knows).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Unsupported, "{refused}");
    }
}
