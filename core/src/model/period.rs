//! Closed periods: a month, a financial quarter, a financial year. They nest and never overlap.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::time::Date;

/// A period in its one spelling: `2026-10`, `2026-27Q2` or `2026-27` (financial years start in April).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Period {
    /// A calendar month.
    Month { year: u16, month: u8 },
    /// A quarter of the financial year that starts in April of `year`; `quarter` is 1 to 4.
    Quarter { year: u16, quarter: u8 },
    /// The financial year that starts in April of `year`.
    Year { year: u16 },
}

/// A text that names no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a period: write a month as 2026-10, a financial quarter as 2026-27Q2, a financial year as 2026-27"
)]
pub struct PeriodError(String);

impl Period {
    /// The first day of the period.
    #[must_use]
    pub fn first_day(self) -> Date {
        let (year, month) = match self {
            Self::Month { year, month } => (year, month),
            Self::Quarter { year, quarter: 4 } => (year.saturating_add(1), 1),
            Self::Quarter { year, quarter } => (year, 1 + 3 * quarter),
            Self::Year { year } => (year, 4),
        };
        first_of(year, month)
    }

    /// The last day of the period: for a stock dataset, its census date.
    #[must_use]
    pub fn last_day(self) -> Date {
        let months = match self {
            Self::Month { .. } => 1,
            Self::Quarter { .. } => 3,
            Self::Year { .. } => 12,
        };
        let first = self.first_day().civil();
        let total = u32::from(first.month() as u8) - 1 + months;
        let year = u32::try_from(first.year()).unwrap_or_default() + total / 12;
        let next = first_of(
            u16::try_from(year).unwrap_or(u16::MAX),
            u8::try_from(total % 12 + 1).unwrap_or(1),
        );
        Date::from_civil(next.civil().previous_day().unwrap_or(next.civil()))
    }
}

impl Period {
    /// The next period of the same kind.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Month { year, month: 12 } => {
                Self::Month { year: year.saturating_add(1), month: 1 }
            }
            Self::Month { year, month } => Self::Month { year, month: month + 1 },
            Self::Quarter { year, quarter: 4 } => {
                Self::Quarter { year: year.saturating_add(1), quarter: 1 }
            }
            Self::Quarter { year, quarter } => Self::Quarter { year, quarter: quarter + 1 },
            Self::Year { year } => Self::Year { year: year.saturating_add(1) },
        }
    }

    /// The period of the same kind before.
    #[must_use]
    pub const fn previous(self) -> Self {
        match self {
            Self::Month { year, month: 1 } => {
                Self::Month { year: year.saturating_sub(1), month: 12 }
            }
            Self::Month { year, month } => Self::Month { year, month: month.saturating_sub(1) },
            Self::Quarter { year, quarter: 1 } => {
                Self::Quarter { year: year.saturating_sub(1), quarter: 4 }
            }
            Self::Quarter { year, quarter } => {
                Self::Quarter { year, quarter: quarter.saturating_sub(1) }
            }
            Self::Year { year } => Self::Year { year: year.saturating_sub(1) },
        }
    }

    const fn same_kind(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Month { .. }, Self::Month { .. })
                | (Self::Quarter { .. }, Self::Quarter { .. })
                | (Self::Year { .. }, Self::Year { .. })
        )
    }
}

/// One period, or all of one kind from one to another: `2026-05` or `2026-05..2026-10`, both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodRange {
    from: Period,
    to: Period,
}

/// A text that names no range of periods.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// One of its ends is no period.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// Months on one side and quarters on the other.
    #[error("both ends of a range of periods are of one kind: months, quarters or years")]
    Kinds,
    /// It ends before it begins.
    #[error("a range of periods begins with the earlier one, such as 2026-05..2026-10")]
    Backwards,
}

impl PeriodRange {
    /// The periods, the earliest first. A range lies within 1990 to 2100, so that there are at most 1,332.
    pub fn periods(self) -> impl Iterator<Item = Period> {
        std::iter::successors(Some(self.from), |period| Some(period.next()))
            .take_while(move |period| *period <= self.to)
    }
}

impl From<Period> for PeriodRange {
    fn from(period: Period) -> Self {
        Self { from: period, to: period }
    }
}

impl std::str::FromStr for PeriodRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let Some((from, to)) = text.split_once("..") else {
            return Ok(text.parse::<Period>()?.into());
        };
        let (from, to) = (from.parse::<Period>()?, to.parse::<Period>()?);
        if !from.same_kind(to) {
            return Err(RangeError::Kinds);
        }
        if to < from {
            return Err(RangeError::Backwards);
        }
        Ok(Self { from, to })
    }
}

