//! The store: replies that may answer others, and requests that wait for the same one.
//!
//! It decides nothing: what may be stored, found and shared is asked of [`Caching`]. Only complete replies are stored
//! (RFC 9111 §3.3), and none that was asked for before its resource was changed (RFC 9111 §4.4).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::date::Calendar;
use crate::decisions::Caching;
use crate::head::{Fields, ReplyHead, RequestHead};
use crate::outlet::ToClient;
use crate::sharing::strong_validator;
use crate::wire::{After, Ends};

/// How large a stored body may be, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How much the store may hold, in bytes and in replies; the oldest go first.
const STORE_BYTES_MAX: usize = 64 * 1024 * 1024;
const STORE_REPLIES_MAX: usize = 4096;

/// A reply in the store.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) reply: ReplyHead,
    pub(crate) body: Arc<[u8]>,
    fill: RequestHead,
    lifetime: Duration,
    /// When it would have been of age 0. RFC 9111 §4.2.3.
    born: Instant,
}

impl Stored {
    /// Its age, RFC 9111 §4.2.3.
    pub(crate) fn age(&self) -> Duration {
        self.born.elapsed()
    }

    /// Sends it to a client.
    pub(crate) fn send(&self, to: &mut ToClient<'_>, after: After, calendar: &Calendar) {
        let ends = Ends::AfterLength(self.body.len() as u64);
        to.head(&self.reply, ends, after, Some(self.age().as_secs()), calendar);
        to.content(&self.body);
        to.end(&Fields::default());
    }

    fn bytes(&self) -> usize {
        self.body.len() + self.reply.fields.bytes() + self.fill.fields.bytes() + self.fill.target.len()
    }
}

/// One per gateway.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Newest last.
    replies: HashMap<Vec<u8>, Vec<Arc<Stored>>>,
    /// The keys of the stored replies, oldest first; keys of replies that are gone may stand here still.
    order: VecDeque<Vec<u8>>,
    bytes: usize,
    flights: HashMap<Vec<u8>, Arc<Landing>>,
    /// How often something was invalidated.
    invalidations: u64,
}

/// Whether a request goes to the origin or waits for one that has gone.
#[derive(Debug)]
pub(crate) enum Join<'a> {
    /// It goes.
    Lead(Flight<'a>),
    /// It waits until the landing is over.
    Wait(Arc<Landing>),
}

/// What those wait for who ask for the same.
#[derive(Debug)]
pub(crate) struct Landing {
    /// It has no permits, and is closed when there is nothing left to wait for. That wakes in the order of arrival; other
    /// channels leave the order to chance.
    pub(crate) over: Semaphore,
    /// A reply that is for those who wait and was not stored. The reference leaves none here.
    pub(crate) handed_over: OnceLock<Arc<Stored>>,
}

/// What is done with a reply beside passing it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It is stored, and fresh for so long.
    Fresh(Duration),
    /// It is given to those who wait.
    ForThoseWhoWait,
}

/// A request for which others wait; they wait no longer when this is dropped.
#[derive(Debug)]
pub(crate) struct Flight<'a> {
    cache: &'a Cache,
    key: Vec<u8>,
    landing: Arc<Landing>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.cache.shelf().flights.remove(&self.key);
        self.landing.over.close();
    }
}

/// A request whose reply may be stored.
#[derive(Debug)]
pub(crate) struct Fill<'a> {
    cache: &'a Cache,
    caching: Caching,
    key: Vec<u8>,
    sent: Instant,
    invalidations: u64,
    flight: Option<Flight<'a>>,
    /// The stored reply that the origin is asked to confirm.
    unconfirmed: Option<Arc<Stored>>,
}

impl Cache {
    /// A stored reply that may answer this request.
    pub(crate) fn find(&self, caching: &Caching, key: &[u8], wanted: &RequestHead) -> Option<Arc<Stored>> {
        self.newest(caching, key, wanted, |stored| stored.age() < stored.lifetime)
    }

    /// A stored reply that may answer this request if the origin confirms it. RFC 9111 §4.3.1.
    pub(crate) fn find_unconfirmed(&self, caching: &Caching, key: &[u8], wanted: &RequestHead) -> Option<Arc<Stored>> {
        self.newest(caching, key, wanted, |stored| strong_validator(&stored.reply.fields).is_some())
    }

    fn newest(
        &self,
        caching: &Caching,
        key: &[u8],
        wanted: &RequestHead,
        fits: impl Fn(&Stored) -> bool,
    ) -> Option<Arc<Stored>> {
        let shelf = self.shelf();
        let mut stored = shelf.replies.get(key)?.iter().rev();
        stored.find(|stored| fits(stored) && (caching.selects)(&stored.reply, &stored.fill, wanted)).cloned()
    }

