//! An origin on a simulated network: one thread, and a time that passes only while everybody waits. What takes seconds
//! takes none here, and a seed says what happens.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http2::{ErrorCode, SettingId};
use mock_upstream::{Clock, Config, Origin, OriginCase, PlannedReply};
use tokio::task::LocalSet;
use tokio::time::Instant;
use transport::Net;
use vocabulary::canary::CanaryKey;
use vocabulary::directive::{Directive, Frames, Hold, OriginAct};
use vocabulary::history::{Observation, Performed};
use vocabulary::identity::{ExchangeId, GateId, TenantId};
use vocabulary::limits::{CASE_WAIT, REQUEST_WAIT, WRITE_WAIT};
use vocabulary::plan::Gate;

use super::peer::{Got, Peer};
use crate::stage::{final_with, ok};

/// Long enough for every bound.
const PATIENCE: Duration = Duration::from_secs(60);

/// An origin of one simulation.
struct Simulated {
    origin: Origin,
    key: CanaryKey,
    observed: Arc<Mutex<Vec<Observation>>>,
}

/// Runs with an origin on a network of this seed.
fn simulate<T, F: Future<Output = T>>(seed: u64, run: impl FnOnce(Simulated) -> F) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let key = CanaryKey::new([3; 16], 99);
        let observed: Arc<Mutex<Vec<Observation>>> = Arc::default();
        let list = Arc::clone(&observed);
        let observer = Arc::new(move |observation| list.lock().unwrap().push(observation));
        let config = Config { key: key.clone(), clock: Clock::start_paused(), observer };
        let origin = Origin::start_here(Net::new(seed).listen().unwrap(), config).unwrap();
        run(Simulated { origin, key, observed }).await
    })
}

impl Simulated {
    fn load(&self, exchanges: &[(u32, Vec<OriginAct>)], gates: Vec<Gate>) {
        let planned = exchanges.iter().map(|(exchange, acts)| {
            let directive = Directive { acts: acts.clone(), every_attempt: false };
            (ExchangeId(*exchange), PlannedReply { tenant: TenantId(1), directive, shared: None })
        });
        self.origin.load(OriginCase { exchanges: planned.collect(), gates });
    }

    async fn connect(&self) -> Peer {
        self.connect_with(&[]).await
    }

    async fn connect_with(&self, settings: &[http2::Setting]) -> Peer {
        let stream = self.origin.address().connect().await.unwrap();
        let mut peer = Peer::over(stream, self.key.clone());
        peer.wait = PATIENCE;
        peer.open(settings).await;
        peer
    }

    fn story(&self) -> String {
        format!("{:?}", self.observed.lock().unwrap())
    }

    /// What became of the only fault, and of the first delivery.
    fn performed(&self) -> (Option<Performed>, Option<Performed>) {
        let observed = self.observed.lock().unwrap();
        let fault = observed.iter().find_map(|it| match it {
            Observation::Fault(fault) => Some(fault.performed),
            _ => None,
        });
        let delivery = observed.iter().find_map(|it| match it {
            Observation::Replied(replied) => Some(replied.performed),
            _ => None,
        });
        (fault, delivery)
    }
}

/// Sixteen streams of two connections before one gate, their bodies byte by byte: the order in which they were
/// answered, and everything that was reported.
fn gate(seed: u64) -> (Vec<u32>, String) {
    simulate(seed, |simulated| async move {
        let exchanges: Vec<u32> = (1..=16).collect();
        let ids = |numbers: &mut dyn Iterator<Item = u32>| numbers.map(ExchangeId).collect();
        let (awaits, release) = (ids(&mut (1..=16)), ids(&mut (1..=16).rev()));
        let frames = Frames { data: 1, ..Frames::default() };
        let acts = || vec![OriginAct::Hold(Hold::Gate(GateId(1))), final_with(70, |reply| reply.frames = frames)];
        let planned: Vec<_> = exchanges.iter().map(|exchange| (*exchange, acts())).collect();
        simulated.load(&planned, vec![Gate { id: GateId(1), awaits, release, gap_us: 0 }]);
        let mut peers = [simulated.connect().await, simulated.connect().await];
        let mut streams = Vec::new();
        for exchange in exchanges {
            let peer = exchange as usize % 2;
            streams.push((exchange, peer, peers[peer].get(exchange).await));
        }
        for (exchange, peer, id) in streams {
            let reply = peers[peer].reply(id).await;
            assert_eq!((reply.owner, reply.cuts.len()), (Some((exchange, 1)), 70));
        }
        let replied = simulated.observed.lock().unwrap();
        let order = replied.iter().filter_map(|it| match it {
            Observation::Replied(replied) => Some(replied.delivery.exchange.0),
            _ => None,
        });
        (order.collect(), format!("{replied:?}"))
    })
}

#[test]
fn a_gate_releases_as_planned_whatever_the_network_does_and_a_seed_says_what_happens() {
    for seed in 1..=20 {
        let (order, story) = gate(seed);
        assert_eq!(order, (1..=16).rev().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(gate(seed).1, story, "seed {seed}");
    }
    assert_ne!(gate(1).1, gate(2).1, "the network has its say");
}

#[test]
fn a_reply_that_the_gateway_makes_no_room_for_is_given_up_after_a_bound() {
    simulate(1, |simulated| async move {
        simulated.load(&[(1, vec![final_with(100_000, |reply| reply.private = true)])], Vec::new());
        let mut peer = simulated.connect().await;
        let (id, began) = (peer.get(1).await, Instant::now());
        peer.head(id).await;
        let mut received = 0;
        while let Got::Data(_, bytes, _, false) = peer.on(id).await {
            received += bytes.len();
            if received == 65_535 {
                break;
            }
        }
        assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::CANCEL));
        let lasted = began.elapsed();
        assert!(lasted >= WRITE_WAIT && lasted < WRITE_WAIT * 2, "{lasted:?}");
        assert_eq!(simulated.performed(), (Some(Performed::Expired), Some(Performed::Expired)));
        // The connection goes on, with what room it has.
        peer.room(0, 300).await;
        let next = peer.get(2).await;
        assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
    });
}

