//! The reader of a connection: heads, bodies, whose request it is, and the peer's end.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use transport::ReadHalf;
use vocabulary::canary::{Unverified, read_body};
use vocabulary::excerpt::excerpt;
use vocabulary::history::{BodySeen, Found, Observation, Place, Seen};
use vocabulary::identity::{Attempt, Ordinal};
use vocabulary::limits::{HEAD_BYTES_MAX, REQUEST_WAIT, UPSTREAM_PIPELINE_MAX};
use vocabulary::plan::EventKind;

use super::{Body, Line, Over, Turn};
use crate::behavior::{self, Context};
use crate::body::{BodyReader, Kept};
use crate::head::{self, Framing, Method, RequestHead, read_head};
use crate::office::Office;

/// Bytes that one read has room for.
const READ_BYTES: usize = 8 * 1024;
/// The status that says that a request did not come in time.
const TOO_SLOW: u16 = 408;

/// The reading half.
pub(super) struct Inbound<'a> {
    line: &'a Line<'a>,
    stream: ReadHalf<'a>,
    /// Bytes that were read from the socket; those before `start` are done with.
    bytes: Vec<u8>,
    start: usize,
}

impl<'a> Inbound<'a> {
    pub(super) fn new(line: &'a Line<'a>, stream: ReadHalf<'a>) -> Inbound<'a> {
        Inbound { line, stream, bytes: Vec::new(), start: 0 }
    }

    /// Reads requests until there can be no more.
    pub(super) async fn run(mut self) {
        let over = loop {
            if let Err(over) = self.request().await {
                break over;
            }
        };
        if over != Over::Unreadable {
            self.line.office.report_end(self.line.link, vocabulary::history::Closer::Gateway);
        }
        self.line.over.set(Some(over));
        self.line.link.changed.notify_one();
    }

    async fn request(&mut self) -> Result<(), Over> {
        while self.line.turns.borrow().len() >= UPSTREAM_PIPELINE_MAX {
            self.line.progress.notified().await;
        }
        let (head, length) = match self.head().await? {
            Ok(read) => read,
            Err(status) => return Err(self.refuse(status)),
        };
        let turn = self.take_turn(head, length);
        let known = self.recognise(&turn, turn.head.body == Framing::None);
        if turn.head.body == Framing::None {
            self.line.report_seen(&turn);
        } else {
            self.body(&turn, known).await?;
        }
        match turn.switches.get() {
            true => Err(self.swallow().await),
            false => Ok(()),
        }
    }

    /// The next head and its length, or the status that refuses what came instead.
    async fn head(&mut self) -> Result<Result<(RequestHead, usize), u16>, Over> {
        loop {
            // RFC 9112 §2.2: an empty line before a request is to be ignored.
            while self.unread().starts_with(b"\r\n") {
                self.start += 2;
            }
            let unread = self.unread();
            if !unread.is_empty() && unread != b"\r" {
                match read_head(unread) {
                    Ok(Some(read)) => return Ok(Ok(read)),
                    Ok(None) => {}
                    Err(malformed) => {
                        tracing::debug!("refused a request on {}: {malformed}", self.line.link.id);
                        return Ok(Err(malformed.status()));
                    }
                }
            }
            // An idle connection may stay idle; a request that has begun must go on.
            let wait = (!self.unread().is_empty()).then_some(REQUEST_WAIT);
            if self.fill(wait).await? == Filled::TooLate {
                return Ok(Err(TOO_SLOW));
            }
        }
    }

    /// Gives the request whose head stands in the buffer its turn.
    fn take_turn(&mut self, head: RequestHead, length: usize) -> Rc<Turn> {
        let Line { office, link, .. } = self.line;
        let at = office.now();
        let raw = &self.bytes[self.start..self.start + length];
        let mut canaries = Vec::new();
        let unverified = search(office, raw, Place::Head, &mut canaries);
        let ordinal = Ordinal(self.line.heads.get() + 1);
        let seen = Seen {
            exchange: None,
            attempt: Attempt(1),
            connection: link.id,
            ordinal,
            stream: None,
            at,
            canaries,
            unverified,
            in_flight: office.enter(),
            authority: head.authority.clone(),
            head: excerpt(raw),
        };
        let body = if head.body == Framing::None { Body::Read } else { Body::Coming };
        let turn = Rc::new(Turn {
            ordinal,
            head,
            seen: RefCell::new(Some(seen)),
            answers: Cell::new(None),
            program: RefCell::new(None),
            body: Cell::new(body),
            early: Cell::new(false),
            switches: Cell::new(false),
            final_written: Cell::new(false),
            in_flight: Cell::new(true),
        });
        self.start += length;
        self.line.heads.set(ordinal.0);
        self.line.turns.borrow_mut().push_back(turn.clone());
        self.line.link.changed.notify_one();
        turn
    }

    /// Finds out whose the request is and what is done for it. Where no canary says so and there is still something to
    /// read, it stays unknown.
    fn recognise(&self, turn: &Turn, all_is_read: bool) -> bool {
        let Line { office, link, .. } = self.line;
        let mut seen = turn.seen.borrow_mut();
        let Some(seen) = seen.as_mut() else { return true };
        let mut book = office.book();
        let Some(identity) = book.identify(&seen.canaries, &turn.head.target) else {
            drop(book);
            if all_is_read {
                turn.program.replace(Some(behavior::stranger(&turn.head)));
                link.changed.notify_one();
            }
            return all_is_read;
        };
        let arrival = book.arrive(identity, seen.at);
        let context = Context {
            key: &office.key,
            tenant: identity.tenant,
            exchange: identity.exchange,
            attempt: arrival.attempt,
            first_delivery: arrival.first_delivery,
        };
        let mut head = Cow::Borrowed(&turn.head);
        if all_is_read && head.expects_continue {
            // Its body has come, so nobody waits for a 100 any more.
            head.to_mut().expects_continue = false;
        }
        let program = behavior::respond(&arrival.reply.directive, &head, context);
        turn.early.set(program.early && !all_is_read);
        turn.switches.set(program.switches);
        book.take_deliveries(identity.exchange, program.deliveries.len());
        let gates = book.has_gates();
        drop(book);
        seen.exchange = Some(identity.exchange);
        seen.attempt = arrival.attempt;
        turn.answers.set(Some((identity.exchange, arrival.attempt)));
        turn.program.replace(Some(program));
        office.happened(identity.exchange, EventKind::Seen, seen.at);
        if gates {
            office.look_at_gates();
        }
        link.changed.notify_one();
        true
    }

    /// Reads the body to its end, and what is still unknown from it.
    async fn body(&mut self, turn: &Turn, known: bool) -> Result<(), Over> {
        let mut kept = Kept::default();
        let outcome = self.drain(turn, &mut kept).await;
        let read = outcome.as_ref().is_ok_and(Result::is_ok);
        self.search_body(turn, &kept);
        if !known && read {
            self.recognise(turn, true);
        }
        self.line.report_seen(turn);
        let (body, over) = match outcome {
            Ok(Ok(())) => (Body::Read, Ok(())),
            Ok(Err(status)) => (Body::Unreadable(status), Err(Over::Unreadable)),
            Err(over) => (turn.body.get(), Err(over)),
        };
        turn.body.set(body);
        self.line.link.changed.notify_one();
        over
    }

    async fn drain(&mut self, turn: &Turn, kept: &mut Kept) -> Result<Result<(), u16>, Over> {
        let mut reader = BodyReader::new(turn.head.body);
        while turn.early.get() && !turn.final_written.get() {
            self.await_early_final(turn, &reader).await?;
        }
        while !reader.at_end() {
            match reader.read(self.unread(), kept) {
                Ok(used) => self.start += used,
                Err(malformed) => {
                    tracing::debug!("refused a body on {}: {malformed}", self.line.link.id);
                    return Ok(Err(malformed.status()));
                }
            }
            if !reader.at_end() && self.fill(Some(REQUEST_WAIT)).await? == Filled::TooLate {
                return Ok(Err(TOO_SLOW));
            }
        }
        Ok(Ok(()))
    }

    /// Leaves the body alone until the early reply is written, but goes on listening, so that the peer's end is noticed.
    async fn await_early_final(&mut self, turn: &Turn, reader: &BodyReader) -> Result<(), Over> {
        let mut ahead = reader.clone();
        let whole = ahead.read(self.unread(), &mut Kept::default()).is_ok() && ahead.at_end();
        turn.body.set(if whole { Body::Arrived } else { Body::Coming });
        let progress = &self.line.progress;
        if self.unread().len() >= HEAD_BYTES_MAX {
            progress.notified().await;
            return Ok(());
        }
        tokio::select! {
            biased;
            () = progress.notified() => Ok(()),
            filled = self.fill(None) => filled.map(drop),
        }
    }

    fn search_body(&self, turn: &Turn, kept: &Kept) {
        let office = self.line.office;
        let (mut canaries, mut unverified) = (Vec::new(), 0);
        let reading = read_body(&office.scanner, &office.key, None, &kept.body);
        if let Some(claim) = reading.owner {
            canaries.push(Found { claim, place: Place::Body, encoding: vocabulary::canary::Encoding::Plain });
        }
        for hit in reading.hits {
            match hit.canary {
                Ok(claim) if reading.owner == Some(claim) => {}
                Ok(claim) => canaries.push(Found { claim, place: Place::Body, encoding: hit.encoding }),
                Err(Unverified::CutOff) => {}
                Err(_) => unverified += 1,
            }
        }
        unverified += search(office, &kept.trailer, Place::Trailer, &mut canaries);
        if let Some(seen) = turn.seen.borrow_mut().as_mut() {
            seen.canaries.extend(canaries);
            seen.unverified += unverified;
        } else if !canaries.is_empty() || unverified > 0 {
            // An early reply has had the request reported. What a gateway sends behind it is read as this body (RFC 9112
            // §9.3), whosever it is.
            let exchange = turn.answers.get().map(|(exchange, _)| exchange);
            let (connection, ordinal) = (self.line.link.id, turn.ordinal);
            office.report(Observation::BodySeen(BodySeen { exchange, connection, ordinal, canaries, unverified }));
        }
    }

    /// Answers what is no request, after the replies that are still owed.
    fn refuse(&mut self, status: u16) -> Over {
        let head = RequestHead {
            method: Method::Other,
            target: String::new(),
            version: vocabulary::plan::Version::Http11,
            persistent: false,
            body: head::Framing::None,
            expects_continue: false,
            conditional: false,
            authority: None,
            upgrade: None,
        };
        let length = self.unread().len().min(HEAD_BYTES_MAX);
        let turn = self.take_turn(head, length);
        // It is reported with its canaries, as nobody's: nothing is answered that could be anybody's.
        turn.program.replace(Some(behavior::refuse(status)));
        self.line.report_seen(&turn);
        Over::Unreadable
    }

    /// What comes behind a switch of protocols is no request.
    async fn swallow(&mut self) -> Over {
        loop {
            if !self.unread().is_empty() {
                self.start = self.bytes.len();
                self.line.strays.set(true);
                self.line.link.changed.notify_one();
            }
            if let Err(over) = self.fill(None).await {
                return over;
            }
        }
    }

    fn unread(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Reads more bytes from the socket.
    async fn fill(&mut self, wait: Option<Duration>) -> Result<Filled, Over> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(READ_BYTES);
        let read = self.stream.read_buf(&mut self.bytes);
        let read = match wait {
            None => read.await,
            Some(wait) => match timeout(wait, read).await {
                Ok(read) => read,
                Err(_) => return Ok(Filled::TooLate),
            },
        };
        match read {
            Ok(0) => Err(Over::Closed),
            Ok(_) => Ok(Filled::More),
            Err(_) => Err(Over::Reset),
        }
    }
}

/// What came of waiting for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    More,
    TooLate,
}

/// Searches a part of a request for canaries; how many did not verify.
fn search(office: &Office, bytes: &[u8], place: Place, found: &mut Vec<Found>) -> u32 {
    let mut unverified = 0;
    for hit in office.scanner.scan(&office.key, bytes) {
        match hit.canary {
            Ok(claim) => found.push(Found { claim, place, encoding: hit.encoding }),
            // A body shorter than a canary begins with a part of one.
            Err(Unverified::CutOff) => {}
            Err(_) => unverified += 1,
        }
    }
    unverified
}
