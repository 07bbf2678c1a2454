//! The streams of a connection: how far each has come, and how much may still go either way. RFC 9113 §5.1, §5.2.

use std::collections::BTreeMap;

use http2::{StreamId, Window};
use vocabulary::identity::ExchangeId;

use super::late::UnaskedOn;

/// The streams that we have opened on a connection, those that are over among them.
#[derive(Debug, Default)]
pub(super) struct Streams(BTreeMap<StreamId, Stream>);

/// A stream of ours.
#[derive(Debug)]
pub(super) struct Stream {
    /// Whose it is, by its number on the wire.
    pub(super) exchange: ExchangeId,
    /// Whether we may go on sending.
    pub(super) sends: bool,
    /// Whether the peer may.
    pub(super) receives: Receiving,
    /// How much we may send.
    pub(super) send: Window,
    /// How much the peer may.
    pub(super) room: Room,
    /// Whether its exchange gives room back, and not the session as soon as it is used up.
    pub(super) by_hand: bool,
}

/// What may still come on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiving {
    /// Its reply, or the rest of it.
    Open,
    /// Nothing: the peer has ended or reset it, or will not work on it.
    Ended,
    /// What was under way when we reset it.
    Cut,
}

impl Streams {
    /// Adds one.
    pub(super) fn open(&mut self, id: StreamId, stream: Stream) {
        self.0.insert(id, stream);
    }

    pub(super) fn get(&self, id: StreamId) -> Option<&Stream> {
        self.0.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.0.get_mut(&id)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.0.values_mut()
    }

    /// How many count against the peer's limit. RFC 9113 §5.1.2: those that are open or half closed.
    pub(super) fn active(&self) -> usize {
        self.0.values().filter(|stream| stream.is_active()).count()
    }

    /// Why nothing is awaited on a stream, and whose it was; nothing if something is.
    pub(super) fn unasked(&self, id: StreamId) -> Option<(UnaskedOn, Option<ExchangeId>)> {
        let Some(stream) = self.0.get(&id) else { return Some((UnaskedOn::Invented, None)) };
        match stream.receives {
            Receiving::Open => None,
            Receiving::Ended => Some((UnaskedOn::Ended, Some(stream.exchange))),
            Receiving::Cut => Some((UnaskedOn::Reset, Some(stream.exchange))),
        }
    }
}

impl Stream {
    /// Whether anything may still be sent on it, by either side.
    pub(super) fn is_active(&self) -> bool {
        self.sends || self.receives == Receiving::Open
    }

    /// The peer is done with it: nothing of ours is wanted any more, and nothing may come.
    pub(super) fn end_both(&mut self) {
        (self.sends, self.receives) = (false, Receiving::Ended);
    }

    /// We are done with it. What the peer had ended stays ended: nothing can have been under way.
    pub(super) fn cut(&mut self) {
        self.sends = false;
        if self.receives == Receiving::Open {
            self.receives = Receiving::Cut;
        }
    }
}

/// Room for what a peer sends, on a stream or a connection.
#[derive(Debug)]
pub(super) struct Room {
    window: Window,
    /// Bytes that have come and were not given back.
    used: u32,
}

/// More has come than there was room for. RFC 9113 §6.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more DATA than the window allows")]
pub(super) struct Overrun;

impl Room {
    /// For so many bytes.
    pub(super) fn of(bytes: u32) -> Room {
        Room { window: Window::of(bytes), used: 0 }
    }

    /// So many bytes have come, padding included.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Overrun> {
        self.window.take(bytes);
        self.used += bytes as u32;
        if self.window.bytes() < 0 { Err(Overrun) } else { Ok(()) }
    }

    /// Gives back what was used, at most so many bytes: what the peer has to be told, if there is anything.
    pub(super) fn give_back(&mut self, most: u32) -> Option<u32> {
        let bytes = self.used.min(most);
        self.used -= bytes;
        // It was taken from there: there is room for it.
        let given = bytes > 0 && self.window.add(i64::from(bytes)).is_ok();
        given.then_some(bytes)
    }

    /// Whether there is something to give back.
    pub(super) fn is_used(&self) -> bool {
        self.used > 0
    }

    /// Room for so many bytes more; whether there can be so much.
    pub(super) fn add(&mut self, bytes: u32) -> bool {
        self.window.add(i64::from(bytes)).is_ok()
    }

    /// As [`give_back`](Room::give_back), all of it, once that is half of `window` or more.
    pub(super) fn give_back_half(&mut self, window: u32) -> Option<u32> {
        if self.used >= window.div_ceil(2) { self.give_back(u32::MAX) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream {
            exchange: ExchangeId(7),
            sends: true,
            receives: Receiving::Open,
            send: Window::INITIAL,
            room: Room::of(10),
            by_hand: false,
        }
    }

    #[test]
    fn what_comes_on_a_stream_is_asked_for_until_either_side_has_ended_it() {
        let mut streams = Streams::default();
        [1, 3, 5].into_iter().for_each(|id| streams.open(StreamId(id), stream()));
        streams.get_mut(StreamId(3)).unwrap().cut();
        streams.get_mut(StreamId(5)).unwrap().end_both();
        // Once ended, it cannot be under way any more when we reset it.
        streams.get_mut(StreamId(5)).unwrap().cut();
        let whose = Some(ExchangeId(7));
        assert_eq!(
            [1, 3, 5, 7, 2].map(|id| streams.unasked(StreamId(id))),
            [
                None,
                Some((UnaskedOn::Reset, whose)),
                Some((UnaskedOn::Ended, whose)),
                Some((UnaskedOn::Invented, None)),
                Some((UnaskedOn::Invented, None))
            ]
        );
        assert_eq!(streams.active(), 1);
    }

    #[test]
    fn a_stream_counts_as_long_as_either_side_has_not_ended_it() {
        let mut stream = stream();
        stream.receives = Receiving::Ended;
        assert!(stream.is_active());
        stream.sends = false;
        assert!(!stream.is_active());
    }

    #[test]
    fn room_is_given_back_once_half_of_it_is_used() {
        let mut room = Room::of(10);
        room.take(4).unwrap();
        assert_eq!(room.give_back_half(10), None);
        room.take(1).unwrap();
        assert_eq!((room.give_back_half(10), room.give_back(9)), (Some(5), None));
        room.take(10).unwrap();
        assert_eq!((room.give_back(3), room.give_back(3)), (Some(3), Some(3)));
        assert_eq!((room.take(6), room.take(1)), (Ok(()), Err(Overrun)));
    }
}
