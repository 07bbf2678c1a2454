//! What frames of HTTP/2 are made of when their turn comes: heads, bodies, ends, resets.
//!
//! Frames are not made here. How a block of fields is compressed depends on what the connection has sent before it, and
//! how large a DATA frame may be on its windows: both are known only when it is written.

use std::collections::VecDeque;

use http2::ErrorCode;
use vocabulary::canary::StripedBody;
use vocabulary::crossing::Http;
use vocabulary::directive::{Close, Final, Frames, LastStream, OriginAct, ResetCode, SettingsChange};

use super::framing::Form;
use super::{Emission, Medium, Wire, Write};

/// Parts in the order in which they are written.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    parts: VecDeque<Part>,
    body_bytes: u64,
}

/// A frame, or what becomes several.
#[derive(Debug)]
pub(crate) enum Part {
    /// HEADERS, and the CONTINUATION behind it. The text is spelled like that of HTTP/1.1.
    Head { text: Vec<u8>, shape: Frames },
    /// DATA.
    Body { wire: Wire, shape: Frames },
    /// HEADERS with which the stream ends.
    Trailers { text: Vec<u8>, shape: Frames },
    /// The stream's end: on the frame before it, or on an empty DATA frame of its own.
    End { apart: bool },
    /// RST_STREAM.
    Reset(ErrorCode),
    /// GOAWAY.
    GoAway(LastStream),
    /// SETTINGS.
    Settings(SettingsChange),
}

impl Parts {
    fn of(part: Part) -> Parts {
        let mut parts = Parts::default();
        parts.push(part);
        parts
    }

    fn push(&mut self, part: Part) {
        if let Part::Body { wire, .. } = &part {
            if wire.len() == 0 {
                return;
            }
            self.body_bytes += wire.len();
        }
        self.parts.push_back(part);
    }

    /// The parts, one by one.
    pub(crate) fn into_parts(self) -> VecDeque<Part> {
        self.parts
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter()
    }

    fn message(head: Vec<u8>, wire: Wire) -> Parts {
        let shape = Frames::default();
        let mut parts = Parts::head(head);
        parts.push(Part::Body { wire, shape });
        parts.push(Part::End { apart: false });
        parts
    }
}

impl Medium for Parts {
    const HTTP: Http = Http::H2;

    fn head(text: Vec<u8>) -> Parts {
        Parts::of(Part::Head { text, shape: Frames::default() })
    }

    fn plain(head: Vec<u8>, body: &[u8]) -> Parts {
        Parts::message(head, Wire::of(body.to_vec()))
    }

    fn whole(head: Vec<u8>, body: &StripedBody) -> Parts {
        Parts::message(head, Wire::stripes(body))
    }

    fn stripes(body: &StripedBody) -> Parts {
        Parts::of(Part::Body { wire: Wire::stripes(body), shape: Frames::default() })
    }

    fn reply(head: Vec<u8>, body: &StripedBody, trailer: &[u8], reply: &Final, form: &Form) -> (Parts, Option<u64>) {
        let mut shape = reply.frames;
        if let Some(chunk) = form.chunk() {
            let chunk = u32::try_from(chunk).unwrap_or(u32::MAX);
            shape.data = if shape.data == 0 { chunk } else { shape.data.min(chunk) };
        }
        let mut parts = Parts::of(Part::Head { text: head, shape });
        if form.carries_body {
            parts.push(Part::Body { wire: Wire::stripes(body), shape });
        }
        parts.push(match form.carries_trailer(reply) {
            true => Part::Trailers { text: trailer.to_vec(), shape },
            false => Part::End { apart: shape.end_apart },
        });
        let cut = reply.cut.filter(|_| form.carries_body);
        (parts, cut.map(|cut| cut.after_bytes.min(body.len())))
    }

    fn own_act(act: &OriginAct) -> Option<Parts> {
        Some(Parts::of(match act {
            OriginAct::Reset(code) => Part::Reset(match code {
                ResetCode::NoError => ErrorCode::NO_ERROR,
                ResetCode::RefusedStream => ErrorCode::REFUSED_STREAM,
                ResetCode::Cancel => ErrorCode::CANCEL,
                ResetCode::InternalError => ErrorCode::INTERNAL_ERROR,
            }),
            OriginAct::GoAway(go_away) => Part::GoAway(go_away.last),
            OriginAct::Settings(change) => Part::Settings(*change),
            _ => return None,
        }))
    }

    /// A stream has one way to end before its end, and the connection goes on.
    fn close(_: Close, fault: Option<usize>) -> Emission<Parts> {
        let wire = Parts::of(Part::Reset(ErrorCode::INTERNAL_ERROR));
        Emission::Write(Write { wire, marks: fault.map(super::Mark::Performs).into_iter().collect() })
    }

    fn give_up() -> Emission<Parts> {
        Emission::Write(Write::unmarked(Parts::of(Part::Reset(ErrorCode::PROTOCOL_ERROR))))
    }

    /// Bytes of body: a head is written in one.
    fn len(&self) -> u64 {
        self.body_bytes
    }

    /// Takes so many bytes of body and what stands before them.
    fn take(&mut self, count: u64) -> Parts {
        let mut taken = Parts::default();
        if count > self.body_bytes {
            return std::mem::take(self);
        }
        while let Some(part) = self.parts.pop_front() {
            match part {
                Part::Body { mut wire, shape } => {
                    let wanted = count - taken.body_bytes;
                    let first = wire.take(wanted);
                    self.body_bytes -= first.len();
                    taken.push(Part::Body { wire: first, shape });
                    if wire.len() > 0 {
                        self.parts.push_front(Part::Body { wire, shape });
                    }
                    if taken.body_bytes == count {
                        break;
                    }
                }
                other => taken.push(other),
            }
        }
        taken
    }

    fn append(&mut self, other: Parts) {
        self.body_bytes += other.body_bytes;
        self.parts.extend(other.parts);
    }

    /// Fields count uncompressed, which is never less.
    fn segment_bytes(&self) -> u64 {
        let frame = http2::frame::HEAD_BYTES as u64;
        let bytes = |part: &Part| match part {
            Part::Head { text, shape } | Part::Trailers { text, shape } => {
                let bytes = text.len() as u64;
                bytes + frame * if shape.block == 0 { 1 } else { bytes.div_ceil(u64::from(shape.block)) }
            }
            Part::Body { wire, shape } => {
                let frames = if shape.data == 0 { 1 } else { wire.len().div_ceil(u64::from(shape.data)) };
                let empty = if shape.empty { frame } else { 0 };
                wire.len() + empty + frames * (frame + u64::from(shape.padding.min(256)))
            }
            Part::End { .. } | Part::Reset(_) | Part::GoAway(_) | Part::Settings(_) => 2 * frame,
        };
        self.parts.iter().map(bytes).sum()
    }
}
