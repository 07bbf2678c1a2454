//! Requests and assertions of one's own, against the origin alone.

use std::net::SocketAddr;

use crosswire::vocabulary::directive::{Close, Cut, CutBy, Directive, Final, OriginAct};
use crosswire::{Exchange, NotItsOwn, Origin};
use examples::proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The proxy on this test's runtime.
fn start(origin: SocketAddr) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(proxy::serve_with_bug(listener, origin));
    addr
}

async fn ask(proxy: SocketAddr, exchange: &Exchange) -> Vec<u8> {
    let mut client = TcpStream::connect(proxy).await.unwrap();
    let (name, value) = exchange.field();
    let request = format!("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{name}: {value}\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    client.read_to_end(&mut reply).await.unwrap();
    reply
}

#[tokio::test]
async fn the_first_half_of_a_broken_reply_is_seen_in_the_next() {
    let origin = Origin::start().unwrap();
    let proxy = start(origin.addr());
    let half = Final { cut: Some(Cut { after_bytes: 256, then: CutBy::Close(Close::Fin) }), ..Final::ok(512) };
    let broken = origin.exchange(1, Directive { acts: vec![OriginAct::Final(half)], every_attempt: false });
    let next = origin.exchange(2, Directive::benign(512));
    assert!(ask(proxy, &broken).await.starts_with(b"HTTP/1.1 502 "));
    let received = origin.check(&next, &ask(proxy, &next).await);
    assert!(matches!(received, Err(NotItsOwn::Foreign { .. })), "{received:?}");
    // The buffer was taken empty by then.
    let later = origin.exchange(3, Directive::benign(512));
    assert!(origin.check(&later, &ask(proxy, &later).await).is_ok());
}
