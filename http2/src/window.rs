//! Flow-control windows. RFC 9113 §5.2, §6.9.

/// How many bytes of DATA may still be sent: on a stream, or on a connection.
///
/// It is below zero where a setting took back what had been used already (RFC 9113 §6.9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(i64);

/// A window must not grow beyond 2³¹ − 1 bytes. RFC 9113 §6.9.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a flow-control window of {0} bytes is larger than 2^31-1")]
pub struct WindowOverflow(i64);

impl Window {
    /// Of every connection and stream at its beginning, in bytes. RFC 9113 §6.9.2.
    pub const INITIAL: Window = Window(65_535);
    /// The largest that there may be, in bytes.
    pub const MAX: i64 = (1 << 31) - 1;

    /// A window of so many bytes.
    pub fn of(bytes: u32) -> Window {
        Window(i64::from(bytes))
    }

    /// The bytes that may be sent now.
    pub fn available(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// The bytes, as they are counted: perhaps below zero.
    pub fn bytes(self) -> i64 {
        self.0
    }

    /// So many bytes were sent, or received: padding counts, the head of a frame does not.
    pub fn take(&mut self, bytes: usize) {
        self.0 -= bytes as i64;
    }

    /// The peer gave so many bytes (WINDOW_UPDATE), or a new initial size made this difference.
    pub fn add(&mut self, bytes: i64) -> Result<(), WindowOverflow> {
        let sum = self.0 + bytes;
        if sum > Window::MAX {
            return Err(WindowOverflow(sum));
        }
        self.0 = sum;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_can_be_owed_and_never_overflows() {
        let mut window = Window::INITIAL;
        window.take(65_535);
        window.add(16_384 - 65_535).unwrap();
        assert_eq!((window.available(), window.bytes()), (0, -49_151));
        window.add(49_152).unwrap();
        assert_eq!(window.available(), 1);
        assert_eq!(window.add(Window::MAX), Err(WindowOverflow(Window::MAX + 1)));
        assert_eq!(window.available(), 1);
    }
}
