//! The upstream connections: one pool for all clients, and nothing in it that owes or holds anything.
//!
//! A connection that becomes idle is watched. Whatever arrives on it then, bytes or a close, was not asked for, and
//! the connection is closed at once (RFC 9112 §9.2); so the origin sees its close answered without delay. When a
//! connection is taken it is asked once more, past the runtime: that only knows what it has polled, and bytes
//! that arrived while it was busy would pass for the next reply (CVE-2026-105481). A race remains for bytes that
//! arrive after that; HTTP/1.1 cannot tell them from an answer.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;
use transport::{Address, Stream, Waiting};

use crate::body::Decoder;
use crate::decisions::{Decisions, Idle, PoolOrder};
use crate::head::ReplyHead;
use crate::inbox::Inbox;
use crate::scratch::Scratch;

/// A connection to the origin.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) stream: Stream,
    pub(crate) inbox: Inbox,
    pub(crate) scratch: Scratch,
    /// The reply that is being read. Of a pooled connection there is none; a mutant may leave one, and then the next
    /// exchange reads on where it was broken off, as programs do whose parser belongs to the connection.
    pub(crate) unfinished: Option<Unfinished>,
    /// The authority of the request for which it was opened.
    pub(crate) authority: String,
    idle_since: Option<Instant>,
}

/// A reply of which the end has not been read.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) head: ReplyHead,
    pub(crate) decoder: Decoder,
}

impl Upstream {
    pub(crate) async fn connect(origin: &Address, authority: &str, wait: Duration) -> io::Result<Upstream> {
        let stream = tokio::time::timeout(wait, origin.connect()).await??;
        stream.set_nodelay(true)?;
        let authority = authority.to_owned();
        let (inbox, scratch) = Default::default();
        Ok(Upstream { stream, inbox, scratch, unfinished: None, authority, idle_since: None })
    }

    /// What the kernel knows of this connection while nothing is asked on it.
    fn idle(&self) -> Idle {
        let waiting = self.stream.waiting();
        let lasts = self.idle_since.map_or(Duration::ZERO, |since| since.elapsed());
        Idle { lasts, unasked_bytes: waiting == Waiting::Bytes, closed: waiting == Waiting::Closed }
    }
}

/// The idle upstream connections, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    idle: VecDeque<Upstream>,
    watcher: Option<Waker>,
}

impl Pool {
    /// An idle connection that may be used.
    pub(crate) fn take(&self, decisions: &Decisions) -> Option<Upstream> {
        let mut shelf = self.shelf();
        loop {
            let upstream = match decisions.pool_order {
                PoolOrder::Newest => shelf.idle.pop_back()?,
                PoolOrder::Oldest => shelf.idle.pop_front()?,
            };
            if !decisions.looks_when_taken || (decisions.may_take)(&upstream.idle()) {
                return Some(upstream);
            }
        }
    }

    /// Keeps a connection for the next exchange, and has it watched.
    pub(crate) fn put(&self, mut upstream: Upstream, decisions: &Decisions) {
        upstream.idle_since = Some(Instant::now());
        let mut shelf = self.shelf();
        let watched = match &shelf.watcher {
            _ if decisions.looks_every.is_some() => (decisions.may_take)(&upstream.idle()),
            Some(watcher) => watch(&upstream, decisions, &mut Context::from_waker(watcher)),
            None => true,
        };
        if watched {
            shelf.idle.push_back(upstream);
        }
        while shelf.idle.len() > decisions.pool_idle_max {
            shelf.idle.pop_front();
        }
    }

    /// Closes idle connections on which something happens; never ends.
    pub(crate) async fn keep_clean(&self, decisions: &Decisions) {
        poll_fn(|context| {
            let mut shelf = self.shelf();
            shelf.watcher = Some(context.waker().clone());
            shelf.idle.retain(|upstream| watch(upstream, decisions, context));
            Poll::Pending
        })
        .await
    }

    /// Closes idle connections on which something has happened, so often; never ends.
    pub(crate) async fn sweep(&self, every: Duration, decisions: &Decisions, is_busy: impl Fn() -> bool) {
        loop {
            tokio::time::sleep(every).await;
            // Housekeeping lets those go first who wait already.
            tokio::task::yield_now().await;
            if is_busy() && !decisions.looks_when_busy {
                continue;
            }
            self.shelf().idle.retain(|upstream| (decisions.may_take)(&upstream.idle()));
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the watcher woken when something arrives on an idle connection; `false` if the connection must go.
fn watch(upstream: &Upstream, decisions: &Decisions, context: &mut Context<'_>) -> bool {
    // The runtime may believe the socket readable from before; a read that would block corrects it.
    while upstream.stream.poll_read_ready(context).is_ready() {
        let idle = upstream.idle();
        if !(decisions.may_take)(&idle) {
            return false;
        }
        if idle.unasked_bytes || idle.closed {
            // A mutant that does not mind need not be woken either.
            return true;
        }
        if upstream.stream.try_read(&mut [0]).is_ok() {
            // The byte came between the two questions.
            return false;
        }
    }
    true
}
