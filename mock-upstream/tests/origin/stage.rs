//! An origin with a list of what it reported, and clients that read and write bytes.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_upstream::{Clock, Config, Origin, OriginCase, PlannedReply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use transport::{Address, Stream};
use vocabulary::canary::{CanaryKey, Claim, Role, Scanner, Site, StripedBody, read_body};
use vocabulary::directive::{Directive, FaultKind, Final, OriginAct};
use vocabulary::history::{Fault, Observation, Performed, Replied, Seen};
use vocabulary::identity::{Attempt, DeliveryId, ExchangeId, TenantId};
use vocabulary::plan::{Event, EventKind, Gate};

/// The bound of every wait.
pub(crate) const WAIT: Duration = Duration::from_secs(5);

/// An origin and everything that it reported.
pub(crate) struct Stage {
    pub(crate) origin: Option<Origin>,
    pub(crate) key: CanaryKey,
    /// Where its clients connect to.
    pub(crate) address: Address,
    reported: Arc<Reported>,
}

#[derive(Default)]
struct Reported {
    observations: Mutex<Vec<Observation>>,
    changed: Notify,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let key = CanaryKey::new([3; 16], 99);
        let reported = Arc::new(Reported::default());
        let observer = reported.clone();
        let observer = Arc::new(move |observation| {
            observer.observations.lock().unwrap().push(observation);
            observer.changed.notify_waiters();
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let config = Config { key: key.clone(), clock: Clock::start(), observer };
        let origin = Origin::start(listener, config).unwrap();
        Stage { address: address(&origin), origin: Some(origin), key, reported }
    }

    /// The same, for clients that do not do as all others.
    #[cfg(feature = "tls")]
    pub(crate) fn at(self, address: Address) -> Stage {
        Stage { address, ..self }
    }

    /// An origin with one exchange, e1 of tenant 1.
    pub(crate) fn with(acts: Vec<OriginAct>) -> Stage {
        let stage = Stage::new();
        stage.load(&[(1, acts)], Vec::new());
        stage
    }

    pub(crate) fn origin(&self) -> &Origin {
        self.origin.as_ref().unwrap()
    }

    /// Loads exchanges of tenant 1.
    pub(crate) fn load(&self, exchanges: &[(u32, Vec<OriginAct>)], gates: Vec<Gate>) {
        let planned = exchanges.iter().map(|(exchange, acts)| {
            let directive = Directive { acts: acts.clone(), every_attempt: false };
            (ExchangeId(*exchange), PlannedReply { tenant: TenantId(1), directive, shared: None })
        });
        self.origin().load(OriginCase { exchanges: planned.collect(), gates });
    }

    pub(crate) fn notify(&self, exchange: u32, kind: EventKind) {
        self.origin().notify(Event { exchange: ExchangeId(exchange), kind });
    }

    pub(crate) fn canary(&self, exchange: u32, site: Site) -> String {
        self.key.mint(request_claim(exchange, site)).to_string()
    }

    /// A GET with the request canary in path and field.
    pub(crate) fn get(&self, exchange: u32) -> String {
        self.request("GET", exchange, "")
    }

    pub(crate) fn request(&self, method: &str, exchange: u32, fields: &str) -> String {
        let (path, header) = (self.canary(exchange, Site::Path), self.canary(exchange, Site::Header));
        format!("{method} /{path} HTTP/1.1\r\nHost: origin\r\nx-crosswire: {header}\r\n{fields}\r\n")
    }

    pub(crate) async fn connect(&self) -> Client {
        let stream = self.open().await;
        Client { stream, unread: Vec::new(), key: self.key.clone() }
    }

    /// A connection to the origin.
    pub(crate) async fn open(&self) -> Stream {
        let stream = self.address.connect().await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// What `find` finds in the observations, as soon as it does.
    pub(crate) async fn until<T>(&self, what: &str, find: impl Fn(&[Observation]) -> Option<T>) -> T {
        let found = async {
            loop {
                let changed = self.reported.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = find(&self.reported.observations.lock().unwrap()) {
                    return found;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(WAIT, found).await {
            Ok(found) => found,
            Err(_) => panic!("{what} did not come within {WAIT:?}; reported was:\n{}", self.story()),
        }
    }

    /// Everything that was reported, one line each.
    pub(crate) fn story(&self) -> String {
        self.reported.observations.lock().unwrap().iter().fold(String::new(), |mut story, observation| {
            writeln!(story, "{observation:?}").unwrap();
            story
        })
    }

    pub(crate) async fn event(&self, exchange: u32, kind: EventKind) {
        let what = format!("{kind:?} of e{exchange}");
        self.until(&what, |observations| {
            observations.iter().find_map(|observation| match observation {
                Observation::Event { exchange: other, kind: happened, .. }
                    if other.0 == exchange && *happened == kind =>
                {
                    Some(())
                }
                _ => None,
            })
        })
        .await;
    }

    /// The fault of this kind, of exchange 1.
    pub(crate) async fn fault(&self, kind: FaultKind) -> Fault {
        self.until(&format!("the fault {}", kind.word()), |observations| {
            observations.iter().find_map(|observation| match observation {
                Observation::Fault(fault) if fault.kind == kind && fault.exchange == ExchangeId(1) => {
                    Some(fault.clone())
                }
                _ => None,
            })
        })
        .await
    }

    pub(crate) async fn performed(&self, kind: FaultKind) -> Performed {
        self.fault(kind).await.performed
    }

    /// The arrivals of an exchange, when there are so many.
    pub(crate) async fn seen(&self, exchange: u32, count: usize) -> Vec<Seen> {
        let wanted = (exchange != 0).then_some(ExchangeId(exchange));
        self.until(&format!("arrival {count} of e{exchange}"), |observations| {
            let seen = observations.iter().filter_map(|observation| match observation {
                Observation::Seen(seen) if seen.exchange == wanted => Some(seen.clone()),
                _ => None,
            });
            let seen: Vec<Seen> = seen.collect();
            (seen.len() >= count).then_some(seen)
        })
        .await
    }

    pub(crate) async fn replied(&self, exchange: u32, number: u16) -> Replied {
        let delivery = DeliveryId { exchange: ExchangeId(exchange), number };
        self.until(&delivery.to_string(), |observations| {
            observations.iter().find_map(|observation| match observation {
                Observation::Replied(replied) if replied.delivery == delivery => Some(replied.clone()),
                _ => None,
            })
        })
        .await
    }
}

/// Where clients go, if nobody says otherwise: in the clear.
fn address(origin: &Origin) -> Address {
    #[cfg(feature = "tls")]
    if std::env::var_os(crate::tls::OVER_TLS).is_some() {
        return crate::tls::address(origin, &[]);
    }
    origin.address().clone()
}

pub(crate) fn request_claim(exchange: u32, site: Site) -> Claim {
    Claim {
        role: Role::Request,
        tenant: TenantId(1),
        exchange: ExchangeId(exchange),
        attempt: Attempt(0),
        site,
        delivery: 0,
    }
}

/// The final reply of a benign exchange.
pub(crate) fn ok(bytes: u64) -> OriginAct {
    OriginAct::Final(Final::ok(bytes))
}

pub(crate) fn final_with(bytes: u64, change: impl FnOnce(&mut Final)) -> OriginAct {
    let mut reply = Final::ok(bytes);
    change(&mut reply);
    OriginAct::Final(reply)
}

/// A client that trusts nothing: it reads bytes.
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) unread: Vec<u8>,
    key: CanaryKey,
}

/// A reply as a client read it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whose its stripes say the body is.
    pub(crate) owner: Option<(u32, u16)>,
}

impl Client {
    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// One read of the socket: usually one segment.
    pub(crate) async fn segment(&mut self) -> String {
        let mut bytes = vec![0; 64 * 1024];
        let read = tokio::time::timeout(WAIT, self.stream.read(&mut bytes)).await.expect("bytes come").unwrap();
        bytes.truncate(read);
        String::from_utf8(bytes).unwrap()
    }

    /// So many bytes.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            let more = self.more().await.expect("the connection is not reset");
            assert!(more > 0, "the connection ended after {:?}", String::from_utf8_lossy(&self.unread));
        }
        self.unread.drain(..count).collect()
    }

