//! What has arrived on a connection and has not been consumed yet.
//!
//! One inbox per connection and direction. It is never shared and never outlives its connection: what stands in it
//! after a reply is surplus, and the pool asks for that.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much one read may bring, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// Bytes received and not yet consumed.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
}

impl Inbox {
    /// Waits for bytes; 0 says that the peer has finished. May be cancelled: no byte is lost.
    pub(crate) async fn fill(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(READ_BYTES);
        reader.read_buf(&mut self.bytes).await
    }

    /// What stands in the inbox.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// How many bytes stand in the inbox.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing stands in the inbox.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the first `count` bytes out.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start >= self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }
}

#[cfg(test)]
impl From<&[u8]> for Inbox {
    fn from(bytes: &[u8]) -> Inbox {
        Inbox { bytes: bytes.to_vec(), start: 0 }
    }
}
