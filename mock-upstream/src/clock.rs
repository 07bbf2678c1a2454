//! The one clock of a run: moments of clients and origin can be compared because they come from here.

use std::time::Instant;

use vocabulary::identity::Moment;

/// A monotonic clock that counts microseconds since the run began. Copies show the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Clock {
        Clock { began: Instant::now() }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}
