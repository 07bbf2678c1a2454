//! The origin on its own, for tests that are written by hand: their own requests, their own assertions.
//!
//! A test begins an [`Exchange`], sends a request with its field through a gateway, and asks whether what came back is
//! its own. What the origin does for the exchange, a [`Directive`] says. There is no plan, no oracle and no verdict: only
//! what was seen, what was sent, and whose a reply is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mock_upstream::{Clock, Config, PlannedReply};
use vocabulary::canary::{CanaryKey, CanaryText, Claim, Role, Scanner, Site};
use vocabulary::directive::Directive;
use vocabulary::history::{Observation, Replied, Seen};
use vocabulary::identity::{Attempt, DeliveryId, ExchangeId, TenantId};

use crate::case::BenchError;

/// The field in which a request carries its canary, and a reply too.
const FIELD: &str = "x-crosswire";

/// An origin on a port of its own. Dropping it closes the port and every connection.
///
/// ```no_run
/// use crosswire::Origin;
/// use crosswire::vocabulary::directive::Directive;
///
/// # fn get(_: &str, _: (&str, &str)) -> Vec<u8> { Vec::new() }
/// # fn my_proxy(_: std::net::SocketAddr) -> String { String::new() }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let origin = Origin::start()?;
/// let proxy = my_proxy(origin.addr());
/// let (alice, bob) = (origin.exchange(1, Directive::benign(64)), origin.exchange(2, Directive::benign(64)));
/// for exchange in [alice, bob] {
///     let reply = get(&proxy, exchange.field());
///     origin.check(&exchange, &reply)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Origin {
    origin: mock_upstream::Origin,
    key: CanaryKey,
    scanner: Scanner,
    observations: Arc<Mutex<Vec<Observation>>>,
    exchanges: AtomicU32,
}

/// One request that a test is about to send, and whose it is.
#[derive(Debug, Clone)]
pub struct Exchange {
    id: ExchangeId,
    tenant: TenantId,
    canary: CanaryText,
}

/// Why a reply is not the exchange's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotItsOwn {
    /// It is another's, or a part of it is.
    #[error("{exchange} of {tenant} received {delivery}, the reply to {} of {owner}", delivery.exchange)]
    Foreign {
        /// Who received it.
        exchange: ExchangeId,
        /// Whose exchange that is.
        tenant: TenantId,
        /// What was received.
        delivery: DeliveryId,
        /// The tenant that it was meant for.
        owner: TenantId,
    },
    /// Nothing in it came from the origin: the gateway made it itself, or has taken every canary out.
    #[error(
        "{exchange} of {tenant} received nothing of the origin's: the gateway answered itself, or removed field and body"
    )]
    Nobodys {
        /// Who received it.
        exchange: ExchangeId,
        /// Whose exchange that is.
        tenant: TenantId,
    },
}

impl Origin {
    /// Starts an origin on a port of the kernel's choice, on a thread of its own.
    ///
    /// # Errors
    ///
    /// If there is no port or no thread to be had.
    pub fn start() -> Result<Origin, BenchError> {
        let addr = SocketAddr::from((IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
        let listener = TcpListener::bind(addr).map_err(|source| BenchError::Listen { addr, source })?;
        let key = CanaryKey::new(rand::random(), rand::random());
        let observations = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&observations);
        let observer = Arc::new(move |observation| lock(&noted).push(observation));
        let origin =
            mock_upstream::Origin::start(listener, Config { key: key.clone(), clock: Clock::start(), observer })?;
        Ok(Origin { origin, key, scanner: Scanner::new(), observations, exchanges: AtomicU32::new(0) })
    }

    /// Where it listens: what the gateway forwards to.
    pub fn addr(&self) -> SocketAddr {
        self.origin.addr()
    }

    /// Begins an exchange of a tenant (1 to 1023), for which the origin will do this.
    ///
    /// # Panics
    ///
    /// If there is no such tenant.
    pub fn exchange(&self, tenant: u16, directive: Directive) -> Exchange {
        assert!((1..=1023).contains(&tenant), "tenant {tenant}: tenants have the numbers 1 to 1023");
        let id = ExchangeId(self.exchanges.fetch_add(1, Ordering::Relaxed) + 1);
        let tenant = TenantId(tenant);
        self.origin.plan(id, PlannedReply { tenant, directive, shared: None });
        let attempt = Attempt(0);
        let claim = Claim { role: Role::Request, tenant, exchange: id, attempt, site: Site::Header, delivery: 0 };
        Exchange { id, tenant, canary: self.key.mint(claim) }
    }

    /// Whether a reply is the exchange's own: its head, its body or both, as they came. The delivery that it is.
    ///
    /// # Errors
    ///
    /// If any part of it is another's, or nothing in it is the origin's.
    pub fn check(&self, exchange: &Exchange, reply: &[u8]) -> Result<DeliveryId, NotItsOwn> {
        let hits = self.scanner.scan(&self.key, reply);
        let replies = hits.iter().filter_map(|hit| hit.canary.ok()).filter(|claim| claim.role == Role::Reply);
        let deliveries: Vec<(DeliveryId, TenantId)> =
            replies.filter_map(|claim| Some((claim.delivery_id()?, claim.tenant))).collect();
        let Exchange { id, tenant, .. } = *exchange;
        match deliveries.iter().find(|(delivery, _)| delivery.exchange != id) {
            Some((delivery, owner)) => {
                Err(NotItsOwn::Foreign { exchange: id, tenant, delivery: *delivery, owner: *owner })
            }
            None => deliveries.first().map(|own| own.0).ok_or(NotItsOwn::Nobodys { exchange: id, tenant }),
        }
    }

    /// The requests that have arrived so far, in the order in which they did.
    pub fn seen(&self) -> Vec<Seen> {
        self.noted(|observation| match observation {
            Observation::Seen(seen) => Some(seen.clone()),
            _ => None,
        })
    }

    /// The replies that were sent so far, in the order in which they were complete.
    pub fn deliveries(&self) -> Vec<Replied> {
        self.noted(|observation| match observation {
            Observation::Replied(replied) => Some(replied.clone()),
            _ => None,
        })
    }

    /// Lets go what is held as bait now, rather than after two seconds.
    pub fn end_patience(&self) {
        self.origin.end_patience();
    }

    fn noted<T>(&self, wanted: impl Fn(&Observation) -> Option<T>) -> Vec<T> {
        lock(&self.observations).iter().filter_map(wanted).collect()
    }
}

impl Exchange {
    /// Its number, as in what the origin has seen and sent.
    pub fn id(&self) -> ExchangeId {
        self.id
    }

