//! What only TLS has: agreements, callers in the clear, records half on their way, peers that end without a word.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;
use crate::Address;

/// How long a test waits for what must come.
const WAIT: Duration = Duration::from_secs(5);

/// What came of an attempt at both ends.
struct Met {
    client: io::Result<Stream>,
    server: io::Result<Stream>,
}

async fn meet(acceptor: &Acceptor, connector: Connector) -> Met {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::from(listener.local_addr().unwrap()).over_tls(connector);
    let accepted = async { acceptor.accept(listener.accept().await.unwrap().0.into()).await };
    let (client, server) = timeout(WAIT, async { tokio::join!(address.connect(), accepted) }).await.unwrap();
    Met { client, server }
}

async fn pair() -> (Stream, Stream) {
    let Met { client, server } = meet(&Acceptor::new(&[]).unwrap(), connector(&[])).await;
    (client.unwrap(), server.unwrap())
}

fn connector(protocols: &[&str]) -> Connector {
    Connector::new("127.0.0.1", protocols).unwrap()
}

#[tokio::test]
async fn both_ends_know_what_was_agreed_on() {
    let acceptor = Acceptor::new(&["two", "one"]).unwrap();
    let agreed = async |connector| {
        let Met { client, server } = meet(&acceptor, connector).await;
        let (client, server) = (client.unwrap(), server.unwrap());
        assert_eq!(client.agreed(), server.agreed());
        client.agreed().map(str::to_owned)
    };
    assert_eq!(agreed(connector(&["one", "two"])).await.as_deref(), Some("two"), "the acceptor's order counts");
    assert_eq!(agreed(connector(&["two"]).offering(&["one"])).await.as_deref(), Some("one"));
    assert_eq!(agreed(connector(&["two"]).insisting_on("one")).await.as_deref(), Some("one"));
    assert_eq!(agreed(connector(&[])).await, None);
}