    /// Takes the lead for this key, or the place behind the one who has it.
    pub(crate) fn join(&self, key: &[u8]) -> Join<'_> {
        let mut shelf = self.shelf();
        if let Some(landing) = shelf.flights.get(key) {
            return Join::Wait(Arc::clone(landing));
        }
        let landing = Arc::new(Landing { over: Semaphore::new(0), handed_over: OnceLock::new() });
        shelf.flights.insert(key.to_vec(), Arc::clone(&landing));
        Join::Lead(Flight { cache: self, key: key.to_vec(), landing })
    }

    /// Notes that a request goes to the origin now.
    pub(crate) fn fill<'a>(&'a self, caching: Caching, key: Vec<u8>, flight: Option<Flight<'a>>) -> Fill<'a> {
        let (sent, invalidations) = (Instant::now(), self.shelf().invalidations);
        Fill { cache: self, caching, key, sent, invalidations, flight, unconfirmed: None }
    }

    /// Forgets what is stored under the key, and what was asked for before now. RFC 9111 §4.4.
    pub(crate) fn invalidate(&self, key: &[u8]) {
        let mut shelf = self.shelf();
        shelf.invalidations += 1;
        for stored in shelf.replies.remove(key).unwrap_or_default() {
            shelf.bytes -= stored.bytes();
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Fill<'a> {
    /// The origin is asked to confirm this one.
    pub(crate) fn confirming(self, unconfirmed: Option<Arc<Stored>>) -> Fill<'a> {
        Fill { unconfirmed, ..self }
    }

    /// The validator that the origin is asked about. RFC 9111 §4.3.1.
    pub(crate) fn validator(&self) -> Option<&[u8]> {
        strong_validator(&self.unconfirmed.as_ref()?.reply.fields)
    }

    /// What is to be done with the reply; if nothing, whoever waits for it goes on at once.
    pub(crate) fn keep(&mut self, request: &RequestHead, reply: &ReplyHead) -> Option<Keep> {
        let fresh = (self.caching.shareable)(request, reply).map(Keep::Fresh);
        let handed_over = || self.caching.hands_over.is_some_and(|hands_over| hands_over(reply));
        let keep = fresh.or_else(|| handed_over().then_some(Keep::ForThoseWhoWait));
        if keep.is_none() {
            self.flight = None;
        }
        keep
    }

    /// Keeps a complete reply.
    pub(crate) fn store(
        self,
        request: &RequestHead,
        mut reply: ReplyHead,
        body: Vec<u8>,
        keep: Keep,
        calendar: &Calendar,
    ) {
        let Some(born) = self.born(&reply) else { return };
        if !reply.fields.has("date") {
            reply.fields.push(b"Date", calendar.today().as_bytes());
        }
        let (body, fill) = (body.into(), request.clone());
        match keep {
            Keep::Fresh(lifetime) => self.insert(Arc::new(Stored { reply, body, fill, lifetime, born })),
            Keep::ForThoseWhoWait => {
                if let Some(flight) = &self.flight {
                    let stored = Stored { reply, body, fill, lifetime: Duration::ZERO, born };
                    // Nobody else fills this landing.
                    let _ = flight.landing.handed_over.set(Arc::new(stored));
                }
            }
        }
        // The flight ends with `self`, after the lock is free again.
    }

    /// The stored reply that a 304 has confirmed, brought up to date; none if it confirms another. RFC 9111 §4.3.4.
    pub(crate) fn confirmed(&mut self, confirmation: &ReplyHead) -> Option<Arc<Stored>> {
        let stored = self.unconfirmed.take()?;
        if !(self.caching.confirms)(&stored.reply, confirmation) {
            return None;
        }
        let mut reply = stored.reply.clone();
        reply.fields = updated(&stored.reply.fields, &confirmation.fields);
        let lifetime = (self.caching.shareable)(&stored.fill, &reply);
        let born = self.born(confirmation).unwrap_or(stored.born);
        let (body, fill) = (Arc::clone(&stored.body), stored.fill.clone());
        let fresh = Arc::new(Stored { reply, body, fill, lifetime: lifetime.unwrap_or_default(), born });
        if lifetime.is_some() {
            self.insert(Arc::clone(&fresh));
        }
        Some(fresh)
    }

    /// When a reply would have been of age 0. RFC 9111 §4.2.3: the age it came with, and all the time since we asked. An
    /// age that is no number is not trusted at all.
    fn born(&self, reply: &ReplyHead) -> Option<Instant> {
        let age = reply.fields.values("age").next().map_or(Some(0), |age| std::str::from_utf8(age).ok()?.parse().ok());
        age.and_then(|seconds| self.sent.checked_sub(Duration::from_secs(seconds)))
    }

    fn insert(&self, stored: Arc<Stored>) {
        let mut shelf = self.cache.shelf();
        if shelf.invalidations == self.invalidations {
            shelf.insert(self.key.clone(), stored, &self.caching);
        }
    }
}