    /// The field that a request has to carry to be this exchange's: name and value. Anywhere in the target does as well.
    pub fn field(&self) -> (&'static str, &str) {
        (FIELD, self.canary.as_str())
    }
}

/// A thread that panicked while it held the lock has left whole values behind.
fn lock(observations: &Mutex<Vec<Observation>>) -> std::sync::MutexGuard<'_, Vec<Observation>> {
    observations.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use vocabulary::directive::{Interim, InterimLength, OriginAct, Segment};

    use super::*;

    fn send(client: &mut TcpStream, exchange: &Exchange, connection: &str) {
        let (name, value) = exchange.field();
        write!(client, "GET / HTTP/1.1\r\nHost: test\r\nConnection: {connection}\r\n{name}: {value}\r\n\r\n").unwrap();
    }

    /// What one request on a connection of its own is answered.
    fn ask(origin: &Origin, exchange: &Exchange) -> Vec<u8> {
        let mut client = TcpStream::connect(origin.addr()).unwrap();
        send(&mut client, exchange, "close");
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        reply
    }

    #[test]
    fn a_reply_is_its_own_and_nobody_elses() {
        let origin = Origin::start().unwrap();
        let (alice, bob) = (origin.exchange(1, Directive::benign(64)), origin.exchange(2, Directive::benign(64)));
        let reply = ask(&origin, &alice);
        assert_eq!(origin.check(&alice, &reply), Ok(DeliveryId { exchange: alice.id(), number: 1 }));
        let error = origin.check(&bob, &reply).unwrap_err();
        assert_eq!(error.to_string(), "e2 of t2 received d1, the reply to e1 of t1");
        let spliced = [ask(&origin, &bob).as_slice(), reply.as_slice()].concat();
        assert_eq!(origin.check(&bob, &spliced), Err(error), "a part of it is another's");
        let nobodys = origin.check(&bob, b"HTTP/1.1 502 Bad Gateway\r\n\r\n").unwrap_err();
        assert!(nobodys.to_string().starts_with("e2 of t2 received nothing of the origin's"), "{nobodys}");
    }

    #[test]
    fn the_origin_does_what_it_was_told_and_tells_what_it_saw_and_sent() {
        let origin = Origin::start().unwrap();
        let mut directive = Directive::benign(64);
        let interim = Interim { status: 102, length: InterimLength::Absent, fields: Vec::new(), segment: Segment::Own };
        directive.acts.insert(0, OriginAct::Interim(interim));
        let exchange = origin.exchange(7, directive);
        assert_eq!((origin.seen(), origin.deliveries()), (Vec::new(), Vec::new()));
        let reply = ask(&origin, &exchange);
        assert!(reply.starts_with(b"HTTP/1.1 102 "), "{}", String::from_utf8_lossy(&reply));
        let seen: Vec<Option<ExchangeId>> = origin.seen().iter().map(|seen| seen.exchange).collect();
        assert_eq!(seen, [Some(exchange.id())]);
        let sent: Vec<(u16, ExchangeId)> =
            origin.deliveries().iter().map(|replied| (replied.status, replied.delivery.exchange)).collect();
        assert_eq!(sent, [(200, exchange.id())]);
    }

    #[test]
    fn drop_closes_the_port_and_every_connection() {
        let origin = Origin::start().unwrap();
        let addr = origin.addr();
        let exchange = origin.exchange(1, Directive::benign(64));
        let mut client = TcpStream::connect(addr).unwrap();
        send(&mut client, &exchange, "keep-alive");
        client.read_exact(&mut [0; 12]).unwrap();
        drop(origin);
        assert!(TcpStream::connect(addr).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused));
        // To its end, or reset: in either case it does not last.
        drop(client.read_to_end(&mut Vec::new()));
    }
}
