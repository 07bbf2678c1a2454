//! What a client makes of the bytes it read: a reply with every canary in it, or bytes that nobody asked for.
//!
//! Pure. It says what stood where; whether that was lawful is the oracle's business.

use vocabulary::canary::{
    BodyState, CanaryKey, Claim, Encoding, Hit, Role, Scanner, Site, StripedBody, Unverified, read_body,
};
use vocabulary::directive::OriginAct;
use vocabulary::excerpt::excerpt;
use vocabulary::history::{Completeness, Found, Place, Received, Unasked, UnaskedKind};
use vocabulary::identity::{Attempt, ConnectionId, ExchangeId, LaneId, Moment, Ordinal, StreamId};
use vocabulary::limits::UNASKED_BYTES_MAX;
use vocabulary::plan::Stimulus;

use super::framing::{Framing, Reuse, first_head};
use super::wire::{Defect, WireEvent};

/// A reply as far as it has been read. Its buffers are used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// The statuses of the interim replies.
    pub(crate) interims: Vec<u16>,
    /// Their raw heads, one after the other.
    pub(crate) interim_heads: Vec<u8>,
    /// The status of the final reply; 0 as long as its head has not come.
    pub(crate) status: u16,
    /// Its raw head.
    pub(crate) head: Vec<u8>,
    /// How its body is framed.
    pub(crate) framing: Option<Framing>,
    /// What it says about the connection.
    pub(crate) connection: Option<Reuse>,
    /// Its body, decoded from the framing.
    pub(crate) body: Vec<u8>,
    /// Its raw trailer.
    pub(crate) trailer: Vec<u8>,
    /// Bytes that could not be read as a part of it, within [`UNASKED_BYTES_MAX`].
    pub(crate) stray: Vec<u8>,
    /// How it ended.
    pub(crate) end: Option<Completeness>,
    /// Why it could not be read to its end.
    pub(crate) defect: Option<Defect>,
}

impl Reply {
    /// Takes in what the parser has read.
    pub(crate) fn take(&mut self, event: WireEvent<'_>) {
        match event {
            WireEvent::Interim { status, head } => {
                self.interims.push(status);
                self.interim_heads.extend_from_slice(head);
            }
            WireEvent::Final { status, head, framing, connection } => {
                self.status = status;
                self.head.extend_from_slice(head);
                self.framing = Some(framing);
                self.connection = Some(connection);
            }
            WireEvent::Body(bytes) => self.body.extend_from_slice(bytes),
            WireEvent::Trailer(bytes) => self.trailer.extend_from_slice(bytes),
            WireEvent::Done(end) => self.end = Some(end),
            WireEvent::Malformed(defect) => self.defect = Some(defect),
            WireEvent::Stray(bytes) => keep_within(&mut self.stray, bytes, UNASKED_BYTES_MAX),
        }
    }

    /// The cookies that it sets, by name. Of the attributes behind them nothing is used (RFC 6265 §5.2).
    pub(crate) fn cookies(&self) -> Vec<(String, String)> {
        let head = String::from_utf8_lossy(&self.head);
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let set = fields.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let pairs = set.filter_map(|(_, value)| value.split(';').next().and_then(|pair| pair.split_once('=')));
        pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
    }

    /// Whether nothing of it has been read that could be shown to anybody.
    pub(crate) fn is_empty(&self) -> bool {
        self.interims.is_empty() && self.status == 0 && self.stray.is_empty()
    }

    /// Makes room for the next reply.
    pub(crate) fn clear(&mut self) {
        let Reply { interims, interim_heads, status, head, framing, connection, body, trailer, stray, end, defect } =
            self;
        interims.clear();
        for bytes in [interim_heads, head, body, trailer, stray] {
            bytes.clear();
        }
        *status = 0;
        (*framing, *connection, *end, *defect) = (None, None, None, None);
    }

    /// The reply as it goes into the history. What could not be read counts as bytes outside any message.
    pub(crate) fn received(
        &self,
        read_for: ReadFor,
        key: &CanaryKey,
        scanner: &Scanner,
        expected: Option<&StripedBody>,
    ) -> Received {
        let mut canaries = Canaries::default();
        for (place, bytes) in [
            (Place::Interim, &self.interim_heads),
            (Place::Head, &self.head),
            (Place::Trailer, &self.trailer),
            (Place::Outside, &self.stray),
        ] {
            if !bytes.is_empty() {
                canaries.add(place, scanner.scan(key, bytes));
            }
        }
        let body = match self.body.is_empty() {
            true => BodyState::Unstriped,
            false => {
                let reading = read_body(scanner, key, expected, &self.body);
                // A body that is as its begin stripe promises is not searched: its owner stands for it.
                let owner = reading.owner.map(|claim| Found { claim, place: Place::Body, encoding: Encoding::Plain });
                canaries.found.extend(owner);
                canaries.add(Place::Body, reading.hits);
                reading.state
            }
        };
        let ReadFor { exchange, lane, connection, ordinal, stream, first_at, at } = read_for;
        let (found, unverified) = canaries.sorted();
        Received {
            exchange,
            lane,
            connection,
            ordinal,
            stream,
            first_at,
            at,
            status: self.status,
            interims: self.interims.clone(),
            canaries: found,
            unverified,
            body,
            body_bytes: self.body.len() as u64,
            completeness: self.end.unwrap_or(Completeness::CutOff),
            head: excerpt(&self.head),
            body_start: excerpt(if self.body.is_empty() { &self.stray } else { &self.body }),
        }
    }
}

