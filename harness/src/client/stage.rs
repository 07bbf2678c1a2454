//! A stage for tests: the lanes of a plan on one side, a gateway that follows a script on the other.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_upstream::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use transport::{Address, Stream};
use vocabulary::canary::{CanaryKey, Claim, Role, Scanner, Site, StripedBody};
use vocabulary::crossing::Http;
use vocabulary::directive::{Directive, FaultKind};
use vocabulary::history::{ExchangeEnd, GaveUp, History, Observation, Performed, Received, Seen, Sent, Unasked};
use vocabulary::identity::{Attempt, ConnectionId, ExchangeId, Ordinal, TenantId};
use vocabulary::plan::{Event, EventKind, Lane, Plan, Start, Stimulus};

use super::cookies::CookieJar;
use super::request::{ConnectionNumbers, Target};
use super::run_plan;
use super::waiting::Idle;
use crate::gateway::Freezer;
use crate::ledger::Ledger;

/// What is added to exchange numbers on the wire.
pub(super) const BASE: u32 = 100;
/// How long a scene may take.
const SCENE_MAX: Duration = Duration::from_secs(20);

pub(super) fn key() -> CanaryKey {
    CanaryKey::new(*b"a secret of test", 7)
}

/// A plain GET of tenant 1.
pub(super) fn get(exchange: u32) -> Stimulus {
    Stimulus { directive: Directive::benign(200), ..Stimulus::get(ExchangeId(exchange), TenantId(1)) }
}

pub(super) fn after(exchange: u32, kind: EventKind) -> Start {
    Start { after: Some(Event { exchange: ExchangeId(exchange), kind }), delay_us: 0 }
}

pub(super) fn lane(stimuli: impl IntoIterator<Item = Stimulus>) -> Lane {
    Lane { name: "lane".to_owned(), stimuli: stimuli.into_iter().collect(), until: None }
}

pub(super) fn target(addr: std::net::SocketAddr) -> Target {
    Target {
        address: address(addr),
        scheme: "http",
        http: Http::H1,
        authority: "gateway.test".to_owned(),
        base_path: "/api".to_owned(),
        extra_fields: Vec::new(),
        connections: ConnectionNumbers::default(),
        cookies: CookieJar::default(),
        freezer: Freezer::default(),
    }
}

/// An address, in the clear unless this process plays everything over TLS.
fn address(addr: std::net::SocketAddr) -> Address {
    #[cfg(feature = "tls")]
    if super::over_tls::acceptor().is_some() {
        return super::over_tls::address(addr);
    }
    addr.into()
}

/// A claim of the n-th delivery to a planned exchange.
pub(super) fn delivery(exchange: u32, number: u16) -> Claim {
    Claim {
        role: Role::Reply,
        tenant: TenantId(1),
        exchange: ExchangeId(exchange + BASE),
        attempt: Attempt(1),
        site: Site::BodyBegin,
        delivery: number,
    }
}

/// The body of such a delivery.
pub(super) fn body(exchange: u32, number: u16) -> String {
    String::from_utf8(StripedBody::new(&key(), delivery(exchange, number), 200).to_vec()).unwrap()
}

/// A whole reply with such a body.
pub(super) fn reply(exchange: u32, number: u16) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}", body(exchange, number))
}

/// The gateway of a scene, and what its script can see and do.
pub(super) struct Gateway {
    listener: RefCell<Option<TcpListener>>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) idle: Arc<Idle>,
}

impl Gateway {
    pub(super) async fn accept(&self) -> Peer {
        Peer { stream: self.accept_stream().await, held: Vec::new(), ledger: Arc::clone(&self.ledger) }
    }

    pub(super) async fn accept_stream(&self) -> Stream {
        let listener = self.listener.take().expect("one accepts at a time");
        let stream = listener.accept().await.unwrap().0.into();
        self.listener.replace(Some(listener));
        #[cfg(feature = "tls")]
        if let Some(acceptor) = super::over_tls::acceptor() {
            return acceptor.accept(stream).await.unwrap();
        }
        stream
    }

    /// From here on connections are refused.
    pub(super) fn stop_listening(&self) {
        self.listener.take();
    }

    /// Reports an event as the origin would.
    pub(super) fn happens(&self, exchange: u32, kind: EventKind) {
        let exchange = ExchangeId(exchange + BASE);
        self.ledger.record(Observation::Event { exchange, kind, at: self.ledger.now() });
    }

    /// Reports as the origin would that a request has arrived on an upstream connection.
    pub(super) fn arrives(&self, exchange: u32, upstream: u32) {
        self.ledger.record(Observation::Seen(Seen {
            exchange: Some(ExchangeId(exchange + BASE)),
            attempt: Attempt(1),
            connection: ConnectionId(upstream),
            ordinal: Ordinal(1),
            stream: None,
            at: self.ledger.now(),
            canaries: Vec::new(),
            unverified: 0,
            in_flight: 1,
            authority: None,
            head: String::new(),
        }));
    }

    pub(super) async fn awaits(&self, exchange: u32, kind: EventKind) {
        self.ledger.happened(Event { exchange: ExchangeId(exchange + BASE), kind }).await;
    }

