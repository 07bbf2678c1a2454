//! One end of a TLS connection: reading, writing and closing as over plain TCP, with a session between.
//!
//! Both halves of it are used at once, by one task, and what is written must leave when it is written: the session
//! holds nothing back. A write is one record, or as many as its bytes need; all of them go to the kernel in one call.
//! Whoever hears that there is no room has to come back with the same bytes, because records cannot be taken back.

use std::io::{self, BufRead, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rustix::net::RecvFlags;
use rustls::Connection;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::task::coop::poll_proceed;

use super::outgoing::Outgoing;
use crate::stream::{Waiting, half_close};

/// Bytes in one record at most (RFC 8446 §5.1).
const RECORD_BYTES_MAX: usize = 16 * 1024;
/// Bytes that one write makes records of, at most.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// One end of a TLS connection.
#[derive(Debug)]
pub(crate) struct End {
    socket: TcpStream,
    session: Mutex<Session>,
    agreed: Option<String>,
}

#[derive(Debug)]
struct Session {
    tls: Connection,
    outgoing: Outgoing,
    /// Bytes that have come and were not read.
    unread: usize,
    /// Why nothing more comes, until it is told.
    failed: Option<io::Error>,
    /// Nothing more will come.
    ended: bool,
    /// Nothing more is written.
    shut: bool,
    /// The connection will be reset.
    abrupt: bool,
}

impl End {
    /// Does the handshake.
    pub(super) async fn begin(socket: TcpStream, mut tls: Connection) -> io::Result<End> {
        loop {
            send_all(&socket, &mut tls).await?;
            if !tls.is_handshaking() {
                break;
            }
            socket.readable().await?;
            match tls.read_tls(&mut Incoming(&socket)) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed in the TLS handshake")),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            if let Err(error) = tls.process_new_packets() {
                // The peer is told why, if it still listens.
                let _ = send_all(&socket, &mut tls).await;
                return Err(no_handshake(error));
            }
        }
        let state = tls.process_new_packets().map_err(refused)?;
        let agreed = tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        let session = Session {
            // The first request may have come together with the end of the handshake.
            unread: state.plaintext_bytes_to_read(),
            failed: None,
            ended: state.peer_has_closed(),
            tls,
            outgoing: Outgoing::default(),
            shut: false,
            abrupt: false,
        };
        Ok(End { socket, session: Mutex::new(session), agreed })
    }

    /// The connection below.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The protocol that was agreed on (RFC 7301), if any was.
    pub(crate) fn agreed(&self) -> Option<&str> {
        self.agreed.as_deref()
    }

    pub(crate) fn set_zero_linger(&self) -> io::Result<()> {
        self.session().abrupt = true;
        self.socket.set_zero_linger()
    }

    /// Says that nothing more comes, as far as there is room to say it, and closes the sending side. Behind a record of
    /// which the kernel has only a part nothing can be said: the peer sees that it is cut off.
    pub(crate) fn half_close(&self) -> io::Result<()> {
        self.session().say_the_end(&self.socket);
        half_close(&self.socket)
    }

    pub(crate) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut session = self.session();
        match into.is_empty() {
            true => Ok(0),
            false if session.fetch(&mut Incoming(&self.socket), &self.socket, into.len()) => session.read(into),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.session().write(&self.socket, bytes)
    }

    /// Ready when there is something to read: not every record holds something.
    pub(crate) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.session().fetch(&mut Incoming(&self.socket), &self.socket, 1) {
            ready!(self.socket.poll_read_ready(context))?;
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_read(&self, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let turn = ready!(poll_proceed(context));
        loop {
            match self.try_read(buf.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    turn.made_progress();
                    return Poll::Ready(read.map(|count| buf.advance(count)));
                }
            }
            ready!(self.socket.poll_read_ready(context))?;
        }
    }

    pub(crate) fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let turn = ready!(poll_proceed(context));
        loop {
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    turn.made_progress();
                    return Poll::Ready(written);
                }
            }
            ready!(self.socket.poll_write_ready(context))?;
        }
    }

    /// What lies here unread, the kernel's part included.
    pub(crate) fn waiting(&self) -> Waiting {
        let mut session = self.session();
        match session.fetch(&mut FromKernel(&self.socket), &self.socket, 1) {
            true if session.unread > 0 => Waiting::Bytes,
            true => Waiting::Closed,
            false => Waiting::Nothing,
        }
    }

    /// Bytes of records that have not left this process.
    pub(crate) fn held_back(&self) -> u64 {
        self.session().outgoing.rest().len() as u64
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for End {
    /// As plain TCP does it: in order, but with a reset if something lies here unread.
    fn drop(&mut self) {
        let session = self.session.get_mut().unwrap_or_else(PoisonError::into_inner);
        if session.abrupt {
            return;
        }
        // Records without anything in them, such as tickets, are nothing unread; left in the kernel they would reset.
        session.fetch(&mut FromKernel(&self.socket), &self.socket, 1);
        if session.unread > 0 {
            let _ = self.socket.set_zero_linger();
        } else {
            session.say_the_end(&self.socket);
        }
    }
}

impl Session {
    /// Takes in what has come until so many bytes can be read, or there is no more. Whether there is anything to be
    /// told: bytes, the end, an error.
    fn fetch(&mut self, from: &mut dyn Read, socket: &TcpStream, wanted: usize) -> bool {
        // More than a record cannot wait in the session.
        while !self.ended && self.failed.is_none() && self.unread < wanted.min(RECORD_BYTES_MAX) {
            match self.tls.read_tls(from) {
                Ok(0) => self.ended = true,
                Ok(_) => self.take_in(socket),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => self.failed = Some(error),
            }
        }
        self.unread > 0 || self.failed.is_some() || self.ended
    }

    fn take_in(&mut self, socket: &TcpStream) {
        match self.tls.process_new_packets() {
            Ok(state) => {
                self.unread = state.plaintext_bytes_to_read();
                self.ended |= state.peer_has_closed();
            }
            Err(error) => {
                (self.failed, self.ended) = (Some(refused(error)), true);
                self.unread = self.left_to_read();
            }
        }
        // An answer that is the session's own affair: to a change of keys, or an alert.
        if self.tls.wants_write() && !self.shut {
            let _ = self.collect().and_then(|()| self.push(socket));
        }
    }

    /// What a read brings, when something has been fetched.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.unread > 0 {
            let read = self.tls.reader().read(into)?;
            self.unread -= read;
            if self.unread == 0 && self.failed.is_some() {
                self.unread = self.left_to_read();
            }
            return Ok(read);
        }
        // A FIN by itself is an end as well: what came is asked here, and not whether that was all (RFC 9112 §9.8).
        self.failed.take().map_or(Ok(0), Err)
    }

    /// Some of the bytes that came before a record that cannot be read.
    fn left_to_read(&mut self) -> usize {
        self.tls.reader().fill_buf().map_or(0, <[u8]>::len)
    }

    fn write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        if self.shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.outgoing.owed().is_empty() {
            for record in bytes[..bytes.len().min(WRITE_BYTES_MAX)].chunks(RECORD_BYTES_MAX) {
                self.tls.writer().write_all(record)?;
                self.collect()?;
                self.outgoing.holds(record);
            }
        } else {
            let owed = self.outgoing.owed();
            if !(bytes.starts_with(owed) || owed.starts_with(bytes)) {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "records of other bytes are on their way"));
            }
        }
        let pushed = self.push(socket);
        match self.outgoing.settle(bytes.len()) {
            0 if !bytes.is_empty() => Err(pushed.err().unwrap_or_else(|| io::ErrorKind::WouldBlock.into())),
            written => Ok(written),
        }
    }

    /// Moves the session's records to those on their way.
    fn collect(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(self.outgoing.room())?;
        }
        Ok(())
    }

    /// Hands to the kernel what it takes.
    fn push(&mut self, socket: &TcpStream) -> io::Result<()> {
        while !self.outgoing.rest().is_empty() {
            let taken = socket.try_write(self.outgoing.rest())?;
            self.outgoing.take(taken);
        }
        Ok(())
    }

    /// Says that nothing more comes (RFC 8446 §6.1), as far as that can be said now.
    fn say_the_end(&mut self, socket: &TcpStream) {
        if !self.shut && self.push(socket).is_ok() {
            self.tls.send_close_notify();
            let _ = self.collect().and_then(|()| self.push(socket));
        }
        self.shut = true;
    }
}

/// Sends what the session has to say, and waits for room.
async fn send_all(socket: &TcpStream, tls: &mut Connection) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(&mut Records(socket)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.writable().await?,
            written => drop(written?),
        }
    }
    Ok(())
}

fn refused(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Why there was no handshake. Whoever speaks in the clear sends what is no record.
fn no_handshake(error: rustls::Error) -> io::Error {
    match error {
        rustls::Error::InvalidMessage(_) => {
            io::Error::new(io::ErrorKind::InvalidData, format!("the peer speaks no TLS: {error}"))
        }
        _ => refused(error),
    }
}

/// What has come, as far as the runtime knows.
struct Incoming<'a>(&'a TcpStream);

impl Read for Incoming<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

/// What has come, as the kernel knows.
struct FromKernel<'a>(&'a TcpStream);

impl Read for FromKernel<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(self.0, into, RecvFlags::DONTWAIT)?.1)
    }
}

/// What goes out in the handshake.
struct Records<'a>(&'a TcpStream);

impl Write for Records<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
