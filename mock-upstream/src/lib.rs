//! The origin that lies on purpose.
//!
//! An HTTP server behind the gateway under test. For each exchange it performs a planned
//! [`Directive`](vocabulary::directive::Directive): interim replies, broken framing, surplus bytes, replies held back
//! and released in another order. It reports every request that it saw and every reply that it emitted.
//!
//! What to write is decided by pure code (`behavior`, `gate`); the driver (`h1`) only performs it.
#![forbid(unsafe_code)]

mod clock;

pub use clock::Clock;
