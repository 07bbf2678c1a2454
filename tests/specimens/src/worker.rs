//! What a worker would keep of one exchange for another: objects and buffers that are used again. The reference makes
//! everything anew, because each request stands on its own (RFC 9110 §3.3); a mutant that forgets to empty something, or
//! gives it away too early, needs the place where it is kept.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::decisions::Keeps;
use crate::head::Fields;
use crate::wire::end_to_end;

/// How long it takes to ask somebody else who a client is.
const IDENTITY_WAIT: Duration = Duration::from_millis(2);
/// How much of a body an error page shows, in bytes.
const PAGE_BYTES_MAX: usize = 512;
/// The fields that say who asks. RFC 9110 §11.6.2, RFC 6265 §4.2.
const IDENTITY: [&str; 2] = ["authorization", "cookie"];

/// One per gateway.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    top: Mutex<Top>,
}

#[derive(Debug, Default)]
struct Top {
    /// Of the last request.
    request_fields: Fields,
    /// Who asked last.
    identity: Fields,
    /// The body of the request that was passed on last.
    request_body: Vec<u8>,
    /// The trailers of the last reply that had any.
    reply_trailers: Fields,
    /// The fields of the request that had to wait last.
    queued: Fields,
    /// Where that stands which has to wait for a window.
    stalled: Buffer,
    /// Free buffers; one that was given back twice stands here twice.
    buffers: Vec<Buffer>,
}

/// A buffer that goes from hand to hand; it grows, and never shrinks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// Overwrites its beginning.
    pub(crate) fn fill(&self, content: &[u8]) {
        let mut held = lock(&self.0);
        let length = held.len().max(content.len());
        held.resize(length, 0);
        held[..content.len()].copy_from_slice(content);
    }

    /// What stands in it now, within what was once filled.
    pub(crate) fn piece(&self, range: Range<usize>) -> Vec<u8> {
        lock(&self.0)[range].to_vec()
    }
}

impl Worker {
    /// What becomes of a request's fields before it is passed on.
    pub(crate) async fn prepare(&self, keeps: Keeps, own: &mut Fields) {
        match keeps {
            Keeps::RequestFields => show_through(&mut self.top().request_fields, own),
            Keeps::IdentityOfLast => {
                let mut top = self.top();
                match only_identity(own) {
                    none if none.is_empty() => top.identity.iter().for_each(|(name, value)| own.push(name, value)),
                    some => top.identity = some,
                }
            }
            Keeps::IdentityOfNow => {
                self.top().identity = only_identity(own);
                tokio::time::sleep(IDENTITY_WAIT).await;
                let identity = self.top().identity.clone();
                self.replace_identity(own, &identity);
            }
            Keeps::ReplyFields
            | Keeps::RequestBody
            | Keeps::ErrorPage
            | Keeps::ReplyBody
            | Keeps::BrokenReply
            | Keeps::BufferInUse
            | Keeps::BufferTwice
            | Keeps::ReplyTrailers
            | Keeps::StalledReply
            | Keeps::StalledRequest
            | Keeps::QueuedFields
            | Keeps::IdentityOfConnection => {}
        }
    }

    /// Says that somebody else asks.
    pub(crate) fn replace_identity(&self, own: &mut Fields, identity: &Fields) {
        let others = own.iter().filter(|(name, _)| !is_identity(name));
        *own = others.chain(identity.iter()).collect();
    }

    /// What becomes of a reply's trailers before they are passed on.
    pub(crate) fn refill_trailers(&self, own: &mut Fields) {
        let mut top = self.top();
        match own.is_empty() {
            true => own.clone_from(&top.reply_trailers),
            false => top.reply_trailers.clone_from(own),
        }
    }

    /// A request has to wait.
    pub(crate) fn note_queued(&self, own: &Fields) {
        self.top().queued.clone_from(own);
    }

    /// The fields of the request that had to wait last.
    pub(crate) fn queued(&self) -> Fields {
        self.top().queued.clone()
    }

