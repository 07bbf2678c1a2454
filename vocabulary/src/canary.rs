//! Canaries: secrets that only one request, reply or tenant ever carried, and the search for them.
//!
//! A canary is 48 letters and digits. It says who it belongs to ([`Claim`]) and proves it by a MAC under the run's
//! random key ([`CanaryKey`]), so no table of issued canaries is needed and a foreign one names its owner. Letters and
//! digits survive headers, paths, JSON, HTML, case folding; [`Scanner`] finds them again in common encodings.
//! [`StripedBody`] fills a body with them, so that every fragment of two stripes names its owner, and [`read_body`]
//! compares a received body with what its first stripe promises.
//!
//! This is a secret against accident. A gateway that forges MACs is not a case that crosswire defends against.

mod codec;
mod scan;
mod stripes;

pub use codec::{CANARY_BYTES, CanaryKey, CanaryText, Claim, MARKER, Role, Site, Unverified};
pub use scan::{Encoding, HITS_MAX, Hit, Scanner};
pub use stripes::{BodyReading, BodyState, STRIPE_BYTES, StripedBody, read_body};
