//! The origin's book: what is planned for whom, who has arrived how often, which gates stand open.
//!
//! Pure bookkeeping; the time comes in as an argument. The plan of the present case is replaced by [`Book::load`]; the
//! counts of attempts and deliveries live as long as the run, because a request of an earlier case may come late.

use std::collections::BTreeMap;
use std::sync::Arc;

use vocabulary::canary::{Role, Site};
use vocabulary::directive::{Directive, Hold, OriginAct};
use vocabulary::history::{Found, GateOpened};
use vocabulary::identity::{Attempt, ExchangeId, GateId, Moment, TenantId};
use vocabulary::plan::{Event, EventKind};

use crate::behavior::BENIGN_BYTES;
use crate::gate::{Gate, Passage};
use crate::{OriginCase, PlannedReply};

/// Exchanges whose attempts and deliveries are counted; of the oldest beyond that number the counts are forgotten.
const COUNTED_MAX: usize = 1 << 20;

/// What is planned, and what has come of it.
#[derive(Debug, Default)]
pub(crate) struct Book {
    planned: BTreeMap<ExchangeId, Planned>,
    gates: BTreeMap<GateId, Gate>,
    /// The gates at which an exchange is awaited or held.
    gates_of: BTreeMap<ExchangeId, Vec<GateId>>,
    /// The events that some directive waits for, and whether they have happened.
    awaited_events: BTreeMap<Event, bool>,
    counts: BTreeMap<ExchangeId, Counts>,
}

#[derive(Debug)]
struct Planned {
    reply: Arc<PlannedReply>,
    sent: bool,
    seen: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    attempts: u8,
    deliveries: u16,
}

/// Whose a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) exchange: ExchangeId,
    pub(crate) tenant: TenantId,
    /// Whether its canary was planted in bytes that only spell a request: a ghost, or a tail.
    pub(crate) from_tail: bool,
}

/// What the book says to an arrival.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) attempt: Attempt,
    pub(crate) reply: Arc<PlannedReply>,
    /// The number of the first delivery that may be emitted for it.
    pub(crate) first_delivery: u16,
}

impl Book {
    /// Replaces the present case.
    pub(crate) fn load(&mut self, case: OriginCase) {
        *self = Book { counts: std::mem::take(&mut self.counts), ..Book::default() };
        for gate in case.gates {
            for exchange in &gate.awaits {
                self.stands_at(*exchange, gate.id);
            }
            self.gates.insert(gate.id, Gate::new(gate));
        }
        for (exchange, reply) in case.exchanges {
            self.plan(exchange, reply);
        }
    }

    /// Adds an exchange to the present case.
    pub(crate) fn plan(&mut self, exchange: ExchangeId, reply: PlannedReply) {
        for act in &reply.directive.acts {
            match act {
                OriginAct::Hold(Hold::Gate(gate)) => self.stands_at(exchange, *gate),
                OriginAct::Hold(Hold::Event(event)) => {
                    self.awaited_events.entry(*event).or_insert(false);
                }
                _ => {}
            }
        }
        self.planned.insert(exchange, Planned { reply: Arc::new(reply), sent: false, seen: false });
    }

    /// Whose a request is: by the request canaries in it, else by the shared path that it asks for and its tenant.
    pub(crate) fn identify(&self, canaries: &[Found], target: &str) -> Option<Identity> {
        let by_canary = canaries.iter().filter(|found| found.claim.role == Role::Request);
        // In a body with a whole conversation the newest exchange is the present one.
        let best = by_canary.min_by_key(|found| (rank(found.claim.site), std::cmp::Reverse(found.claim.exchange)));
        if let Some(Found { claim, .. }) = best {
            let tenant = self.planned.get(&claim.exchange).map_or(claim.tenant, |planned| planned.reply.tenant);
            let from_tail = claim.site == Site::Tail;
            return Some(Identity { exchange: claim.exchange, tenant, from_tail });
        }
        let tenant = canaries.iter().find(|found| found.claim.role == Role::Tenant)?.claim.tenant;
        let awaited = self.planned.iter().find(|(_, planned)| {
            let shared = planned.reply.shared.as_deref();
            planned.reply.tenant == tenant
                && planned.sent
                && !planned.seen
                && shared.is_some_and(|name| names(target, name))
        });
        awaited.map(|(exchange, _)| Identity { exchange: *exchange, tenant, from_tail: false })
    }

    /// A request has arrived: which attempt it is and what is done for it.
    pub(crate) fn arrive(&mut self, identity: Identity, now: Moment) -> Arrival {
        let Identity { exchange, tenant, from_tail } = identity;
        for gate in self.gates_of.get(&exchange).into_iter().flatten() {
            if let Some(gate) = self.gates.get_mut(gate) {
                gate.arrive(exchange, now);
            }
        }
        let reply = match self.planned.get_mut(&exchange) {
            Some(planned) => {
                planned.seen = true;
                planned.reply.clone()
            }
            None => Arc::new(PlannedReply { tenant, directive: unplanned(from_tail), shared: None }),
        };
        while self.counts.len() >= COUNTED_MAX && !self.counts.contains_key(&exchange) {
            self.counts.pop_first();
        }
        let counts = self.counts.entry(exchange).or_default();
        counts.attempts = counts.attempts.saturating_add(1);
        Arrival { attempt: Attempt(counts.attempts), reply, first_delivery: counts.deliveries.saturating_add(1) }
    }

