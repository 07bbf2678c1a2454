//! One client worker: its stimuli, one batch after the other, each on the connection that the plan names.

use vocabulary::crossing::Http;
use vocabulary::history::{GaveUp, Observation, Why};
use vocabulary::identity::{ConnectionId, ExchangeId, LaneId};
use vocabulary::plan::{CANDIDATES_MAX, ConnectionUse, Event, EventKind, Freeze, Lane, Start, Stimulus, Until};

use super::Run;
use super::batch::{self, Buffers};
use super::connection::{self, Connection};
use super::framing::Reuse;
use super::h2;
use crate::affinity;
use crate::gateway::Frozen;

/// Stimuli that a lane does before it asks whether it may stop: followers on the connections that matter need a few
/// to land there.
const STIMULI_MIN: usize = 3;

/// Does the stimuli of a lane.
pub(super) async fn run(run: &Run, id: LaneId, lane: &Lane) {
    let mut worker = Worker {
        run,
        id,
        stream_room: h2::stream_room(lane),
        connection: None,
        candidates: Vec::new(),
        buffers: Buffers::default(),
    };
    let mut done = 0;
    while done < lane.stimuli.len() {
        if done >= STIMULI_MIN && may_stop(run, lane.until) {
            break;
        }
        done += worker.perform(next_batch(&lane.stimuli[done..])).await;
    }
    worker.retire().await;
    worker.retire_candidates(0).await;
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
    /// For how many bytes streams have room when they are opened, in HTTP/2.
    stream_room: u32,
    /// The lane's connection, as long as it may be used again.
    connection: Option<Connection>,
    /// Others that are open because they may turn out to have affinity, oldest first.
    candidates: Vec<Connection>,
    buffers: Buffers,
}

impl<'a> Worker<'a> {
    /// Does a batch, or as much of it as one connection carries. Returns how many stimuli that were, at least one.
    async fn perform(&mut self, stimuli: &'a [Stimulus]) -> usize {
        match self.run.target.http {
            Http::H1 => {
                let Some((connection, frozen)) = self.begin(&stimuli[0]).await else { return 1 };
                let (sent, connection) =
                    batch::perform(self.run, self.id, connection, stimuli, frozen, &mut self.buffers).await;
                self.connection = connection;
                self.retire_closing().await;
                sent
            }
            Http::H2 => {
                self.perform_side_by_side(stimuli.iter().collect()).await;
                stimuli.len()
            }
        }
    }

    /// Does a batch of streams. What one connection does not carry goes out on another: streams have no order, so that those
    /// which were not begun may stand anywhere in the batch.
    async fn perform_side_by_side(&mut self, mut stimuli: Vec<&'a Stimulus>) {
        while let Some(first) = stimuli.first() {
            let Some((mut connection, frozen)) = self.begin(first).await else {
                stimuli.remove(0);
                continue;
            };
            let read = &mut self.buffers.read;
            stimuli = h2::perform(self.run, self.id, &mut connection, &stimuli, frozen, read).await;
            self.connection = Some(connection);
            self.retire_closing().await;
        }
    }

    /// Waits until a batch may start, and gives the connection for it; stops the gateway, if that is planned. None if there is
    /// no connection: the first exchange is over then.
    async fn begin(&mut self, first: &Stimulus) -> Option<(Connection, Option<Frozen>)> {
        self.await_start(&first.start).await;
        let (mut usage, mut frozen) = (&first.connection, None);
        if let Some(freeze) = &first.freeze {
            // Opened before, or looked at: a gateway that stands still accepts nothing.
            self.connection = self.connection_for(usage).await;
            if self.connection.is_some() {
                frozen = Some(self.freeze(first, freeze).await);
                usage = &ConnectionUse::Kept;
            }
        }
        let connection = self.connection_for(usage).await;
        if connection.is_none() {
            self.unreachable(first);
        }
        connection.map(|connection| (connection, frozen))
    }

    /// Closes the lane's connection, if it cannot be used again.
    async fn retire_closing(&mut self) {
        if self.connection.as_ref().is_some_and(|connection| connection.account.reuse == Reuse::Closing) {
            self.retire().await;
        }
    }

    /// Waits until a stimulus may start; meanwhile its connection is watched.
    async fn await_start(&mut self, start: &Start) {
        if *start != Start::default() {
            self.watched(self.run.start(start)).await;
        }
    }

    /// Stops the gateway, and waits until the request may go out to it.
    async fn freeze(&mut self, first: &Stimulus, freeze: &Freeze) -> Frozen {
        let frozen = self.run.target.freezer.freeze().await;
        if let Some(connection) = self.connection.as_mut().filter(|_| freeze.begun) {
            connection.begin(&first.request.method).await;
        }
        self.run.tell(self.run.wire(first.exchange), EventKind::Frozen);
        self.watched(self.run.standstill(freeze, frozen.ends())).await;
        frozen
    }

