//! The writer of a connection: answers each request in its turn.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use transport::WriteHalf;
use vocabulary::limits::WRITE_WAIT;

use super::{Line, Over, Turn};
use crate::behavior::Wire;
use crate::connection::End;
use crate::office::{Link, Office};
use crate::perform::{self, Place};

/// Bytes that are rendered at once where a write's bytes are not at hand.
const RENDERED_BYTES: u64 = 64 * 1024;

/// The writing half.
pub(super) struct Outbound<'a> {
    line: &'a Line<'a>,
    stream: WriteHalf<'a>,
    /// The memory for what is rendered.
    rendered: Cell<Vec<u8>>,
}

impl<'a> Outbound<'a> {
    pub(super) fn new(line: &'a Line<'a>, stream: WriteHalf<'a>) -> Outbound<'a> {
        Outbound { line, stream, rendered: Cell::default() }
    }

    /// Answers requests in turn until the connection is to end.
    pub(super) async fn run(self) -> End {
        let end = loop {
            let turn = match self.next_turn().await {
                Ok(turn) => turn,
                Err(end) => break end,
            };
            if let Err(end) = perform::answer(&Seat { outbound: &self, turn: &turn }).await {
                break end;
            }
            turn.report_seen(self.line.office);
            turn.leave(self.line.office);
            self.line.turns.borrow_mut().pop_front();
            self.line.progress.notify_one();
        };
        // The faults of the requests that were read ahead are not performed any more.
        for turn in self.line.turns.borrow().iter() {
            perform::give_up(&Seat { outbound: &self, turn }, end);
        }
        end
    }

    async fn next_turn(&self) -> Result<Rc<Turn>, End> {
        let line = self.line;
        let next = until(line, None, || {
            let front = line.turns.borrow().front().cloned();
            front.map(Ok).or_else(|| {
                line.over.get().map(|over| match over {
                    Over::Closed | Over::Reset => Err(End::Gateway),
                    Over::Unreadable | Over::Preface => Err(End::Fin),
                })
            })
        });
        next.await?.unwrap_or(Err(End::Fin))
    }
}

/// The place of one turn.
struct Seat<'a> {
    outbound: &'a Outbound<'a>,
    turn: &'a Turn,
}

impl Place for Seat<'_> {
    type Medium = Wire;

    fn office(&self) -> &Office {
        self.outbound.line.office
    }

    fn link(&self) -> &Arc<Link> {
        self.outbound.line.link
    }

    fn turn(&self) -> &Turn {
        self.turn
    }

    fn gateway_has_gone(&self) -> bool {
        self.outbound.line.gateway_has_gone()
    }

    fn is_over(&self) -> bool {
        self.outbound.line.over.get().is_some()
    }

    fn next_has_come(&self) -> bool {
        self.outbound.line.heads.get() > self.turn.ordinal.0 || self.outbound.line.strays.get()
    }

    fn unacknowledged(&self) -> Option<u64> {
        self.outbound.stream.unacknowledged()
    }

    fn final_is_written(&self) {
        self.outbound.line.progress.notify_one();
    }

    async fn until<T>(&self, bound: Option<Duration>, ready: impl FnMut() -> Option<T>) -> Result<Option<T>, End> {
        until(self.outbound.line, bound, ready).await
    }

    async fn send(&self, wire: Wire) -> Result<bool, End> {
        let Outbound { line, stream, rendered } = self.outbound;
        if let Some(text) = wire.at_hand() {
            return Ok(send(line, stream, text).await? <= 1);
        }
        let (mut writes, mut at, mut bytes) = (0, 0, rendered.take());
        while at < wire.len() {
            let until = wire.len().min(at + RENDERED_BYTES);
            bytes.clear();
            wire.render(at..until, &mut bytes);
            writes += send(line, stream, &bytes).await?;
            at = until;
        }
        rendered.set(bytes);
        Ok(writes <= 1)
    }
}

/// Waits until something is ready or the bound passes. Ends early when all connections are to be closed.
async fn until<T>(
    line: &Line<'_>,
    bound: Option<Duration>,
    mut ready: impl FnMut() -> Option<T>,
) -> Result<Option<T>, End> {
    let deadline = bound.map(|bound| Instant::now() + bound);
    loop {
        if line.link.close_by().is_some() {
            return Err(End::Drain);
        }
        if let Some(ready) = ready() {
            return Ok(Some(ready));
        }
        let changed = line.link.changed.notified();
        match deadline {
            None => changed.await,
            Some(deadline) => {
                if timeout_at(deadline, changed).await.is_err() {
                    return Ok(ready());
                }
            }
        }
    }
}

async fn send(line: &Line<'_>, stream: &WriteHalf<'_>, mut bytes: &[u8]) -> Result<u32, End> {
    let mut writes = 0;
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => {
                writes += 1;
                bytes = &bytes[written..];
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let writable = timeout(WRITE_WAIT, stream.writable());
                tokio::select! {
                    biased;
                    ready = writable => match ready {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return Err(End::Gateway),
                        Err(_) => return Err(End::Stuck),
                    },
                    () = closing(line) => return Err(End::Drain),
                }
            }
            Err(_) => return Err(End::Gateway),
        }
    }
    Ok(writes)
}

/// Resolves when all connections are to be closed.
async fn closing(line: &Line<'_>) {
    while line.link.close_by().is_none() {
        line.link.changed.notified().await;
    }
}