    /// A program has taken so many delivery numbers of an exchange.
    pub(crate) fn take_deliveries(&mut self, exchange: ExchangeId, number: usize) {
        let counts = self.counts.entry(exchange).or_default();
        counts.deliveries = counts.deliveries.saturating_add(u16::try_from(number).unwrap_or(u16::MAX));
    }

    /// Something has happened at either end: whether a hold may wait for it.
    pub(crate) fn happened(&mut self, event: Event, now: Moment) -> bool {
        if event.kind == EventKind::Sent {
            if let Some(planned) = self.planned.get_mut(&event.exchange) {
                planned.sent = true;
            }
            for gate in self.gates.values_mut() {
                gate.sent(event.exchange, now);
            }
        }
        self.awaited_events.get_mut(&event).is_some_and(|happened| !std::mem::replace(happened, true))
    }

    /// Whether an event has happened that some directive waits for.
    pub(crate) fn has_happened(&self, event: Event) -> bool {
        self.awaited_events.get(&event).copied().unwrap_or(false)
    }

    /// Opens one gate whose time has come.
    pub(crate) fn open_gate(&mut self, now: Moment) -> Option<GateOpened> {
        self.gates.values_mut().find_map(|gate| gate.open(now))
    }

    /// Lets one exchange through a gate whose turn has come.
    pub(crate) fn release(&mut self, now: Moment) -> Option<ExchangeId> {
        self.gates.values_mut().find_map(|gate| gate.release(now))
    }

    /// When a gate will next have something to do.
    pub(crate) fn next_gate_at(&self) -> Option<Moment> {
        self.gates.values().filter_map(Gate::next_at).min()
    }

    /// Whether any exchange of the present case stands at a gate.
    pub(crate) fn has_gates(&self) -> bool {
        !self.gates.is_empty()
    }

    /// What a gate says to an exchange; a gate of an earlier case is no more and lets everybody through.
    pub(crate) fn passage(&self, gate: GateId, exchange: ExchangeId) -> Passage {
        self.gates.get(&gate).map_or(Passage::Expired, |gate| gate.passage(exchange))
    }

    fn stands_at(&mut self, exchange: ExchangeId, gate: GateId) {
        let gates = self.gates_of.entry(exchange).or_default();
        if !gates.contains(&gate) {
            gates.push(gate);
        }
    }
}

/// A request that nothing is planned for is answered well. One that only existed as bytes of another is held as bait:
/// its reply is the one that a confused gateway would give away.
fn unplanned(from_tail: bool) -> Directive {
    let mut directive = Directive::benign(BENIGN_BYTES);
    if from_tail {
        directive.acts.insert(0, OriginAct::Hold(Hold::Bait));
    }
    directive
}

/// The sites of a request canary, surest first: what is in the request line was not carried over from elsewhere, and a path
/// of its own may spell another request behind it.
fn rank(site: Site) -> u8 {
    match site {
        Site::Path => 0,
        Site::Tail => 1,
        Site::Query => 2,
        Site::Header => 3,
        Site::Authorization | Site::Cookie => 4,
        _ => 5,
    }
}

