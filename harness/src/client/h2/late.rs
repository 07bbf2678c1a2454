//! Frames on streams on which nothing is awaited any more, or never was: evidence, and credited to nobody.
//!
//! RFC 9113 §5.1: behind its end nothing may come on a stream, and behind our reset only what was under way.

use std::collections::BTreeMap;

use http2::StreamId;
use vocabulary::history::{Unasked, UnaskedKind};
use vocabulary::identity::{ConnectionId, ExchangeId, LaneId, Moment};
use vocabulary::limits::UNASKED_BYTES_MAX;

use super::super::Run;
use super::super::reading::{CameOn, keep_within, unasked};

/// Streams that nobody has opened of which frames are kept; a peer that invents more is given up.
const INVENTED_STREAMS_MAX: usize = 16;

/// What came late on a connection.
#[derive(Debug, Default)]
pub(super) struct Late {
    streams: BTreeMap<(StreamId, UnaskedOn), LateFrames>,
}

/// Why nothing was awaited on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UnaskedOn {
    /// It was never opened.
    Invented,
    /// The peer had ended or reset it.
    Ended,
    /// We had reset it.
    Reset,
}

#[derive(Debug)]
struct LateFrames {
    after: Option<ExchangeId>,
    at: Moment,
    /// Heads as they are spelled, and bodies, within [`UNASKED_BYTES_MAX`].
    bytes: Vec<u8>,
}

impl Late {
    /// Takes in what came on a stream, which was this exchange's; whether there is room for more such streams.
    pub(super) fn add(
        &mut self,
        stream: StreamId,
        on: UnaskedOn,
        after: Option<ExchangeId>,
        bytes: &[u8],
        now: Moment,
    ) -> bool {
        let frames = || LateFrames { after, at: now, bytes: Vec::new() };
        keep_within(&mut self.streams.entry((stream, on)).or_insert_with(frames).bytes, bytes, UNASKED_BYTES_MAX);
        let invented = self.streams.keys().filter(|(_, on)| *on == UnaskedOn::Invented);
        invented.count() <= INVENTED_STREAMS_MAX
    }

    /// Whether something has come that no rule allows.
    pub(super) fn is_unlawful(&self) -> bool {
        self.streams.keys().any(|(_, on)| *on != UnaskedOn::Reset)
    }

    /// All of it, as it goes into the history.
    pub(super) fn report(self, lane: LaneId, connection: ConnectionId, run: &Run) -> Vec<Unasked> {
        let streams = self.streams.into_iter();
        let reported = streams.map(|((_, on), LateFrames { after, at, bytes })| {
            let looks_like = match on {
                UnaskedOn::Invented | UnaskedOn::Ended => UnaskedKind::LateFrames,
                UnaskedOn::Reset => UnaskedKind::AfterReset,
            };
            unasked(&bytes, looks_like, CameOn { lane, connection, after, at }, &run.key, &run.scanner)
        });
        reported.collect()
    }
}
