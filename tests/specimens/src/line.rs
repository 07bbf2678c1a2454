//! Requests that a client has pipelined, worked on together and answered in their order.
//!
//! RFC 9112 §9.3.2: safe ones may be worked on together, and their replies leave in the order in which the requests came. The
//! reference takes one request after the other and needs none of this; a gateway that does more has an order to keep.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use vocabulary::crossing::Http;

use crate::body::Framing;
use crate::decisions::{Decisions, Pipelining};
use crate::exchange::{Fetched, fetch};
use crate::gateway::Gateway;
use crate::head::{HEAD_BYTES_MAX, parse_request};
use crate::inbox::Inbox;
use crate::pool::Upstream;
use crate::request::{Request, admit, is_for_us};

/// How many requests of one client are worked on together.
const TOGETHER_MAX: usize = 16;

/// The requests of one client connection that are worked on, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Line {
    decisions: Pipelining,
    places: VecDeque<Place>,
    next: u64,
    /// Gone with the line, and with its client.
    work: JoinSet<()>,
    done: mpsc::UnboundedReceiver<(u64, Option<Fetched>)>,
    report: mpsc::UnboundedSender<(u64, Option<Fetched>)>,
    /// Those behind the first that are done, in the order in which they were.
    early: VecDeque<(u64, Option<Fetched>)>,
    /// Since when it is the turn of the first.
    turn_since: Instant,
}

#[derive(Debug)]
struct Place {
    number: u64,
    request: Arc<Request>,
}

/// A request that is to be answered now.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) request: Arc<Request>,
    /// Its reply; without one it is still to be asked for.
    pub(crate) fetched: Option<Fetched>,
    /// Whether its reply leaves as one to a HEAD.
    pub(crate) as_head: bool,
}

impl Line {
    pub(crate) fn new(decisions: Pipelining) -> Line {
        let (report, done) = mpsc::unbounded_channel();
        let (places, early, work) = Default::default();
        Line { decisions, places, next: 0, work, done, report, early, turn_since: Instant::now() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Begins to work on the requests that stand in the inbox, as far as they may be worked on together.
    pub(crate) fn admit(&mut self, inbox: &mut Inbox, gateway: &Arc<Gateway>) {
        while self.work.try_join_next().is_some() {}
        while self.places.len() < TOGETHER_MAX
            && let Some((length, request)) = simple(inbox.bytes(), &gateway.decisions)
        {
            inbox.consume(length);
            if self.is_empty() {
                self.turn_since = Instant::now();
            }
            let (number, request) = (self.next, Arc::new(request));
            self.next += 1;
            self.places.push_back(Place { number, request: Arc::clone(&request) });
            let (gateway, report) = (Arc::clone(gateway), self.report.clone());
            self.work.spawn(async move {
                // A line that is gone asks for nothing any more.
                let _ = report.send((number, ask(&gateway, &request).await));
            });
        }
    }

    /// Waits for the next request that is to be answered. May be cancelled: no reply is lost.
    pub(crate) async fn next(&mut self) -> Turn {
        loop {
            if let Some(index) = self.ready() {
                let (number, fetched) = self.early.remove(index).expect("the index is of one that is done");
                return self.take(number, fetched);
            }
            let impatient = self.decisions.turn_wait.filter(|_| !self.early.is_empty());
            tokio::select! {
                biased;
                Some(done) = self.done.recv() => self.early.push_back(done),
                () = sleep_until(self.turn_since + impatient.unwrap_or_default()), if impatient.is_some() => {}
            }
        }
    }

    /// Which of those that are done is to be answered: the first of the line, or whichever was done first if the line has
    /// waited for that one for too long.
    fn ready(&self) -> Option<usize> {
        let first = self.places.front()?.number;
        let waited = self.decisions.turn_wait.is_some_and(|wait| self.turn_since.elapsed() >= wait);
        let in_turn = self.early.iter().position(|(number, _)| *number == first);
        in_turn.or_else(|| (waited && !self.early.is_empty()).then_some(0))
    }

    fn take(&mut self, number: u64, fetched: Option<Fetched>) -> Turn {
        let at = self.places.iter().position(|place| place.number == number).expect("whoever is done has a place");
        let interims = fetched.as_ref().map_or(0, |fetched| fetched.interims.1);
        let own = &self.places[at];
        let paired = self.places.get(at + (self.decisions.paired_with)(interims)).unwrap_or(own);
        let as_head = paired.request.head.method == "HEAD";
        let request = Arc::clone(&own.request);
        self.places.remove(at);
        self.turn_since = Instant::now();
        Turn { request, fetched, as_head }
    }
}

/// A request that may be worked on beside others. RFC 9112 §9.3.2: only if it is safe. Whatever else needs a conversation
/// (a body, an expectation, the end of the connection) waits for its turn.
fn simple(bytes: &[u8], decisions: &Decisions) -> Option<(usize, Request)> {
    let (length, raw) = parse_request(bytes).ok()??;
    let request = admit(raw, decisions).ok()?;
    let safe = matches!(request.head.method.as_str(), "GET" | "HEAD" | "OPTIONS") && !is_for_us(&request.head);
    let plain = request.framing == Framing::None && !request.head.http_10 && !request.closing;
    (safe && plain && !request.head.fields.has("expect")).then_some((length, request))
}

/// Asks the origin. What does not succeed is asked for once more when its turn comes (RFC 9110 §9.2.2: it is safe); so is
/// everything where HTTP/2 is spoken to it.
async fn ask(gateway: &Gateway, request: &Request) -> Option<Fetched> {
    let decisions = &gateway.decisions;
    if decisions.up != Http::H1 {
        return None;
    }
    let mut upstream = match gateway.pool.take(decisions) {
        Some(upstream) => upstream,
        None => Upstream::connect(&gateway.origin, &request.head.host, decisions.reply_wait).await.ok()?,
    };
    let (fetched, finished) = fetch(&mut upstream, request, gateway).await;
    if (decisions.may_pool)(&finished) {
        gateway.pool.put(upstream, decisions);
    }
    fetched
}

/// Whether a client that has sent so much ahead is still listened to.
pub(crate) fn has_room(inbox: &Inbox) -> bool {
    inbox.len() <= HEAD_BYTES_MAX
}
