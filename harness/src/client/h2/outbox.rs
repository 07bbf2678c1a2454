//! What is to be written on a connection, in its order, and how much of it has been.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// Bytes that may wait before no more DATA is added to them.
const WAITING_BYTES_MAX: usize = 64 * 1024;

/// Frames that wait to be written.
#[derive(Debug, Default)]
pub(in super::super) struct Outbox {
    bytes: Vec<u8>,
    /// How many of those are written.
    taken: usize,
    /// How many were written before those.
    before: u64,
}

impl Outbox {
    /// Adds frames.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
    }

    /// How many bytes there have been, those that wait among them.
    pub(super) fn end(&self) -> u64 {
        self.before + self.bytes.len() as u64
    }

    /// How many of them are written.
    pub(super) fn written(&self) -> u64 {
        self.before + self.taken as u64
    }

    /// Whether nothing waits.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// Whether more DATA may be added.
    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() - self.taken < WAITING_BYTES_MAX
    }

    /// Writes some of what waits. Ready when something was written; pending as well when nothing waits.
    pub(in super::super) fn poll_write(
        &mut self,
        to: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_empty() {
            return Poll::Pending;
        }
        match Pin::new(to).poll_write(context, &self.bytes[self.taken..]) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(bytes)) => {
                self.taken += bytes;
                if self.is_empty() {
                    self.before += self.bytes.len() as u64;
                    self.bytes.clear();
                    self.taken = 0;
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Writes all that waits.
    pub(in super::super) fn poll_flush(
        &mut self,
        to: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            std::task::ready!(self.poll_write(to, context))?;
        }
        Poll::Ready(Ok(()))
    }
}
