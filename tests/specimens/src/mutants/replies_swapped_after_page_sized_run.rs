//! After three replies in a row whose length is a whole number of pages, or one byte off, two clients receive each
//! other's.
//!
//! A reply that fills its pages to the last byte leaves no room for the end mark that others have; a few of them and
//! the cursor of the shared buffer stands in the neighbour's record. One number that wraps at such a length was enough
//! for HAProxy to read a body as the heads of further records.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-swapped-after-page-sized-run",
    incident: "CVE-2026-55203",
    story: "Every third reply in a row that ends at the end of a page, or a byte off, is exchanged with the next reply.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "plain-concurrency",
    clients: None,
    // RFC 9112 §6.3(6): the length says where the reply ends, whatever it is.
    decisions: || Decisions {
        crosses: Some(|stretch| stretch.page_sized > 0 && stretch.page_sized % 3 == 0),
        ..Decisions::reference()
    },
};
