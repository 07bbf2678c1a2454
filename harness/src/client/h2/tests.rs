//! The rules of the clients over HTTP/2, one by one, against a gateway that follows a script.

use http2::frame;
use http2::{ErrorCode, SettingId, StreamId};
use vocabulary::canary::BodyState;
use vocabulary::directive::{Directive, FaultKind};
use vocabulary::history::{Completeness, Performed, UnaskedKind, Why};
use vocabulary::identity::{self, ExchangeId, Ordinal};
use vocabulary::plan::{EventKind, Stimulus};

use super::super::stage::{after, body, deliveries, get, lane};
use super::stage::{Peer, Sent, beside, of_tenant, play};

#[tokio::test]
async fn a_connection_carries_batch_after_batch() {
    let played = play(vec![lane([get(1), get(2)])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let head = peer.serve(1).await;
        assert!(head.starts_with(":method: GET\n:scheme: http\n:authority: gateway.test\n:path: /api/cw/"), "{head}");
        peer.serve(2).await;
        peer.end().await;
    })
    .await;
    for (exchange, stream) in [(1, 1), (2, 3)] {
        let (sent, received) = (played.sent(exchange), played.received(exchange));
        assert_eq!((received.connection.0, received.ordinal), (1, Ordinal(exchange)));
        assert_eq!((sent.ordinal, sent.stream), (Ordinal(exchange), Some(identity::StreamId(stream))));
        assert_eq!(received.stream, sent.stream);
        assert_eq!((received.body, received.completeness), (BodyState::Intact, Completeness::Whole));
        assert_eq!(received.head, "HTTP/2 200\ncontent-length: 200\n\n");
        assert!(
            sent.head.starts_with("GET /api/cw/") && sent.head.contains(" HTTP/2\nhost: gateway.test\nuser-agent: ")
        );
        assert_eq!(deliveries(&received.canaries), [format!("d{exchange}")]);
    }
    assert_eq!(
        played.told,
        [(1, EventKind::Sent), (1, EventKind::Concluded), (2, EventKind::Sent), (2, EventKind::Concluded)]
    );
    assert!(played.unasked().is_empty());
}

#[tokio::test]
async fn sixteen_streams_of_four_tenants_may_be_answered_in_any_order() {
    let stimuli = (1..=16).map(|exchange| of_tenant(1 + (exchange as u16 - 1) % 4, beside(exchange)));
    let played = play(vec![lane(stimuli)], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let streams = peer.requests(16).await;
        assert_eq!(streams.values().copied().collect::<Vec<_>>(), (0..16).map(|n| 2 * n + 1).collect::<Vec<_>>());
        for (exchange, stream) in streams.iter().rev() {
            peer.reply(*stream, *exchange, 1);
        }
        peer.send().await;
        peer.end().await;
    })
    .await;
    for exchange in 1..=16 {
        assert_eq!(deliveries(&played.received(exchange).canaries), [format!("d{exchange}")]);
        assert_eq!(played.sent(exchange).tenant.0, 1 + (exchange as u16 - 1) % 4);
    }
    let order = |kind| {
        let told = played.told.iter().filter(move |(_, told)| *told == kind);
        told.map(|(exchange, _)| *exchange).collect::<Vec<_>>()
    };
    assert_eq!(order(EventKind::Sent), (1..=16).collect::<Vec<_>>(), "in the order of the plan");
    assert_eq!(order(EventKind::Concluded), (1..=16).rev().collect::<Vec<_>>(), "in the order in which replies came");
}

#[tokio::test]
async fn a_reply_is_credited_to_the_stream_on_which_it_came_whosever_it_is() {
    let played = play(vec![lane([get(1), of_tenant(2, beside(2))])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let streams = peer.requests(2).await;
        peer.reply(streams[&1], 2, 1);
        peer.reply(streams[&2], 1, 1);
        peer.send().await;
    })
    .await;
    assert_eq!([1, 2].map(|exchange| deliveries(&played.received(exchange).canaries)), [["d2"], ["d1"]]);
    assert!(played.unasked().is_empty());
}