#[test]
fn a_reply_that_goes_on_slowly_is_not_given_up() {
    simulate(1, |simulated| async move {
        simulated.load(&[(1, vec![ok(40)])], Vec::new());
        let mut peer = simulated.connect_with(&[SettingId::INITIAL_WINDOW_SIZE.of(4)]).await;
        let id = peer.get(1).await;
        peer.head(id).await;
        let mut body = Vec::new();
        while let Got::Data(_, bytes, _, ends) = peer.on(id).await {
            body.extend(bytes);
            if ends {
                break;
            }
            tokio::time::sleep(WRITE_WAIT - Duration::from_millis(500)).await;
            peer.room(id, 4).await;
        }
        assert_eq!(body, peer.striped(1, 1, 40));
        assert_eq!(simulated.performed().1, Some(Performed::Fully));
    });
}

#[test]
fn a_gateway_that_reads_nothing_is_reset_after_a_bound() {
    simulate(1, |simulated| async move {
        let far = i32::MAX as u32;
        simulated.load(&[(1, vec![ok(2_000_000)]), (2, vec![ok(10)])], Vec::new());
        let mut peer = simulated.connect_with(&[SettingId::INITIAL_WINDOW_SIZE.of(far)]).await;
        peer.room(0, far - 65_535).await;
        peer.get(1).await;
        peer.get(2).await;
        tokio::time::sleep(WRITE_WAIT * 2).await;
        assert_eq!(simulated.origin.open_connections(), 0);
        assert!(simulated.story().contains("by: Origin"), "{}", simulated.story());
    });
}

#[test]
fn a_request_that_does_not_come_to_its_end_is_refused_after_a_bound() {
    simulate(1, |simulated| async move {
        simulated.load(&[(1, vec![final_with(64, |reply| reply.private = true)])], Vec::new());
        let mut peer = simulated.connect().await;
        let (id, began) = (peer.request("POST", 1, &[], false).await, Instant::now());
        tokio::time::sleep(REQUEST_WAIT - Duration::from_millis(100)).await;
        peer.data(id, b"x", false).await;
        let Got::Head(_, head, _, true) = peer.on(id).await else { panic!("{}", simulated.story()) };
        assert!(head.starts_with(":status=408 "), "{head}");
        assert!(matches!(peer.on(id).await, Got::Reset(..)));
        assert!(began.elapsed() >= REQUEST_WAIT * 2 - Duration::from_millis(200), "each part gives it more time");
        assert_eq!(simulated.performed().0, Some(Performed::Expired));
    });
}

#[test]
fn behind_an_early_reply_the_rest_of_a_request_is_awaited_for_a_bound_only() {
    simulate(1, |simulated| async move {
        simulated.load(&[(1, vec![final_with(64, |reply| reply.early = true)])], Vec::new());
        let mut peer = simulated.connect().await;
        let id = peer.request("POST", 1, &[], false).await;
        assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
        let began = Instant::now();
        // RFC 9113 §8.1: the reply is whole.
        assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::NO_ERROR));
        assert!(began.elapsed() >= REQUEST_WAIT - Duration::from_millis(100));
        assert_eq!(simulated.performed(), (Some(Performed::Fully), Some(Performed::Fully)));
    });
}

#[test]
fn a_frame_or_block_that_does_not_come_to_its_end_ends_the_connection() {
    let cases: [&[u8]; 3] = [&[0, 0, 8, 6], &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2], &[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]];
    for begun in cases {
        simulate(1, |simulated| async move {
            let mut peer = simulated.connect().await;
            peer.ping().await;
            peer.send(begun).await;
            let rest = peer.rest().await;
            assert!(rest.contains(&Got::GoAway(0, ErrorCode::ENHANCE_YOUR_CALM)), "{rest:?}");
        });
    }
}

#[test]
fn an_idle_connection_may_stay_idle_and_an_unanswered_request_is_reset_at_last() {
    simulate(1, |simulated| async move {
        simulated.load(&[(1, vec![])], Vec::new());
        let mut peer = simulated.connect().await;
        peer.ping().await;
        tokio::time::sleep(REQUEST_WAIT * 3).await;
        let (id, began) = (peer.get(1).await, Instant::now());
        assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::INTERNAL_ERROR));
        assert!(began.elapsed() >= CASE_WAIT);
    });
}

#[test]
fn both_versions_are_told_apart_wherever_the_network_cuts() {
    for seed in 1..=10 {
        simulate(seed, |simulated| async move {
            simulated.load(&[(1, vec![ok(64)]), (2, vec![ok(64)])], Vec::new());
            let stream = simulated.origin.address().connect().await.unwrap();
            let mut peer = Peer::over(stream, simulated.key.clone());
            let mut out = http2::PREFACE.to_vec();
            http2::frame::settings(&mut out, &[]);
            let (id, request) = peer.spell("GET", 1, &[], true);
            out.extend(request);
            for part in out.chunks(5) {
                peer.send(part).await;
            }
            assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
        });
    }
}
