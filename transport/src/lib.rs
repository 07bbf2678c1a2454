//! A byte stream between two ends: a TCP connection, with TLS or without, or one of a simulated network.
//!
//! Clients, origin and specimens are written against [`Stream`], [`Listener`] and [`Address`]; the same code runs over
//! sockets and over a [`Net`]. A simulated network is created from a seed. It draws for each segment how long that is on
//! its way; together with a runtime of one thread and paused time (`tokio::time::pause`) a whole run, its interleaving
//! included, is a function of the seed.
//!
//! Towards its users a simulated connection behaves like loopback TCP: a write is a segment, a slow reader holds its
//! writer up, ends are closed by FIN or RST. What cannot be told apart through a socket is not told apart here either;
//! one set of tests runs over both, and over TLS (feature `tls`), which is read, written and closed as the TCP below it.
#![forbid(unsafe_code)]

mod acknowledged;
mod address;
mod dice;
mod net;
mod pipe;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;

#[cfg(test)]
mod tests;

pub use address::{Address, Listener};
pub use net::Net;
pub use stream::{ReadHalf, Stream, Waiting, WriteHalf};
