//! The stream: reading, writing and closing, whatever carries it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{RecvFlags, Shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, tcp};

use crate::acknowledged;
use crate::pipe::End;
#[cfg(feature = "tls")]
use crate::tls;

/// One end of a connection.
#[derive(Debug)]
pub struct Stream(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Simulated(End),
    #[cfg(feature = "tls")]
    Tls(Box<tls::End>),
}

/// What lies at an end and has not been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing.
    Nothing,
    /// Bytes.
    Bytes,
    /// The peer's close, or its reset.
    Closed,
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Stream {
        Stream(Kind::Tcp(stream))
    }
}

impl Stream {
    pub(crate) fn simulated(end: End) -> Stream {
        Stream(Kind::Simulated(end))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn secured(end: tls::End) -> Stream {
        Stream(Kind::Tls(Box::new(end)))
    }

    /// The socket, if there is nothing between.
    #[cfg(feature = "tls")]
    pub(crate) fn socket(&self) -> Option<&TcpStream> {
        match &self.0 {
            Kind::Tcp(stream) => Some(stream),
            Kind::Simulated(_) | Kind::Tls(_) => None,
        }
    }

    /// The socket below a TLS connection.
    #[cfg(all(test, feature = "tls"))]
    pub(crate) fn below(&self) -> &TcpStream {
        match &self.0 {
            Kind::Tls(end) => end.socket(),
            Kind::Tcp(_) | Kind::Simulated(_) => panic!("it has no TLS"),
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn into_socket(self) -> Option<TcpStream> {
        match self.0 {
            Kind::Tcp(stream) => Some(stream),
            Kind::Simulated(_) | Kind::Tls(_) => None,
        }
    }

    /// The protocol that was agreed on for what is spoken inside TLS (ALPN), if any was.
    #[cfg(feature = "tls")]
    pub fn agreed(&self) -> Option<&str> {
        match &self.0 {
            Kind::Tls(end) => end.agreed(),
            Kind::Tcp(_) | Kind::Simulated(_) => None,
        }
    }

    /// Whether each write leaves at once. A simulated one always does.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(stream) => stream.set_nodelay(nodelay),
            Kind::Simulated(_) => Ok(()),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => end.socket().set_nodelay(nodelay),
        }
    }

    /// When the stream is dropped, the connection will be reset.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(stream) => stream.set_zero_linger(),
            Kind::Simulated(end) => {
                end.set_zero_linger();
                Ok(())
            }
            #[cfg(feature = "tls")]
            Kind::Tls(end) => end.set_zero_linger(),
        }
    }

    /// Closes the sending side; it may go on reading.
    pub fn half_close(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(stream) => half_close(stream),
            Kind::Simulated(end) => end.half_close(),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => end.half_close(),
        }
    }

    /// Reads what can be read now; `WouldBlock` if there is nothing.
    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Kind::Tcp(stream) => stream.try_read(into),
            Kind::Simulated(end) => end.try_read(into),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => end.try_read(into),
        }
    }

    /// Writes what can be written now; `WouldBlock` if there is no room. Over TLS whoever hears that comes back with the
    /// same bytes, or does not write any more.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Kind::Tcp(stream) => stream.try_write(bytes),
            Kind::Simulated(end) => end.try_write(bytes),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => end.try_write(bytes),
        }
    }

    /// Ready when there may be something to read, or the peer's close.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            Kind::Tcp(stream) => stream.poll_read_ready(context),
            Kind::Simulated(end) => end.poll_read_ready(context),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => end.poll_read_ready(context),
        }
    }

    /// What lies here unread. Over TCP the kernel is asked: the runtime only knows what it has polled.
    pub fn waiting(&self) -> Waiting {
        match &self.0 {
            Kind::Tcp(stream) => match rustix::net::recv(stream, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
                Err(rustix::io::Errno::AGAIN) => Waiting::Nothing,
                Ok((1.., _)) => Waiting::Bytes,
                Ok((0, _)) | Err(_) => Waiting::Closed,
            },
            Kind::Simulated(end) => end.waiting(),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => end.waiting(),
        }
    }

    /// Bytes that were written and have not reached the peer's end, as its kernel acknowledges; none if nothing is known.
    pub fn unacknowledged(&self) -> Option<u64> {
        match &self.0 {
            Kind::Tcp(stream) => unacknowledged(stream),
            Kind::Simulated(end) => end.unacknowledged(),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => unacknowledged_records(end),
        }
    }

    /// A half to read from and one to write to; both may be used at once.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        match &mut self.0 {
            Kind::Tcp(stream) => {
                let (read, write) = stream.split();
                (ReadHalf(Reading::Tcp(read)), WriteHalf(Writing::Tcp(write)))
            }
            Kind::Simulated(end) => (ReadHalf(Reading::Simulated(end)), WriteHalf(Writing::Simulated(end))),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => (ReadHalf(Reading::Tls(end)), WriteHalf(Writing::Tls(end))),
        }
    }
}

