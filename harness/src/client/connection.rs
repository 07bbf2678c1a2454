//! One connection to the gateway, and what came on it while nothing was asked.
//!
//! A kept connection is read while it is idle and looked at once more before it is used again: whatever is found then
//! was asked by nobody, and the connection is not used again. (What arrives between that look and the next request
//! cannot be told from its answer, RFC 9112 §9.2; no client can.)

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use transport::Stream;
use vocabulary::crossing::Http;
use vocabulary::history::Unasked;
use vocabulary::identity::{ConnectionId, ExchangeId, LaneId, Moment, Ordinal};
use vocabulary::limits::{CONNECT_WAIT, UNASKED_BYTES_MAX, WRITE_WAIT};

use super::Run;
use super::framing::Reuse;
use super::h2::Session;
use super::reading::{CameOn, keep_within, looks_like, unasked};
use super::request::Target;
use super::waiting::all;

/// Bytes of one read: more than most replies, so that one system call fetches one reply.
pub(super) const READ_BYTES: usize = 32 * 1024;

/// A connection of one lane.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) stream: Stream,
    pub(super) account: Account,
    /// What must be remembered of it, in HTTP/2.
    pub(super) session: Option<Box<Session>>,
}

/// What has happened on a connection.
#[derive(Debug)]
pub(super) struct Account {
    /// Its number.
    pub(super) id: ConnectionId,
    /// Requests sent on it.
    pub(super) requests: u32,
    /// The exchange that used it last.
    pub(super) last: Option<ExchangeId>,
    /// Whether it may be used again.
    pub(super) reuse: Reuse,
    /// Bytes of the next request that have been sent already.
    pub(super) begun: usize,
    /// Bytes that nobody asked for, within [`UNASKED_BYTES_MAX`].
    unasked: Vec<u8>,
    unasked_at: Option<Moment>,
}

impl Account {
    /// The position of the request that goes out after `before` more.
    pub(super) fn ordinal(&self, before: usize) -> Ordinal {
        Ordinal(self.requests + 1 + before as u32)
    }

    /// Takes in bytes that nobody asked for.
    pub(super) fn add_unasked(&mut self, bytes: &[u8], at: Moment) {
        self.reuse = Reuse::Closing;
        self.unasked_at.get_or_insert(at);
        keep_within(&mut self.unasked, bytes, UNASKED_BYTES_MAX);
    }
}

impl Account {
    /// Takes in frames that came while nothing was asked; whether there may be more to read.
    fn take_frames(&mut self, session: &mut Session, bytes: &[u8], now: Moment) -> bool {
        let read = session.take_idle(bytes, now).map_err(|no_frames| no_frames.map(<[u8]>::to_vec));
        if let Err(Some(no_frames)) = &read {
            self.add_unasked(no_frames, now);
        }
        if read.is_err() || !session.is_usable() {
            self.reuse = Reuse::Closing;
        }
        read.is_ok()
    }
}

