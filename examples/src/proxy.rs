//! A reverse proxy on hyper with two pools: one of connections to the origin, one of buffers.
//!
//! Small replies are read whole before they are passed on, so that one that breaks off becomes a 502. They are read into
//! buffers that are used again. [`serve`] is correct; [`serve_with_bug`] is the same but for one line, which is missing
//! where a buffer comes back. All goes well as long as all replies do: taking the reply out empties the buffer. One that
//! breaks off leaves its first half behind, for the next.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1 as client;
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Replies of so many bytes are read whole; longer ones, and those of unknown length, are passed on as they come.
const SMALL_BYTES_MAX: u64 = 1000;

type Sender = client::SendRequest<Incoming>;
type Failure = Box<dyn std::error::Error + Send + Sync>;
/// A reply as it is passed on.
pub type Reply = Response<Either<Incoming, Full<Bytes>>>;

/// Serves on the listener and forwards to the origin.
///
/// # Errors
///
/// If the listener cannot be used.
pub async fn serve(listener: TcpListener, origin: SocketAddr) -> std::io::Result<()> {
    serve_with(listener, Proxy::new(origin, Returned::Cleared)).await
}

/// Serves with buffers that come back as they are.
///
/// # Errors
///
/// If the listener cannot be used.
pub async fn serve_with_bug(listener: TcpListener, origin: SocketAddr) -> std::io::Result<()> {
    serve_with(listener, Proxy::new(origin, Returned::AsTheyAre)).await
}

async fn serve_with(listener: TcpListener, proxy: Arc<Proxy>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let proxy = Arc::clone(&proxy);
        let forward = service_fn(move |request| Arc::clone(&proxy).forward(request));
        tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), forward));
    }
}

/// How buffers come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// Empty.
    Cleared,
    /// With what is still in them.
    AsTheyAre,
}

/// What all requests share.
pub struct Proxy {
    origin: SocketAddr,
    connections: Mutex<Vec<Sender>>,
    buffers: Mutex<Vec<BytesMut>>,
    returned: Returned,
}

impl Proxy {
    /// A proxy in front of this origin.
    pub fn new(origin: SocketAddr, returned: Returned) -> Arc<Proxy> {
        Arc::new(Proxy { origin, connections: Mutex::default(), buffers: Mutex::default(), returned })
    }

    /// The reply to a request: the origin's, or a 502 where there is none.
    ///
    /// # Errors
    ///
    /// None.
    pub async fn forward(self: Arc<Proxy>, request: Request<Incoming>) -> Result<Reply, Infallible> {
        let reply = self.reply(request).await;
        Ok(reply.unwrap_or_else(|_| {
            let mut reply = Response::new(Either::Right(Full::default()));
            *reply.status_mut() = StatusCode::BAD_GATEWAY;
            reply
        }))
    }

    async fn reply(self: &Arc<Proxy>, request: Request<Incoming>) -> Result<Reply, Failure> {
        let mut sender = self.connection().await?;
        let reply = sender.send_request(request).await?;
        let proxy = Arc::clone(self);
        tokio::spawn(async move {
            // Ready again means: the reply was read to its end, and nothing came behind it.
            if sender.ready().await.is_ok() {
                lock(&proxy.connections).push(sender);
            }
        });
        let (mut head, body) = reply.into_parts();
        match body.size_hint().exact() {
            Some(1..=SMALL_BYTES_MAX) => {
                let whole = self.read(body).await?;
                // hyper states the length of what is sent.
                head.headers.remove(CONTENT_LENGTH);
                Ok(Response::from_parts(head, Either::Right(Full::new(whole))))
            }
            _ => Ok(Response::from_parts(head, Either::Left(body))),
        }
    }

    /// A connection to the origin: an idle one, or a new one.
    async fn connection(&self) -> Result<Sender, Failure> {
        while let Some(sender) = self.idle() {
            if sender.is_ready() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(self.origin).await?;
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn idle(&self) -> Option<Sender> {
        lock(&self.connections).pop()
    }

    /// The whole of a small body. An error, or a client that leaves, may end this half-way.
    async fn read(&self, mut body: Incoming) -> Result<Bytes, hyper::Error> {
        let buffer = lock(&self.buffers).pop().unwrap_or_default();
        let mut lease = Lease { proxy: self, buffer };
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame?.into_data() {
                lease.buffer.extend_from_slice(&bytes);
            }
        }
        Ok(lease.buffer.split().freeze())
    }
}

/// A buffer that comes back, whatever becomes of the request that it was for.
struct Lease<'a> {
    proxy: &'a Proxy,
    buffer: BytesMut,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if self.proxy.returned == Returned::Cleared {
            buffer.clear();
        }
        lock(&self.proxy.buffers).push(buffer);
    }
}

/// Nobody panics while they hold a lock here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
