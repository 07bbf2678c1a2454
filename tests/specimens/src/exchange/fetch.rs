//! One request and its reply, for a client that it cannot be written to yet.

use std::sync::atomic::Ordering;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use super::down::Down;
use super::{Fault, Receiving, Sending};
use crate::decisions::{Ending, Finished};
use crate::gateway::Gateway;
use crate::letter::Letter;
use crate::pool::{Unfinished, Upstream};
use crate::request::Request;
use crate::wire::write_request;

/// A reply in memory.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The interim replies before it, as they are written for a client, and how many they are.
    pub(crate) interims: (Vec<u8>, usize),
    pub(crate) letter: Letter,
}

/// Sends a request without a body and reads its reply into memory; nothing if that does not succeed. Says what is known
/// of the upstream connection.
pub(crate) async fn fetch(
    upstream: &mut Upstream,
    request: &Request,
    gateway: &Gateway,
) -> (Option<Fetched>, Finished) {
    let (sending, mut receiving, mut piece) = (Sending::default(), Receiving::nothing(), Vec::new());
    let (from_upstream, mut to_upstream) = upstream.stream.split();
    let mut out = Vec::new();
    let authority = (gateway.decisions.authority)(&request.head.host, &upstream.authority);
    write_request(&mut out, request, authority, request.framing, None);
    let sent = timeout(gateway.decisions.reply_wait, to_upstream.write_all(&out)).await;
    sending.sent.store(matches!(sent, Ok(Ok(()))), Ordering::Relaxed);
    let _ = sending.over.set(Instant::now());
    let down = Down {
        from_upstream,
        inbox: &mut upstream.inbox,
        to_client: Vec::new(),
        request,
        gateway,
        sending: &sending,
        receiving: &mut receiving,
        scratch: &mut upstream.scratch,
        unfinished: &mut upstream.unfinished,
        piece: &mut piece,
        ticket: None,
        place: gateway.ring.enter(),
        kept: true,
    };
    let fetched = down.fetch().await;
    let ending = match &fetched {
        Ok(_) => Ending::Complete,
        Err(Fault::TimedOut) => Ending::TimedOut,
        Err(Fault::Broken | Fault::ClientGone | Fault::Unconfirmed) => Ending::UpstreamBroken,
    };
    let finished = receiving.finished(ending, request, &sending, &mut upstream.inbox, &gateway.decisions);
    (fetched.ok(), finished)
}

impl Down<'_, Vec<u8>> {
    async fn fetch(mut self) -> Result<Fetched, Fault> {
        let Unfinished { head, decoder } = self.begin().await?;
        let framing = decoder.rest();
        let mut body = Vec::new();
        let trailers = self.collect(decoder, &mut body).await?;
        let letter = Letter { head, framing, body, trailers };
        Ok(Fetched { interims: (self.to_client, self.receiving.interims), letter })
    }
}
