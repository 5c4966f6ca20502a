//! Rows that break a rule: listed by row number, column and rule, never with the value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use evensum_core::view::RejectCount;

use super::error::{IntakeError, io};

/// The most rejects that are listed; further ones are only counted.
pub const MAX_LISTED_REJECTS: usize = 100_000;

/// The most of them that lie outside the period: an extract of a year holds so many that they would crowd
/// out the others.
pub const MAX_LISTED_OUTSIDE: usize = 1_000;

/// A rule that makes a row unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rule {
    Fields,
    PersonMissing,
    PersonTooLong,
    Blank,
    NotADate,
    OutsidePeriod,
    AfterCensus,
    NotWeeks,
    WaitTooLong,
    NotACode,
    NotYet,
    OutcomeNotKnown,
    NotCounted,
    NotANumber,
    NoMeasure,
    MoreThan(u16),
    OtherOrder,
    NoTime,
    NotATime,
    BeforeArrival,
    NotMinutes,
    StayTooLong,
    NotYesOrNo,
    NotYetBorn,
    NegativeAge,
}

impl Rule {
    /// Whether nothing is wrong with such a row: it is dated outside the period, or none of what the dataset counts.
    pub(super) const fn leaves_out(self) -> bool {
        matches!(self, Self::OutsidePeriod | Self::NotCounted)
    }

    /// The rule in words.
    pub(super) fn text(self) -> Cow<'static, str> {
        match self {
            Self::MoreThan(most) => {
                Cow::Owned(format!("more than {most}, which is the most that is believed"))
            }
            other => Cow::Borrowed(other.as_str()),
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Fields => "the row does not have as many fields as the first one",
            Self::PersonMissing => "no person",
            Self::PersonTooLong => "the person's identifier is longer than 128 bytes",
            Self::Blank => "blank",
            Self::NotADate => {
                "not a date in a declared form, or in ISO form where none is declared"
            }
            Self::OutsidePeriod => "dated outside the period",
            Self::AfterCensus => "after the last day of the period",
            Self::NotWeeks => "not a number of weeks",
            Self::WaitTooLong => "a wait of more than 520 weeks",
            Self::NotACode => "a code that the dataset does not have",
            Self::NotYet => "coded as not yet taken place",
            Self::OutcomeNotKnown => "coded as not known",
            Self::NotCounted => "none of what the dataset counts",
            Self::NotANumber => "not a whole number",
            Self::NoMeasure => "blank, where the extract has such a number for its rows",
            Self::MoreThan(_) => "more than is believed",
            Self::OtherOrder => "a date only with day and month the other way round",
            Self::NoTime => "a date without a time of day",
            Self::NotATime => "not a time of day",
            Self::BeforeArrival => "before the arrival",
            Self::NotMinutes => "not a number of minutes",
            Self::StayTooLong => "a stay of more than 14 days",
            Self::NotYesOrNo => "neither yes nor no",
            Self::NotYetBorn => "born after the date that ages are taken at",
            Self::NegativeAge => "a negative age",
        }
    }
}

struct Reject {
    row: u64,
    column: String,
    rule: Rule,
}

/// Rejects so far.
#[derive(Default)]
pub(super) struct Rejects {
    listed: Vec<Reject>,
    counts: BTreeMap<(String, Rule), u64>,
    total: u64,
    outside: u64,
}

impl Rejects {
    pub(super) fn add(&mut self, row: u64, column: &str, rule: Rule) {
        self.total += 1;
        let outside = rule.leaves_out();
        self.outside += u64::from(outside);
        *self.counts.entry((column.to_owned(), rule)).or_default() += 1;
        let room = !outside || self.outside <= MAX_LISTED_OUTSIDE as u64;
        if room && self.listed.len() < MAX_LISTED_REJECTS {
            self.listed.push(Reject { row, column: column.to_owned(), rule });
        }
    }

    /// Rows that the list stands for.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Those of them that are dated outside the period, or none of what the dataset counts: nothing is wrong with
    /// such a row.
    pub(super) const fn outside(&self) -> u64 {
        self.outside
    }

    /// Rejects by column and rule, for the quality report.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, Cow<'static, str>, u64)> {
        self.counts.iter().map(|((column, rule), n)| (column.as_str(), rule.text(), *n))
    }

    /// The same, as the quality report lists them.
    pub(super) fn by_rule(&self) -> Vec<RejectCount> {
        let each = self.counts().map(|(column, rule, rows)| RejectCount {
            column: column.to_owned(),
            rule: rule.into_owned(),
            rows,
        });
        each.collect()
    }

    /// Writes the reject file.
    pub(super) fn write(&self, path: &Path) -> Result<(), IntakeError> {
        let mut text = String::from("row,column,rule\n");
        for reject in &self.listed {
            text.push_str(&format!(
                "{},{},\"{}\"\n",
                reject.row,
                reject.column,
                reject.rule.text()
            ));
        }
        let more = self.total - self.listed.len() as u64;
        if more > 0 {
            text.push_str(&format!(",,\"and {more} more rows that are not listed\"\n"));
        }
        write_durably(path, text.as_bytes())
    }
}

/// Writes a file and waits until it is on disk.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), IntakeError> {
    let mut file = std::fs::File::create(path).map_err(io(path, "written"))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io(path, "written"))
}
