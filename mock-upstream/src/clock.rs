//! The one clock of a run: moments of clients and origin can be compared because they come from here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use vocabulary::identity::Moment;

/// The date on which paused time begins: any will do, as long as it is always the same.
const PAUSED_TIME_BEGINS: Duration = Duration::from_secs(784_111_777);

/// A monotonic clock that counts microseconds since the run began. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    began: Instant,
    /// The date at that time.
    date: SystemTime,
    /// What it showed last, where every look takes a microsecond.
    shown: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Clock {
        Clock { began: Instant::now(), date: SystemTime::now(), shown: None }
    }

    /// A clock for paused time, in which computing takes none. Every look at it takes a microsecond, so that what
    /// happens one after the other has moments that say so.
    pub fn start_paused() -> Clock {
        let date = SystemTime::UNIX_EPOCH + PAUSED_TIME_BEGINS;
        Clock { began: Instant::now(), date, shown: Some(Arc::default()) }
    }

    /// The present date, as replies say it (RFC 9110 §6.6.1). It goes on with the clock, whatever the machine is set to meanwhile.
    pub(crate) fn date(&self) -> String {
        httpdate::fmt_http_date(self.date + self.began.elapsed())
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

    #[tokio::test(start_paused = true)]
    async fn paused_time_has_the_same_date_in_every_run_and_goes_on() {
        let clock = Clock::start_paused();
        assert_eq!(clock.date(), "Sun, 06 Nov 1994 08:49:37 GMT");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.date(), "Sun, 06 Nov 1994 08:49:40 GMT");
    }
}