    /// A head, up to its empty line.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                return String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
            }
            let more = self.more().await.expect("the connection is not reset");
            assert!(more > 0, "the connection ended after {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    /// A reply with an exact length.
    pub(crate) async fn reply(&mut self) -> Reply {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let body = self.bytes(length.map_or(0, |length| length.parse().unwrap())).await;
        let owner = self.owner(&body);
        Reply { head, body, owner }
    }

    /// Everything until the connection ends in order.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await.expect("the connection is not reset") > 0 {}
        std::mem::take(&mut self.unread)
    }

    /// Reads until the connection ends: whether by a reset.
    pub(crate) async fn is_reset(&mut self) -> bool {
        loop {
            match self.more().await {
                Ok(0) => return false,
                Ok(_) => {}
                Err(_) => return true,
            }
        }
    }

    /// Whose a body is: exchange and delivery.
    pub(crate) fn owner(&self, body: &[u8]) -> Option<(u32, u16)> {
        let owner = read_body(&Scanner::new(), &self.key, None, body).owner?;
        Some((owner.exchange.0, owner.delivery))
    }

    /// The body of a delivery of tenant 1.
    pub(crate) fn striped(&self, exchange: u32, delivery: u16, bytes: u64) -> Vec<u8> {
        let claim =
            Claim { role: Role::Reply, attempt: Attempt(1), delivery, ..request_claim(exchange, Site::BodyBegin) };
        StripedBody::new(&self.key, claim, bytes).to_vec()
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    async fn more(&mut self) -> std::io::Result<usize> {
        let read = self.stream.read_buf(&mut self.unread);
        tokio::time::timeout(WAIT, read).await.expect("the origin writes or closes in time")
    }
}
