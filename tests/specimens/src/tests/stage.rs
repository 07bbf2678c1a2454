//! A gateway between two ends that a test plays by hand. Every wait is bounded and says what it waited for.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use http2::Setting;

use super::framed::Framed;
use crate::decisions::Decisions;
use crate::gateway::serve;

/// How long a test waits for what must come.
pub(super) const WAIT: Duration = Duration::from_secs(5);

/// A running gateway and the origin's listener.
pub(super) struct Stage {
    gateway: SocketAddr,
    origin: Option<TcpListener>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stage {
    pub(super) async fn new(decisions: Decisions) -> Stage {
        let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stage = Stage::before(origin.local_addr().unwrap(), decisions);
        stage.origin = Some(origin);
        stage
    }

    /// A gateway before an origin that the test does not play.
    pub(super) fn before(origin: SocketAddr, decisions: Decisions) -> Stage {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = listener.local_addr().unwrap();
        Stage { gateway, origin: None, task: tokio::spawn(serve(listener, origin, decisions)) }
    }

    /// A new client connection.
    pub(super) async fn client(&self) -> Peer {
        Peer::new(TcpStream::connect(self.gateway).await.unwrap())
    }

    /// A new client connection that has sent a GET.
    pub(super) async fn get(&self, path: &str) -> Peer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")).await
    }

    /// A new client connection that has sent this.
    pub(super) async fn ask(&self, request: &str) -> Peer {
        let mut client = self.client().await;
        client.send(request).await;
        client
    }

    /// The next connection that the gateway opens to the origin.
    pub(super) async fn upstream(&self) -> Peer {
        timeout(WAIT, self.accept()).await.expect("the gateway opens a connection to the origin")
    }

    /// A new client connection that speaks HTTP/2.
    pub(super) async fn framed_client(&self) -> Framed {
        Framed::client(TcpStream::connect(self.gateway).await.unwrap(), &[]).await
    }

    /// The next connection that the gateway opens to the origin, on which it speaks HTTP/2.
    pub(super) async fn framed_upstream(&self) -> Framed {
        self.framed_upstream_with(&[]).await
    }

    /// The same, with these settings of the origin's.
    pub(super) async fn framed_upstream_with(&self, settings: &[Setting]) -> Framed {
        let accepted = timeout(WAIT, self.socket()).await.expect("the gateway opens a connection to the origin");
        Framed::origin(accepted, settings).await
    }

    async fn accept(&self) -> Peer {
        Peer::new(self.socket().await)
    }

    async fn socket(&self) -> TcpStream {
        self.origin.as_ref().expect("the test plays the origin").accept().await.unwrap().0
    }

    /// The next request: on a new upstream connection, which is returned, or on this one.
    pub(super) async fn request_on(&self, old: &mut Peer) -> (Option<Peer>, Message) {
        let either = async {
            tokio::select! {
                fresh = self.accept() => Some(fresh),
                // An old connection that is closed carries nothing more.
                true = old.more() => None,
            }
        };
        match timeout(WAIT, either).await.expect("a request arrives at the origin") {
            Some(mut fresh) => {
                let request = fresh.message().await;
                (Some(fresh), request)
            }
            None => (None, old.message().await),
        }
    }

    /// Ends the gateway.
    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

/// One end of a connection to the gateway.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    read: Vec<u8>,
}

/// A message as it stood on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) head: String,
    pub(super) body: String,
}

impl Message {
    pub(super) fn status(&self) -> u16 {
        self.head.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(super) fn has(&self, line: &str) -> bool {
        self.head.split("\r\n").any(|found| found.eq_ignore_ascii_case(line))
    }
}

impl Peer {
    fn new(stream: TcpStream) -> Peer {
        stream.set_nodelay(true).unwrap();
        Peer { stream, read: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: &str) {
        timeout(WAIT, self.stream.write_all(bytes.as_bytes())).await.expect("the gateway takes bytes").unwrap();
    }

    /// Reads a message, its chunks decoded.
    pub(super) async fn message(&mut self) -> Message {
        let head = self.head().await;
        let lower = head.to_ascii_lowercase();
        let mut body = String::new();
        if lower.contains("\r\ntransfer-encoding: chunked") {
            loop {
                let line = self.until("\r\n").await;
                let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
                if length == 0 {
                    break;
                }
                body += &self.exactly(length).await;
                assert_eq!(self.exactly(2).await, "\r\n");
            }
            let mut trailer = self.until("\r\n").await;
            while trailer != "\r\n" {
                body += &format!("[{}]", trailer.trim_end());
                trailer = self.until("\r\n").await;
            }
        } else if let Some((_, rest)) = lower.split_once("\r\ncontent-length: ") {
            body = self.exactly(rest.split("\r\n").next().unwrap().parse().unwrap()).await;
        }
        Message { head, body }
    }

    /// Reads a head.
    pub(super) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Reads to the end of the connection; a reset is an end as well.
    pub(super) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    /// Reads to the end of the connection, in which nothing more may stand.
    pub(super) async fn closed(&mut self) {
        assert_eq!(self.rest().await, "", "nothing comes before the close");
    }

    pub(super) async fn exactly(&mut self, count: usize) -> String {
        while self.read.len() < count {
            assert!(self.more().await, "{} of {count} bytes, then a close", self.read.len());
        }
        String::from_utf8(self.read.drain(..count).collect()).unwrap()
    }

    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end.as_bytes()) {
                return self.exactly(at + end.len()).await;
            }
            assert!(self.more().await, "a close before {end:?}: {}", self.read.escape_ascii());
        }
    }

    /// Reads once more; `false` at the end of the connection.
    async fn more(&mut self) -> bool {
        let read = timeout(WAIT, self.stream.read_buf(&mut self.read)).await;
        matches!(read.expect("the gateway sends or closes"), Ok(1..))
    }
}

/// A reply with this body and its length.
pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
