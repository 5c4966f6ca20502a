//! Cells of typed columns as the text that a CSV file would have: ISO dates, whole numbers without a point,
//! yes and no. What comes after is the same for all sources.

use std::io::Write as _;

use serde::Deserialize;
use time::{Month, OffsetDateTime, Weekday};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, or what says itself cell by cell what it is.
    Text,
    YesNo,
    Number,
    Date,
    Time,
    /// A date and a time of day, as a clock on the wall showed them.
    Moment,
    /// A point in universal time.
    Instant,
    /// What cannot be read, by its own name.
    Foreign(String),
}

impl Kind {
    /// Whether cells are written as an ISO date, whatever forms of dates the mapping declares.
    pub(super) const fn is_dated(&self) -> bool {
        matches!(self, Self::Date | Self::Moment | Self::Instant)
    }
}

/// A column of a typed source.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// The clock that points in universal time are read on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Zone {
    /// Where patients are.
    #[default]
    #[serde(rename = "Europe/London")]
    London,
    /// Of a warehouse that keeps clock times as if they were universal time.
    #[serde(rename = "UTC")]
    Utc,
}

impl Zone {
    /// Its name in databases.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::London => "Europe/London",
            Self::Utc => "UTC",
        }
    }

    /// Seconds ahead of universal time.
    fn ahead(self, at: OffsetDateTime) -> i64 {
        match self {
            Self::Utc => 0,
            Self::London if is_summer(at) => 3_600,
            Self::London => 0,
        }
    }
}

/// British Summer Time as it has been since 1996: from the last Sunday in March to the last Sunday in October, both
/// at 01:00 universal time (Summer Time Act 1972, as amended by S.I. 2002/262).
fn is_summer(at: OffsetDateTime) -> bool {
    let turn = |month: Month| {
        let last = month.length(at.year());
        let end = time::Date::from_calendar_date(at.year(), month, last).unwrap_or(at.date());
        let past_sunday = match end.weekday() {
            Weekday::Sunday => 0,
            day => day.number_from_monday(),
        };
        last - past_sunday
    };
    let now = (at.day(), at.hour());
    match at.month() {
        Month::March => now >= (turn(Month::March), 1),
        Month::October => now < (turn(Month::October), 1),
        month => (u8::from(Month::April)..u8::from(Month::October)).contains(&u8::from(month)),
    }
}

/// What stands for a date that no calendar has: no form of a date reads it.
const NO_DATE: &[u8] = b"no date";

const DAY: i64 = 86_400;

/// A date, by days since 1970.
pub(super) fn date(days: i64, text: &mut Vec<u8>) {
    match OffsetDateTime::from_unix_timestamp(days.saturating_mul(DAY)) {
        Ok(at) if (0..=9_999).contains(&at.year()) => put_date(at, text),
        _ => text.extend_from_slice(NO_DATE),
    }
}

/// A date and a time of day, by seconds since 1970 on the clock that showed them.
pub(super) fn moment(seconds: i64, text: &mut Vec<u8>) {
    match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(at) if (0..=9_999).contains(&at.year()) => {
            put_date(at, text);
            text.push(b' ');
            put_time(at.hour(), at.minute(), at.second(), text);
        }
        _ => text.extend_from_slice(NO_DATE),
    }
}

/// A point in universal time, with how far the clock is ahead of it.
pub(super) fn instant(seconds: i64, zone: Zone, text: &mut Vec<u8>) {
    let ahead = OffsetDateTime::from_unix_timestamp(seconds).map_or(0, |at| zone.ahead(at));
    moment(seconds.saturating_add(ahead), text);
    if !text.ends_with(NO_DATE) {
        text.extend_from_slice(if ahead == 0 { b"+00:00" } else { b"+01:00" });
    }
}

/// A time of day, by seconds since midnight.
pub(super) fn time_of_day(seconds: i64, text: &mut Vec<u8>) {
    let part = |n: i64| u8::try_from(n).unwrap_or(99);
    put_time(part(seconds / 3_600), part(seconds / 60 % 60), part(seconds % 60), text);
}

fn put_date(at: OffsetDateTime, text: &mut Vec<u8>) {
    let year = u32::try_from(at.year()).unwrap_or_default();
    let pair = |n: u32| u8::try_from(n).unwrap_or_default();
    put_pair(pair(year / 100), text);
    put_pair(pair(year % 100), text);
    text.push(b'-');
    put_pair(u8::from(at.month()), text);
    text.push(b'-');
    put_pair(at.day(), text);
}

