//! What a program writes, in either version of HTTP: bytes, or what frames are made of. Acts become a program in one way
//! for both; only what the versions differ in stands behind this trait.

use std::fmt;

use vocabulary::canary::StripedBody;
use vocabulary::crossing::Http;
use vocabulary::directive::{Close, Final, OriginAct};

use super::framing::Form;
use super::wire::Wire;
use super::{Emission, Write};

/// What stands in the writes of a program.
pub(crate) trait Medium: fmt::Debug + Default {
    /// The version whose it is.
    const HTTP: Http;

    /// A head that something will follow.
    fn head(text: Vec<u8>) -> Self;
    /// A whole reply with a body that is no delivery's.
    fn plain(head: Vec<u8>, body: &[u8]) -> Self;
    /// A whole reply that nobody asked for.
    fn whole(head: Vec<u8>, body: &StripedBody) -> Self;
    /// Stripes by themselves.
    fn stripes(body: &StripedBody) -> Self;
    /// The reply that an exchange is owed, and where it is to be cut if it is, for [`Medium::take`].
    fn reply(head: Vec<u8>, body: &StripedBody, trailer: &[u8], reply: &Final, form: &Form) -> (Self, Option<u64>);
    /// An act that only this version has a word for.
    fn own_act(act: &OriginAct) -> Option<Self>;
    /// The end that a plan wants: of the connection, or of the stream.
    fn close(close: Close, fault: Option<usize>) -> Emission<Self>;
    /// The end behind the answer to a request that cannot be read.
    fn give_up() -> Emission<Self>;

    /// How much there is, as [`Medium::take`] counts.
    fn len(&self) -> u64;
    /// Takes the beginning away.
    fn take(&mut self, count: u64) -> Self;
    /// Adds everything that `other` holds.
    fn append(&mut self, other: Self);
    /// Bytes in a segment, at most.
    fn segment_bytes(&self) -> u64;
}

impl Medium for Wire {
    const HTTP: Http = Http::H1;

    fn head(text: Vec<u8>) -> Wire {
        Wire::of(text)
    }

    fn plain(head: Vec<u8>, body: &[u8]) -> Wire {
        let mut wire = Wire::of(head);
        wire.push(body);
        wire
    }

    fn whole(head: Vec<u8>, body: &StripedBody) -> Wire {
        let mut wire = Wire::of(head);
        wire.push_stripes(body, 0..body.len());
        wire
    }

    fn stripes(body: &StripedBody) -> Wire {
        let mut wire = Wire::default();
        wire.push_stripes(body, 0..body.len());
        wire
    }

    fn reply(head: Vec<u8>, body: &StripedBody, trailer: &[u8], reply: &Final, form: &Form) -> (Wire, Option<u64>) {
        let mut wire = Wire::of(head);
        let cut_after = reply.cut.map(|cut| cut.after_bytes);
        let cut_at = if form.carries_body { form.push_body(&mut wire, body, cut_after, trailer) } else { None };
        (wire, cut_at)
    }

    /// RFC 9112 knows no streams.
    fn own_act(_: &OriginAct) -> Option<Wire> {
        None
    }

    fn close(close: Close, fault: Option<usize>) -> Emission<Wire> {
        Emission::Close { close, fault }
    }

    /// RFC 9112 §9.6: where the end of the request cannot be found the connection has no future.
    fn give_up() -> Emission<Wire> {
        Emission::Close { close: Close::Fin, fault: None }
    }

    fn len(&self) -> u64 {
        Wire::len(self)
    }

    fn take(&mut self, count: u64) -> Wire {
        Wire::take(self, count)
    }

    fn append(&mut self, other: Wire) {
        Wire::append(self, other);
    }

    fn segment_bytes(&self) -> u64 {
        Wire::len(self)
    }
}

impl<W> Write<W> {
    /// A write that means nothing to anybody.
    pub(super) fn unmarked(wire: W) -> Write<W> {
        Write { wire, marks: Vec::new() }
    }
}
