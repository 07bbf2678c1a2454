//! The store: replies that may answer others, and requests that wait for the same one.
//!
//! It decides nothing: what may be stored, found and shared is asked of [`Caching`]. Only complete replies are stored
//! (RFC 9111 §3.3), and none that was asked for before its resource was changed (RFC 9111 §4.4).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::date::Calendar;
use crate::decisions::Caching;
use crate::head::{ReplyHead, RequestHead};

/// How large a stored body may be, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How much the store may hold, in bytes and in replies; the oldest go first.
const STORE_BYTES_MAX: usize = 64 * 1024 * 1024;
const STORE_REPLIES_MAX: usize = 4096;

/// A reply in the store.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) reply: ReplyHead,
    pub(crate) body: Vec<u8>,
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
    flights: HashMap<Vec<u8>, Arc<Semaphore>>,
    /// How often something was invalidated.
    invalidations: u64,
}

/// Whether a request goes to the origin or waits for one that has gone.
#[derive(Debug)]
pub(crate) enum Join<'a> {
    /// It goes.
    Lead(Flight<'a>),
    /// It waits until the semaphore, which has no permits, is closed. That wakes in the order of arrival; other channels
    /// leave the order to chance.
    Wait(Arc<Semaphore>),
}

/// A request for which others wait; they wait no longer when this is dropped.
#[derive(Debug)]
pub(crate) struct Flight<'a> {
    cache: &'a Cache,
    key: Vec<u8>,
    landing: Arc<Semaphore>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.cache.shelf().flights.remove(&self.key);
        self.landing.close();
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
}

impl Cache {
    /// A stored reply that may answer this request.
    pub(crate) fn find(&self, caching: &Caching, key: &[u8], wanted: &RequestHead) -> Option<Arc<Stored>> {
        let shelf = self.shelf();
        let fits = |stored: &&Arc<Stored>| {
            stored.age() < stored.lifetime && (caching.selects)(&stored.reply, &stored.fill, wanted)
        };
        shelf.replies.get(key)?.iter().rev().find(fits).cloned()
    }

    /// Takes the lead for this key, or the place behind the one who has it.
    pub(crate) fn join(&self, key: &[u8]) -> Join<'_> {
        let mut shelf = self.shelf();
        if let Some(landing) = shelf.flights.get(key) {
            return Join::Wait(Arc::clone(landing));
        }
        let landing = Arc::new(Semaphore::new(0));
        shelf.flights.insert(key.to_vec(), Arc::clone(&landing));
        Join::Lead(Flight { cache: self, key: key.to_vec(), landing })
    }

    /// Notes that a request goes to the origin now.
    pub(crate) fn fill<'a>(&'a self, caching: Caching, key: Vec<u8>, flight: Option<Flight<'a>>) -> Fill<'a> {
        Fill { cache: self, caching, key, sent: Instant::now(), invalidations: self.shelf().invalidations, flight }
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

impl Fill<'_> {
    /// Whether the reply will be stored; if not, whoever waits for it goes on at once.
    pub(crate) fn lifetime(&mut self, request: &RequestHead, reply: &ReplyHead) -> Option<Duration> {
        let lifetime = (self.caching.shareable)(request, reply);
        if lifetime.is_none() {
            self.flight = None;
        }
        lifetime
    }

    /// Stores a complete reply.
    pub(crate) fn store(
        self,
        request: &RequestHead,
        mut reply: ReplyHead,
        body: Vec<u8>,
        lifetime: Duration,
        calendar: &Calendar,
    ) {
        // RFC 9111 §4.2.3: the age it came with, and all the time since we asked. An age that is no number is not
        // trusted at all.
        let age = reply.fields.values("age").next().map_or(Some(0), |age| std::str::from_utf8(age).ok()?.parse().ok());
        let Some(born) = age.and_then(|seconds| self.sent.checked_sub(Duration::from_secs(seconds))) else { return };
        if !reply.fields.has("date") {
            reply.fields.push(b"Date", calendar.today().as_bytes());
        }
        let stored = Stored { reply, body, fill: request.clone(), lifetime, born };
        let mut shelf = self.cache.shelf();
        if shelf.invalidations == self.invalidations {
            shelf.insert(self.key.clone(), Arc::new(stored), &self.caching);
        }
        // The flight ends with `self`, after the lock is free again.
    }
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
        fill.store(&request, reply, vec![0; bytes], Duration::from_secs(60), &Calendar::real());
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
        under_way.store(&request("/"), reply, Vec::new(), Duration::from_secs(60), &Calendar::real());
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
        assert!(!landing.is_closed());
        drop(lead);
        assert!(landing.is_closed());
        assert!(matches!(cache.join(b"key"), Join::Lead(_)));
    }
}
