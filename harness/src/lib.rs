//! Crosswire finds replies that a gateway delivered to the wrong request.
#![forbid(unsafe_code)]

mod client;
mod ledger;
mod oracle;
