//! One client worker: its stimuli, one batch after the other, each on the connection that the plan names.

use vocabulary::history::{GaveUp, Observation, Why};
use vocabulary::identity::{ExchangeId, LaneId};
use vocabulary::plan::{ConnectionUse, Event, EventKind, Freeze, Lane, Start, Stimulus, Until};

use super::Run;
use super::batch::{self, Buffers};
use super::connection::Connection;
use super::framing::Reuse;
use crate::gateway::Frozen;

/// Stimuli that a lane does before it asks whether it may stop: followers on the connections that matter need a few
/// to land there.
const STIMULI_MIN: usize = 3;

/// Does the stimuli of a lane.
pub(super) async fn run(run: &Run, id: LaneId, lane: &Lane) {
    let mut worker = Worker { run, id, connection: None, buffers: Buffers::default() };
    let mut done = 0;
    while done < lane.stimuli.len() {
        if done >= STIMULI_MIN && may_stop(run, lane.until) {
            break;
        }
        done += worker.perform(next_batch(&lane.stimuli[done..])).await;
    }
    worker.retire().await;
    for skipped in &lane.stimuli[done..] {
        // The origin shall not hold bait for it. The history knows nothing of what was never sent.
        (run.notify)(Event { exchange: run.wire(skipped.exchange), kind: EventKind::Concluded });
    }
}

fn may_stop(run: &Run, until: Option<Until>) -> bool {
    match until {
        Some(Until::UpstreamServed(requests)) => run.ledger.upstream_served(requests),
        None => false,
    }
}

/// The first stimulus and those that go out behind it before its reply has come. One that stops the gateway is the first of
/// its own: nothing that it waits for could come about behind an owed reply.
fn next_batch(stimuli: &[Stimulus]) -> &[Stimulus] {
    let goes_behind =
        |stimulus: &&Stimulus| stimulus.connection == ConnectionUse::Pipelined && stimulus.freeze.is_none();
    let behind = stimuli[1..].iter().take_while(goes_behind).count();
    &stimuli[..=behind]
}

struct Worker<'a> {
    run: &'a Run,
    id: LaneId,
    /// The lane's connection, as long as it may be used again.
    connection: Option<Connection>,
    buffers: Buffers,
}

