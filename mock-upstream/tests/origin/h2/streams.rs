//! Streams beside one another: gates, bait, interleaving, and those that the gateway resets.

use std::time::Instant;

use http2::ErrorCode;
use vocabulary::directive::{Cut, CutBy, FaultKind, Frames, Hold, Interim, InterimLength, OriginAct, Segment};
use vocabulary::history::{Observation, Performed};
use vocabulary::identity::{ExchangeId, GateId};
use vocabulary::limits::BAIT_WAIT;
use vocabulary::plan::{Event, EventKind, Gate};

use super::peer::{Got, Peer};
use crate::stage::{Stage, final_with, ok};

const BAIT: OriginAct = OriginAct::Hold(Hold::Bait);

fn gated(exchanges: &[u32], release: &[u32], gap_us: u64) -> Stage {
    let ids = |numbers: &[u32]| numbers.iter().copied().map(ExchangeId).collect();
    let gate = Gate { id: GateId(1), awaits: ids(exchanges), release: ids(release), gap_us };
    let stage = Stage::new();
    let acts = || vec![OriginAct::Hold(Hold::Gate(GateId(1))), ok(64)];
    let planned: Vec<_> = exchanges.iter().map(|exchange| (*exchange, acts())).collect();
    stage.load(&planned, vec![gate]);
    stage
}

/// The streams in the order in which their heads come.
async fn order(peer: &mut Peer, count: usize) -> Vec<u32> {
    let mut order = Vec::new();
    while order.len() < count {
        if let Got::Head(id, ..) = peer.any().await {
            order.push(id);
        }
    }
    order
}

#[tokio::test]
async fn a_gate_releases_many_streams_of_one_connection_in_the_planned_order() {
    let exchanges: Vec<u32> = (1..=32).collect();
    let reverse: Vec<u32> = (1..=32).rev().collect();
    let shuffled: Vec<u32> = (0..32).map(|place| 1 + (place * 11) % 32).collect();
    for (release, gap_us) in [(&reverse, 0), (&shuffled, 0), (&reverse, 500)] {
        let stage = gated(&exchanges, release, gap_us);
        let mut peer = Peer::connect(&stage).await;
        let mut streams = Vec::new();
        for exchange in &exchanges {
            streams.push(peer.get(*exchange).await);
        }
        let expected: Vec<u32> = release.iter().map(|exchange| streams[*exchange as usize - 1]).collect();
        assert_eq!(order(&mut peer, 32).await, expected);
        assert_eq!(stage.performed(FaultKind::Reorder).await, Performed::Fully);
        let replied = stage.until("all replies", |all| {
            let replied = all.iter().filter_map(|it| match it {
                Observation::Replied(replied) => Some(replied.delivery.exchange.0),
                _ => None,
            });
            let replied: Vec<u32> = replied.collect();
            (replied.len() == 32).then_some(replied)
        });
        assert_eq!(&replied.await, release);
    }
}

#[tokio::test]
async fn one_gate_holds_streams_and_connections_of_both_versions() {
    let stage = gated(&[1, 2, 3, 4], &[4, 1, 3, 2], 0);
    let (mut first, mut second) = (Peer::connect(&stage).await, Peer::connect(&stage).await);
    let mut old = stage.connect().await;
    let (one, two) = (first.get(1).await, first.get(2).await);
    old.send(stage.get(3)).await;
    let four = second.get(4).await;
    assert_eq!(first.reply(one).await.owner, Some((1, 1)));
    assert_eq!(first.reply(two).await.owner, Some((2, 1)));
    assert_eq!(old.reply().await.owner, Some((3, 1)));
    assert_eq!(second.reply(four).await.owner, Some((4, 1)));
    let opened = stage.until("the gate's opening", |all| {
        all.iter().find_map(|it| match it {
            Observation::GateOpened(opened) => Some(opened.clone()),
            _ => None,
        })
    });
    let opened = opened.await;
    assert!(opened.in_full());
    assert_eq!(opened.released, [4, 1, 3, 2].map(ExchangeId));
    let connections = [1, 2, 3, 4].map(|exchange| (exchange, exchange == 3));
    for (exchange, is_old) in connections {
        assert_eq!(stage.seen(exchange, 1).await[0].stream.is_none(), is_old);
    }
}