pub(crate) fn half_close(stream: &TcpStream) -> io::Result<()> {
    Ok(rustix::net::shutdown(stream, Shutdown::Write)?)
}

fn unacknowledged(stream: &TcpStream) -> Option<u64> {
    let (local, peer) = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
    acknowledged::unacknowledged(local, peer)
}

/// What the peer's kernel has not acknowledged, and what is still here.
#[cfg(feature = "tls")]
fn unacknowledged_records(end: &tls::End) -> Option<u64> {
    Some(unacknowledged(end.socket())? + end.held_back())
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Kind::Simulated(end) => end.poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => end.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Kind::Simulated(end) => end.poll_write(cx, buf),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => end.poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Simulated(end) => Poll::Ready(shut(end.half_close())),
            #[cfg(feature = "tls")]
            Kind::Tls(end) => Poll::Ready(shut(end.half_close())),
        }
    }
}

/// As tokio does for TCP: what is over already needs no shutting.
fn shut(half_closed: io::Result<()>) -> io::Result<()> {
    match half_closed {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        done => done,
    }
}

/// The reading half of a [`Stream`].
#[derive(Debug)]
pub struct ReadHalf<'a>(Reading<'a>);

#[derive(Debug)]
enum Reading<'a> {
    Tcp(tcp::ReadHalf<'a>),
    Simulated(&'a End),
    #[cfg(feature = "tls")]
    Tls(&'a tls::End),
}

impl ReadHalf<'_> {
    /// Closes the sending side while the other half may be in use.
    pub fn half_close(&self) -> io::Result<()> {
        match &self.0 {
            Reading::Tcp(half) => half_close(half.as_ref()),
            Reading::Simulated(end) => end.half_close(),
            #[cfg(feature = "tls")]
            Reading::Tls(end) => end.half_close(),
        }
    }
}

impl AsyncRead for ReadHalf<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Reading::Tcp(half) => Pin::new(half).poll_read(cx, buf),
            Reading::Simulated(end) => end.poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Reading::Tls(end) => end.poll_read(cx, buf),
        }
    }
}

/// The writing half of a [`Stream`].
#[derive(Debug)]
pub struct WriteHalf<'a>(Writing<'a>);

#[derive(Debug)]
enum Writing<'a> {
    Tcp(tcp::WriteHalf<'a>),
    Simulated(&'a End),
    #[cfg(feature = "tls")]
    Tls(&'a tls::End),
}

impl WriteHalf<'_> {
    /// As [`Stream::try_write`].
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Writing::Tcp(half) => half.try_write(bytes),
            Writing::Simulated(end) => end.try_write(bytes),
            #[cfg(feature = "tls")]
            Writing::Tls(end) => end.try_write(bytes),
        }
    }

    /// Waits until there is room, or the connection is over.
    pub async fn writable(&self) -> io::Result<()> {
        match &self.0 {
            Writing::Tcp(half) => half.writable().await,
            Writing::Simulated(end) => std::future::poll_fn(|context| end.poll_write_ready(context)).await,
            #[cfg(feature = "tls")]
            Writing::Tls(end) => end.socket().writable().await,
        }
    }

    /// As [`Stream::unacknowledged`].
    pub fn unacknowledged(&self) -> Option<u64> {
        match &self.0 {
            Writing::Tcp(half) => unacknowledged(half.as_ref()),
            Writing::Simulated(end) => end.unacknowledged(),
            #[cfg(feature = "tls")]
            Writing::Tls(end) => unacknowledged_records(end),
        }
    }
}

impl AsyncWrite for WriteHalf<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Writing::Tcp(half) => Pin::new(half).poll_write(cx, buf),
            Writing::Simulated(end) => end.poll_write(cx, buf),
            #[cfg(feature = "tls")]
            Writing::Tls(end) => end.poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Writing::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            Writing::Simulated(end) => Poll::Ready(shut(end.half_close())),
            #[cfg(feature = "tls")]
            Writing::Tls(end) => Poll::Ready(shut(end.half_close())),
        }
    }
}
