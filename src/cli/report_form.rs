//! What a report is asked for and written as, whoever asks: of all partners or of one's own extracts.

use std::fs;
use std::path::Path;

use clap::ValueEnum;
use evensum_core::catalogue::Indicator;
use evensum_core::model::{IndicatorId, Period, PeriodRange};

use super::exit::{Exit, Failure, OrExit};
use crate::present::report::{self, About, Report, about};

/// What every indicator is broken down by where nothing else is said: what the law asks for at the least.
pub(super) const LEVELS: [&str; 4] = ["imd.quintile", "ethnicity.group", "age.band", "sex"];
/// The most months that a report looks at.
const MAX_MONTHS: usize = 60;
/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Html,
    Xlsx,
    Json,
}

impl Format {
    /// Otherwise by the ending of a file's name, and a page.
    pub(super) fn of(told: Option<Self>, out: Option<&Path>) -> Self {
        let ending = out.and_then(|out| out.extension()?.to_str());
        told.unwrap_or(match ending {
            Some("xlsx") => Self::Xlsx,
            Some("json") => Self::Json,
            _ => Self::Html,
        })
    }

    /// How a file of it ends.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Xlsx => "xlsx",
            Self::Json => "json",
        }
    }

    /// The report in this form.
    pub(super) fn bytes(self, report: &Report) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Html => Ok(report::page(report).or_exit(Exit::Fault)?.into_bytes()),
            Self::Json => Ok(report::to_string_pretty(report).or_exit(Exit::Fault)?.into_bytes()),
            Self::Xlsx => report::workbook(report).or_exit(Exit::Fault),
        }
    }
}

/// The months that a range covers, the earliest first: of a period by itself so many that end with it.
pub(super) fn months(range: PeriodRange, back: usize) -> Result<Vec<Period>, Failure> {
    let all: Vec<Period> = range.periods().collect();
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Ok(Vec::new()) };
    let last = last_month(*last);
    let first = match all.len() {
        1 => (1..back).fold(last, |month, _| month.previous()),
        _ => first_month(*first),
    };
    let months = std::iter::successors(Some(first), |month| Some(month.next()));
    let months: Vec<Period> =
        months.take_while(|month| *month <= last).take(MAX_MONTHS + 1).collect();
    if months.len() > MAX_MONTHS {
        let text =
            format!("a report looks at most {MAX_MONTHS} months back: name a later first period");
        return Err(Failure::says(Exit::Usage, text));
    }
    Ok(months)
}

fn first_month(period: Period) -> Period {
    match period {
        Period::Month { .. } => period,
        Period::Quarter { year, quarter: 4 } => {
            Period::Month { year: year.saturating_add(1), month: 1 }
        }
        Period::Quarter { year, quarter } => Period::Month { year, month: 1 + 3 * quarter },
        Period::Year { year } => Period::Month { year, month: 4 },
    }
}

/// The month that a period ends with.
pub(super) fn last_month(period: Period) -> Period {
    let mut month = first_month(period);
    while month.last_day() < period.last_day() {
        month = month.next();
    }
    month
}

/// What is said beside the figures, by the file that says it.
pub(super) fn read_about(path: Option<&Path>, indicators: &[Indicator]) -> Result<About, Failure> {
    let Some(path) = path else { return Ok(About::default()) };
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::says(Exit::Config, format!("--about {}: {why}", path.display()))
    };
    let length = fs::metadata(path).map_err(|error| wrong(&error))?.len();
    if usize::try_from(length).is_ok_and(|bytes| bytes > about::MAX_BYTES) {
        return Err(wrong(&report::AboutError::Bytes));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let ids: Vec<&IndicatorId> = indicators.iter().map(|indicator| &indicator.id).collect();
    About::parse(&text, &ids).map_err(|error| wrong(&error))
}

/// A baseline lies in the time that the report looks at.
pub(super) fn within(baseline: Option<Period>, months: &[Period]) -> Result<(), Failure> {
    let (Some(baseline), Some(first), Some(last)) = (baseline, months.first(), months.last())
    else {
        return Ok(());
    };
    if baseline.last_day() < first.first_day() || baseline.last_day() > last.last_day() {
        let text = format!(
            "the baseline {baseline} of --about is not in {first}..{last}: name it in --period, such as --period {baseline}..{last}"
        );
        return Err(Failure::says(Exit::Usage, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str, back: usize) -> Result<(String, String, usize), Exit> {
        let range = range.parse().expect("a range");
        let months = months(range, back).map_err(|failure| failure.exit())?;
        let end = |month: Option<&Period>| month.expect("a month").to_string();
        Ok((end(months.first()), end(months.last()), months.len()))
    }

    #[test]
    fn a_period_by_itself_has_the_months_before_it() {
        let expected = |from: &str, to: &str, n| Ok((from.to_owned(), to.to_owned(), n));
        assert_eq!(of("2026-10", 13), expected("2025-10", "2026-10", 13));
        assert_eq!(of("2026-10", 1), expected("2026-10", "2026-10", 1));
        assert_eq!(of("2026-27Q2", 3), expected("2026-07", "2026-09", 3));
        assert_eq!(of("2025-26..2026-27", 13), expected("2025-04", "2027-03", 24));
        assert_eq!(of("2021-01..2026-10", 13), Err(Exit::Usage));
        assert_eq!(of("2022-01..2026-12", 13), expected("2022-01", "2026-12", 60));
    }
}
