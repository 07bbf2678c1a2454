//! The `Date` field of replies that have none. RFC 9110 §6.6.1: whoever forwards such a reply and has a clock adds it.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The date of a simulation's beginning: any day will do, as long as it is always the same.
const SIMULATION_BEGINS: Duration = Duration::from_secs(784_111_777);

/// The gateway's clock for dates: it goes on with the runtime's time, so that dates in a simulation follow from its seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    began: SystemTime,
    at: Instant,
}

impl Calendar {
    /// From the present date on.
    pub(crate) fn real() -> Calendar {
        Calendar { began: SystemTime::now(), at: Instant::now() }
    }

    /// From a fixed date on.
    pub(crate) fn simulated() -> Calendar {
        Calendar { began: SystemTime::UNIX_EPOCH + SIMULATION_BEGINS, at: Instant::now() }
    }

    /// The present date, RFC 9110 §5.6.7.
    pub(crate) fn today(&self) -> String {
        http_date(self.began + self.at.elapsed())
    }
}

/// The time as an IMF-fixdate, RFC 9110 §5.6.7.
fn http_date(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let weekday = DAYS[(days % 7) as usize];
    let month = MONTHS[month as usize];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Year, month (from 0) and day (from 1) of a day counted from 1 January 1970. The year is taken to begin in March,
/// so that the leap day is its last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_rfc_writes_them() {
        let at = |seconds| http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
