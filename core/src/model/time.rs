//! Moments and dates as values. The core never asks what time it is: it is told, through [`Clock`].

use std::fmt;

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Iso8601;
use time::macros::format_description;

/// A moment: whole seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Takes seconds since 1970.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// The moment that many seconds later (or earlier, if negative).
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The UTC date.
    #[must_use]
    pub fn date(self) -> Date {
        let moment = time::OffsetDateTime::from_unix_timestamp(self.0)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        Date(moment.date())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
        let text = time::OffsetDateTime::from_unix_timestamp(self.0)
            .ok()
            .and_then(|moment| moment.format(&shape).ok());
        f.write_str(text.as_deref().unwrap_or("an impossible time"))
    }
}

/// A calendar date, written `2026-10-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(time::Date);

impl Date {
    /// Takes a date of the `time` crate.
    #[must_use]
    pub const fn from_civil(date: time::Date) -> Self {
        Self(date)
    }

    /// The date as the `time` crate has it.
    #[must_use]
    pub const fn civil(self) -> time::Date {
        self.0
    }

    /// Days from `earlier` to this date; negative if this date comes first.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> i64 {
        i64::from(self.0.to_julian_day()) - i64::from(earlier.0.to_julian_day())
    }

    /// The date that many days later. Stays within the calendar that dates have.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add(time::Duration::days(i64::from(days))))
    }

    /// The same day that many months later, or the last of that month where it has no such day.
    #[must_use]
    pub fn plus_months(self, months: u16) -> Self {
        let (year, month, day) = self.0.to_calendar_date();
        let total = i32::from(month as u8) - 1 + i32::from(months);
        let first = u8::try_from(total % 12 + 1).ok().and_then(|m| time::Month::try_from(m).ok());
        let first =
            first.and_then(|m| time::Date::from_calendar_date(year + total / 12, m, 1).ok());
        let Some(first) = first else { return Self(time::Date::MAX) };
        let last = first.month().length(first.year());
        Self(first.replace_day(day.min(last)).unwrap_or(first))
    }

    /// Completed years of life on this date of somebody born on `birth`; `None` before birth.
    #[must_use]
    pub fn age_of(self, birth: Self) -> Option<u32> {
        let had_birthday =
            (self.0.month() as u8, self.0.day()) >= (birth.0.month() as u8, birth.0.day());
        let years = self.0.year() - birth.0.year() - i32::from(!had_birthday);
        u32::try_from(years).ok()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        write!(f, "{year:04}-{:02}-{day:02}", month as u8)
    }
}

/// A text that is no date of the form `2026-10-31`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a date: write it like 2026-10-31")]
pub struct DateError(String);

impl TryFrom<String> for Date {
    type Error = DateError;
    fn try_from(text: String) -> Result<Self, DateError> {
        match time::Date::parse(&text, &Iso8601::DATE) {
            Ok(date) if Date(date).to_string() == text => Ok(Self(date)),
            _ => Err(DateError(text.chars().take(32).collect())),
        }
    }
}

impl std::str::FromStr for Date {
    type Err = DateError;
    fn from_str(text: &str) -> Result<Self, DateError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Date> for String {
    fn from(date: Date) -> String {
        date.to_string()
    }
}

/// Where the time comes from: the system's clock in a server, a settable one in tests.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn ages_count_completed_years() {
        assert_eq!(date("2026-10-31").age_of(date("2000-10-31")), Some(26));
        assert_eq!(date("2026-10-30").age_of(date("2000-10-31")), Some(25));
        assert_eq!(date("2025-02-28").age_of(date("2004-02-29")), Some(20));
        assert_eq!(date("1999-01-01").age_of(date("2000-01-01")), None);
    }

    #[test]
    fn days_and_months_are_added_within_the_calendar() {
        for (from, months, to) in [
            ("2024-10-31", 24, "2026-10-31"),
            ("2024-10-31", 1, "2024-11-30"),
            ("2024-01-31", 1, "2024-02-29"),
            ("2023-12-15", 2, "2024-02-15"),
            ("2024-05-05", 0, "2024-05-05"),
        ] {
            assert_eq!(date(from).plus_months(months).to_string(), to, "{from} {months}");
        }
        assert_eq!(date("2026-02-26").plus_days(5).to_string(), "2026-03-03");
        assert_eq!(date("9999-12-30").plus_days(5).to_string(), "9999-12-31");
        assert_eq!(date("9999-12-30").plus_months(5).to_string(), "9999-12-31");
    }

    #[test]
    fn one_spelling_of_a_date() {
        for bad in ["2026-2-1", "20261031", "2026-02-30", "31/10/2026", ""] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
        assert_eq!(Timestamp::from_unix(0).to_string(), "1970-01-01 00:00:00 UTC");
    }
}