/// The fields of a stored reply, those that the confirmation names taken from there. RFC 9111 §3.2: but for the length.
fn updated(stored: &Fields, confirmation: &Fields) -> Fields {
    let is_newer = |name: &[u8]| {
        let newer = confirmation.iter().any(|(newer, _)| newer.eq_ignore_ascii_case(name));
        newer && !name.eq_ignore_ascii_case(b"content-length")
    };
    let mut fields = Fields::default();
    let kept = stored.iter().filter(|(name, _)| !is_newer(name));
    let newer = confirmation.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"content-length"));
    kept.chain(newer).for_each(|(name, value)| fields.push(name, value));
    fields
}

impl Shelf {
    fn insert(&mut self, key: Vec<u8>, stored: Arc<Stored>, caching: &Caching) {
        self.bytes += stored.bytes();
        let variants = self.replies.entry(key.clone()).or_default();
        // What the new one would answer, the old one no longer does.
        let replaced = variants.extract_if(.., |old| (caching.selects)(&stored.reply, &stored.fill, &old.fill));
        self.bytes -= replaced.map(|old| old.bytes()).sum::<usize>();
        variants.push(stored);
        self.order.push_back(key);
        while self.bytes > STORE_BYTES_MAX || self.order.len() > STORE_REPLIES_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            let Some(variants) = self.replies.get_mut(&oldest) else { continue };
            if !variants.is_empty() {
                self.bytes -= variants.remove(0).bytes();
            }
            if variants.is_empty() {
                self.replies.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::Decisions;
    use crate::head::Fields;

    fn request(target: &str) -> RequestHead {
        RequestHead {
            method: "GET".into(),
            target: target.into(),
            host: "h".into(),
            http_10: false,
            fields: Fields::default(),
        }
    }

    fn fill(cache: &Cache, target: &str, age: &str, bytes: usize) {
        let caching = Decisions::caching().caching.unwrap();
        let request = request(target);
        let mut fields = Fields::default();
        fields.push(b"Age", age.as_bytes());
        let reply = ReplyHead { status: 200, reason: String::new(), http_10: false, fields };
        let fill = cache.fill(caching, (caching.key)(&request), None);
        fill.store(&request, reply, vec![0; bytes], Keep::Fresh(Duration::from_secs(60)), &Calendar::real());
    }

    fn found(cache: &Cache, target: &str) -> bool {
        let caching = Decisions::caching().caching.unwrap();
        cache.find(&caching, &(caching.key)(&request(target)), &request(target)).is_some()
    }

    #[test]
    fn a_reply_is_found_while_fresh_and_not_when_it_came_too_old() {
        let cache = Cache::default();
        fill(&cache, "/fresh", "0", 10);
        fill(&cache, "/old", "60", 10);
        fill(&cache, "/odd", "x", 10);
        assert!(found(&cache, "/fresh") && !found(&cache, "/old") && !found(&cache, "/odd") && !found(&cache, "/"));
    }

    #[test]
    fn an_invalidated_reply_is_gone_and_so_is_one_that_was_under_way() {
        let cache = Cache::default();
        let caching = Decisions::caching().caching.unwrap();
        fill(&cache, "/", "0", 10);
        let key = (caching.key)(&request("/"));
        let under_way = cache.fill(caching, key.clone(), None);
        cache.invalidate(&key);
        let reply = ReplyHead { status: 200, reason: String::new(), http_10: false, fields: Fields::default() };
        let keep = Keep::Fresh(Duration::from_secs(60));
        under_way.store(&request("/"), reply, Vec::new(), keep, &Calendar::real());
        assert!(!found(&cache, "/"));
        assert_eq!(cache.shelf().bytes, 0);
    }

    #[test]
    fn the_store_is_bounded_and_forgets_the_oldest() {
        let cache = Cache::default();
        for number in 0..80 {
            fill(&cache, &format!("/{number}"), "0", BODY_BYTES_MAX);
            // Twice the same does not count twice.
            fill(&cache, "/same", "0", 10);
        }
        assert!(cache.shelf().bytes <= STORE_BYTES_MAX);
        assert!(!found(&cache, "/0") && found(&cache, "/79"));
        for number in 0..2 * STORE_REPLIES_MAX {
            fill(&cache, &format!("/small/{number}"), "0", 1);
        }
        let shelf = cache.shelf();
        assert!(shelf.order.len() <= STORE_REPLIES_MAX && shelf.replies.len() <= STORE_REPLIES_MAX);
        assert_eq!(shelf.bytes, shelf.replies.values().flatten().map(|stored| stored.bytes()).sum::<usize>());
    }

    #[test]
    fn those_who_join_a_flight_wait_until_it_lands() {
        let cache = Cache::default();
        let lead = cache.join(b"key");
        let Join::Wait(landing) = cache.join(b"key") else { panic!("somebody leads already") };
        assert!(!landing.over.is_closed());
        drop(lead);
        assert!(landing.over.is_closed() && landing.handed_over.get().is_none());
        assert!(matches!(cache.join(b"key"), Join::Lead(_)));
    }
}