#[tokio::test]
async fn the_bytes_of_two_streams_alternate() {
    let frames = Frames { data: 1, ..Frames::default() };
    let acts = || vec![final_with(80, |reply| reply.frames = frames)];
    let stage = Stage::new();
    stage.load(&[(1, acts()), (2, acts())], Vec::new());
    let mut peer = Peer::connect(&stage).await;
    let ((one, mut out), (two, more)) = (peer.spell("GET", 1, &[], true), peer.spell("GET", 2, &[], true));
    out.extend(more);
    peer.send(&out).await;
    let (mut streams, mut bodies) = (Vec::new(), [Vec::new(), Vec::new()]);
    while streams.len() < 160 {
        if let Got::Data(id, bytes, ..) = peer.any().await {
            streams.push(id);
            bodies[usize::from(id == two)].extend(bytes);
        }
    }
    assert!(streams.chunks(2).all(|pair| pair == [one, two]), "{streams:?}");
    assert_eq!([peer.owner(&bodies[0]), peer.owner(&bodies[1])], [Some((1, 1)), Some((2, 1))]);
}

#[tokio::test]
async fn streams_that_wait_for_the_same_event_alternate_too() {
    let seen = Event { exchange: ExchangeId(9), kind: EventKind::Seen };
    let frames = Frames { data: 10, ..Frames::default() };
    let acts = || vec![OriginAct::Hold(Hold::Event(seen)), final_with(200, |reply| reply.frames = frames)];
    let stage = Stage::new();
    stage.load(&[(1, acts()), (2, acts()), (3, acts())], Vec::new());
    let mut peer = Peer::connect(&stage).await;
    let streams = [peer.get(1).await, peer.get(2).await, peer.get(3).await];
    stage.event(3, EventKind::Seen).await;
    peer.get(9).await;
    let mut order = Vec::new();
    while order.len() < 60 {
        match peer.any().await {
            Got::Data(id, ..) if streams.contains(&id) => order.push(id),
            _ => {}
        }
    }
    assert!(order.chunks(3).all(|round| round == streams), "{order:?}");
}

