//! The reader of a connection: heads, bodies, whose request it is, and the peer's end.

use std::rc::Rc;
use std::time::Duration;

use http2::PREFACE;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use transport::ReadHalf;
use vocabulary::crossing::Http;
use vocabulary::history::Closer;
use vocabulary::identity::Ordinal;
use vocabulary::limits::{HEAD_BYTES_MAX, REQUEST_WAIT, UPSTREAM_PIPELINE_MAX};

use super::{Line, Over, Turn};
use crate::body::{BodyReader, Kept};
use crate::head::{Framing, RequestHead, read_head};
use crate::turn::{Arrived, Body};

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
    /// Whether anything was done with what came.
    begun: bool,
}

impl<'a> Inbound<'a> {
    pub(super) fn new(line: &'a Line<'a>, stream: ReadHalf<'a>) -> Inbound<'a> {
        Inbound { line, stream, bytes: Vec::new(), start: 0, begun: false }
    }

    /// Reads requests until there can be no more.
    pub(super) async fn run(mut self) {
        let over = loop {
            if let Err(over) = self.request().await {
                break over;
            }
        };
        match over {
            Over::Closed | Over::Reset => self.line.office.report_end(self.line.link, Closer::Gateway),
            Over::Unreadable => {}
            Over::Preface => self.line.behind_preface.set(self.unread().to_vec()),
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
            turn.report_seen(self.line.office);
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
            let spelled = self.preface();
            if spelled == PREFACE.len() {
                self.start += spelled;
                return Err(Over::Preface);
            }
            // RFC 9112 §2.2: an empty line before a request is to be ignored.
            while self.unread().starts_with(b"\r\n") {
                self.start += 2;
                self.begun = true;
            }
            let unread = self.unread();
            if !unread.is_empty() && unread != b"\r" && spelled == 0 {
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

    /// How much of the preface of HTTP/2 stands where the connection begins, if it can become one (RFC 9113 §3.4).
    fn preface(&self) -> usize {
        let unread = self.unread();
        let common = unread.len().min(PREFACE.len());
        if !self.begun && unread[..common] == PREFACE[..common] { common } else { 0 }
    }

    /// Gives the request whose head stands in the buffer its turn.
    fn take_turn(&mut self, head: RequestHead, length: usize) -> Rc<Turn> {
        let Line { office, link, .. } = self.line;
        let ordinal = Ordinal(self.line.heads.get() + 1);
        let arrived = Arrived { connection: link.id, ordinal, stream: None };
        let turn = Rc::new(Turn::of(office, arrived, head, &self.bytes[self.start..self.start + length]));
        self.start += length;
        self.begun = true;
        self.line.heads.set(ordinal.0);
        self.line.turns.borrow_mut().push_back(turn.clone());
        link.changed.notify_one();
        turn
    }

    fn recognise(&self, turn: &Turn, all_is_read: bool) -> bool {
        let known = turn.recognise(self.line.office, all_is_read);
        if known {
            self.line.link.changed.notify_one();
        }
        known
    }

    /// Reads the body to its end, and what is still unknown from it.
    async fn body(&mut self, turn: &Turn, known: bool) -> Result<(), Over> {
        let mut kept = Kept::default();
        let outcome = self.drain(turn, &mut kept).await;
        let read = outcome.as_ref().is_ok_and(Result::is_ok);
        turn.search_body(self.line.office, &kept);
        if !known && read {
            self.recognise(turn, true);
        }
        turn.report_seen(self.line.office);
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

    /// Answers what is no request, after the replies that are still owed.
    fn refuse(&mut self, status: u16) -> Over {
        let length = self.unread().len().min(HEAD_BYTES_MAX);
        let turn = self.take_turn(RequestHead::unread(Http::H1), length);
        turn.refuse(self.line.office, status);
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
