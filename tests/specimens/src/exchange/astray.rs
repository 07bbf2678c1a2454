//! The way down of a gateway whose replies may go astray. The reference never comes here: it passes a reply on as it
//! comes, and has no place where two of them could meet.

use super::Fault;
use super::down::Down;
use crate::body::Framing;
use crate::cache::Fill;
use crate::decisions::{Decisions, Keeps, Passed};
use crate::head::{Fields, ReplyHead};
use crate::letter::{LETTER_BYTES_MAX, Letter};
use crate::stretch::Traits;
use crate::wire::After;

/// How much of a buffer is written at once, in bytes.
const PIECE_BYTES: usize = 256;

impl Decisions {
    /// Whether replies may go astray here.
    pub(super) fn leads_astray(&self) -> bool {
        let keeps =
            matches!(self.keeps, Some(Keeps::ReplyBody | Keeps::BrokenReply | Keeps::BufferInUse | Keeps::BufferTwice));
        let by_name = self.correlates.is_some() || self.replays.is_some();
        self.crosses.is_some() || self.repeats.is_some() || self.swaps.is_some() || by_name || keeps
    }
}

impl Down<'_, '_> {
    /// Reads the reply to its end, if it is small, and writes what the decisions make of it.
    pub(super) async fn go_astray(
        &mut self,
        head: ReplyHead,
        after: After,
        fill: &mut Option<Fill<'_>>,
    ) -> Result<After, Fault> {
        let framing = self.from.rest();
        let traits = Traits::of(self.request, self.kept, &head, framing);
        let own = Passed { place: self.place, target: self.request.head.target.clone() };
        let is_letter = match framing {
            Framing::None => true,
            Framing::Length(length) => length <= LETTER_BYTES_MAX,
            Framing::Chunked => !self.request.head.http_10,
            Framing::UntilClose => false,
        };
        if !is_letter {
            let streamed = self.stream(head, after, fill).await?;
            self.gateway.desk.pass(traits);
            self.gateway.ring.pass(own);
            self.scratch.pass(traits);
            return Ok(streamed);
        }
        let (body, trailers) = self.gather().await?;
        let mut letter = Letter { head, framing, body, trailers };
        let decisions = &self.gateway.decisions;
        if let Some(repeats) = decisions.repeats {
            letter = self.scratch.write(traits, letter, repeats);
        }
        if let Some(crosses) = decisions.crosses {
            letter = self.gateway.desk.cross(traits, letter, crosses).await;
        }
        if let Some(swaps) = &decisions.swaps {
            letter = self.gateway.ring.complete(own, letter, swaps).await;
        }
        if let Some(ticket) = self.ticket.take() {
            let pending = &self.gateway.pending;
            letter = pending.answer(ticket, letter, decisions.reply_wait).await.ok_or(Fault::TimedOut)?;
        }
        if let Some(name) = decisions.replays.and_then(|name| name(&self.request.head)) {
            self.gateway.answered.note(name, letter.clone());
        }
        if matches!(decisions.keeps, Some(Keeps::BufferInUse | Keeps::BufferTwice)) {
            return self.write_from_buffer(letter, after).await;
        }
        letter.send(self.to, after, &self.gateway.calendar);
        self.receiving.within_message = true;
        self.flush().await?;
        Ok(after)
    }

    /// Reads the body to its end. What becomes of one that breaks off is a matter of what is kept.
    async fn gather(&mut self) -> Result<(Vec<u8>, Fields), Fault> {
        let framing = self.from.rest();
        let (worker, keeps) = (&self.gateway.worker, self.gateway.decisions.keeps);
        let mut body = std::mem::take(self.piece);
        let collected = self.collect(&mut body).await;
        match (collected, keeps, framing) {
            (Ok(trailers), Some(Keeps::ReplyBody), _) => {
                self.scratch.note_body(&body);
                Ok((body, trailers))
            }
            (Ok(trailers), _, _) => Ok((body, trailers)),
            (Err(Fault::Broken), Some(Keeps::ReplyBody), Framing::Length(length))
                if self.scratch.pad(&mut body, length) =>
            {
                Ok((body, Fields::default()))
            }
            (Err(fault), Some(Keeps::BrokenReply), _) => {
                *self.piece = body;
                Err(fault)
            }
            (Err(fault), Some(Keeps::BufferTwice), _) => {
                let buffer = worker.take_buffer();
                worker.give_back(&buffer);
                worker.give_back(&buffer);
                Err(fault)
            }
            (Err(fault), _, _) => Err(fault),
        }
    }

    /// Writes a reply out of a buffer from the worker's free ones, in pieces, between which others have their turn.
    async fn write_from_buffer(&mut self, letter: Letter, after: After) -> Result<After, Fault> {
        let worker = &self.gateway.worker;
        let given_back_early = self.gateway.decisions.keeps == Some(Keeps::BufferInUse);
        let length = letter.body.len();
        self.to.head(&letter.head, letter.ends(), after, None, &self.gateway.calendar);
        let buffer = worker.take_buffer();
        buffer.fill(&letter.body);
        if given_back_early {
            worker.give_back(&buffer);
        }
        self.receiving.within_message = true;
        for from in (0..length).step_by(PIECE_BYTES) {
            self.to.content(&buffer.piece(from..length.min(from + PIECE_BYTES)));
            self.flush().await?;
            tokio::task::yield_now().await;
        }
        self.to.end(&letter.trailers);
        self.flush().await?;
        if !given_back_early {
            worker.give_back(&buffer);
        }
        Ok(after)
    }
}
