//! The one clock of a run: moments of clients and origin can be compared because they come from here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;
use vocabulary::identity::Moment;

/// A monotonic clock that counts microseconds since the run began. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    began: Instant,
    /// What it showed last, where every look takes a microsecond.
    shown: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Clock {
        Clock { began: Instant::now(), shown: None }
    }

    /// A clock for paused time, in which computing takes none. Every look at it takes a microsecond, so that what
    /// happens one after the other has moments that say so.
    pub fn start_paused() -> Clock {
        Clock { began: Instant::now(), shown: Some(Arc::default()) }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let Some(shown) = &self.shown else { return Moment(now) };
        let next = |last: u64| now.max(last + 1);
        let last = shown.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        Moment(next(last.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn in_paused_time_each_look_is_later_than_the_one_before() {
        let clock = Clock::start_paused();
        let looks: Vec<Moment> = (0..100).map(|_| clock.clone().now()).collect();
        assert!(looks.windows(2).all(|pair| pair[0] < pair[1]), "{looks:?}");
    }
}