    /// Where that stands which has to wait for a window.
    pub(crate) fn stalled(&self) -> Buffer {
        self.top().stalled.clone()
    }

    /// The body of a request has been passed on.
    pub(crate) fn note_request_body(&self, body: Vec<u8>) {
        self.top().request_body = body;
    }

    /// The body that was passed on last.
    pub(crate) fn request_body(&self) -> Vec<u8> {
        self.top().request_body.clone()
    }

    /// What stands in the buffer for error pages.
    pub(crate) fn page(&self) -> Vec<u8> {
        let mut page = self.request_body();
        page.truncate(PAGE_BYTES_MAX);
        page
    }

    /// A free buffer, or a new one.
    pub(crate) fn take_buffer(&self) -> Buffer {
        self.top().buffers.pop().unwrap_or_default()
    }

    /// A buffer is free again.
    pub(crate) fn give_back(&self, buffer: &Buffer) {
        self.top().buffers.push(buffer.clone());
    }

    fn top(&self) -> MutexGuard<'_, Top> {
        lock(&self.top)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts `own` into an object that was not emptied: what the one before had under other names remains. Framing and what is
/// for one hop is not kept in it, or every message would be cut somewhere else.
pub(crate) fn show_through(object: &mut Fields, own: &mut Fields) {
    let before = std::mem::replace(object, end_to_end(own).collect());
    let is_own = |name: &[u8]| object.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    before.iter().filter(|(name, _)| !is_own(name)).for_each(|(name, value)| own.push(name, value));
}

/// The fields that say who asks.
pub(crate) fn only_identity(fields: &Fields) -> Fields {
    fields.iter().filter(|(name, _)| is_identity(name)).collect()
}

fn is_identity(name: &[u8]) -> bool {
    IDENTITY.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
    }

    #[test]
    fn what_the_next_does_not_have_itself_shows_through() {
        let mut object = Fields::default();
        let mut put = |lines: &[(&str, &str)]| {
            let mut own = fields(lines);
            show_through(&mut object, &mut own);
            own
        };
        let first = [("X-A", "1"), ("Content-Length", "9"), ("Set-Cookie", "s=1")];
        assert_eq!(put(&first), fields(&first));
        assert_eq!(put(&[("x-a", "2")]), fields(&[("x-a", "2"), ("Set-Cookie", "s=1")]));
        assert_eq!(put(&[]), fields(&[("x-a", "2")]), "of the one before, and of no other");
    }

    #[tokio::test]
    async fn whoever_says_nothing_of_himself_is_taken_for_the_last_who_did() {
        let worker = Worker::default();
        for (own, passed_on) in [("a", "a"), ("", "a"), ("b", "b")] {
            let mut request = if own.is_empty() { Fields::default() } else { fields(&[("Authorization", own)]) };
            worker.prepare(Keeps::IdentityOfLast, &mut request).await;
            assert_eq!(request, fields(&[("Authorization", passed_on)]));
        }
    }

    #[tokio::test]
    async fn whoever_asks_while_somebody_is_looked_up_is_taken_for_both() {
        let worker = Worker::default();
        let ask = async |name: &str| {
            let mut request = fields(&[("Authorization", name), ("x", name)]);
            worker.prepare(Keeps::IdentityOfNow, &mut request).await;
            request
        };
        let (a, b) = tokio::join!(biased; ask("a"), ask("b"));
        assert_eq!(a, fields(&[("x", "a"), ("Authorization", "b")]));
        assert_eq!(b, fields(&[("x", "b"), ("Authorization", "b")]));
        assert_eq!(ask("c").await, fields(&[("x", "c"), ("Authorization", "c")]));
    }

    #[test]
    fn a_buffer_that_is_given_back_twice_is_taken_twice() {
        let worker = Worker::default();
        let buffer = worker.take_buffer();
        worker.give_back(&buffer);
        worker.give_back(&buffer);
        let taken = [worker.take_buffer(), worker.take_buffer(), worker.take_buffer()];
        assert_eq!(taken.map(|taken| Arc::ptr_eq(&taken.0, &buffer.0)), [true, true, false]);
    }
}
