//! A tunnel between two connections. The reference opens none; a mutant that takes a reply for the beginning of another
//! protocol needs the place.

use tokio::io::AsyncWriteExt;

use crate::client::Client;
use crate::inbox::Inbox;
use crate::pool::Upstream;

/// Passes everything on, both ways, until either end has finished.
pub(crate) async fn pass_through(client: &mut Client, upstream: &mut Upstream) {
    let (mut from_client, mut to_client) = client.stream.split();
    let (mut from_upstream, mut to_upstream) = upstream.stream.split();
    loop {
        let down = to_client.write_all(upstream.inbox.bytes()).await;
        let up = to_upstream.write_all(client.inbox.bytes()).await;
        if down.is_err() || up.is_err() {
            return;
        }
        [&mut client.inbox, &mut upstream.inbox].into_iter().for_each(empty);
        let filled = tokio::select! {
            biased;
            filled = upstream.inbox.fill(&mut from_upstream) => filled,
            filled = client.inbox.fill(&mut from_client) => filled,
        };
        if !matches!(filled, Ok(1..)) {
            return;
        }
    }
}

fn empty(inbox: &mut Inbox) {
    inbox.consume(inbox.len());
}
