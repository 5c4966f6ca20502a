//! The dates of an extract's rows: how many there are in each month, whatever period is loaded, and which
//! cannot be. For the partner's own people: the counts are exact.

use evensum_core::model::{Date, Period};
use evensum_core::view::{MonthRows, RejectCount};
use std::borrow::Cow;

use super::rejects::{Rejects, Rule};

/// The first year of an event that is believed.
pub(super) const FIRST_YEAR: u16 = 1900;

/// The years that are counted month by month, from [`FIRST_YEAR`] on.
const YEARS: usize = 300;

/// The most months that a report lists: the latest ones.
pub const MAX_MONTHS: usize = 240;

/// Rows by the month of their date.
pub(super) struct Months {
    period: Period,
    today: Date,
    /// From January of [`FIRST_YEAR`] on.
    rows: Vec<u64>,
    too_early: u64,
    future: u64,
    last: Option<Date>,
}

impl Months {
    pub(super) fn new(period: Period, today: Date) -> Self {
        Self { period, today, rows: vec![0; YEARS * 12], too_early: 0, future: 0, last: None }
    }

    /// Takes the date of a row.
    pub(super) fn note(&mut self, date: Date) {
        let civil = date.civil();
        let years = civil.year() - i32::from(FIRST_YEAR);
        let at = usize::try_from(years).ok().map(|y| y * 12 + usize::from(civil.month() as u8) - 1);
        match at {
            None => self.too_early += 1,
            Some(at) => {
                if let Some(rows) = self.rows.get_mut(at) {
                    *rows += 1;
                }
            }
        }
        self.future += u64::from(date > self.today);
        if self.last < Some(date) && self.inside(date) {
            self.last = Some(date);
        }
    }

    fn inside(&self, date: Date) -> bool {
        self.period.first_day() <= date && date <= self.period.last_day()
    }

    /// The latest date in the period.
    pub(super) const fn last_event(&self) -> Option<Date> {
        self.last
    }

    /// The months that have rows, the latest [`MAX_MONTHS`] of them, in order.
    pub(super) fn listed(&self) -> Vec<MonthRows> {
        let held = self.rows.iter().enumerate().filter(|(_, rows)| **rows > 0);
        let mut listed: Vec<MonthRows> = held
            .rev()
            .take(MAX_MONTHS)
            .filter_map(|(at, &rows)| {
                let year = FIRST_YEAR + u16::try_from(at / 12).ok()?;
                let month = Period::Month { year, month: u8::try_from(at % 12 + 1).ok()? };
                Some(MonthRows { month, rows, inside: self.inside(month.first_day()) })
            })
            .collect();
        listed.reverse();
        listed
    }

    /// Dates that cannot be: those of events, and those that rows were rejected for.
    pub(super) fn impossible(&self, column: &str, rejects: &Rejects) -> Vec<RejectCount> {
        let future = "after the day of the load";
        let early = "before 1900";
        let events = [(future, self.future), (early, self.too_early)];
        let events = events.map(|(rule, rows)| (column, Cow::Borrowed(rule), rows));
        let rules = [
            Rule::AfterCensus,
            Rule::BeforeArrival,
            Rule::StayTooLong,
            Rule::WaitTooLong,
            Rule::NotYetBorn,
            Rule::NegativeAge,
        ]
        .map(Rule::as_str);
        let rejected = rejects.counts().filter(|(_, rule, _)| rules.contains(&rule.as_ref()));
        let all = events.into_iter().filter(|(_, _, rows)| *rows > 0).chain(rejected);
        all.map(|(column, rule, rows)| RejectCount {
            column: column.to_owned(),
            rule: rule.into_owned(),
            rows,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn months(period: &str, dates: &[&str]) -> Months {
        let mut months =
            Months::new(period.parse().expect("period"), "2026-11-09".parse().expect("date"));
        dates.iter().for_each(|d| months.note(d.parse().expect("date")));
        months
    }

    #[test]
    fn rows_are_counted_by_month_whatever_the_period() {
        let dates =
            ["2026-10-01", "2026-10-31", "2026-11-01", "2025-12-31", "1899-12-31", "2027-01-01"];
        let found = months("2026-10", &dates);
        let listed: Vec<(String, u64, bool)> =
            found.listed().iter().map(|m| (m.month.to_string(), m.rows, m.inside)).collect();
        let of = |month: &str, rows, inside| (month.to_owned(), rows, inside);
        let expected = vec![
            of("2025-12", 1, false),
            of("2026-10", 2, true),
            of("2026-11", 1, false),
            of("2027-01", 1, false),
        ];
        assert_eq!(listed, expected);
        assert_eq!(found.last_event(), "2026-10-31".parse().ok());
        let impossible: Vec<(String, u64)> = found
            .impossible("arrival", &Rejects::default())
            .into_iter()
            .map(|r| (format!("{}: {}", r.column, r.rule), r.rows))
            .collect();
        let of = |rule: &str| (format!("arrival: {rule}"), 1);
        assert_eq!(impossible, [of("after the day of the load"), of("before 1900")]);
    }

    #[test]
    fn the_latest_months_are_listed_where_there_are_too_many() {
        let dates: Vec<String> = (1950..=2026).map(|y| format!("{y}-01-01")).collect();
        let dates: Vec<String> = dates
            .into_iter()
            .chain((1950..=2026).flat_map(|y| (2..=12).map(move |m| format!("{y}-{m:02}-01"))))
            .collect();
        let dates: Vec<&str> = dates.iter().map(String::as_str).collect();
        let listed = months("2026-10", &dates).listed();
        assert_eq!(listed.len(), MAX_MONTHS);
        assert_eq!(listed.last().map(|m| m.month.to_string()).as_deref(), Some("2026-12"));
        assert!(listed.is_sorted_by_key(|m| m.month));
    }
}
