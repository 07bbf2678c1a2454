//! Anomalies that others than their counter know by name: gates and summaries.

/// A reply of status 400 to 599 that the gateway made itself.
pub const GATEWAYS_OWN_ERROR: &str = "gateway's own error";
/// A request without a sound end, or with line breaks where there are none, that the gateway answered with an error or not at
/// all: as RFC 9112 §6.3 and RFC 9113 §8.1.1 ask it to.
pub const FAULTY_REFUSED: &str = "faulty request refused";
/// A request that the gateway passed on and of which the origin could not say where it ends, or what it is: it answered 400
/// and closed. RFC 9112 §6.3: what could be read in two ways is not to be passed on.
pub const REFUSED_BY_ORIGIN: &str = "passed on although the origin cannot read it";
/// No reply came.
pub const NO_REPLY: &str = "no reply";
/// An attempt that arrived at the origin although another of its exchange had.
pub const REPEATED_ATTEMPT: &str = "attempt repeated by the gateway";
/// The gateway closed the connection instead of replying.
pub const CLOSED_WITHOUT_REPLY: &str = "closed without a reply";
/// The gateway reset the connection or the stream instead of replying.
pub const RESET_WITHOUT_REPLY: &str = "reset without a reply";
/// The gateway refused the stream.
pub const REFUSED_WITHOUT_REPLY: &str = "refused without a reply";
/// No connection to the gateway came about.
pub const NOT_REACHED: &str = "gateway not reached";
/// Every way in which a request gets no reply.
pub const UNANSWERED: [&str; 5] =
    [NO_REPLY, CLOSED_WITHOUT_REPLY, RESET_WITHOUT_REPLY, REFUSED_WITHOUT_REPLY, NOT_REACHED];