    /// Waits for this; meanwhile the lane's connections are watched.
    async fn watched(&mut self, wait: impl Future<Output = ()>) {
        let idle = self.candidates.iter_mut().chain(&mut self.connection);
        tokio::select! {
            biased;
            () = wait => {}
            never = connection::watch(idle, self.run, &mut self.buffers.read) => match never {},
        }
    }

    async fn connection_for(&mut self, usage: &ConnectionUse) -> Option<Connection> {
        let reused = match usage {
            ConnectionUse::Kept | ConnectionUse::Pipelined => self.kept().await,
            ConnectionUse::Fresh => None,
            ConnectionUse::Affinity { with, among } => self.by_affinity(with, *among).await,
        };
        if reused.is_some() {
            return reused;
        }
        self.retire().await;
        Connection::open(&self.run.target, self.stream_room).await.ok()
    }

    /// The lane's connection, if it may be used again.
    async fn kept(&mut self) -> Option<Connection> {
        let mut kept = self.connection.take()?;
        match kept.glance(self.run, &mut self.buffers.read).await {
            Reuse::Kept => Some(kept),
            Reuse::Closing => {
                self.connection = Some(kept);
                None
            }
        }
    }

    /// A connection of the lane that has affinity with one of these exchanges; where there is none, one that was not used yet.
    async fn by_affinity(&mut self, with: &[ExchangeId], among: u32) -> Option<Connection> {
        self.candidates.extend(self.connection.take());
        let with: Vec<ExchangeId> = with.iter().map(|exchange| self.run.wire(*exchange)).collect();
        let class = self.run.ledger.affinity_with(&with);
        if let Some(kept) = self.first_kept(|open| affinity::choose(open, &class)).await {
            return Some(kept);
        }
        if self.candidates.iter().all(|candidate| candidate.account.requests > 0) {
            self.retire_candidates((CANDIDATES_MAX - among) as usize).await;
            self.candidates.extend(Connection::open_several(&self.run.target, self.stream_room, among).await);
        }
        let mut unused = self.candidates.iter().filter(|candidate| candidate.account.requests == 0);
        let unused = unused.next().map(|candidate| candidate.account.id);
        self.first_kept(|open| open.iter().position(|one| Some(*one) == unused)).await
    }

    /// The first of the candidates chosen that may be used again; those that may not are closed.
    async fn first_kept(&mut self, choose: impl Fn(&[ConnectionId]) -> Option<usize>) -> Option<Connection> {
        loop {
            let open: Vec<ConnectionId> = self.candidates.iter().map(|candidate| candidate.account.id).collect();
            self.connection = Some(self.candidates.remove(choose(&open)?));
            if let Some(kept) = self.kept().await {
                return Some(kept);
            }
            self.retire().await;
        }
    }

    /// Closes the lane's connection, if there is one, and reports what came on it unasked.
    async fn retire(&mut self) {
        if let Some(connection) = self.connection.take() {
            for unasked in connection.retire(self.id, self.run, &mut self.buffers.read).await {
                self.run.ledger.record(Observation::Unasked(unasked));
            }
        }
    }

