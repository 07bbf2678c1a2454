//! Who is who: the identities of a run, each a type of its own, so that a tenant can never be passed for an exchange.
//!
//! Identities say nothing about behaviour. Their short written forms (`t1`, `e16`, `d16.2`, `c3`) are the ones that
//! cards, records and table tests use.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

identity! {
    /// A tenant: an identity whose data must never reach another. Starts at 1; at most 1023 in a run (canary layout).
    TenantId(u16), "t"
}
/// One request and the reply its client accepts for it. Starts at 1, counted within a plan. On the wire the number is
/// unique in the run (the case's base is added), so that a late reply belongs to the case that planted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExchangeId(pub u32);

impl ExchangeId {
    /// The top bit marks an exchange of an earlier case of the run, whose number in its own plan is not known here.
    const EARLIER: u32 = 1 << 31;

    /// The exchange of an earlier case that was number `wire` on the wire.
    pub fn of_earlier_case(wire: u32) -> ExchangeId {
        ExchangeId(wire | Self::EARLIER)
    }

    /// Whether this exchange belongs to an earlier case.
    pub fn is_of_earlier_case(self) -> bool {
        self.0 & Self::EARLIER != 0
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_of_earlier_case() {
            false => write!(f, "e{}", self.0),
            true => write!(f, "earlier:e{}", self.0 & !Self::EARLIER),
        }
    }
}

identity! {
    /// One arrival of an exchange at the origin. Starts at 1; a gateway's retry is attempt 2.
    Attempt(u8), "attempt "
}
identity! {
    /// A connection, client side or upstream side, numbered by the end of ours that saw it. Starts at 1 in a run.
    ConnectionId(u32), "c"
}
identity! {
    /// The position of a request on its connection, starting at 1.
    Ordinal(u32), "#"
}
identity! {
    /// A stream of an HTTP/2 connection, by its number in the frames (RFC 9113 §5.1.1).
    StreamId(u32), "s"
}
identity! {
    /// One client worker of a plan, starting at 0.
    LaneId(u16), "lane "
}
identity! {
    /// One generated plan of a scenario within a run, starting at 0.
    CaseNumber(u32), "case "
}
identity! {
    /// A gate of a plan: a place where the origin holds replies until the planned exchanges have arrived.
    GateId(u16), "gate "
}

/// One reply that the origin emitted, surplus ones too: the exchange it answers and its number among that exchange's
/// deliveries, starting at 1. Written `d16` for the first delivery of exchange 16 and `d16.2` for the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeliveryId {
    /// The exchange that this delivery answers: its owner.
    pub exchange: ExchangeId,
    /// 1 for the first delivery of the exchange; retries and surplus replies count on. At most 65 535.
    pub number: u16,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exchange.is_of_earlier_case() {
            false => write!(f, "d{}", self.exchange.0)?,
            true => write!(f, "earlier:d{}", self.exchange.0 & !ExchangeId::EARLIER)?,
        }
        match self.number {
            1 => Ok(()),
            number => write!(f, ".{number}"),
        }
    }
}

/// Microseconds since the run began, on the one monotonic clock of the process that holds clients and origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// How long after `earlier` this moment is; zero when it is not after it.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} ms", self.0 / 1000, self.0 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_have_short_written_forms() {
        assert_eq!(TenantId(2).to_string(), "t2");
        assert_eq!(DeliveryId { exchange: ExchangeId(16), number: 1 }.to_string(), "d16");
        assert_eq!(DeliveryId { exchange: ExchangeId(16), number: 2 }.to_string(), "d16.2");
        assert_eq!(ExchangeId::of_earlier_case(7).to_string(), "earlier:e7");
        assert_eq!(Moment(1_500).to_string(), "1.500 ms");
    }

    #[test]
    fn a_moment_never_lies_a_negative_time_after_another() {
        assert_eq!(Moment(5).since(Moment(9)), Duration::ZERO);
        assert_eq!(Moment(9).since(Moment(5)), Duration::from_micros(4));
    }
}