impl Worker<'_> {
    /// Does a batch, or as much of it as its connection carries. Returns how many stimuli that were, at least one.
    async fn perform(&mut self, stimuli: &[Stimulus]) -> usize {
        let first = &stimuli[0];
        self.await_start(&first.start).await;
        let (mut usage, mut frozen) = (first.connection, None);
        if let Some(freeze) = &first.freeze {
            // Opened before, or looked at: a gateway that stands still accepts nothing.
            self.connection = self.connection_for(usage).await;
            if self.connection.is_some() {
                frozen = Some(self.freeze(first.exchange, freeze).await);
                usage = ConnectionUse::Kept;
            }
        }
        let connection = match self.connection_for(usage).await {
            Some(connection) => connection,
            None => {
                self.unreachable(first);
                return 1;
            }
        };
        let (sent, connection) =
            batch::perform(self.run, self.id, connection, stimuli, frozen, &mut self.buffers).await;
        self.connection = connection;
        if self.connection.as_ref().is_some_and(|connection| connection.account.reuse == Reuse::Closing) {
            self.retire().await;
        }
        sent
    }

    /// Waits until a stimulus may start; meanwhile its connection is watched.
    async fn await_start(&mut self, start: &Start) {
        if *start != Start::default() {
            self.watched(self.run.start(start)).await;
        }
    }

    /// Stops the gateway, and waits until the request may go out to it.
    async fn freeze(&mut self, exchange: ExchangeId, freeze: &Freeze) -> Frozen {
        let frozen = self.run.target.freezer.freeze().await;
        self.run.tell(self.run.wire(exchange), EventKind::Frozen);
        self.watched(self.run.standstill(freeze, frozen.ends())).await;
        frozen
    }

    /// Waits for this; meanwhile the lane's connection is watched.
    async fn watched(&mut self, wait: impl Future<Output = ()>) {
        match &mut self.connection {
            None => wait.await,
            Some(connection) => tokio::select! {
                biased;
                () = wait => {}
                never = connection.watch(self.run, &mut self.buffers.read) => match never {},
            },
        }
    }

    async fn connection_for(&mut self, usage: ConnectionUse) -> Option<Connection> {
        if let Some(mut kept) = self.connection.take() {
            let wanted = match usage {
                ConnectionUse::Kept | ConnectionUse::Pipelined => kept.glance(self.run, &mut self.buffers.read).await,
                ConnectionUse::Fresh => Reuse::Closing,
            };
            if wanted == Reuse::Kept {
                return Some(kept);
            }
            self.connection = Some(kept);
            self.retire().await;
        }
        Connection::open(&self.run.target).await.ok()
    }

    /// Closes the lane's connection, if there is one, and reports what came on it unasked.
    async fn retire(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Some(unasked) = connection.retire(self.id, self.run, &mut self.buffers.read).await
        {
            self.run.ledger.record(Observation::Unasked(unasked));
        }
    }

    fn unreachable(&self, stimulus: &Stimulus) {
        let exchange = self.run.wire(stimulus.exchange);
        self.run.ledger.record(Observation::GaveUp(GaveUp {
            exchange,
            lane: self.id,
            connection: None,
            why: Why::Unreachable,
            at: self.run.ledger.now(),
            partial: None,
        }));
        self.run.tell(exchange, EventKind::Concluded);
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{after, deliveries, get, lane, play, reply};
    use super::*;
    use vocabulary::canary::BodyState;
    use vocabulary::directive::FaultKind;
    use vocabulary::history::{Completeness, Fault, Performed, UnaskedKind};
    use vocabulary::identity::{ConnectionId, ExchangeId, Moment, Ordinal};

    #[tokio::test]
    async fn a_kept_connection_carries_request_after_request() {
        let played = play(vec![lane([get(1), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.serve(2).await;
            peer.end().await.unwrap();
        })
        .await;
        for (exchange, ordinal) in [(1, 1), (2, 2)] {
            let received = played.received(exchange);
            assert_eq!((received.connection, received.ordinal), (ConnectionId(1), Ordinal(ordinal)));
            assert_eq!(
                (received.status, received.body, received.completeness),
                (200, BodyState::Intact, Completeness::Whole)
            );
            assert_eq!(deliveries(&received.canaries), [format!("d{exchange}")]);
            assert_eq!(played.sent(exchange).ordinal, Ordinal(ordinal));
        }
        assert_eq!(
            played.told,
            [(1, EventKind::Sent), (1, EventKind::Concluded), (2, EventKind::Sent), (2, EventKind::Concluded)]
        );
        assert!(played.unasked().is_empty());
    }

    #[tokio::test]
    async fn a_fresh_connection_is_a_new_one_and_is_kept_then() {
        let fresh = Stimulus { connection: ConnectionUse::Fresh, ..get(2) };
        let played = play(vec![lane([get(1), fresh, get(3)])], async |gateway| {
            let mut first = gateway.accept().await;
            first.serve(1).await;
            first.end().await.unwrap();
            let mut second = gateway.accept().await;
            second.serve(2).await;
            second.serve(3).await;
        })
        .await;
        let connections = [1, 2, 3].map(|exchange| played.received(exchange).connection.0);
        assert_eq!(connections, [1, 2, 2]);
    }

    #[tokio::test]
    async fn bytes_on_an_idle_connection_are_reported_and_never_credited_to_the_next_request() {
        let next = Stimulus { start: after(1, EventKind::SurplusWritten), ..get(2) };
        let played = play(vec![lane([get(1), next])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            gateway.awaits(1, EventKind::Concluded).await;
            peer.write(reply(1, 2)).await;
            gateway.happens(1, EventKind::SurplusWritten);
            peer.end().await.unwrap();
            gateway.accept().await.serve(2).await;
        })
        .await;
        let [unasked] = played.unasked() else { panic!("{:?}", played.unasked()) };
        assert_eq!((unasked.connection, unasked.after), (ConnectionId(1), Some(ExchangeId(1))));
        assert_eq!((unasked.looks_like, unasked.bytes), (UnaskedKind::Reply, reply(1, 2).len() as u64));
        assert_eq!(deliveries(&unasked.canaries), ["d1.2"]);
        assert_eq!(deliveries(&played.received(2).canaries), ["d2"]);
        assert_eq!(played.received(2).connection, ConnectionId(2));
    }

    #[tokio::test]
    async fn bytes_that_come_in_the_instant_between_two_requests_are_seen_before_the_second_is_sent() {
        // The lanes and the script share one thread: the second write is there before the lane runs again.
        let played = play(vec![lane([get(1), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.write("HTTP/1.1 200 OK\r\n").await;
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(played.unasked()[0].looks_like, UnaskedKind::Garbage);
        assert_eq!(deliveries(&played.received(2).canaries), ["d2"]);
    }

    #[tokio::test]
    async fn bytes_after_the_last_exchange_of_a_lane_are_reported() {
        let played = play(vec![lane([get(1)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.write(reply(1, 1) + &reply(1, 2)).await;
        })
        .await;
        assert_eq!(deliveries(&played.unasked()[0].canaries), ["d1.2"]);
        assert_eq!(deliveries(&played.received(1).canaries), ["d1"]);
    }

    #[tokio::test]
    async fn an_idle_connection_that_the_gateway_closed_is_replaced_before_anything_is_sent() {
        let next = Stimulus { start: after(1, EventKind::FinalWritten), ..get(2) };
        let played = play(vec![lane([get(1), next])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            gateway.awaits(1, EventKind::Concluded).await;
            drop(peer);
            gateway.happens(1, EventKind::FinalWritten);
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(played.received(2).connection, ConnectionId(2));
        assert!(played.unasked().is_empty());
    }

    #[tokio::test]
    async fn a_kept_connection_that_is_closed_instead_of_an_answer_costs_one_exchange_and_no_resend() {
        let played = play(vec![lane([get(1), get(2), get(3)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.head().await;
            peer.reset();
            let mut next = gateway.accept().await;
            assert!(next.serve(3).await.contains("x-crosswire"));
            next.end().await.unwrap();
            assert!(next.held().is_empty());
        })
        .await;
        assert_eq!((played.gave_up(2).why, &played.gave_up(2).partial), (Why::Closed, &None));
        assert_eq!(played.received(3).connection, ConnectionId(2));
    }

    #[tokio::test]
    async fn a_stimulus_starts_when_its_event_has_happened_and_not_before() {
        let waits = Stimulus { start: after(1, EventKind::InterimWritten), ..get(2) };
        play(vec![lane([get(1)]), lane([waits])], async |gateway| {
            let mut first = gateway.accept().await;
            first.head().await;
            assert!(!gateway.has_happened(2, EventKind::Sent));
            gateway.happens(1, EventKind::InterimWritten);
            gateway.accept().await.serve(2).await;
            first.write(reply(1, 1)).await;
        })
        .await;
    }

    #[tokio::test]
    async fn a_request_to_a_stopped_gateway_waits_for_its_event_on_a_connection_that_is_open() {
        let until = Event { exchange: ExchangeId(1), kind: EventKind::SurplusWritten };
        let start = after(1, EventKind::Concluded);
        let frozen = Stimulus { freeze: Some(Freeze { until, delay_us: 1_000 }), start, ..get(2) };
        let played = play(vec![lane([get(1)]), lane([frozen])], async |gateway| {
            gateway.accept().await.serve(1).await;
            gateway.awaits(1, EventKind::Concluded).await;
            // Its connection is there, and silent until what it waits for has happened.
            let mut second = gateway.accept().await;
            gateway.awaits(2, EventKind::Frozen).await;
            assert!(!gateway.has_happened(2, EventKind::Sent));
            gateway.happens(1, EventKind::SurplusWritten);
            second.serve(2).await;
        })
        .await;
        assert_eq!(deliveries(&played.received(2).canaries), ["d2"]);
        let of_second: Vec<_> =
            played.told.iter().filter(|(exchange, _)| *exchange == 2).map(|(_, kind)| *kind).collect();
        assert_eq!(of_second, [EventKind::Frozen, EventKind::Sent, EventKind::Concluded]);
    }

    #[tokio::test]
    async fn a_request_to_a_stopped_gateway_does_not_wait_for_longer_than_that_stands_still() {
        let until = Event { exchange: ExchangeId(2), kind: EventKind::SurplusWritten };
        let frozen = Stimulus { freeze: Some(Freeze { until, delay_us: 0 }), ..get(1) };
        let played = play(vec![lane([frozen, get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.serve(2).await;
        })
        .await;
        assert_eq!(deliveries(&played.received(1).canaries), ["d1"]);
    }

    #[tokio::test]
    async fn an_abort_that_did_not_come_by_the_end_of_its_exchange_is_not_awaited_any_longer() {
        let began = std::time::Instant::now();
        let waits = Stimulus { start: after(1, EventKind::Aborted), ..get(2) };
        play(vec![lane([get(1)]), lane([waits])], async |gateway| {
            gateway.accept().await.serve(1).await;
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert!(began.elapsed() < vocabulary::limits::EVENT_WAIT);
    }

    #[tokio::test]
    async fn followers_stop_when_the_upstream_connections_have_served_and_the_origin_is_told_of_the_rest() {
        let followers = Lane { until: Some(Until::UpstreamServed(0)), ..lane((1..=6).map(get)) };
        let played = play(vec![followers], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            gateway.ledger.record(Observation::Fault(Fault {
                exchange: ExchangeId(1),
                kind: FaultKind::Interim,
                performed: Performed::Fully,
                connection: None,
                at: Moment(0),
            }));
            peer.serve(2).await;
            peer.serve(3).await;
            peer.end().await.unwrap();
        })
        .await;
        assert_eq!(played.history.exchanges.len(), 3, "the history knows nothing of the rest");
        assert!(played.told.contains(&(6, EventKind::Concluded)));
    }

    #[tokio::test]
    async fn an_unreachable_gateway_ends_each_exchange() {
        let played = play(vec![lane([get(1), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            gateway.stop_listening();
            peer.write("HTTP/1.1 204 N\r\nConnection: close\r\n\r\n").await;
        })
        .await;
        assert_eq!(played.received(1).status, 204);
        assert_eq!((played.gave_up(2).why, played.gave_up(2).connection), (Why::Unreachable, None));
    }
}
