//! A simulated connection: two ends, and what is on its way to each.
//!
//! It follows Linux where a program can see the difference: bytes that had arrived are still read after a reset; a reset
//! is told once, then the connection is just closed; an end that is dropped with unread bytes, or that gets some
//! afterwards, resets its peer (RFC 9293 §3.10.4 and §3.6.1).

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::ReadBuf;

use crate::net::{Due, Net};
use crate::stream::Waiting;

/// Bytes that may be on their way and unread in one direction, as much as two kernels' buffers hold; then the writer
/// waits.
pub(crate) const BUFFER_BYTES_MAX: usize = 256 * 1024;
/// A writer that waits is woken when so much is free again: for less it would have to wait again at once.
const WRITABLE_BYTES_MIN: usize = BUFFER_BYTES_MAX / 3;

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The end that connected.
    Dialling,
    /// The end that was accepted.
    Accepting,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Dialling => Side::Accepting,
            Side::Accepting => Side::Dialling,
        }
    }
}

/// What is on its way from one end to the other.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// A segment with bytes.
    Bytes(Vec<u8>),
    /// Nothing more will come.
    Fin,
    /// The connection is over.
    Rst,
}

/// What is sent, or arrives: bytes are copied only where they have to wait.
#[derive(Debug, Clone, Copy)]
enum Sent<'a> {
    Bytes(&'a [u8]),
    Fin,
    Rst,
}

impl Sent<'_> {
    fn bytes(self) -> usize {
        match self {
            Sent::Bytes(bytes) => bytes.len(),
            Sent::Fin | Sent::Rst => 0,
        }
    }

    fn to_parcel(self) -> Parcel {
        match self {
            Sent::Bytes(bytes) => Parcel::Bytes(bytes.to_vec()),
            Sent::Fin => Parcel::Fin,
            Sent::Rst => Parcel::Rst,
        }
    }
}

/// A connection, shared by its ends.
#[derive(Debug)]
pub(crate) struct Wire {
    net: Net,
    sockets: Mutex<[Socket; 2]>,
}