    pub(super) fn has_happened(&self, exchange: u32, kind: EventKind) -> bool {
        self.ledger.has_happened(Event { exchange: ExchangeId(exchange + BASE), kind })
    }

    pub(super) async fn all_lanes_wait(&self) {
        while self.idle.busy() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// A client's connection, seen from the gateway.
pub(super) struct Peer {
    stream: Stream,
    held: Vec<u8>,
    ledger: Arc<Ledger>,
}

impl Peer {
    /// The next request head.
    pub(super) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.held.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.held.split_off(end + 4);
                return String::from_utf8(std::mem::replace(&mut self.held, rest)).unwrap();
            }
            assert!(self.read().await.unwrap() > 0, "the client closed within a head");
        }
    }

    /// So many bytes of a body.
    pub(super) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.held.len() < count {
            assert!(self.read().await.unwrap() > 0, "the client closed within a body");
        }
        let rest = self.held.split_off(count);
        std::mem::replace(&mut self.held, rest)
    }

    /// What has been read and not been asked for by the script.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    pub(super) async fn read(&mut self) -> io::Result<usize> {
        self.held.reserve(64 * 1024);
        self.stream.read_buf(&mut self.held).await
    }

    pub(super) async fn write(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// Reads a request head and answers it with the first delivery to an exchange, which the origin has seen then.
    pub(super) async fn serve(&mut self, exchange: u32) -> String {
        let head = self.head().await;
        let (seen, at) = (ExchangeId(exchange + BASE), self.ledger.now());
        self.ledger.record(Observation::Event { exchange: seen, kind: EventKind::Seen, at });
        self.write(reply(exchange, 1)).await;
        head
    }

    /// Reads to the end: in order, or by a reset.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        while self.read().await? > 0 {}
        Ok(())
    }

    pub(super) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

/// What a scene came to.
pub(super) struct Played {
    pub(super) history: History,
    /// What the origin was told, with plan numbers.
    pub(super) told: Vec<(u32, EventKind)>,
}

impl Played {
    pub(super) fn sent(&self, exchange: u32) -> &Sent {
        self.history.exchanges[&ExchangeId(exchange)].sent.as_ref().unwrap()
    }

    pub(super) fn received(&self, exchange: u32) -> &Received {
        match &self.history.exchanges[&ExchangeId(exchange)].end {
            Some(ExchangeEnd::Received(received)) => received,
            other => panic!("e{exchange} ended with {other:?}"),
        }
    }

    pub(super) fn gave_up(&self, exchange: u32) -> &GaveUp {
        match &self.history.exchanges[&ExchangeId(exchange)].end {
            Some(ExchangeEnd::GaveUp(gave_up)) => gave_up,
            other => panic!("e{exchange} ended with {other:?}"),
        }
    }

    pub(super) fn faults(&self) -> Vec<(FaultKind, Performed)> {
        self.history.faults.iter().map(|fault| (fault.kind, fault.performed)).collect()
    }

    pub(super) fn unasked(&self) -> &[Unasked] {
        &self.history.unasked
    }
}

/// Whose deliveries a reading shows, with plan numbers.
pub(super) fn deliveries(canaries: &[vocabulary::history::Found]) -> Vec<String> {
    let mut shown: Vec<String> =
        canaries.iter().filter_map(|found| found.claim.delivery_id()).map(|delivery| delivery.to_string()).collect();
    shown.dedup();
    shown
}

/// Runs the lanes against the script.
pub(super) async fn play(lanes: Vec<Lane>, script: impl AsyncFnOnce(&Gateway)) -> Played {
    play_over(Http::H1, lanes, script).await
}

/// Runs the lanes, which speak this, against the script.
pub(super) async fn play_over(http: Http, lanes: Vec<Lane>, script: impl AsyncFnOnce(&Gateway)) -> Played {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = target(listener.local_addr().unwrap());
    let ledger = Arc::new(Ledger::new(Clock::start()));
    let idle = Arc::<Idle>::default();
    let gateway =
        Gateway { listener: RefCell::new(Some(listener)), ledger: Arc::clone(&ledger), idle: Arc::clone(&idle) };
    let plan = Plan { tenants: 4, down: http, ..Plan::bare("scene", lanes) };
    let told = Arc::new(Mutex::new(Vec::new()));
    let notify: Arc<dyn Fn(Event) + Send + Sync> = {
        let told = Arc::clone(&told);
        Arc::new(move |event: Event| told.lock().unwrap().push((event.exchange.0 - BASE, event.kind)))
    };
    let (key, scanner) = (key(), Scanner::new());
    let clients = run_plan(&plan, BASE, &key, &scanner, &target, &ledger, &notify, &idle);
    let scene = async { tokio::join!(clients, script(&gateway)) };
    timeout(SCENE_MAX, scene).await.expect("the scene ends in time");
    assert_eq!(idle.busy(), 0, "every lane is done");
    let told = told.lock().unwrap().clone();
    for (_, stimulus) in plan.stimuli() {
        let concluded = (stimulus.exchange.0, EventKind::Concluded);
        assert_eq!(told.iter().filter(|event| **event == concluded).count(), 1, "{} ends once", stimulus.exchange);
    }
    Played { history: ledger.seal(plan, BASE).unwrap(), told }
}
