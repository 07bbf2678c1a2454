//! What ends a hold: the next request, the gateway's close, the end of patience, an event.

use std::time::{Duration, Instant};

use vocabulary::directive::{Cut, CutBy, FaultKind, Hold, Interim, InterimLength, OriginAct, Segment};
use vocabulary::history::{Closer, Observation, Performed};
use vocabulary::identity::ExchangeId;
use vocabulary::limits::{BAIT_WAIT, EVENT_WAIT};
use vocabulary::plan::{Event, EventKind};

use crate::stage::{Stage, final_with, ok};

const BAIT: OriginAct = OriginAct::Hold(Hold::Bait);

fn interim() -> OriginAct {
    let (length, segment) = (InterimLength::Zero, Segment::Own);
    OriginAct::Interim(Interim { status: 100, length, fields: Vec::new(), segment })
}

#[tokio::test]
async fn bait_waits_for_the_next_request_and_goes_before_its_reply() {
    let stage = Stage::with(vec![interim(), BAIT, ok(64)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    assert!(client.head().await.starts_with("HTTP/1.1 100"));
    client.send(stage.get(2)).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert_eq!(client.reply().await.owner, Some((2, 1)));
    let (first, second) = (&stage.replied(1, 1).await, &stage.seen(2, 1).await[0]);
    assert!(first.at >= second.at, "the owed reply waited");
    assert_eq!((first.ordinal.0, second.ordinal.0, second.in_flight), (1, 2, 2));
}

#[tokio::test]
async fn bait_ends_with_patience() {
    let stage = Stage::with(vec![interim(), BAIT, ok(64)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    client.head().await;
    let began = Instant::now();
    stage.event(1, EventKind::InterimWritten).await;
    stage.origin().end_patience();
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert!(began.elapsed() < BAIT_WAIT);
}

#[tokio::test]
async fn patience_that_ended_earlier_ends_no_later_bait() {
    let stage = Stage::new();
    stage.load(&[(2, vec![BAIT, ok(64)])], Vec::new());
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    client.reply().await;
    stage.origin().end_patience();
    client.send(stage.get(2)).await;
    stage.event(2, EventKind::Seen).await;
    client.send(stage.get(3)).await;
    assert_eq!(client.reply().await.owner, Some((2, 1)));
    assert!(stage.replied(2, 1).await.at >= stage.seen(3, 1).await[0].at, "it was held");
}

#[tokio::test]
async fn bait_is_not_held_for_ever() {
    let stage = Stage::with(vec![BAIT, ok(64)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    let began = Instant::now();
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert!(began.elapsed() >= BAIT_WAIT - Duration::from_millis(1));
}

#[tokio::test]
async fn a_gateway_that_resets_is_noticed_at_once_and_the_reply_was_not_performed() {
    let cut = Cut { after_bytes: 64, then: CutBy::Bait };
    let stage = Stage::with(vec![interim(), final_with(192, |reply| reply.cut = Some(cut))]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    client.head().await;
    stage.event(1, EventKind::FinalWritten).await;
    let began = Instant::now();
    client.reset();
    assert_eq!(stage.performed(FaultKind::Cut).await, Performed::PeerClosedFirst);
    assert_eq!(stage.replied(1, 1).await.performed, Performed::PeerClosedFirst);
    assert_eq!(stage.performed(FaultKind::Interim).await, Performed::Fully);
    assert!(began.elapsed() < BAIT_WAIT);
    let by = stage.until("the end", |observations| {
        observations.iter().find_map(|observation| match observation {
            Observation::UpstreamClosed { by, .. } => Some(*by),
            _ => None,
        })
    });
    assert_eq!(by.await, Closer::Gateway);
}

#[tokio::test]
async fn a_gateway_that_closes_its_side_still_gets_the_owed_reply() {
    let cut = Cut { after_bytes: 64, then: CutBy::Bait };
    let stage = Stage::with(vec![final_with(192, |reply| reply.cut = Some(cut))]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    client.head().await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
    assert_eq!(client.rest().await, client.striped(1, 1, 192));
    assert_eq!(stage.performed(FaultKind::Cut).await, Performed::PeerClosedFirst);
    assert_eq!(stage.replied(1, 1).await.performed, Performed::PeerClosedFirst);
}

#[tokio::test]
async fn a_cut_reply_goes_on_when_the_next_request_comes() {
    let cut = Cut { after_bytes: 64, then: CutBy::Bait };
    let stage = Stage::with(vec![final_with(192, |reply| reply.cut = Some(cut))]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    client.head().await;
    assert_eq!(client.bytes(64).await, client.striped(1, 1, 192)[..64]);
    client.send(stage.get(2)).await;
    assert_eq!(client.bytes(128).await, client.striped(1, 1, 192)[64..]);
    assert_eq!(client.reply().await.owner, Some((2, 1)));
    assert_eq!(stage.performed(FaultKind::Cut).await, Performed::Fully);
    assert!(!stage.replied(1, 1).await.cut, "in the end all of it came");
}

#[tokio::test]
async fn a_cut_reply_goes_on_after_its_silence() {
    let cut = Cut { after_bytes: 64, then: CutBy::Silence { us: 5_000 } };
    let stage = Stage::with(vec![final_with(192, |reply| reply.cut = Some(cut))]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    client.head().await;
    assert_eq!(client.bytes(192).await, client.striped(1, 1, 192));
    assert_eq!(stage.performed(FaultKind::Cut).await, Performed::Fully);
    assert!(!stage.replied(1, 1).await.cut, "in the end all of it came");
}

#[tokio::test]
async fn a_gateway_that_does_not_wait_for_the_rest_keeps_the_cut_from_being_performed() {
    let cut = Cut { after_bytes: 64, then: CutBy::Silence { us: 60_000_000 } };
    let stage = Stage::with(vec![final_with(192, |reply| reply.cut = Some(cut))]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    client.head().await;
    client.reset();
    assert_eq!(stage.performed(FaultKind::Cut).await, Performed::PeerClosedFirst);
}

#[tokio::test]
async fn a_hold_ends_with_its_event_at_either_end() {
    let aborted = Event { exchange: ExchangeId(9), kind: EventKind::Aborted };
    let seen = Event { exchange: ExchangeId(2), kind: EventKind::Seen };
    for event in [aborted, seen] {
        let stage = Stage::with(vec![OriginAct::Hold(Hold::Event(event)), ok(64)]);
        let (mut client, mut other) = (stage.connect().await, stage.connect().await);
        client.send(stage.get(1)).await;
        stage.seen(1, 1).await;
        match event.kind {
            EventKind::Seen => other.send(stage.get(2)).await,
            _ => stage.notify(9, EventKind::Aborted),
        }
        let began = Instant::now();
        assert_eq!(client.reply().await.owner, Some((1, 1)));
        assert!(began.elapsed() < EVENT_WAIT);
    }
}
