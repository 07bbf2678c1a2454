//! One upstream connection, from its beginning to its end, whichever version of HTTP it turns out to speak.
//!
//! There is one port for both: a connection that begins with the preface of HTTP/2 (RFC 9113 §3.4) is one, every
//! other is HTTP/1.1. Over TLS as well that alone decides, and not what was agreed on for it.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use transport::Stream;
use vocabulary::history::Closer;
use vocabulary::limits::DRAIN_WAIT;

use crate::door::Door;
use crate::office::{Link, Office, Outcome};
use crate::{h1, h2};

/// Serves one connection until either end closes it.
pub(crate) async fn serve(office: Arc<Office>, link: Arc<Link>, door: Door, stream: Stream) {
    let mut registered = Registered { office: &office, link: &link, outcome: Outcome::Reset };
    let Some(mut stream) = door.admit(&link, stream).await else { return };
    // A write is a segment: nothing may be held back to be joined with what follows.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot set TCP_NODELAY on {}: {error}", link.id);
    }
    let end = match h1::serve(&office, &link, &mut stream).await {
        h1::Served::Over(end) => end,
        h1::Served::Preface(behind) => h2::serve(&office, &link, &mut stream, &behind).await,
    };
    registered.outcome = close(&office, &link, stream, end).await;
}

/// How a connection was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The gateway has closed or reset it.
    Gateway,
    /// It is to be closed in order.
    Fin,
    /// It is to be reset.
    Rst,
    /// All connections are to be closed.
    Drain,
    /// The gateway does not take our bytes.
    Stuck,
}

async fn close(office: &Office, link: &Link, mut stream: Stream, end: End) -> Outcome {
    match end {
        End::Gateway => {
            office.report_end(link, Closer::Gateway);
            Outcome::ClosedInOrder
        }
        End::Fin | End::Drain => {
            office.report_end(link, Closer::Origin);
            // Closing with unread bytes would send a RST, which may take the reply away from its reader.
            let by_itself = Instant::now() + DRAIN_WAIT;
            if stream.shutdown().await.is_err() {
                return Outcome::ClosedInOrder;
            }
            let mut discarded = [0; 4096];
            loop {
                let told = link.close_by();
                let deadline = told.unwrap_or(by_itself);
                tokio::select! {
                    biased;
                    read = timeout_at(deadline, stream.read(&mut discarded)) => match read {
                        Ok(Ok(0) | Err(_)) => return Outcome::ClosedInOrder,
                        Ok(Ok(_)) => {}
                        Err(_) if told.is_none() => return Outcome::ClosedInOrder,
                        Err(_) => break,
                    },
                    // Woken for whatever reason, it looks whether it was told to close.
                    () = link.changed.notified() => {}
                }
            }
            reset(link, &stream)
        }
        End::Rst | End::Stuck => {
            office.report_end(link, Closer::Origin);
            reset(link, &stream)
        }
    }
}

fn reset(link: &Link, stream: &Stream) -> Outcome {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!("cannot reset {}: {error}", link.id);
    }
    Outcome::Reset
}

/// Takes the link out of the register, also when the connection's task panics.
struct Registered<'a> {
    office: &'a Office,
    link: &'a Link,
    outcome: Outcome,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.office.close_link(self.link, self.outcome);
    }
}
