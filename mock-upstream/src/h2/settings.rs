//! What we announce to the gateway, and what of it is in force: our part of RFC 9113 §6.5.
//!
//! A setting of ours is in force once the gateway has acknowledged it. Since its frames keep their order, everything that
//! it sent before was sent under the settings before.

use std::collections::VecDeque;

use http2::hpack::Decoder;
use http2::{Setting, SettingId, Window, frame};
use vocabulary::directive::SettingsChange;
use vocabulary::limits::HEAD_BYTES_MAX;

/// Streams that a gateway may have open at once.
const STREAMS_MAX: u32 = 100;
/// Streams that are served at once whatever was announced: until our settings have arrived, the gateway knows no bound.
const STREAMS_SERVED_MAX: u32 = 1024;
/// Bytes of request body for which a stream has room in any case. A plan may announce a window of nothing; the body
/// still has to end.
const WINDOW_BYTES_MIN: u32 = 256;

/// Our settings.
#[derive(Debug)]
pub(super) struct Announced {
    /// As many as plans make, at most.
    unacknowledged: VecDeque<Change>,
    streams_max: u32,
    window_bytes: u32,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    /// The first ones.
    Opening,
    Planned(SettingsChange),
}

impl Announced {
    pub(super) fn new() -> Announced {
        let window_bytes = u32::try_from(Window::INITIAL.bytes()).unwrap_or(u32::MAX);
        Announced { unacknowledged: VecDeque::new(), streams_max: STREAMS_SERVED_MAX, window_bytes }
    }

    /// Announces the first ones.
    pub(super) fn open(&mut self, out: &mut Vec<u8>) {
        let list = u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX);
        let settings = [SettingId::MAX_CONCURRENT_STREAMS.of(STREAMS_MAX), SettingId::MAX_HEADER_LIST_SIZE.of(list)];
        frame::settings(out, &settings);
        self.unacknowledged.push_back(Change::Opening);
    }

    /// Announces a change.
    pub(super) fn change(&mut self, out: &mut Vec<u8>, change: SettingsChange) {
        frame::settings(out, &[setting(change)]);
        self.unacknowledged.push_back(Change::Planned(change));
    }

    /// The gateway has acknowledged the oldest change: by how many bytes all streams' windows grow.
    pub(super) fn acknowledged(&mut self, decoder: &mut Decoder) -> i64 {
        match self.unacknowledged.pop_front() {
            Some(Change::Opening) => self.streams_max = STREAMS_MAX,
            Some(Change::Planned(SettingsChange::HeaderTable(bytes))) => decoder.offer(bytes),
            Some(Change::Planned(SettingsChange::ConcurrentStreams(streams))) => {
                self.streams_max = streams.min(STREAMS_SERVED_MAX);
            }
            Some(Change::Planned(change @ SettingsChange::InitialWindow(_))) => {
                let before = std::mem::replace(&mut self.window_bytes, setting(change).value);
                return i64::from(self.window_bytes) - i64::from(before);
            }
            None => {}
        }
        0
    }

    /// Whether a further stream may be opened where so many are open.
    pub(super) fn admits(&self, open: usize) -> bool {
        open < self.streams_max as usize
    }

    /// The window of a stream that opens now.
    pub(super) fn window(&self) -> Window {
        Window::of(self.window_bytes)
    }

    /// The bytes by which a window should be opened again, once half of it is used.
    pub(super) fn owed(&self, window: Window) -> Option<u32> {
        let full = i64::from(self.window_bytes.max(WINDOW_BYTES_MIN));
        let owed = full - window.bytes();
        (window.bytes() <= full / 2).then(|| u32::try_from(owed).unwrap_or(0)).filter(|owed| *owed > 0)
    }
}

fn setting(change: SettingsChange) -> Setting {
    match change {
        SettingsChange::HeaderTable(bytes) => SettingId::HEADER_TABLE_SIZE.of(bytes),
        // RFC 9113 §6.5.2: more is an error, and a connection that ends says nothing of streams.
        SettingsChange::InitialWindow(bytes) => SettingId::INITIAL_WINDOW_SIZE.of(bytes.min(i32::MAX as u32)),
        SettingsChange::ConcurrentStreams(streams) => SettingId::MAX_CONCURRENT_STREAMS.of(streams),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http2::hpack::TABLE_BYTES_DEFAULT;

    fn announced() -> (Announced, Decoder) {
        let mut announced = Announced::new();
        announced.open(&mut Vec::new());
        (announced, Decoder::new(TABLE_BYTES_DEFAULT))
    }

    #[test]
    fn a_change_is_in_force_when_it_is_acknowledged() {
        let (mut announced, mut decoder) = announced();
        announced.change(&mut Vec::new(), SettingsChange::ConcurrentStreams(2));
        announced.change(&mut Vec::new(), SettingsChange::InitialWindow(10));
        assert!(announced.admits(500));
        announced.acknowledged(&mut decoder);
        assert!(announced.admits(99) && !announced.admits(100));
        announced.acknowledged(&mut decoder);
        assert!(announced.admits(1) && !announced.admits(2));
        assert_eq!(announced.window(), Window::INITIAL);
        assert_eq!(announced.acknowledged(&mut decoder), 10 - 65_535);
        assert_eq!(announced.window(), Window::of(10));
        assert_eq!(announced.acknowledged(&mut decoder), 0, "an answer to nothing");
    }

    #[test]
    fn a_window_is_opened_again_when_half_of_it_is_used() {
        let (mut announced, mut decoder) = announced();
        assert_eq!(announced.owed(Window::of(32_768)), None);
        assert_eq!(announced.owed(Window::of(32_767)), Some(32_768));
        announced.acknowledged(&mut decoder);
        announced.change(&mut Vec::new(), SettingsChange::InitialWindow(0));
        announced.acknowledged(&mut decoder);
        assert_eq!(announced.owed(Window::of(0)), Some(256), "a body has to end");
        assert_eq!(announced.owed(Window::of(200)), None);
    }
}
