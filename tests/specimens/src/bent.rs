//! A byte stream whose frames may be bent on their way between the socket and crate `h2`.
//!
//! Crate `h2` is right about streams and tables; what real gateways have got wrong about them is done to the frames here.
//! The reference's frames pass untouched and unread.

mod book;
mod frame;
pub(crate) mod passed;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::Stream;

use crate::decisions::Bends;
use frame::Frame;

pub(crate) use book::Book;

/// The length of what a client says first, in bytes. RFC 9113 §3.4.
const PREFACE_BYTES: usize = 24;
/// How much one read may bring, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// How much may wait to be written before a writer waits, in bytes.
const OUT_BYTES_MAX: usize = 64 * 1024;

/// At which end of a connection we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// At that which asks.
    Client,
    /// At that which answers.
    Server,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Bent {
    stream: Stream,
    role: Role,
    book: Option<Arc<Mutex<Book>>>,
    /// What whoever reads gets next.
    ready: Bytes,
    reader: Option<Waker>,
    /// What goes to the socket next.
    out: Bytes,
    incoming: Frames,
    outgoing: Frames,
}

/// Bytes that are taken from the front.
#[derive(Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    taken: usize,
}

impl Bytes {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn take(&mut self, count: usize) {
        self.taken += count;
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        }
    }
}

/// Frames of one direction, as far as they have come.
#[derive(Debug, Default)]
struct Frames {
    /// How much of the preface is still to come.
    preface: usize,
    bytes: Vec<u8>,
}

impl Frames {
    /// Of a direction in which a client speaks, or a server.
    fn of(speaker: Role) -> Frames {
        let preface = if speaker == Role::Client { PREFACE_BYTES } else { 0 };
        Frames { preface, bytes: Vec::new() }
    }

    /// Takes the preface, or what has come of it.
    fn preface(&mut self) -> Vec<u8> {
        let count = self.preface.min(self.bytes.len());
        self.preface -= count;
        self.bytes.drain(..count).collect()
    }
}

impl Bent {
    /// A connection on which this has been read already.
    pub(crate) fn new(stream: Stream, read: &[u8], bends: Option<Bends>, role: Role) -> Bent {
        let book = bends.map(|bends| Arc::new(Mutex::new(Book::new(bends))));
        let (peer, ready, out) =
            (if role == Role::Client { Role::Server } else { Role::Client }, Bytes::default(), Bytes::default());
        let mut bent = Bent {
            stream,
            role,
            book,
            ready,
            reader: None,
            out,
            incoming: Frames::of(peer),
            outgoing: Frames::of(role),
        };
        bent.read(read);
        bent
    }

    /// What is known of its streams, where frames are bent.
    pub(crate) fn book(&self) -> Option<Arc<Mutex<Book>>> {
        self.book.clone()
    }

    /// Bytes have come from the socket.
    fn read(&mut self, bytes: &[u8]) {
        let Some(book) = self.book.clone() else {
            self.ready.bytes.extend_from_slice(bytes);
            return;
        };
        self.incoming.bytes.extend_from_slice(bytes);
        self.ready.bytes.extend(self.incoming.preface());
        while let Some(frame) = Frame::take(&mut self.incoming.bytes) {
            let passed = match self.role {
                Role::Client => lock(&book).of_server(frame),
                Role::Server => lock(&book).of_client(frame),
            };
            passed.on.iter().for_each(|frame| frame.write(&mut self.ready.bytes));
            passed.back.iter().for_each(|frame| frame.write(&mut self.out.bytes));
        }
    }

    /// Bytes are to go to the socket.
    fn write(&mut self, book: &Mutex<Book>, bytes: &[u8]) {
        self.outgoing.bytes.extend_from_slice(bytes);
        self.out.bytes.extend(self.outgoing.preface());
        while let Some(frame) = Frame::take(&mut self.outgoing.bytes) {
            let passed = match self.role {
                Role::Client => lock(book).of_client(frame),
                Role::Server => lock(book).of_server(frame),
            };
            passed.on.iter().for_each(|frame| frame.write(&mut self.out.bytes));
            passed.back.iter().for_each(|frame| frame.write(&mut self.ready.bytes));
        }
        if !self.ready.rest().is_empty() {
            self.reader.take().into_iter().for_each(Waker::wake);
        }
    }

    fn poll_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.rest().is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, self.out.rest()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.out.take(count),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Bent {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let ready = this.ready.rest();
            if !ready.is_empty() {
                let count = ready.len().min(into.remaining());
                into.put_slice(&ready[..count]);
                this.ready.take(count);
                return Poll::Ready(Ok(()));
            }
            if this.book.is_none() {
                return Pin::new(&mut this.stream).poll_read(context, into);
            }
            this.reader = Some(context.waker().clone());
            let mut piece = [0; READ_BYTES];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.read(piece.filled());
            // What does not go out now goes with the next flush, and crate `h2` flushes whenever it is polled.
            let _ = this.poll_out(context)?;
        }
    }
}

impl AsyncWrite for Bent {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(book) = this.book.clone() else { return Pin::new(&mut this.stream).poll_write(context, bytes) };
        if this.out.rest().len() > OUT_BYTES_MAX {
            ready!(this.poll_out(context))?;
        }
        this.write(&book, bytes);
        let _ = this.poll_out(context)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
