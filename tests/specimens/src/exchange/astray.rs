//! The way down of a gateway whose replies may go astray. The reference never comes here: it passes a reply on as it
//! comes, and has no place where two of them could meet.

use tokio::io::AsyncWrite;

use super::Fault;
use super::down::{Down, write};
use crate::body::Framing;
use crate::cache::Fill;
use crate::decisions::{Decisions, Passed};
use crate::letter::{LETTER_BYTES_MAX, Letter};
use crate::pool::Unfinished;
use crate::stretch::Traits;
use crate::wire::After;

impl Decisions {
    /// Whether replies may go astray here.
    pub(super) fn leads_astray(&self) -> bool {
        self.crosses.is_some() || self.repeats.is_some() || self.swaps.is_some()
    }
}

impl<W: AsyncWrite + Unpin> Down<'_, W> {
    /// Reads the reply to its end, if it is small, and writes what the decisions make of it.
    pub(super) async fn go_astray(
        &mut self,
        reply: Unfinished,
        after: After,
        fill: &mut Option<Fill<'_>>,
    ) -> Result<After, Fault> {
        let framing = reply.decoder.rest();
        let traits = Traits::of(self.request, self.kept, &reply.head, framing);
        let own = Passed { place: self.place, target: self.request.head.target.clone() };
        let is_letter = match framing {
            Framing::None => true,
            Framing::Length(length) => length <= LETTER_BYTES_MAX,
            Framing::Chunked => !self.request.head.http_10,
            Framing::UntilClose => false,
        };
        if !is_letter {
            let streamed = self.stream(reply, after, fill).await?;
            self.gateway.desk.pass(traits);
            self.gateway.ring.pass(own);
            self.scratch.pass(traits);
            return Ok(streamed);
        }
        let Unfinished { head, decoder } = reply;
        let (body, trailers) = self.collect(decoder).await?;
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
        let mut out = Vec::new();
        letter.write(&mut out, after, &self.gateway.calendar);
        self.receiving.within_message = true;
        write(&mut self.to_client, &mut out, decisions.client_wait).await?;
        Ok(after)
    }
}