/// What one end knows, and what is on its way to it.
#[derive(Debug, Default)]
struct Socket {
    /// Bytes that have arrived; those before `start` have been read.
    arrived: Vec<u8>,
    start: usize,
    /// Bytes on their way to here.
    coming: usize,
    /// Parcels on their way to here.
    parcels: usize,
    /// When the last of them arrives.
    last: Option<Due>,
    /// Whether a FIN has arrived.
    ended: bool,
    reset: Reset,
    /// Whether this end has sent its FIN.
    shut: bool,
    /// Whether this end was dropped.
    gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Whether a reset has arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reset {
    #[default]
    No,
    /// It will be told to who asks next.
    Untold(ErrorKind),
    Told,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct End {
    wire: Arc<Wire>,
    side: Side,
    zero_linger: AtomicBool,
}

/// A new connection.
pub(crate) fn pair(net: &Net) -> (End, End) {
    let wire = Arc::new(Wire { net: net.clone(), sockets: Mutex::default() });
    let end = |side| End { wire: Arc::clone(&wire), side, zero_linger: AtomicBool::new(false) };
    (end(Side::Dialling), end(Side::Accepting))
}

impl Socket {
    fn unread(&self) -> &[u8] {
        &self.arrived[self.start..]
    }

    /// How many bytes more may be sent to here.
    fn free(&self) -> usize {
        // Nobody will read them: they go out, and a reset comes back.
        if self.gone { BUFFER_BYTES_MAX } else { BUFFER_BYTES_MAX.saturating_sub(self.unread().len() + self.coming) }
    }

    /// The error of a reset, the first time.
    fn tell(&mut self) -> Option<io::Error> {
        match self.reset {
            Reset::Untold(kind) => {
                self.reset = Reset::Told;
                Some(kind.into())
            }
            Reset::No | Reset::Told => None,
        }
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.arrived.len() {
            self.arrived.clear();
            self.start = 0;
        }
    }

    fn is_readable(&self) -> bool {
        !self.unread().is_empty() || self.ended || self.reset != Reset::No
    }

    fn wake_reader(&mut self) {
        // A waker only puts its task into a queue, so that it may be called under the lock.
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}

/// The sockets of one side and of the other.
fn both(sockets: &mut [Socket; 2], side: Side) -> (&mut Socket, &mut Socket) {
    let [dialling, accepting] = sockets;
    match side {
        Side::Dialling => (dialling, accepting),
        Side::Accepting => (accepting, dialling),
    }
}

impl Wire {
    /// Something that was on its way is there.
    pub(crate) fn arrives(self: &Arc<Self>, to: Side, parcel: Parcel) {
        let mut sockets = self.sockets();
        let (socket, _) = both(&mut sockets, to);
        socket.parcels -= 1;
        if socket.parcels == 0 {
            socket.last = None;
        }
        let sent = match &parcel {
            Parcel::Bytes(bytes) => Sent::Bytes(bytes),
            Parcel::Fin => Sent::Fin,
            Parcel::Rst => Sent::Rst,
        };
        socket.coming -= sent.bytes();
        self.deliver(&mut sockets, to, sent);
    }

    /// Sends something to one side.
    fn send(self: &Arc<Self>, sockets: &mut [Socket; 2], to: Side, sent: Sent<'_>) {
        let (socket, _) = both(sockets, to);
        if self.net.takes(self, to, &mut socket.last, || sent.to_parcel()) {
            socket.coming += sent.bytes();
            socket.parcels += 1;
        } else {
            self.deliver(sockets, to, sent);
        }
    }

    fn deliver(self: &Arc<Self>, sockets: &mut [Socket; 2], to: Side, sent: Sent<'_>) {
        let (socket, peer) = both(sockets, to);
        match sent {
            // RFC 9293 §3.10.7.1: what comes for a closed connection is answered by a reset.
            Sent::Bytes(_) if socket.gone => {
                if !peer.gone {
                    self.send(sockets, to.other(), Sent::Rst);
                }
            }
            _ if socket.gone || socket.reset != Reset::No => {}
            Sent::Bytes(bytes) => {
                socket.arrived.extend_from_slice(bytes);
                socket.wake_reader();
            }
            Sent::Fin => {
                socket.ended = true;
                socket.wake_reader();
            }
            Sent::Rst => {
                let kind = if socket.ended { ErrorKind::BrokenPipe } else { ErrorKind::ConnectionReset };
                socket.reset = Reset::Untold(kind);
                socket.wake_reader();
                socket.wake_writer();
            }
        }
    }

    fn sockets(&self) -> MutexGuard<'_, [Socket; 2]> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    /// Reads into `take`, at most `most` bytes.
    fn read(&self, sockets: &mut [Socket; 2], most: usize, take: impl FnOnce(&[u8])) -> io::Result<usize> {
        let (own, peer) = both(sockets, self.side);
        if most == 0 {
            return Ok(0);
        }
        let count = own.unread().len().min(most);
        if count > 0 {
            take(&own.unread()[..count]);
            own.consume(count);
            if peer.writer.is_some() && own.free() >= WRITABLE_BYTES_MIN {
                peer.wake_writer();
            }
            return Ok(count);
        }
        if own.ended {
            return Ok(0);
        }
        match (own.tell(), own.reset) {
            (Some(error), _) => Err(error),
            (None, Reset::No) => Err(ErrorKind::WouldBlock.into()),
            (None, Reset::Untold(_) | Reset::Told) => Ok(0),
        }
    }

    fn write(&self, sockets: &mut [Socket; 2], bytes: &[u8]) -> io::Result<usize> {
        let (own, peer) = both(sockets, self.side);
        if let Some(error) = own.tell() {
            return Err(error);
        }
        if own.shut || own.reset != Reset::No {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(peer.free());
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if count > 0 {
            self.wire.send(sockets, self.side.other(), Sent::Bytes(&bytes[..count]));
        }
        Ok(count)
    }

    pub(crate) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.read(&mut self.wire.sockets(), into.len(), |bytes| into[..bytes.len()].copy_from_slice(bytes))
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.write(&mut self.wire.sockets(), bytes)
    }

    pub(crate) fn poll_read(&self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut sockets = self.wire.sockets();
        match self.read(&mut sockets, into.remaining(), |bytes| into.put_slice(bytes)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                register(&mut both(&mut sockets, self.side).0.reader, context);
                Poll::Pending
            }
            read => Poll::Ready(read.map(|_| ())),
        }
    }

    pub(crate) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sockets = self.wire.sockets();
        let (own, _) = both(&mut sockets, self.side);
        if own.is_readable() {
            return Poll::Ready(Ok(()));
        }
        register(&mut own.reader, context);
        Poll::Pending
    }

    pub(crate) fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut sockets = self.wire.sockets();
        match self.write(&mut sockets, bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                register(&mut both(&mut sockets, self.side).0.writer, context);
                Poll::Pending
            }
            written => Poll::Ready(written),
        }
    }

    pub(crate) fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sockets = self.wire.sockets();
        let (own, peer) = both(&mut sockets, self.side);
        if own.shut || own.reset != Reset::No || peer.free() >= WRITABLE_BYTES_MIN {
            return Poll::Ready(Ok(()));
        }
        register(&mut own.writer, context);
        Poll::Pending
    }

    pub(crate) fn half_close(&self) -> io::Result<()> {
        let mut sockets = self.wire.sockets();
        let (own, _) = both(&mut sockets, self.side);
        if own.reset != Reset::No {
            return Err(ErrorKind::NotConnected.into());
        }
        if !own.shut {
            own.shut = true;
            own.wake_writer();
            self.wire.send(&mut sockets, self.side.other(), Sent::Fin);
        }
        Ok(())
    }

    pub(crate) fn set_zero_linger(&self) {
        self.zero_linger.store(true, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> Waiting {
        let mut sockets = self.wire.sockets();
        let (own, _) = both(&mut sockets, self.side);
        match own.unread().is_empty() {
            false => Waiting::Bytes,
            true if own.ended || own.reset != Reset::No => Waiting::Closed,
            true => Waiting::Nothing,
        }
    }

    pub(crate) fn unacknowledged(&self) -> Option<u64> {
        let mut sockets = self.wire.sockets();
        let (own, peer) = both(&mut sockets, self.side);
        (own.reset == Reset::No).then_some(peer.coming as u64)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut sockets = self.wire.sockets();
        let (own, _) = both(&mut sockets, self.side);
        own.gone = true;
        // RFC 9293 §3.10.4 lets a close fail like this; RFC 2525 §2.17 says why it must.
        let resets = self.zero_linger.load(Ordering::Relaxed) || !own.unread().is_empty();
        let (over, shut) = (own.reset != Reset::No, own.shut);
        own.arrived = Vec::new();
        own.start = 0;
        match (over, resets, shut) {
            (true, _, _) | (false, false, true) => {}
            (false, true, _) => self.wire.send(&mut sockets, self.side.other(), Sent::Rst),
            (false, false, false) => self.wire.send(&mut sockets, self.side.other(), Sent::Fin),
        }
    }
}

fn register(slot: &mut Option<Waker>, context: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(context.waker()) => {}
        _ => *slot = Some(context.waker().clone()),
    }
}
