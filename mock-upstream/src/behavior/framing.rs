//! How a final reply is framed, soundly or not, in view of the request that it answers.
//!
//! What the request allows is decided here: no body after HEAD, 204, 304 (RFC 9112 §6.3 item 1), no chunks and no
//! switch of protocols towards HTTP/1.0 (RFC 9112 §6.1, RFC 9110 §15.2), no defects of chunks and no switch in HTTP/2
//! (RFC 9113 §8.1, §8.6).

use std::ops::Range;

use vocabulary::canary::StripedBody;
use vocabulary::crossing::Http;
use vocabulary::directive::{ChunkDefect, Cut, FaultKind, Final, Framing};
use vocabulary::history::Performed;
use vocabulary::plan::Version;

use super::text::Head;
use super::wire::Wire;
use crate::head::{self, Method, RequestHead};

/// Bytes per chunk where the plan does not say.
const CHUNK_BYTES: u64 = 1024;
/// Chunks of one body: smaller ones than that would cost more memory than the body.
const CHUNKS_MAX: u64 = 64 * 1024;

/// How a reply is framed in view of the request that it answers.
#[derive(Debug)]
pub(crate) struct Form {
    pub(super) status: u16,
    http: Http,
    framing: Framing,
    /// Whether the head says anything of the body's length.
    says_length: bool,
    pub(super) carries_body: bool,
    /// Whether the reply ends the connection.
    pub(super) closes: bool,
    /// Whether the reply turns the connection into a tunnel.
    pub(super) switches: bool,
    /// Whether it would have, but in this version may not.
    pub(super) refuses_switch: bool,
    version_forbids: bool,
    body_is_due: bool,
    request_has_body: bool,
}

impl Form {
    pub(super) fn of(reply: &Final, head: &RequestHead) -> Form {
        let in_frames = head.http == Http::H2;
        let old = head.version == Version::Http10;
        let chunks = match reply.framing {
            // What chunks are for, frames do as well; what makes them wrong, frames cannot spell.
            Framing::Chunked { .. } => old,
            Framing::LengthAndChunked | Framing::ChunkedBroken(_) => old || in_frames,
            Framing::Length
            | Framing::LengthShort { .. }
            | Framing::LengthLong { .. }
            | Framing::LengthTwice { .. }
            | Framing::Close
            | Framing::BodyWhereNone => false,
        };
        let refuses_switch = (old || in_frames) && reply.status == 101;
        let status = match (refuses_switch, reply.validates && head.conditional) {
            (true, _) => 200,
            (false, true) => 304,
            (false, false) => reply.status,
        };
        let framing = if chunks { Framing::Close } else { reply.framing };
        let sound = matches!(framing, Framing::Length | Framing::Chunked { .. } | Framing::Close);
        // RFC 9110 §9.3.6: after a 2xx to CONNECT both framing fields are ignored and everything is tunnel.
        let connects = head.method == Method::Connect && (200..300).contains(&status) && sound;
        let body_is_due = head.method != Method::Head && !bodiless(status) && !connects;
        let where_none = framing == Framing::BodyWhereNone;
        let carries_body = body_is_due || where_none;
        let closing_field = reply.fields.iter().any(|field| {
            field.name.eq_ignore_ascii_case("connection") && field.value.to_ascii_lowercase().contains("close")
        });
        Form {
            status,
            http: head.http,
            framing,
            says_length: where_none || !(bodiless(status) || connects),
            carries_body,
            closes: !in_frames && (closing_field || (framing == Framing::Close && carries_body)),
            switches: !in_frames && (status == 101 || connects),
            refuses_switch,
            version_forbids: chunks || refuses_switch,
            body_is_due,
            request_has_body: head.body != head::Framing::None,
        }
    }

    /// Why the fault that the reply is cannot be performed towards this request, if it cannot.
    pub(super) fn impossible(&self, reply: &Final) -> Option<Performed> {
        let lacks_what_it_needs = match reply.fault()? {
            FaultKind::Framing | FaultKind::Tunnel if self.version_forbids => return Some(Performed::VersionForbids),
            // Where only the close ends a reply, a close in order is no cut (RFC 9112 §6.3 item 8).
            FaultKind::Cut if self.version_forbids && self.carries_body && reply.cut.is_some_and(Cut::is_in_order) => {
                return Some(Performed::VersionForbids);
            }
            FaultKind::Framing if reply.framing == Framing::BodyWhereNone => self.body_is_due,
            FaultKind::Framing | FaultKind::Cut => !self.carries_body,
            FaultKind::EarlyFinal => !self.request_has_body,
            FaultKind::Tunnel | FaultKind::PrivateReply | FaultKind::LargeHead => false,
            // A final reply is none of these.
            FaultKind::ClientAbort
            | FaultKind::RequestFraming
            | FaultKind::Interim
            | FaultKind::Reorder
            | FaultKind::Surplus
            | FaultKind::Silence
            | FaultKind::Close
            | FaultKind::Reset
            | FaultKind::GoAway
            | FaultKind::Settings => false,
        };
        // The request that would let the fault show has not come.
        lacks_what_it_needs.then_some(Performed::Expired)
    }