impl fmt::Display for PeriodRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            return self.from.fmt(f);
        }
        write!(f, "{}..{}", self.from, self.to)
    }
}

fn first_of(year: u16, month: u8) -> Date {
    let month = time::Month::try_from(month).unwrap_or(time::Month::January);
    Date::from_civil(
        time::Date::from_calendar_date(i32::from(year), month, 1).unwrap_or(time::Date::MIN),
    )
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Month { year, month } => format!("{year:04}-{month:02}"),
            Self::Quarter { year, quarter } => {
                format!("{year:04}-{:02}Q{quarter}", (year + 1) % 100)
            }
            Self::Year { year } => format!("{year:04}-{:02}", (year + 1) % 100),
        };
        f.pad(&text)
    }
}

impl std::str::FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let wrong = || PeriodError(text.chars().take(32).collect());
        let (year, rest) = text.split_once('-').ok_or_else(wrong)?;
        let year: u16 = year.parse().map_err(|_| wrong())?;
        let number = |t: &str| t.parse::<u8>().ok();
        let period = match rest.split_once('Q') {
            Some((_, quarter)) => {
                Self::Quarter { year, quarter: number(quarter).ok_or_else(wrong)? }
            }
            None => {
                let part = number(rest).ok_or_else(wrong)?;
                // A financial year and a month may read alike (2011-12): months win, because
                // stock datasets have months only; 2000-01 to 2011-12 lie before any data we hold.
                if (1..=12).contains(&part) {
                    Self::Month { year, month: part }
                } else {
                    Self::Year { year }
                }
            }
        };
        let sane = (1990..=2100).contains(&year)
            && !matches!(period, Self::Quarter { quarter, .. } if !(1..=4).contains(&quarter));
        if sane && period.to_string() == text { Ok(period) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;
    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> String {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_every_period_once() {
        for (text, all) in [
            ("2026-10", "2026-10"),
            ("2026-11..2027-02", "2026-11 2026-12 2027-01 2027-02"),
            ("2026-27Q3..2027-28Q2", "2026-27Q3 2026-27Q4 2027-28Q1 2027-28Q2"),
            ("2026-27..2028-29", "2026-27 2027-28 2028-29"),
        ] {
            let range: PeriodRange = text.parse().expect(text);
            let periods: Vec<String> = range.periods().map(|p| p.to_string()).collect();
            assert_eq!(periods.join(" "), all);
            assert_eq!(range.to_string(), text);
            assert!(range.periods().all(|period| period.next().previous() == period));
        }
        let whole: PeriodRange = "1990-01..2100-12".parse().expect("a range");
        assert_eq!(whole.periods().count(), 111 * 12);
        for (bad, why) in [
            ("2026-10..2026-09", RangeError::Backwards),
            ("2026-10..2026-27", RangeError::Kinds),
            ("2026-27Q1..2026-27", RangeError::Kinds),
        ] {
            assert_eq!(bad.parse::<PeriodRange>(), Err(why), "{bad}");
        }
        for bad in
            ["..", "2026-10..", "..2026-10", "2026-10...2026-11", "2026-10..2026-11..2026-12"]
        {
            assert!(matches!(bad.parse::<PeriodRange>(), Err(RangeError::Period(_))), "{bad}");
        }
    }

    #[test]
    fn periods_have_one_spelling_and_true_ends() {
        for (text, first, last) in [
            ("2026-10", "2026-10-01", "2026-10-31"),
            ("2024-02", "2024-02-01", "2024-02-29"),
            ("2026-12", "2026-12-01", "2026-12-31"),
            ("2026-27Q1", "2026-04-01", "2026-06-30"),
            ("2026-27Q4", "2027-01-01", "2027-03-31"),
            ("2026-27", "2026-04-01", "2027-03-31"),
        ] {
            let period: Period = text.parse().expect(text);
            assert_eq!(period.to_string(), text);
            assert_eq!(period.first_day().to_string(), first, "{text}");
            assert_eq!(period.last_day().to_string(), last, "{text}");
        }
        for bad in [
            "2026",
            "2026-13",
            "2026-28",
            "2026-27Q5",
            "2026-27Q0",
            "2026-1",
            "x",
            "2026-10-31",
            "",
        ] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }
}