/// Whether a target asks for the shared path `name`, whatever base path stands before it.
fn names(target: &str, name: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let name = name.trim_start_matches('/').split('?').next().unwrap_or_default();
    path.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocabulary::canary::{Claim, Encoding};
    use vocabulary::history::Place;
    use vocabulary::plan;

    fn found(role: Role, tenant: u16, exchange: u32, site: Site) -> Found {
        let (tenant, exchange) = (TenantId(tenant), ExchangeId(exchange));
        let claim = Claim { role, tenant, exchange, attempt: Attempt(0), site, delivery: 0 };
        Found { claim, place: Place::Head, encoding: Encoding::Plain }
    }

    fn request(exchange: u32, site: Site) -> Found {
        found(Role::Request, 1, exchange, site)
    }

    fn case(exchanges: &[(u32, u16, Option<&str>)]) -> OriginCase {
        let reply = |tenant, shared: Option<&str>| PlannedReply {
            tenant: TenantId(tenant),
            directive: Directive::benign(64),
            shared: shared.map(str::to_owned),
        };
        let planned = exchanges.iter().map(|(id, tenant, shared)| (ExchangeId(*id), reply(*tenant, *shared)));
        OriginCase { exchanges: planned.collect(), gates: Vec::new() }
    }

    fn book(exchanges: &[(u32, u16, Option<&str>)]) -> Book {
        let mut book = Book::default();
        book.load(case(exchanges));
        book
    }

    fn sent(book: &mut Book, exchange: u32) -> bool {
        book.happened(Event { exchange: ExchangeId(exchange), kind: EventKind::Sent }, Moment(0))
    }

    fn who(book: &Book, canaries: &[Found], target: &str) -> Option<u32> {
        book.identify(canaries, target).map(|identity| identity.exchange.0)
    }

    #[test]
    fn a_request_is_known_by_its_surest_canary() {
        let book = book(&[(1, 1, None), (2, 1, None)]);
        assert_eq!(who(&book, &[request(1, Site::Cookie), request(2, Site::Path)], "/"), Some(2));
        assert_eq!(who(&book, &[request(1, Site::Body), request(2, Site::Body)], "/"), Some(2), "the newest");
        assert_eq!(who(&book, &[found(Role::Tenant, 1, 0, Site::Authorization)], "/"), None);
        assert_eq!(who(&book, &[found(Role::Reply, 1, 1, Site::Etag)], "/"), None);
        assert!(book.identify(&[request(9, Site::Tail)], "/").unwrap().from_tail);
        let spelled = [request(9, Site::Tail), request(1, Site::Path), request(1, Site::Query)];
        assert_eq!(who(&book, &spelled, "/"), Some(1), "another request in its path");
        assert_eq!(who(&book, &spelled[..1], "/"), Some(9));
        assert_eq!(who(&book, &[spelled[0], spelled[2]], "/"), Some(9), "with the query of whoever spelled it");
    }

    #[test]
    fn without_its_canary_it_is_known_by_shared_path_and_tenant() {
        let mut book = book(&[(1, 1, Some("news")), (2, 1, Some("news")), (3, 2, Some("news")), (4, 1, Some("old"))]);
        let tenant = [found(Role::Tenant, 1, 0, Site::Authorization)];
        assert_eq!(who(&book, &tenant, "/base/news?x"), None, "nobody has sent it yet");
        for exchange in [1, 2, 3, 4] {
            sent(&mut book, exchange);
        }
        assert_eq!(who(&book, &tenant, "/base/news?x"), Some(1));
        let first = book.identify(&tenant, "/base/news").unwrap();
        book.arrive(first, Moment(1));
        assert_eq!(who(&book, &tenant, "/news"), Some(2), "the first was seen");
        assert_eq!(who(&book, &tenant, "/goodnews"), None);
    }

    #[test]
    fn attempts_and_deliveries_are_counted_across_cases() {
        let mut book = book(&[(1, 1, None)]);
        let identity = book.identify(&[request(1, Site::Path)], "/").unwrap();
        let first = book.arrive(identity, Moment(1));
        book.take_deliveries(ExchangeId(1), 2);
        assert_eq!((first.attempt, first.first_delivery), (Attempt(1), 1));
        book.load(case(&[]));
        let second = book.arrive(identity, Moment(2));
        assert_eq!((second.attempt, second.first_delivery), (Attempt(2), 3));
        assert_eq!(second.reply.directive, Directive::benign(BENIGN_BYTES));
    }

    #[test]
    fn an_arrival_fills_the_gates_that_await_it() {
        let mut book = Book::default();
        let (awaits, release) = (vec![ExchangeId(1), ExchangeId(2)], vec![ExchangeId(2), ExchangeId(1)]);
        let gate = plan::Gate { id: GateId(1), awaits, release, gap_us: 0 };
        book.load(OriginCase { gates: vec![gate], ..case(&[(1, 1, None), (2, 1, None)]) });
        for exchange in [1, 2] {
            assert!(book.open_gate(Moment(1)).is_none());
            book.arrive(book.identify(&[request(exchange, Site::Path)], "/").unwrap(), Moment(1));
        }
        assert!(book.open_gate(Moment(1)).unwrap().in_full());
        assert_eq!(book.release(Moment(1)), Some(ExchangeId(2)));
        assert_eq!(book.passage(GateId(1), ExchangeId(2)), Passage::Released);
        assert_eq!(book.passage(GateId(1), ExchangeId(1)), Passage::Held);
        assert_eq!(book.passage(GateId(7), ExchangeId(1)), Passage::Expired, "a gate of another case");
    }

    #[test]
    fn only_awaited_events_are_kept_and_each_wakes_once() {
        let awaited = Event { exchange: ExchangeId(1), kind: EventKind::Aborted };
        let mut case = case(&[(1, 1, None)]);
        let planned = case.exchanges.get_mut(&ExchangeId(1)).unwrap();
        planned.directive.acts.insert(0, OriginAct::Hold(Hold::Event(awaited)));
        let mut book = Book::default();
        book.load(case);
        assert!(!sent(&mut book, 1));
        assert!(!book.has_happened(awaited));
        assert!(book.happened(awaited, Moment(1)));
        assert!(!book.happened(awaited, Moment(2)));
        assert!(book.has_happened(awaited));
    }
}