    /// Where the body has no other end than that of the connection: what that makes of a surplus.
    pub(super) fn runs_on(&self) -> Option<Performed> {
        let runs_on = self.framing == Framing::Close && self.carries_body && self.http == Http::H1;
        runs_on.then_some(if self.version_forbids { Performed::VersionForbids } else { Performed::Expired })
    }

    /// Whether a trailer follows the body.
    pub(super) fn carries_trailer(&self, reply: &Final) -> bool {
        reply.trailers && self.carries_body && (self.chunked() || self.http == Http::H2)
    }

    fn chunked(&self) -> bool {
        matches!(self.framing, Framing::Chunked { .. } | Framing::LengthAndChunked | Framing::ChunkedBroken(_))
    }

    /// Bytes of body that stand in one frame at most, for a plan that speaks of chunks.
    pub(super) fn chunk(&self) -> Option<u64> {
        match self.framing {
            Framing::Chunked { chunk } => Some(chunk.max(1)),
            Framing::Length
            | Framing::LengthShort { .. }
            | Framing::LengthLong { .. }
            | Framing::LengthTwice { .. }
            | Framing::LengthAndChunked
            | Framing::ChunkedBroken(_)
            | Framing::Close
            | Framing::BodyWhereNone => None,
        }
    }

    pub(super) fn push_framing_fields(&self, head: &mut Head, bytes: u64) {
        if !self.says_length {
            return;
        }
        let mut length = |bytes: u64| head.field("Content-Length", &bytes.to_string());
        match self.framing {
            Framing::Length | Framing::BodyWhereNone | Framing::LengthAndChunked => length(bytes),
            Framing::LengthShort { by } => length(bytes.saturating_sub(by)),
            Framing::LengthLong { by } => length(bytes.saturating_add(by)),
            Framing::LengthTwice { off_by } => {
                length(bytes);
                length(bytes.saturating_add_signed(off_by));
            }
            Framing::Chunked { .. } | Framing::ChunkedBroken(_) | Framing::Close => {}
        }
        if self.chunked() {
            // In HTTP/2 it is left out (RFC 9113 §8.2.2).
            head.field("Transfer-Encoding", "chunked");
        }
    }

    /// Adds the body as it is framed. Where it is to be cut after so many bytes of body, says where in `wire` that is.
    pub(super) fn push_body(
        &self,
        wire: &mut Wire,
        body: &StripedBody,
        cut_after: Option<u64>,
        trailer: &[u8],
    ) -> Option<u64> {
        let bytes = body.len();
        let mut body = Cuttable { wire, body, cut_after: cut_after.map(|after| after.min(bytes)), cut_at: None };
        match self.framing {
            Framing::Length
            | Framing::LengthShort { .. }
            | Framing::LengthLong { .. }
            | Framing::LengthTwice { .. }
            | Framing::Close
            | Framing::BodyWhereNone => body.push(0..bytes),
            Framing::Chunked { chunk } => body.push_chunks(chunk, &[b"0\r\n", trailer, b"\r\n"].concat()),
            Framing::LengthAndChunked => {
                body.push_chunks(CHUNK_BYTES, &[b"0\r\n", trailer, b"\r\n"].concat());
            }
            Framing::ChunkedBroken(ChunkDefect::NoLastChunk) => body.push_chunks(CHUNK_BYTES, b""),
            Framing::ChunkedBroken(ChunkDefect::BadSize) => {
                let half = bytes / 2;
                if half > 0 {
                    body.wire.push(format!("{half:x}\r\n").as_bytes());
                    body.push(0..half);
                    body.wire.push(b"\r\n");
                }
                body.wire.push(b"xyz\r\n");
                body.push(half..bytes);
                body.wire.push(b"\r\n0\r\n\r\n");
            }
            Framing::ChunkedBroken(ChunkDefect::TooLong) => {
                body.wire.push(format!("{:x}\r\n", (bytes / 2).max(1)).as_bytes());
                body.push(0..bytes);
                body.wire.push(b"\r\n0\r\n\r\n");
            }
        }
        body.cut_at
    }
}

/// A body that is being framed, with the place of its cut.
struct Cuttable<'a> {
    wire: &'a mut Wire,
    body: &'a StripedBody,
    cut_after: Option<u64>,
    cut_at: Option<u64>,
}

impl Cuttable<'_> {
    fn push(&mut self, range: Range<u64>) {
        let cut = self.cut_after.filter(|after| range.contains(after) || *after == range.end);
        if let (Some(after), None) = (cut, self.cut_at) {
            self.cut_at = Some(self.wire.len() + after - range.start);
        }
        self.wire.push_stripes(self.body, range);
    }

    fn push_chunks(&mut self, chunk: u64, end: &[u8]) {
        let chunk = chunk.max(self.body.len().div_ceil(CHUNKS_MAX)).max(1);
        let mut start = 0;
        while start < self.body.len() {
            let stop = (start + chunk).min(self.body.len());
            self.wire.push(format!("{:x}\r\n", stop - start).as_bytes());
            self.push(start..stop);
            self.wire.push(b"\r\n");
            start = stop;
        }
        if self.cut_after.is_some() && self.cut_at.is_none() {
            self.cut_at = Some(self.wire.len());
        }
        self.wire.push(end);
    }
}

/// Whether a reply of this status never has a body (RFC 9112 §6.3 item 1).
pub(super) fn bodiless(status: u16) -> bool {
    (100..200).contains(&status) || status == 204 || status == 304
}
