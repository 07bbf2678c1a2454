//! One client connection of HTTP/1.1: its requests one after the other, each answered before the next is looked at.
//!
//! Pipelined requests wait in the inbox (RFC 9112 §9.3.2: answers in the order of the requests).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout, timeout_at};
use transport::Stream;

use crate::asker::{Asker, refuse};
use crate::body::Encoder;
use crate::exchange::CutBy;
use crate::gateway::Gateway;
use crate::head::{RawRequest, parse_request};
use crate::inbox::Inbox;
use crate::line::{self, Line, Turn};
use crate::outlet::{Text, ToClient};
use crate::preface::{self, Spoken};
use crate::request::admit;
use crate::streams;
use crate::wire::After;

/// How long and how much the gateway reads from a client to which it has said its last word.
pub(crate) const LINGER_WAIT: Duration = Duration::from_secs(1);
pub(crate) const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) inbox: Inbox,
    /// Requests on it so far, the present one included.
    pub(crate) requests: u64,
}

/// How a client's connection goes on after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// With the next request.
    Request,
    /// It ends, and the client shall have all that was written.
    Farewell,
    /// It ends at once.
    Cut(CutBy),
}

impl From<After> for Next {
    fn from(after: After) -> Next {
        match after {
            After::Keep => Next::Request,
            After::Close => Next::Farewell,
        }
    }
}

/// Serves a client until its connection ends, in the version of HTTP that it speaks.
pub(crate) async fn attend(mut stream: Stream, gateway: Arc<Gateway>) {
    // Without it answers are late, not wrong.
    let _ = stream.set_nodelay(true);
    let mut inbox = Inbox::default();
    match preface::listen(&mut stream, &mut inbox, &gateway.decisions).await {
        Spoken::Lines => Client { stream, inbox, requests: 0 }.attend(gateway).await,
        Spoken::Frames => streams::attend(stream, inbox, gateway).await,
        Spoken::Nothing => {}
    }
}

impl Client {
    async fn attend(mut self, gateway: Arc<Gateway>) {
        let mut line = gateway.decisions.pipelining.map(Line::new);
        loop {
            let next = match &mut line {
                Some(line) => self.serve_line(&gateway, line).await,
                None => self.serve_next(&gateway).await,
            };
            match next {
                Next::Request => {}
                Next::Farewell => return self.say_farewell().await,
                Next::Cut(CutBy::Close) => return,
                Next::Cut(CutBy::Reset) => {
                    // If it fails the client sees a close: worse, but there is nothing left to do.
                    let _ = self.stream.set_zero_linger();
                    return;
                }
            }
        }
    }

    async fn serve_next(&mut self, gateway: &Gateway) -> Next {
        let admitted = match self.next_head(gateway).await {
            Ok(Some(raw)) => admit(raw, &gateway.decisions),
            Ok(None) => return Next::Cut(CutBy::Close),
            Err(status) => Err(status),
        };
        let mut request = match admitted {
            Ok(request) => request,
            Err(status) => {
                let (_, to) = self.stream.split();
                let mut reply = ToClient::Connection(to, Text::new(Encoder::Plain));
                return refuse(&mut reply, gateway, status, After::Close).await;
            }
        };
        self.requests += 1;
        Asker::on_connection(self, &request, &gateway.decisions).serve(gateway, &mut request).await
    }

    /// Serves the requests that can be worked on together, or else the next one alone.
    async fn serve_line(&mut self, gateway: &Arc<Gateway>, line: &mut Line) -> Next {
        line.admit(&mut self.inbox, gateway);
        if line.is_empty() {
            return match self.inbox.is_empty() {
                // It may be one of many.
                true => self.listen(gateway).await,
                false => self.serve_next(gateway).await,
            };
        }
        let Turn { request, fetched, as_head } = tokio::select! {
            biased;
            turn = line.next() => turn,
            read = self.inbox.fill(&mut self.stream), if line::has_room(&self.inbox) => return match read {
                Ok(1..) => Next::Request,
                Ok(0) | Err(_) => Next::Cut(CutBy::Close),
            },
        };
        self.requests += 1;
        let asker = Asker::on_connection(self, &request, &gateway.decisions);
        match fetched {
            Some(fetched) => asker.write_fetched(gateway, &request, fetched, as_head).await,
            None => asker.forward(gateway, &request, None).await,
        }
    }

    /// Waits for the first bytes of a request.
    async fn listen(&mut self, gateway: &Gateway) -> Next {
        match timeout(gateway.decisions.client_idle, self.inbox.fill(&mut self.stream)).await {
            Ok(Ok(1..)) => Next::Request,
            Ok(Ok(0) | Err(_)) | Err(_) => Next::Cut(CutBy::Close),
        }
    }

    /// Reads the next request's head; nothing if the client closes or is idle for too long, a status if it errs.
    async fn next_head(&mut self, gateway: &Gateway) -> Result<Option<RawRequest>, u16> {
        let mut deadline = None;
        loop {
            if !self.inbox.is_empty() {
                if let Some((length, raw)) = parse_request(self.inbox.bytes())? {
                    self.inbox.consume(length);
                    return Ok(Some(raw));
                }
                // From its first byte on, a head has so long in all, however slowly it drips.
                deadline.get_or_insert_with(|| Instant::now() + gateway.decisions.client_wait);
            }
            let until = deadline.unwrap_or_else(|| Instant::now() + gateway.decisions.client_idle);
            match timeout_at(until, self.inbox.fill(&mut self.stream)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Ok(None),
                Err(_) if deadline.is_none() => return Ok(None),
                Err(_) => return Err(408),
            }
        }
    }

    /// Closes so that the last reply arrives. RFC 9112 §9.6: a full close while the client still sends would reset the
    /// connection and tear the reply away, so the reading half stays open for a while.
    async fn say_farewell(mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let until = Instant::now() + LINGER_WAIT;
        let mut bytes = 0;
        while bytes < LINGER_BYTES_MAX {
            self.inbox.consume(self.inbox.len());
            match timeout_at(until, self.inbox.fill(&mut self.stream)).await {
                Ok(Ok(count @ 1..)) => bytes += count,
                Ok(Ok(0) | Err(_)) | Err(_) => return,
            }
        }
    }
}
