//! Gates hold replies of several connections and release them in the planned order.

use std::time::Instant;

use vocabulary::directive::{FaultKind, Hold, OriginAct};
use vocabulary::history::{GateOpened, Observation, Performed};
use vocabulary::identity::{ExchangeId, GateId};
use vocabulary::limits::{GATE_QUIET, GATE_WAIT};
use vocabulary::plan::{EventKind, Gate};

use crate::stage::{Stage, ok};

fn gated(exchanges: &[u32], release: &[u32], gap_us: u64) -> Stage {
    let ids = |numbers: &[u32]| numbers.iter().copied().map(ExchangeId).collect();
    let gate = Gate { id: GateId(1), awaits: ids(exchanges), release: ids(release), gap_us };
    let stage = Stage::new();
    let acts = || vec![OriginAct::Hold(Hold::Gate(GateId(1))), ok(64)];
    let planned: Vec<_> = exchanges.iter().map(|exchange| (*exchange, acts())).collect();
    stage.load(&planned, vec![gate]);
    stage
}

async fn opened(stage: &Stage) -> GateOpened {
    stage
        .until("the gate's opening", |observations| {
            observations.iter().find_map(|observation| match observation {
                Observation::GateOpened(opened) => Some(opened.clone()),
                _ => None,
            })
        })
        .await
}

/// The exchanges in the order in which their replies were written.
async fn order(stage: &Stage, count: usize) -> Vec<u32> {
    stage
        .until("all replies", |observations| {
            let replied = observations.iter().filter_map(|observation| match observation {
                Observation::Replied(replied) => Some(replied.delivery.exchange.0),
                _ => None,
            });
            let order: Vec<u32> = replied.collect();
            (order.len() == count).then_some(order)
        })
        .await
}

#[tokio::test]
async fn replies_of_several_connections_are_released_in_the_planned_order() {
    for (release, gap_us) in [([8, 2, 7, 1, 6, 3, 5, 4], 0), ([4, 5, 3, 6, 1, 7, 2, 8], 1500)] {
        let stage = gated(&[1, 2, 3, 4, 5, 6, 7, 8], &release, gap_us);
        let mut clients = Vec::new();
        for exchange in 1..=8 {
            let mut client = stage.connect().await;
            client.send(stage.get(exchange)).await;
            clients.push((exchange, client));
        }
        for (exchange, client) in &mut clients {
            assert_eq!(client.reply().await.owner, Some((*exchange, 1)));
        }
        assert_eq!(order(&stage, 8).await, release);
        let opened = opened(&stage).await;
        assert!(opened.in_full());
        assert_eq!(opened.released, release.map(ExchangeId));
        assert_eq!(stage.performed(FaultKind::Reorder).await, Performed::Fully);
    }
}

#[tokio::test]
async fn a_gate_opens_early_when_all_were_sent_and_nothing_comes() {
    let stage = gated(&[1, 2], &[2, 1], 0);
    let mut client = stage.connect().await;
    for exchange in [1, 2] {
        stage.notify(exchange, EventKind::Sent);
    }
    let began = Instant::now();
    client.send(stage.get(1)).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert!(began.elapsed() >= GATE_QUIET && began.elapsed() < GATE_WAIT, "{:?}", began.elapsed());
    let opened = opened(&stage).await;
    assert_eq!((opened.arrived, opened.awaited), (1, 2));
    assert_eq!(stage.performed(FaultKind::Reorder).await, Performed::Expired);
    // Who comes later finds the gate open.
    client.send(stage.get(2)).await;
    assert_eq!(client.reply().await.owner, Some((2, 1)));
}

#[tokio::test]
async fn a_gate_opens_at_its_bound() {
    let stage = gated(&[1, 2], &[2, 1], 0);
    let mut client = stage.connect().await;
    let began = Instant::now();
    client.send(stage.get(1)).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert!(began.elapsed() >= GATE_WAIT);
    assert_eq!(stage.performed(FaultKind::Reorder).await, Performed::Expired);
}

#[tokio::test]
async fn a_pipelined_request_fills_the_gate_though_its_reply_stands_behind_another() {
    let stage = gated(&[1, 2], &[2, 1], 0);
    let mut client = stage.connect().await;
    client.send(stage.get(1) + &stage.get(2)).await;
    for exchange in [1, 2] {
        assert_eq!(client.reply().await.owner, Some((exchange, 1)), "replies keep the order of their requests");
    }
    assert!(opened(&stage).await.in_full());
}

#[tokio::test]
async fn a_retry_neither_fills_a_gate_nor_waits_at_it() {
    let stage = gated(&[1, 2], &[2, 1], 0);
    let (mut first, mut retry) = (stage.connect().await, stage.connect().await);
    first.send(stage.get(1)).await;
    stage.seen(1, 1).await;
    retry.send(stage.get(1)).await;
    assert_eq!(retry.reply().await.owner, Some((1, 2)));
    assert!(!stage.story().contains("GateOpened"));
}

#[tokio::test]
async fn a_new_case_lets_everybody_through() {
    let stage = gated(&[1, 2], &[2, 1], 0);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    stage.seen(1, 1).await;
    let began = Instant::now();
    stage.load(&[], Vec::new());
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert!(began.elapsed() < GATE_WAIT);
    assert_eq!(stage.performed(FaultKind::Reorder).await, Performed::Expired);
}
