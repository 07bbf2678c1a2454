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
    /// Where that begins which came last.
    seam: usize,
}

impl Inbox {
    /// Waits for bytes; 0 says that the peer has finished. May be cancelled: no byte is lost.
    pub(crate) async fn fill(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.seam = self.seam.saturating_sub(self.start);
            self.start = 0;
        }
        self.bytes.reserve(READ_BYTES);
        let before = self.bytes.len();
        let count = reader.read_buf(&mut self.bytes).await?;
        self.seam = before;
        Ok(count)
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

    /// Puts what came last before the rest.
    pub(crate) fn turn_around(&mut self) {
        let seam = self.seam.clamp(self.start, self.bytes.len());
        self.bytes[self.start..].rotate_left(seam - self.start);
        self.seam = self.start;
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
        Inbox { bytes: bytes.to_vec(), start: 0, seam: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_came_last_can_be_put_first() {
        let mut inbox = Inbox::default();
        for piece in ["one, two, ", "three"] {
            inbox.fill(&mut piece.as_bytes()).await.unwrap();
        }
        inbox.consume("one, ".len());
        inbox.turn_around();
        assert_eq!(inbox.bytes(), b"threetwo, ");
        inbox.turn_around();
        assert_eq!(inbox.bytes(), b"threetwo, ", "nothing has come since");
        inbox.consume(10);
        inbox.turn_around();
        assert!(inbox.is_empty());
    }
}