/// For which request, where and when a reply was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadFor {
    pub(crate) exchange: ExchangeId,
    pub(crate) lane: LaneId,
    pub(crate) connection: ConnectionId,
    pub(crate) ordinal: Ordinal,
    pub(crate) stream: Option<StreamId>,
    pub(crate) first_at: Moment,
    pub(crate) at: Moment,
}

/// The body that the origin sends for a stimulus if all goes well: it spares the reader a search.
pub(crate) fn expected_body(stimulus: &Stimulus, wire: ExchangeId, key: &CanaryKey) -> Option<StripedBody> {
    let bytes = stimulus.directive.acts.iter().find_map(OriginAct::final_reply)?.bytes;
    let claim = Claim {
        role: Role::Reply,
        tenant: stimulus.tenant,
        exchange: wire,
        attempt: Attempt(1),
        site: Site::BodyBegin,
        delivery: 1,
    };
    Some(StripedBody::new(key, claim, bytes))
}

/// On whose connection unasked bytes came, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CameOn {
    pub(crate) lane: LaneId,
    pub(crate) connection: ConnectionId,
    pub(crate) after: Option<ExchangeId>,
    pub(crate) at: Moment,
}

/// Bytes that nobody asked for, as they go into the history.
pub(crate) fn unasked(
    bytes: &[u8],
    looks_like: UnaskedKind,
    came_on: CameOn,
    key: &CanaryKey,
    scanner: &Scanner,
) -> Unasked {
    let mut canaries = Canaries::default();
    canaries.add(Place::Outside, scanner.scan(key, bytes));
    let CameOn { lane, connection, after, at } = came_on;
    Unasked {
        lane,
        connection,
        after,
        at,
        looks_like,
        bytes: bytes.len() as u64,
        canaries: canaries.sorted().0,
        excerpt: excerpt(bytes),
    }
}

/// What bytes outside any reply look like, in HTTP/1.1.
pub(crate) fn looks_like(bytes: &[u8]) -> UnaskedKind {
    let Some(start) = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) else {
        return UnaskedKind::EmptyLines;
    };
    match first_head(&bytes[start..]) {
        // RFC 9110 §15.5.9: a server may send a 408 on an idle connection; a 4xx that announces the close is as harmless.
        Some((408, _) | (400..=499, Reuse::Closing)) => UnaskedKind::ErrorBeforeClose,
        Some((200.., _)) => UnaskedKind::Reply,
        Some(_) | None => UnaskedKind::Garbage,
    }
}