fn put_time(hour: u8, minute: u8, second: u8, text: &mut Vec<u8>) {
    put_pair(hour, text);
    text.push(b':');
    put_pair(minute, text);
    text.push(b':');
    put_pair(second, text);
}

fn put_pair(number: u8, text: &mut Vec<u8>) {
    text.extend_from_slice(&[b'0' + number / 10 % 10, b'0' + number % 10]);
}

/// Yes or no.
pub(super) const fn yes_no(is: bool) -> &'static [u8] {
    if is { b"yes" } else { b"no" }
}

/// A number, without a point where it is whole; nothing where it is no number.
pub(super) fn float(number: f64, text: &mut Vec<u8>) {
    if !number.is_nan() {
        // Writing to a vector does not fail. Never in the form with an exponent.
        let _ = write!(text, "{number}");
    }
}

/// Decimal digits as a database writes them, without the point where the number is whole.
pub(super) fn decimal(digits: &str, text: &mut Vec<u8>) {
    match digits.split_once('.') {
        Some((whole, part)) if part.bytes().all(|b| b == b'0') => {
            text.extend_from_slice(whole.as_bytes());
        }
        _ => text.extend_from_slice(digits.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut text = Vec::new();
        write(&mut text);
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn numbers_are_written_as_a_person_would() {
        for (number, wanted) in [
            (12.0, "12"),
            (-3.0, "-3"),
            (12.5, "12.5"),
            (0.0, "0"),
            (1e15, "1000000000000000"),
            (f64::NAN, ""),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(text(|t| float(number, t)), wanted);
        }
        for (digits, wanted) in [
            ("12.00", "12"),
            ("12", "12"),
            ("12.50", "12.50"),
            ("-7.0", "-7"),
            ("NaN", "NaN"),
            ("100", "100"),
            ("0.000", "0"),
        ] {
            assert_eq!(text(|t| decimal(digits, t)), wanted);
        }
        assert_eq!((yes_no(true), yes_no(false)), (&b"yes"[..], &b"no"[..]));
    }

    #[test]
    fn dates_and_times_are_iso() {
        // Days by an independent count: 20 757 days are 56 years with 14 leap days, and 303 days of 2026.
        assert_eq!(56 * 365 + 14 + 303, 20_757);
        for (days, wanted) in [
            (0, "1970-01-01"),
            (20_757, "2026-10-31"),
            (-7_272, "1950-02-03"),
            (i64::MAX, "no date"),
            (-800_000, "no date"),
        ] {
            assert_eq!(text(|t| date(days, t)), wanted, "{days}");
        }
        assert_eq!(text(|t| moment(20_757 * DAY + 51_139, t)), "2026-10-31 14:12:19");
        assert_eq!(text(|t| moment(-1, t)), "1969-12-31 23:59:59");
        assert_eq!(text(|t| time_of_day(86_399, t)), "23:59:59");
    }

    /// Clock changes as published for the United Kingdom: 29 March and 25 October 2026, 30 March and 26 October 2025,
    /// 31 March and 27 October 2024.
    #[test]
    fn instants_are_read_on_the_clock_of_the_place() {
        for (seconds, wanted) in [
            (1_774_745_999, "2026-03-29 00:59:59+00:00"),
            (1_774_746_000, "2026-03-29 02:00:00+01:00"),
            (1_792_889_999, "2026-10-25 01:59:59+01:00"),
            (1_792_890_000, "2026-10-25 01:00:00+00:00"),
            (1_743_296_399, "2025-03-30 00:59:59+00:00"),
            (1_743_296_400, "2025-03-30 02:00:00+01:00"),
            (1_761_440_400, "2025-10-26 01:00:00+00:00"),
            (1_711_846_800, "2024-03-31 02:00:00+01:00"),
            (1_729_990_800, "2024-10-27 01:00:00+00:00"),
            (1_782_860_400, "2026-07-01 00:00:00+01:00"),
            (1_798_675_200, "2026-12-31 00:00:00+00:00"),
        ] {
            assert_eq!(text(|t| instant(seconds, Zone::London, t)), wanted, "{seconds}");
        }
        assert_eq!(text(|t| instant(1_782_860_400, Zone::Utc, t)), "2026-06-30 23:00:00+00:00");
    }
}
