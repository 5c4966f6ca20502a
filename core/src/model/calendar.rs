//! When a dataset's extracts are expected and published: days after the end of each period. Pure: who asks says
//! what day it is and what is there.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::DatasetId;
use super::period::Period;
use super::snapshot::SnapshotVersion;
use super::time::Date;

/// The most days after a period's end that a calendar may name: two years.
pub const MAX_DAYS_AFTER: u16 = 731;

/// The most periods of one dataset that are looked at: the newest.
pub const MAX_DUE_PERIODS: usize = 60;

/// Why a calendar cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Not of the form `day 5`.
    #[error(
        "'{0}' is no day of a calendar: write the days after the end of the period as \"day 5\", at most {MAX_DAYS_AFTER}"
    )]
    Day(String),
    /// Published before it is loaded, or final before provisional.
    #[error(
        "the calendar of {0} is out of order: load_by comes first, then publish_on, then final_on, each on a later day or the same one"
    )]
    Order(DatasetId),
}

/// Days after the end of a period, written `day 5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct DayAfter(u16);

impl TryFrom<String> for DayAfter {
    type Error = CalendarError;

    fn try_from(text: String) -> Result<Self, CalendarError> {
        let days = text.trim().strip_prefix("day").and_then(|rest| rest.trim().parse().ok());
        match days {
            Some(days) if days <= MAX_DAYS_AFTER => Ok(Self(days)),
            _ => Err(CalendarError::Day(text.chars().take(32).collect())),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    dataset: DatasetId,
    first: Period,
    load_by: DayAfter,
    publish_on: DayAfter,
    #[serde(default)]
    final_on: Option<DayAfter>,
}

/// The calendar of one dataset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Calendar {
    dataset: DatasetId,
    first: Period,
    load_by: DayAfter,
    publish_on: DayAfter,
    final_on: Option<DayAfter>,
}

impl TryFrom<Written> for Calendar {
    type Error = CalendarError;

    fn try_from(written: Written) -> Result<Self, CalendarError> {
        let Written { dataset, first, load_by, publish_on, final_on } = written;
        if load_by > publish_on || final_on.is_some_and(|day| day < publish_on) {
            return Err(CalendarError::Order(dataset));
        }
        Ok(Self { dataset, first, load_by, publish_on, final_on })
    }
}

/// What there is of one dataset and period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Whether an extract is staged.
    pub staged: bool,
    /// The standing of the newest that is published.
    pub published: Option<SnapshotVersion>,
}

/// How a period stands on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// Not loaded, and there is time.
    Awaited,
    /// Not loaded, and should be.
    Late,
    /// Loaded; its day of publication has not come.
    Staged,
    /// Loaded, and to be published today.
    ToPublish,
    /// Loaded, and should have been published before today.
    Overdue,
    /// Published as provisional.
    Provisional,
    /// Published as final: later corrections wait for the annual restatement.
    Final,
}

impl Due {
    /// Whether somebody should be told.
    #[must_use]
    pub const fn alarms(self) -> bool {
        matches!(self, Self::Late | Self::Overdue)
    }

    /// Whether it is to be published now.
    #[must_use]
    pub const fn publishes(self) -> bool {
        matches!(self, Self::ToPublish | Self::Overdue)
    }

    /// For people.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::Late => "late",
            Self::Staged => "loaded",
            Self::ToPublish => "to be published",
            Self::Overdue => "overdue for publication",
            Self::Provisional => "published as provisional",
            Self::Final => "published as final",
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.says())
    }
}

impl Calendar {
    /// The dataset.
    #[must_use]
    pub const fn dataset(&self) -> &DatasetId {
        &self.dataset
    }

    /// The first period, which also says whether they are months, quarters or years.
    #[must_use]
    pub const fn first(&self) -> Period {
        self.first
    }

    /// The periods that have ended before `today`, the earliest first; the newest [`MAX_DUE_PERIODS`].
    #[must_use]
    pub fn ended(&self, today: Date) -> Vec<Period> {
        let all = std::iter::successors(Some(self.first), |period| {
            // The last year that periods are written in has no next one.
            Some(period.next()).filter(|next| next > period)
        });
        let mut ended: Vec<Period> = all.take_while(|period| period.last_day() < today).collect();
        ended.drain(..ended.len().saturating_sub(MAX_DUE_PERIODS));
        ended
    }

    /// The last day on which a period's extract is loaded in time.
    #[must_use]
    pub fn load_by(&self, period: Period) -> Date {
        period.last_day().plus_days(self.load_by.0.into())
    }

    /// The day on which it is published first.
    #[must_use]
    pub fn publish_on(&self, period: Period) -> Date {
        period.last_day().plus_days(self.publish_on.0.into())
    }

    /// The day from which a corrected extract is published as final; none where people decide.
    #[must_use]
    pub fn final_on(&self, period: Period) -> Option<Date> {
        self.final_on.map(|day| period.last_day().plus_days(day.0.into()))
    }

