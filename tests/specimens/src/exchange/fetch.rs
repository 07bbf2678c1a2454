//! One request and its reply, for a client that it cannot be written to yet.

use std::sync::atomic::Ordering;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use super::down::Down;
use super::source::Source;
use super::{Fault, Receiving, Sending};
use crate::decisions::{Ending, Finished};
use crate::gateway::Gateway;
use crate::letter::Letter;
use crate::outlet::ToClient;
use crate::pool::Upstream;
use crate::request::Request;
use crate::wire::write_request;

/// A reply in memory.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The interim replies before it, as they are written for a client, and how many they are.
    pub(crate) interims: (Vec<u8>, usize),
    pub(crate) letter: Letter,
}

/// Sends a request without a body on a connection of HTTP/1.1 and reads its reply into memory; nothing if that does not
/// succeed. Says what is known of the upstream connection.
pub(crate) async fn fetch(
    upstream: &mut Upstream,
    request: &Request,
    gateway: &Gateway,
) -> (Option<Fetched>, Finished) {
    let (sending, mut receiving, mut piece) = (Sending::default(), Receiving::nothing(), Vec::new());
    let (from, mut to_upstream) = upstream.stream.split();
    let mut out = Vec::new();
    let authority = (gateway.decisions.authority)(&request.head.host, &upstream.authority);
    write_request(&mut out, request, authority, request.framing, None);
    let sent = timeout(gateway.decisions.reply_wait, to_upstream.write_all(&out)).await;
    sending.sent.store(matches!(sent, Ok(Ok(()))), Ordering::Relaxed);
    let _ = sending.over.set(Instant::now());
    let mut memory = ToClient::memory();
    let mut down = Down {
        from: Source::Connection { from, inbox: &mut upstream.inbox, unfinished: &mut upstream.unfinished },
        to: &mut memory,
        request,
        gateway,
        sending: &sending,
        receiving: &mut receiving,
        scratch: &mut upstream.scratch,
        piece: &mut piece,
        ticket: None,
        place: gateway.ring.enter(),
        kept: true,
    };
    let letter = down.fetch().await;
    let ending = match &letter {
        Ok(_) => Ending::Complete,
        Err(Fault::TimedOut) => Ending::TimedOut,
        Err(Fault::Broken | Fault::NotProcessed(_) | Fault::ClientGone | Fault::Unconfirmed) => Ending::UpstreamBroken,
    };
    let finished = receiving.finished(ending, request, &sending, &mut upstream.inbox, &gateway.decisions);
    let interims = (memory.into_memory(), receiving.interims);
    (letter.ok().map(|letter| Fetched { interims, letter }), finished)
}

impl Down<'_, '_> {
    async fn fetch(&mut self) -> Result<Letter, Fault> {
        let head = self.begin().await?;
        let framing = self.from.rest();
        let mut body = Vec::new();
        let trailers = self.collect(&mut body).await?;
        Ok(Letter { head, framing, body, trailers })
    }
}