    /// Closes the oldest candidates until so many are left. The lane has no connection in use.
    async fn retire_candidates(&mut self, left: usize) {
        while self.candidates.len() > left {
            self.connection = Some(self.candidates.remove(0));
            self.retire().await;
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
    use vocabulary::identity::{Moment, Ordinal};
    use vocabulary::plan::BodyPace;

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

    fn by_affinity(exchange: u32) -> Stimulus {
        Stimulus { connection: ConnectionUse::Affinity { with: vec![ExchangeId(1)], among: 1 }, ..get(exchange) }
    }

    /// A trigger on client connection 1, whose requests arrive on upstream connection 1; then these, by affinity with it.
    fn trigger_and_followers<const N: usize>(mut followers: [Stimulus; N]) -> Vec<Lane> {
        followers[0].start = after(1, EventKind::Concluded);
        vec![lane([get(1)]), lane(followers)]
    }

    #[tokio::test]
    async fn by_affinity_the_candidate_is_used_whose_requests_arrive_where_those_of_the_other_do() {
        let lanes = trigger_and_followers([2, 3, 4, 5].map(by_affinity));
        let played = play(lanes, async |gateway| {
            gateway.arrives(1, 1);
            gateway.accept().await.serve(1).await;
            let mut elsewhere = gateway.accept().await;
            gateway.arrives(2, 2);
            elsewhere.serve(2).await;
            let mut there = gateway.accept().await;
            gateway.arrives(3, 1);
            there.serve(3).await;
            there.serve(4).await;
            // It has stayed open meanwhile, and what comes on it is seen.
            elsewhere.write(reply(2, 2)).await;
            there.serve(5).await;
        })
        .await;
        let connections = [1, 2, 3, 4, 5].map(|exchange| played.sent(exchange).connection.0);
        assert_eq!(connections, [1, 2, 3, 3, 3]);
        let unasked: Vec<_> = played.unasked().iter().map(|unasked| unasked.connection.0).collect();
        assert_eq!(unasked, [2]);
    }

    #[tokio::test]
    async fn an_older_candidate_is_used_once_it_turns_out_to_have_affinity() {
        let lanes = trigger_and_followers([2, 3, 4].map(by_affinity));
        let played = play(lanes, async |gateway| {
            gateway.accept().await.serve(1).await;
            let mut older = gateway.accept().await;
            gateway.arrives(2, 1);
            older.serve(2).await;
            let mut newer = gateway.accept().await;
            gateway.arrives(3, 2);
            // Only now it is known where the other's request has arrived.
            gateway.arrives(1, 1);
            newer.serve(3).await;
            older.serve(4).await;
        })
        .await;
        assert_eq!([2, 3, 4].map(|exchange| played.sent(exchange).connection.0), [2, 3, 2]);
    }

    #[tokio::test]
    async fn several_candidates_are_opened_at_once_and_tried_one_after_the_other() {
        let among = |exchange| Stimulus {
            connection: ConnectionUse::Affinity { with: vec![ExchangeId(1)], among: 3 },
            ..get(exchange)
        };
        let played = play(trigger_and_followers([2, 3, 4, 5, 6].map(among)), async |gateway| {
            gateway.arrives(1, 1);
            gateway.accept().await.serve(1).await;
            let mut candidates = [gateway.accept().await, gateway.accept().await, gateway.accept().await];
            for (candidate, exchange) in candidates.iter_mut().zip(2..) {
                gateway.arrives(exchange, exchange);
                candidate.serve(exchange).await;
            }
            let mut another = gateway.accept().await;
            gateway.arrives(5, 1);
            another.serve(5).await;
            another.serve(6).await;
        })
        .await;
        let mut connections = [2, 3, 4, 5].map(|exchange| played.sent(exchange).connection.0).to_vec();
        assert_eq!(played.sent(6).connection.0, connections[3]);
        connections.sort_unstable();
        connections.dedup();
        assert_eq!(connections.len(), 4);
    }

    #[tokio::test]
    async fn where_no_affinity_is_known_or_its_connection_is_closed_a_new_one_is_tried() {
        let waits = Stimulus { start: after(3, EventKind::FinalWritten), ..by_affinity(4) };
        let lanes = trigger_and_followers([by_affinity(2), by_affinity(3), waits]);
        let played = play(lanes, async |gateway| {
            gateway.arrives(1, 1);
            gateway.accept().await.serve(1).await;
            gateway.accept().await.serve(2).await;
            let mut there = gateway.accept().await;
            gateway.arrives(3, 1);
            there.serve(3).await;
            gateway.awaits(3, EventKind::Concluded).await;
            drop(there);
            gateway.happens(3, EventKind::FinalWritten);
            gateway.accept().await.serve(4).await;
        })
        .await;
        assert_eq!([2, 3, 4].map(|exchange| played.received(exchange).connection.0), [2, 3, 4]);
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
        let frozen = Stimulus { freeze: Some(Freeze { until, delay_us: 1_000, begun: false }), start, ..get(2) };
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
    async fn the_first_letter_of_a_request_is_there_before_what_the_rest_waits_for() {
        let until = Event { exchange: ExchangeId(1), kind: EventKind::SurplusWritten };
        let start = after(1, EventKind::Concluded);
        let mut frozen = Stimulus { freeze: Some(Freeze { until, delay_us: 0, begun: true }), start, ..get(2) };
        for pace in [BodyPace::AtOnce, BodyPace::Slow { writes: 2, gap_us: 0 }] {
            frozen.request.pace = pace;
            let played = play(vec![lane([get(1)]), lane([frozen.clone()])], async |gateway| {
                gateway.accept().await.serve(1).await;
                let mut second = gateway.accept().await;
                gateway.awaits(2, EventKind::Frozen).await;
                second.read().await.unwrap();
                assert_eq!((second.held(), gateway.has_happened(2, EventKind::Sent)), (&b"G"[..], false));
                gateway.happens(1, EventKind::SurplusWritten);
                assert!(second.serve(2).await.starts_with("GET /"));
            })
            .await;
            assert_eq!(deliveries(&played.received(2).canaries), ["d2"]);
        }
    }

    #[tokio::test]
    async fn a_request_to_a_stopped_gateway_does_not_wait_for_longer_than_that_stands_still() {
        let until = Event { exchange: ExchangeId(2), kind: EventKind::SurplusWritten };
        let frozen = Stimulus { freeze: Some(Freeze { until, delay_us: 0, begun: false }), ..get(1) };
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
