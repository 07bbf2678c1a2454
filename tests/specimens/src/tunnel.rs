//! A tunnel between two connections. The reference opens none; a mutant that takes a reply for the beginning of another
//! protocol needs the place.

use tokio::io::AsyncWriteExt;

use crate::asker::Asker;
use crate::inbox::Inbox;
use crate::inlet::Inlet;
use crate::outlet::ToClient;
use crate::pool::Upstream;

/// Passes everything on, both ways, until either end has finished.
pub(crate) async fn pass_through(asker: &mut Asker<'_>, upstream: &mut Upstream) {
    let (Inlet::Connection { from: from_client, inbox, .. }, ToClient::Connection(to_client, _)) =
        (&mut asker.body, &mut asker.reply)
    else {
        return;
    };
    let (mut from_upstream, mut to_upstream) = upstream.stream.split();
    loop {
        let down = to_client.write_all(upstream.inbox.bytes()).await;
        let up = to_upstream.write_all(inbox.bytes()).await;
        if down.is_err() || up.is_err() {
            return;
        }
        [&mut **inbox, &mut upstream.inbox].into_iter().for_each(empty);
        let filled = tokio::select! {
            biased;
            filled = upstream.inbox.fill(&mut from_upstream) => filled,
            filled = inbox.fill(from_client) => filled,
        };
        if !matches!(filled, Ok(1..)) {
            return;
        }
    }
}

fn empty(inbox: &mut Inbox) {
    inbox.consume(inbox.len());
}
