//! The connection to the origin that all clients share, where HTTP/2 is spoken to it: each exchange is a stream of it.
//!
//! RFC 9113 §9.1: one is enough. There is a new one when the old one takes no more streams, because the origin has said so
//! (GOAWAY) or it is gone; exchanges that are under way on the old one come to their end there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{Builder, ResponseFuture, SendRequest};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bent::{Bent, Book, Role};
use crate::body::Framing;
use crate::decisions::Keeps;
use crate::exchange::Refusal;
use crate::frames::Queue;
use crate::gateway::Gateway;
use crate::head::{Fields, HEAD_BYTES_MAX};
use crate::request::Request;
use crate::translate;
use crate::wire::request_fields;
use crate::worker::only_identity;

/// How much the origin may send on all streams before clients have taken it, in bytes. RFC 9113 §6.9: one client that takes
/// nothing must not use it up for the others.
const WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// How many streams that we have reset are remembered, and for how long: their late frames are read over (RFC 9113 §5.1).
/// It is the count that decides: crate `h2` asks the real clock, which means nothing in a simulation.
pub(crate) const RESETS_MAX: usize = 1024;
pub(crate) const RESET_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// What small DATA frames may cost, as crate `h2` counts it: an origin that sends byte by byte is slow, and no attacker.
pub(crate) const SMALL_FRAMES_MAX: usize = 64 * 1024 * 1024;

/// The shared connection, if there is one. One per gateway.
#[derive(Debug, Default)]
pub(crate) struct Trunks {
    current: tokio::sync::Mutex<Option<Trunk>>,
    /// They move the frames of the present connection and of former ones; gone with the gateway.
    drivers: Mutex<JoinSet<()>>,
}

/// A connection to the origin.
#[derive(Debug, Clone)]
pub(crate) struct Trunk {
    streams: SendRequest<Bytes>,
    /// How many exchanges are under way on it, and word that one is no more.
    open: Arc<(AtomicUsize, Notify)>,
    /// Whether it has carried another exchange before.
    used: bool,
    /// The authority of the request for which it was opened, and who asked.
    authority: Arc<str>,
    identity: Arc<Fields>,
    /// What a mutant's frames are bent by.
    book: Option<Arc<Mutex<Book>>>,
}

/// A stream whose head has been sent.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) response: ResponseFuture,
    pub(crate) body: SendStream<Bytes>,
    pub(crate) queue: Queue,
    pub(crate) seat: Seat,
}

/// An exchange's place on the connection.
#[derive(Debug)]
pub(crate) struct Seat {
    open: Arc<(AtomicUsize, Notify)>,
    stream: u32,
    book: Option<Arc<Mutex<Book>>>,
}

impl Seat {
    /// An interim reply has come.
    pub(crate) fn note_interim(&self) {
        note(self.book.as_deref(), |book| book.note_interim(self.stream));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.0.fetch_sub(1, Ordering::Relaxed);
        self.open.1.notify_one();
    }
}

impl Trunks {
    /// The connection that takes further streams, and whether it has carried any before; none if the origin cannot be reached.
    pub(crate) async fn take(&self, gateway: &Gateway, request: &Request) -> Option<(Trunk, bool)> {
        let mut current = self.current.lock().await;
        let usable = match current.as_mut() {
            Some(trunk) => trunk.takes_streams().await,
            None => false,
        };
        if !usable {
            *current = None;
            *current = Some(self.connect(gateway, request).await?);
        }
        let trunk = current.as_mut()?;
        Some((trunk.clone(), std::mem::replace(&mut trunk.used, true)))
    }

    async fn connect(&self, gateway: &Gateway, request: &Request) -> Option<Trunk> {
        let wait = gateway.decisions.reply_wait;
        let stream = timeout(wait, gateway.origin.connect()).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        let wire = Bent::new(stream, b"", gateway.decisions.bends_up, Role::Client);
        let book = wire.book();
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .max_concurrent_reset_streams(RESETS_MAX)
            .reset_stream_duration(RESET_MEMORY)
            .data_frame_budget(SMALL_FRAMES_MAX);
        let (streams, connection) = timeout(wait, builder.handshake(wire)).await.ok()?.ok()?;
        let mut drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        while drivers.try_join_next().is_some() {}
        drivers.spawn(async move {
            // Every stream learns of its end by itself.
            let _ = connection.await;
        });
        let identity = Arc::new(only_identity(&request.head.fields));
        let authority = request.head.host.as_str().into();
        Some(Trunk { streams, open: Arc::default(), used: false, authority, identity, book })
    }
}

impl Trunk {
    /// Whether it takes further streams. RFC 9113 §6.8: not behind a GOAWAY.
    async fn takes_streams(&mut self) -> bool {
        std::future::poll_fn(|context| self.streams.poll_ready(context)).await.is_ok()
    }

    /// Opens a stream with the request's head, and says what has come of an attempt before. An error is the status to refuse
    /// the request with: nothing of it has been sent.
    pub(crate) async fn open(
        &mut self,
        request: &Request,
        gateway: &Gateway,
        framing: Framing,
        condition: Option<&[u8]>,
        refused: Option<Refusal>,
    ) -> Result<Opened, u16> {
        let (decisions, head) = (&gateway.decisions, &request.head);
        let mut fields = head.fields.clone();
        match decisions.keeps {
            Some(Keeps::QueuedFields) => self.queue(gateway, &mut fields).await?,
            Some(Keeps::IdentityOfConnection) => gateway.worker.replace_identity(&mut fields, &self.identity),
            Some(_) | None => {}
        }
        let authority = (decisions.authority)(&head.host, &self.authority);
        let sent = request_fields(request, &fields, framing, condition);
        let ends_with_head = matches!(framing, Framing::None | Framing::Length(0));
        let written = translate::request(&head.method, authority, &head.target, &sent).ok_or(400_u16)?;
        let (response, body) = self.streams.send_request(written, ends_with_head).map_err(|_| 502_u16)?;
        let stream = body.stream_id().as_u32();
        note(self.book.as_deref(), |book| book.note_opened(stream, refused));
        self.open.0.fetch_add(1, Ordering::Relaxed);
        let seat = Seat { open: Arc::clone(&self.open), stream, book: self.book.clone() };
        let queue = if ends_with_head { Queue::closed() } else { Queue::default() };
        Ok(Opened { response, body, queue, seat })
    }

    /// Waits where the origin takes no more streams at once (RFC 9113 §5.1.2), as a mutant does it: with the fields in an
    /// object of which there is one. The reference leaves the waiting to crate `h2`.
    async fn queue(&self, gateway: &Gateway, own: &mut Fields) -> Result<(), u16> {
        let is_full = || self.open.0.load(Ordering::Relaxed) >= self.streams.current_max_send_streams();
        if is_full() {
            gateway.worker.note_queued(own);
            let seated = async {
                while is_full() {
                    self.open.1.notified().await;
                }
            };
            timeout(gateway.decisions.reply_wait, seated).await.map_err(|_| 504_u16)?;
            *own = gateway.worker.queued();
        }
        Ok(())
    }
}

fn note(book: Option<&Mutex<Book>>, note: impl FnOnce(&mut Book)) {
    if let Some(book) = book {
        note(&mut book.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