#[tokio::test]
async fn who_insists_hears_what_was_agreed_on_instead() {
    let insisting = || connector(&["one"]).insisting_on("two");
    // A peer that knows nothing of such offers, and one that knows none of these.
    for knows in [[].as_slice(), ["one"].as_slice()] {
        let refused = meet(&Acceptor::new(knows).unwrap(), insisting()).await.client.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        assert_eq!(refused.to_string(), r#"TLS was offered "two" (ALPN), and nothing was agreed to"#);
    }
    let told = NotAgreed { wanted: "two".to_owned(), agreed: Some("one".to_owned()) };
    assert_eq!(told.to_string(), r#"TLS was offered "two" (ALPN), and "one" was agreed to"#);
}

#[tokio::test]
async fn who_does_not_insist_is_refused_only_where_his_offers_are() {
    assert!(meet(&Acceptor::new(&[]).unwrap(), connector(&["one"])).await.client.is_ok());
    let Met { client, server } = meet(&Acceptor::new(&["two"]).unwrap(), connector(&["one"])).await;
    assert_eq!(
        (client.unwrap_err().kind(), server.unwrap_err().kind()),
        (ErrorKind::InvalidData, ErrorKind::InvalidData)
    );
}

#[tokio::test]
async fn a_caller_in_the_clear_is_told_by_its_first_byte_which_stays_where_it_is() {
    let acceptor = Acceptor::new(&[]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::from(listener.local_addr().unwrap());
    for (said, is_tls) in [(b"GET / ".as_slice(), false), (b"", false), (b"\x16\x03", true)] {
        let mut client = address.connect().await.unwrap();
        client.write_all(said).await.unwrap();
        client.shutdown().await.unwrap();
        let mut server: Stream = listener.accept().await.unwrap().0.into();
        assert_eq!(timeout(WAIT, acceptor.is_called(&server)).await.unwrap(), is_tls);
        let mut read = Vec::new();
        server.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, said);
    }
}

#[tokio::test]
async fn a_peer_in_the_clear_is_no_peer_and_one_that_goes_away_neither() {
    for answer in [b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), b""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::from(listener.local_addr().unwrap()).over_tls(connector(&[]));
        let clear = async {
            let mut socket = listener.accept().await.unwrap().0;
            assert!(socket.read(&mut [0; 4096]).await.unwrap() > 0);
            socket.write_all(answer).await.unwrap();
        };
        let error = timeout(WAIT, async { tokio::join!(address.connect(), clear).0 }).await.unwrap().unwrap_err();
        let told = error.to_string();
        assert!(told.contains("no TLS") || told.contains("closed in the TLS handshake"), "{told}");
    }
}

/// What a writer of this would write, from some place on.
fn pattern(at: usize, count: usize) -> Vec<u8> {
    (at..at + count).map(|place| (place / 7 % 251) as u8).collect()
}

#[tokio::test]
async fn what_counts_as_written_can_be_read_without_the_writer_and_nothing_else() {
    let (mut client, mut server) = pair().await;
    let (_, to_server) = client.split();
    let (mut written, mut read) = (0, 0);
    for _ in 0..10 {
        loop {
            match to_server.try_write(&pattern(written, 50_000)) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(to_server.unacknowledged().unwrap() > 0);
        while read < written {
            let mut block = vec![0; (written - read).min(30_011)];
            timeout(WAIT, server.read_exact(&mut block)).await.unwrap().unwrap();
            assert_eq!(block, pattern(read, block.len()));
            read += block.len();
        }
        assert_eq!(server.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        timeout(WAIT, to_server.writable()).await.unwrap().unwrap();
    }
    assert!(written > 10 * 50_000);
}

#[tokio::test]
async fn who_was_told_that_there_is_no_room_comes_back_with_the_same_bytes() {
    let (mut client, mut server) = pair().await;
    let (_, to_server) = client.split();
    let mut written = 0;
    while let Ok(count) = to_server.try_write(&[b'a'; 50_000]) {
        written += count;
    }
    let mut read = vec![0; written];
    timeout(WAIT, server.read_exact(&mut read)).await.unwrap().unwrap();
    timeout(WAIT, to_server.writable()).await.unwrap().unwrap();
    assert_eq!(to_server.try_write(b"others").unwrap_err().kind(), ErrorKind::InvalidInput);
    // Fewer of them will do, and more.
    assert_eq!(to_server.try_write(b"aaa").unwrap(), 3);
    assert!(to_server.try_write(&[b'a'; 60_000]).unwrap() > 3);
}

/// A peer that is rustls by itself, on a thread: it gives tickets away and holds back nothing.
fn elsewhere(
    act: impl FnOnce(&mut rustls::StreamOwned<ServerConnection, std::net::TcpStream>) + Send + 'static,
) -> (Address, std::thread::JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(listener.local_addr().unwrap()).over_tls(connector(&[]));
    let mut config = (*Acceptor::new(&[]).unwrap().0).clone();
    config.send_tls13_tickets = 2;
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    let thread = std::thread::spawn(move || {
        let socket = listener.accept().unwrap().0;
        socket.set_read_timeout(Some(WAIT)).unwrap();
        let session = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(session, socket);
        stream.conn.complete_io(&mut stream.sock).unwrap();
        act(&mut stream);
    });
    (address, thread)
}

#[tokio::test]
async fn a_drop_says_that_it_is_the_end_whatever_tickets_have_come() {
    use std::io::Read;
    let (address, peer) = elsewhere(|stream| {
        let mut read = Vec::new();
        // Without the word it would be an error, and with tickets left unread in the kernel a reset.
        stream.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"last");
        assert_eq!(stream.sock.read(&mut [0]).unwrap(), 0);
    });
    let client = address.connect().await.unwrap();
    client.try_write(b"last").unwrap();
    socket_is_readable(&client).await;
    drop(client);
    peer.join().unwrap();
}

#[tokio::test]
async fn tickets_are_nothing_to_be_read() {
    let (address, peer) = elsewhere(|stream| assert_eq!(std::io::Read::read(stream, &mut [0]).unwrap(), 0));
    let client = address.connect().await.unwrap();
    socket_is_readable(&client).await;
    assert_eq!(client.waiting(), crate::Waiting::Nothing);
    assert_eq!(client.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(client);
    peer.join().unwrap();
}

#[tokio::test]
async fn a_fin_without_a_word_is_an_end_behind_what_had_come() {
    let (address, peer) = elsewhere(|stream| {
        std::io::Write::write_all(stream, b"all").unwrap();
        stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
        std::io::Read::read(stream, &mut [0]).unwrap();
    });
    let mut client = address.connect().await.unwrap();
    let mut read = Vec::new();
    timeout(WAIT, client.read_to_end(&mut read)).await.unwrap().unwrap();
    assert_eq!(read, b"all");
    assert_eq!(client.waiting(), crate::Waiting::Closed);
    drop(client);
    peer.join().unwrap();
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_error_behind_what_had_come() {
    let (address, peer) = elsewhere(|stream| {
        std::io::Write::write_all(stream, b"whole").unwrap();
        std::io::Write::write_all(&mut stream.sock, b"\x17\x03\x03\x00\x13not what was agreed").unwrap();
        let _ = std::io::Read::read(stream, &mut [0]);
    });
    let mut client = address.connect().await.unwrap();
    let mut read = Vec::new();
    let error = timeout(WAIT, client.read_to_end(&mut read)).await.unwrap().unwrap_err();
    assert_eq!((read.as_slice(), error.kind()), (b"whole".as_slice(), ErrorKind::InvalidData));
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    drop(client);
    peer.join().unwrap();
}

/// Waits until the kernel has something, whatever that is.
async fn socket_is_readable(stream: &Stream) {
    timeout(WAIT, stream.below().readable()).await.unwrap().unwrap();
}