    /// How a period stands.
    #[must_use]
    pub fn due(&self, period: Period, held: Held, today: Date) -> Due {
        let (day, before) = match (held.published, held.staged) {
            (Some(SnapshotVersion::Final | SnapshotVersion::Restated), _) => return Due::Final,
            (Some(SnapshotVersion::Provisional), false) => return Due::Provisional,
            (Some(SnapshotVersion::Provisional), true) => match self.final_on(period) {
                Some(day) => (day, Due::Staged),
                None => return Due::Staged,
            },
            (None, true) => (self.publish_on(period), Due::Staged),
            (None, false) if today > self.load_by(period) => return Due::Late,
            (None, false) => return Due::Awaited,
        };
        match today.cmp(&day) {
            std::cmp::Ordering::Less => before,
            std::cmp::Ordering::Equal => Due::ToPublish,
            // A correction that comes after its day is only to be published, and alarms nobody.
            std::cmp::Ordering::Greater if held.published.is_some() => Due::ToPublish,
            std::cmp::Ordering::Greater => Due::Overdue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(text: &str) -> Result<Calendar, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    const MONTHS: &str = "dataset = \"rtt_open_pathway\"\nfirst = \"2026-08\"\nload_by = \"day 5\"\npublish_on = \"day 12\"\n";

    #[test]
    fn periods_are_expected_once_they_have_ended() {
        let of = |first: &str, today: &str| -> Vec<String> {
            let text = MONTHS.replace("2026-08", first);
            let ended = calendar(&text).expect("a calendar").ended(date(today));
            ended.iter().map(ToString::to_string).collect()
        };
        assert_eq!(of("2026-08", "2026-10-31"), ["2026-08", "2026-09"]);
        assert_eq!(of("2026-08", "2026-11-01"), ["2026-08", "2026-09", "2026-10"]);
        assert_eq!(of("2026-27Q1", "2026-10-01"), ["2026-27Q1", "2026-27Q2"]);
        assert_eq!(of("2024-25", "2026-10-01"), ["2024-25", "2025-26"]);
        assert_eq!(of("2026-12", "2026-10-01"), [] as [&str; 0]);
        let many = of("2001-01", "2026-10-01");
        assert_eq!(
            (many.len(), many.last().map(String::as_str)),
            (MAX_DUE_PERIODS, Some("2026-09"))
        );
    }

    #[test]
    fn a_period_stands_as_its_days_and_its_extracts_say() {
        use SnapshotVersion::{Final, Provisional};
        let plain = calendar(MONTHS).expect("a calendar");
        let twice = calendar(&format!("{MONTHS}final_on = \"day 40\"\n")).expect("a calendar");
        let period: Period = "2026-09".parse().expect("a period");
        let on = |day: &str| date(day);
        assert_eq!(plain.load_by(period), on("2026-10-05"));
        assert_eq!(plain.publish_on(period), on("2026-10-12"));
        assert_eq!(twice.final_on(period), Some(on("2026-11-09")));
        for (calendar, staged, published, today, wanted) in [
            (&plain, false, None, "2026-10-05", Due::Awaited),
            (&plain, false, None, "2026-10-06", Due::Late),
            (&plain, true, None, "2026-10-11", Due::Staged),
            (&plain, true, None, "2026-10-12", Due::ToPublish),
            (&plain, true, None, "2026-10-13", Due::Overdue),
            (&plain, false, Some(Provisional), "2027-10-13", Due::Provisional),
            (&plain, true, Some(Provisional), "2027-10-13", Due::Staged),
            (&twice, true, Some(Provisional), "2026-11-08", Due::Staged),
            (&twice, true, Some(Provisional), "2026-11-09", Due::ToPublish),
            (&twice, true, Some(Provisional), "2026-11-29", Due::ToPublish),
            (&twice, true, Some(Final), "2026-11-29", Due::Final),
            (&twice, false, Some(Final), "2026-11-29", Due::Final),
        ] {
            let due = calendar.due(period, Held { staged, published }, on(today));
            assert_eq!(due, wanted, "{staged} {published:?} {today}");
            assert_eq!(due.alarms(), matches!(wanted, Due::Late | Due::Overdue));
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (from, to, wanted) in [
            ("day 5", "5", "\"day 5\""),
            ("day 5", "day -1", "\"day 5\""),
            ("day 5", "day 732", "at most 731"),
            ("day 5", "day 13", "out of order"),
            ("load_by", "loaded_by", "loaded_by"),
            ("2026-08", "2026-13", "2026-13"),
        ] {
            let error = calendar(&MONTHS.replace(from, to)).expect_err(to);
            assert!(error.contains(wanted), "{to}: {error}");
        }
        let early = calendar(&format!("{MONTHS}final_on = \"day 11\"\n")).expect_err("early");
        assert!(early.contains("out of order"), "{early}");
    }
}
