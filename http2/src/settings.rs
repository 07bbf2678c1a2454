//! Settings. RFC 9113 §6.5.

use std::fmt;

/// What a setting is about: 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SettingId(pub u16);

/// One setting, as it stands in a SETTINGS frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// What it is about.
    pub id: SettingId,
    /// Its value.
    pub value: u32,
}

impl SettingId {
    /// Bytes of the dynamic table that the sender's decoder offers. RFC 7541 §4.2.
    pub const HEADER_TABLE_SIZE: SettingId = SettingId(0x1);
    /// Whether the sender takes pushed streams: 0 or 1.
    pub const ENABLE_PUSH: SettingId = SettingId(0x2);
    /// Streams that the sender lets its peer have open at once.
    pub const MAX_CONCURRENT_STREAMS: SettingId = SettingId(0x3);
    /// Bytes of each stream's window at its beginning.
    pub const INITIAL_WINDOW_SIZE: SettingId = SettingId(0x4);
    /// Bytes of a frame's payload that the sender takes: 2¹⁴ to 2²⁴ − 1.
    pub const MAX_FRAME_SIZE: SettingId = SettingId(0x5);
    /// Bytes of a field section that the sender takes, as RFC 9113 §6.5.2 counts them.
    pub const MAX_HEADER_LIST_SIZE: SettingId = SettingId(0x6);
    /// Whether the sender takes extended CONNECT: 0 or 1. RFC 8441 §3.
    pub const ENABLE_CONNECT_PROTOCOL: SettingId = SettingId(0x8);

    /// This setting with a value.
    pub fn of(self, value: u32) -> Setting {
        Setting { id: self, value }
    }

    /// The name in the RFC, if it has one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            SettingId::HEADER_TABLE_SIZE => "HEADER_TABLE_SIZE",
            SettingId::ENABLE_PUSH => "ENABLE_PUSH",
            SettingId::MAX_CONCURRENT_STREAMS => "MAX_CONCURRENT_STREAMS",
            SettingId::INITIAL_WINDOW_SIZE => "INITIAL_WINDOW_SIZE",
            SettingId::MAX_FRAME_SIZE => "MAX_FRAME_SIZE",
            SettingId::MAX_HEADER_LIST_SIZE => "MAX_HEADER_LIST_SIZE",
            SettingId::ENABLE_CONNECT_PROTOCOL => "ENABLE_CONNECT_PROTOCOL",
            SettingId(_) => return None,
        })
    }
}

impl fmt::Display for SettingId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => out.write_str(name),
            None => write!(out, "0x{:x}", self.0),
        }
    }
}

impl Setting {
    /// The settings of a payload, in their order: of one that occurs twice, the last counts.
    pub fn read(payload: &[u8]) -> impl Iterator<Item = Setting> + '_ {
        payload.as_chunks::<6>().0.iter().map(|[id1, id2, value @ ..]| Setting {
            id: SettingId(u16::from_be_bytes([*id1, *id2])),
            value: u32::from_be_bytes(*value),
        })
    }

    /// Appends it as it stands in a payload.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0.to_be_bytes());
        out.extend_from_slice(&self.value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_stand_in_six_bytes_each_and_unknown_ones_are_kept() {
        let sent = [SettingId::INITIAL_WINDOW_SIZE.of(0), SettingId(0x77).of(u32::MAX)];
        let mut payload = Vec::new();
        sent.into_iter().for_each(|setting| setting.write(&mut payload));
        assert_eq!(payload, [0, 4, 0, 0, 0, 0, 0, 0x77, 255, 255, 255, 255]);
        assert_eq!(Setting::read(&payload).collect::<Vec<_>>(), sent);
        assert_eq!(sent.map(|setting| setting.id.to_string()), ["INITIAL_WINDOW_SIZE", "0x77"]);
    }
}