impl Connection {
    /// Opens a connection within [`CONNECT_WAIT`]. In HTTP/2 its streams have room for so many bytes when they are opened.
    pub(super) async fn open(target: &Target, stream_room: u32) -> io::Result<Connection> {
        let stream = match timeout(CONNECT_WAIT, target.address.connect()).await {
            Ok(connected) => connected?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        stream.set_nodelay(true)?;
        let account = Account {
            id: target.connections.next(),
            requests: 0,
            last: None,
            reuse: Reuse::Kept,
            begun: 0,
            unasked: Vec::new(),
            unasked_at: None,
        };
        let session = match target.http {
            Http::H1 => None,
            Http::H2 => Some(Box::new(Session::new(stream_room, target.scheme))),
        };
        Ok(Connection { stream, account, session })
    }

    /// Opens so many connections at once, and returns those that are open within [`CONNECT_WAIT`], in the order in which
    /// they were begun.
    pub(super) async fn open_several(target: &Target, stream_room: u32, count: u32) -> Vec<Connection> {
        let open = |_| Box::pin(Connection::open(target, stream_room)) as Pin<Box<dyn Future<Output = _>>>;
        let opening = (0..count).map(open);
        all(opening.collect()).await.into_iter().flatten().collect()
    }

    /// Reads what can be read now, and has the task woken when there is more.
    fn poll_watch(&mut self, context: &mut Context<'_>, run: &Run, buffer: &mut [u8]) {
        while self.account.unasked.len() < UNASKED_BYTES_MAX
            && let Poll::Ready(read) = poll_read(&mut self.stream, context, buffer)
            && self.take(read, buffer, run)
        {}
        self.poll_answer(context);
    }

    /// Writes what the session has to say, as far as it can be written now.
    fn poll_answer(&mut self, context: &mut Context<'_>) {
        if let Some(session) = &mut self.session
            && let Poll::Ready(Err(_)) = session.out().poll_flush(&mut self.stream, context)
        {
            self.account.reuse = Reuse::Closing;
        }
    }

    /// Reads what can be read now, and says whether the connection may be used again.
    pub(super) async fn glance(&mut self, run: &Run, buffer: &mut [u8]) -> Reuse {
        // The runtime only knows of bytes that its driver has seen; the driver runs before a yielded task does.
        tokio::task::yield_now().await;
        while self.account.unasked.len() < UNASKED_BYTES_MAX
            && let Some(read) = readable_now(&mut self.stream, buffer).await
            && self.take(read, buffer, run)
        {}
        poll_fn(|context| {
            self.poll_answer(context);
            Poll::Ready(())
        })
        .await;
        self.account.reuse
    }

    /// Gives the gateway something to read before the next request is written: the first letter of its method. In HTTP/2, where
    /// a request is no stream of bytes, a PING before it (RFC 9113 §6.7).
    pub(super) async fn begin(&mut self, method: &str) {
        match &mut self.session {
            None => {
                let letter = method.as_bytes().get(..1).unwrap_or_default();
                match timeout(WRITE_WAIT, self.stream.write_all(letter)).await {
                    Ok(Ok(())) => self.account.begun = letter.len(),
                    Ok(Err(_)) | Err(_) => self.account.reuse = Reuse::Closing,
                }
            }
            Some(session) => {
                session.ping();
                poll_fn(|context| {
                    self.poll_answer(context);
                    Poll::Ready(())
                })
                .await;
            }
        }
    }

    /// Looks once more for what nobody asked for, and closes the connection.
    pub(super) async fn retire(mut self, lane: LaneId, run: &Run, buffer: &mut [u8]) -> Vec<Unasked> {
        self.glance(run, buffer).await;
        let Account { id, last, unasked: bytes, unasked_at, .. } = self.account;
        let mut found = match self.session {
            Some(session) => session.report_late(lane, id, run),
            None => Vec::new(),
        };
        found.extend(unasked_at.map(|at| {
            let came_on = CameOn { lane, connection: id, after: last, at };
            unasked(&bytes, looks_like(&bytes), came_on, &run.key, &run.scanner)
        }));
        found
    }

    /// Whether there may be more to read.
    fn take(&mut self, read: io::Result<usize>, buffer: &[u8], run: &Run) -> bool {
        match read {
            Ok(0) | Err(_) => {
                self.account.reuse = Reuse::Closing;
                false
            }
            Ok(bytes) => {
                let (bytes, now) = (&buffer[..bytes], run.ledger.now());
                match &mut self.session {
                    None => self.account.add_unasked(bytes, now),
                    Some(session) => return self.account.take_frames(session, bytes, now),
                }
                true
            }
        }
    }
}

/// Reads on these connections, on which nothing is asked, for as long as it is polled; it never resolves.
pub(super) async fn watch<'a>(
    connections: impl Iterator<Item = &'a mut Connection>,
    run: &Run,
    buffer: &mut [u8],
) -> Infallible {
    let mut connections: Vec<&mut Connection> = connections.collect();
    poll_fn(|context| {
        connections.iter_mut().for_each(|connection| connection.poll_watch(context, run, buffer));
        Poll::Pending
    })
    .await
}

/// Reads once if there is something to read.
pub(super) async fn readable_now(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
) -> Option<io::Result<usize>> {
    poll_fn(|context| match poll_read(stream, context, buffer) {
        Poll::Pending => Poll::Ready(None),
        Poll::Ready(read) => Poll::Ready(Some(read)),
    })
    .await
}

fn poll_read(
    stream: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut into = ReadBuf::new(buffer);
    Pin::new(stream).poll_read(context, &mut into).map_ok(|()| into.filled().len())
}