#[tokio::test]
async fn bait_waits_for_the_next_stream_and_nobody_waits_for_bait() {
    let interim = Interim { status: 103, length: InterimLength::Absent, fields: Vec::new(), segment: Segment::Own };
    let stage = Stage::with(vec![OriginAct::Interim(interim), BAIT, ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    peer.head(id).await;
    peer.ping().await;
    assert!(!peer.has_unread(id));
    let next = peer.get(2).await;
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
    assert!(stage.replied(1, 1).await.at >= stage.seen(2, 1).await[0].at, "the owed reply waited");
    assert_eq!((stage.seen(2, 1).await[0].ordinal.0, stage.seen(2, 1).await[0].in_flight), (2, 2));
}

#[tokio::test]
async fn bait_ends_with_patience() {
    let interim = Interim { status: 103, length: InterimLength::Absent, fields: Vec::new(), segment: Segment::Own };
    let stage = Stage::with(vec![OriginAct::Interim(interim), BAIT, ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    stage.event(1, EventKind::InterimWritten).await;
    let began = Instant::now();
    stage.origin().end_patience();
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    assert!(began.elapsed() < BAIT_WAIT);
}

#[tokio::test]
async fn a_stream_that_the_gateway_resets_before_its_reply_gets_none() {
    let stage = Stage::with(vec![BAIT, final_with(64, |reply| reply.private = true)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    stage.event(1, EventKind::Seen).await;
    let began = Instant::now();
    peer.reset(id).await;
    assert_eq!(stage.performed(FaultKind::PrivateReply).await, Performed::PeerClosedFirst);
    assert_eq!(stage.replied(1, 1).await.performed, Performed::PeerClosedFirst);
    assert!(began.elapsed() < BAIT_WAIT);
    assert!(!stage.story().contains("FinalWritten"), "it was not written");
    let next = peer.get(2).await;
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
    assert!(!peer.has_unread(id));
    assert_eq!(stage.seen(2, 1).await[0].in_flight, 1);
}

#[tokio::test]
async fn a_stream_that_the_gateway_resets_amid_its_reply_gets_no_more_of_it() {
    let cut = Cut { after_bytes: 64, then: CutBy::Bait };
    let stage = Stage::with(vec![final_with(192, |reply| reply.cut = Some(cut))]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    peer.head(id).await;
    peer.on(id).await;
    peer.reset(id).await;
    assert_eq!(stage.performed(FaultKind::Cut).await, Performed::PeerClosedFirst);
    assert_eq!(stage.replied(1, 1).await.performed, Performed::PeerClosedFirst);
    peer.ping().await;
    assert!(!peer.has_unread(id));
}

#[tokio::test]
async fn a_reset_that_finds_a_reply_waiting_for_room_ends_it() {
    let stage = Stage::with(vec![ok(100_000)]);
    let mut peer = Peer::with(&stage, &[]).await;
    let id = peer.get(1).await;
    peer.head(id).await;
    let mut received = 0;
    while received < 65_535 {
        let Got::Data(_, bytes, ..) = peer.on(id).await else { panic!("no data") };
        received += bytes.len();
    }
    peer.reset(id).await;
    assert_eq!(stage.replied(1, 1).await.performed, Performed::PeerClosedFirst);
    peer.room(0, 1000).await;
    let next = peer.get(2).await;
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
}

#[tokio::test]
async fn a_reset_behind_the_reply_changes_nothing() {
    let stage = Stage::with(vec![ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    peer.reply(id).await;
    assert_eq!(stage.replied(1, 1).await.performed, Performed::Fully);
    peer.reset(id).await;
    peer.room(id, 10).await;
    let next = peer.get(2).await;
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
}

#[tokio::test]
async fn a_request_that_is_reset_amid_its_body_is_reported() {
    let stage = Stage::new();
    let mut peer = Peer::connect(&stage).await;
    let id = peer.request("POST", 1, &[], false).await;
    let canary = peer.canary(1, vocabulary::canary::Site::Body);
    peer.data(id, canary.as_bytes(), false).await;
    peer.reset(id).await;
    assert_eq!(stage.seen(1, 1).await[0].canaries.len(), 3);
    assert_eq!(stage.replied(1, 1).await.performed, Performed::PeerClosedFirst);
    let next = peer.get(2).await;
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
}

#[tokio::test]
async fn a_hundred_streams_at_once_are_answered_each_with_its_own() {
    let stage = Stage::new();
    let held = Event { exchange: ExchangeId(200), kind: EventKind::Aborted };
    let acts = || vec![OriginAct::Hold(Hold::Event(held)), ok(3000)];
    let planned: Vec<_> = (1..=100).map(|exchange| (exchange, acts())).collect();
    stage.load(&planned, Vec::new());
    let mut peer = Peer::connect(&stage).await;
    // With the answer it has read, and acknowledged, how many are taken.
    peer.ping().await;
    let mut streams = Vec::new();
    for exchange in 1..=100 {
        streams.push((exchange, peer.get(exchange).await));
    }
    stage.event(100, EventKind::Seen).await;
    let refused = peer.get(101).await;
    assert_eq!(peer.on(refused).await, Got::Reset(refused, ErrorCode::REFUSED_STREAM));
    stage.notify(200, EventKind::Aborted);
    for (exchange, id) in streams {
        assert_eq!(peer.reply(id).await.owner, Some((exchange, 1)));
    }
}
