//! Two kinds of gateway to point the tester at: one that is right, and many that are each wrong in one way.
//!
//! The **reference gateway** is a small HTTP/1.1 reverse proxy that must stay clean under every scenario; a finding
//! against it is a bug of the tester. A **mutant** is the reference with one decision replaced, one file per defect
//! under `mutants/`; a mutant that no scenario kills is a hole in the catalogue. Both serve the demo, the user's
//! self-test and our own tests.
//!
//! What the reference leaves out on purpose: TLS, HTTP/2, tunnels (`CONNECT`, `Upgrade`), several origins, heuristic
//! freshness in its cache. It shares no code with the tester's client or origin, so that one
//! misreading of the RFC cannot hide on both sides. It speaks through `transport`, which knows bytes and no HTTP.
#![forbid(unsafe_code)]

mod asker;
mod bent;
mod body;
mod cache;
mod client;
mod date;
mod decisions;
mod desk;
mod exchange;
mod frames;
mod gateway;
mod head;
mod inbox;
mod inlet;
mod letter;
mod line;
mod mutants;
mod outlet;
mod pool;
mod preface;
mod program;
mod register;
mod request;
mod responder;
mod ring;
mod scratch;
mod sharing;
mod streams;
mod stretch;
mod translate;
mod trunk;
mod tunnel;
mod wire;
mod worker;

#[cfg(test)]
mod tests;

pub use crate::body::Framing;
pub use crate::decisions::{
    Behind, Bends, Caching, ClientFacts, Decisions, Ending, Finished, Idle, Keeps, Name, OwnReply, Passed,
    PipelinedBehind, Pipelining, PoolOrder, ReplyEnd, ReplyRead, Swaps, Unanswered,
};
pub use crate::gateway::{serve, serve_on};
pub use crate::head::{Fields, ReplyHead, RequestHead};
pub use crate::mutants::{Mutant, mutant, mutants};
pub use crate::program::{named, serve_as_program};
pub use crate::stretch::Stretch;