/// Appends bytes as long as there is room.
pub(crate) fn keep_within(kept: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let room = most.saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[derive(Default)]
struct Canaries {
    found: Vec<Found>,
    unverified: u32,
}

impl Canaries {
    fn add(&mut self, place: Place, hits: Vec<Hit>) {
        for hit in hits {
            match hit.canary {
                Ok(claim) => self.found.push(Found { claim, place, encoding: hit.encoding }),
                // A body shorter than a canary begins with a part of one.
                Err(Unverified::CutOff) => {}
                Err(_) => self.unverified += 1,
            }
        }
    }

    /// Each claim once per place, in the order of the message; and how many texts did not verify.
    fn sorted(mut self) -> (Vec<Found>, u32) {
        self.found.sort_unstable_by_key(|found| (found.place, found.claim, found.encoding));
        self.found.dedup_by_key(|found| (found.place, found.claim));
        (self.found, self.unverified)
    }
}

#[cfg(test)]
mod tests {
    use super::super::framing::Asked;
    use super::super::stage::{BASE, body, deliveries, delivery, get, key};
    use super::super::wire::ReplyParser;
    use super::*;

    fn read(wire: &str) -> Received {
        let mut reply = Reply::default();
        let mut parser = ReplyParser::new(Asked::Other);
        parser.feed(wire.as_bytes(), &mut |event| reply.take(event));
        let (exchange, at) = (ExchangeId(1 + BASE), Moment(0));
        let (lane, connection, ordinal) = (LaneId(0), ConnectionId(1), Ordinal(1));
        let read_for = ReadFor { exchange, lane, connection, ordinal, stream: None, first_at: at, at };
        let expected = expected_body(&get(1), exchange, &key());
        reply.received(read_for, &key(), &Scanner::new(), expected.as_ref())
    }

    fn with_body(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn an_intact_body_is_stood_for_by_its_owner() {
        let received = read(&with_body(&body(1, 1)));
        let begin = Found { claim: delivery(1, 1), place: Place::Body, encoding: Encoding::Plain };
        assert_eq!((received.body, received.canaries, received.unverified), (BodyState::Intact, vec![begin], 0));
        assert!(received.body_start.starts_with("xw90q8") && received.head.starts_with("HTTP/1.1 200 OK\n"));
    }

    #[test]
    fn a_foreign_body_names_its_owner() {
        let received = read(&with_body(&body(9, 1)));
        assert_eq!(received.body, BodyState::Intact);
        assert_eq!(received.canaries[0].claim, delivery(9, 1));
    }

    #[test]
    fn a_splice_shows_both_owners_each_once() {
        let (own, foreign) = (body(1, 1), body(9, 1));
        let received = read(&with_body(&format!("{}{}", &own[..128], &foreign[64..])));
        assert!(matches!(received.body, BodyState::Differs { at: 128..192 }), "{:?}", received.body);
        assert_eq!(deliveries(&received.canaries), ["d101", "d109"]);
        let stripes = received.canaries.iter().filter(|found| found.claim.site == Site::Stripe);
        assert_eq!(stripes.count(), 2, "one for each owner");
    }

    #[test]
    fn canaries_are_placed_in_interims_head_body_and_trailer() {
        let canary = &body(1, 1)[..48];
        let received = read(&format!(
            "HTTP/1.1 103 E\r\na: {canary}\r\n\r\nHTTP/1.1 200 OK\r\na: {canary}\r\nTransfer-Encoding: chunked\r\n\r\n\
             30\r\n{canary}\r\n0\r\na: {canary}\r\n\r\n"
        ));
        let places: Vec<Place> = received.canaries.iter().map(|found| found.place).collect();
        let mut expected = vec![Place::Interim, Place::Head, Place::Body, Place::Trailer];
        expected.sort();
        assert_eq!(places, expected);
    }

    #[test]
    fn a_mangled_canary_is_counted_and_names_nobody() {
        let mut mangled = body(1, 1)[..48].to_owned();
        mangled.replace_range(20..24, "aaaa");
        let received = read(&with_body(&mangled));
        assert_eq!((received.canaries.len(), received.unverified), (0, 1));
    }

    #[test]
    fn the_cookies_of_a_reply_are_read_without_their_attributes() {
        let reply = Reply {
            head: b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=a=b; Path=/\r\nset-cookie:t = 1\r\nCookie: no=1\r\n\r\n"
                .to_vec(),
            ..Reply::default()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(reply.cookies(), [pair("sid", "a=b"), pair("t", "1")]);
    }

    /// Field omission: what a rich request carried, in the name or in the value, counts in whatever a bare one receives.
    #[test]
    fn what_another_request_carried_is_found_in_names_as_in_values() {
        let carried = key().mint(Claim { role: Role::Request, site: Site::Body, ..delivery(9, 0) });
        let body = format!(r#"{{"x{carried}":1,"nested":{{"y":"{carried}"}}}}"#);
        let received = read(&with_body(&body).replacen("\r\n", &format!("\r\nx-{carried}: 1\r\n"), 1));
        let owners: Vec<(Place, Role, ExchangeId)> =
            received.canaries.iter().map(|found| (found.place, found.claim.role, found.claim.exchange)).collect();
        let owner = ExchangeId(9 + BASE);
        assert_eq!(owners, [(Place::Head, Role::Request, owner), (Place::Body, Role::Request, owner)]);
    }

    #[test]
    fn unasked_bytes_are_named_by_their_look() {
        let own = body(1, 1);
        for (bytes, expected) in [
            ("\r\n\n", UnaskedKind::EmptyLines),
            ("HTTP/1.1 408 T\r\nContent-Length: 0\r\n\r\n", UnaskedKind::ErrorBeforeClose),
            ("\r\nHTTP/1.1 400 B\r\nConnection: close\r\n\r\n", UnaskedKind::ErrorBeforeClose),
            ("HTTP/1.1 400 B\r\nContent-Length: 0\r\n\r\n", UnaskedKind::Reply),
            ("HTTP/1.1 502 B\r\nConnection: close\r\n\r\n", UnaskedKind::Reply),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", UnaskedKind::Reply),
            ("HTTP/1.1 103 E\r\n\r\n", UnaskedKind::Garbage),
            ("HTTP/1.1 200 OK\r\n", UnaskedKind::Garbage),
            (&own, UnaskedKind::Garbage),
        ] {
            assert_eq!(looks_like(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }

    #[test]
    fn strays_are_kept_within_their_bound() {
        let mut reply = Reply::default();
        let kib = [b'a'; 1024];
        for _ in 0..100 {
            reply.take(WireEvent::Stray(&kib));
        }
        assert_eq!(reply.stray.len(), UNASKED_BYTES_MAX);
    }
}
