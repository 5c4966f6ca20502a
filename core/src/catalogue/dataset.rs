//! The shapes of the catalogue's TOML: datasets and their outcomes.

use serde::{Deserialize, Serialize};

use crate::model::{CategoryId, ColumnId, DatasetId, DimensionId, LevelId, Period};

/// Whether a person may have several rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonRows {
    /// A row is a person.
    One,
    /// A person may have several.
    Several,
}

/// The periods that a dataset has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// Months.
    Month,
    /// Quarters of the financial year.
    Quarter,
    /// Financial years.
    Year,
}

impl PeriodKind {
    /// Whether a period is of this kind.
    #[must_use]
    pub const fn has(self, period: Period) -> bool {
        matches!(
            (self, period),
            (Self::Month, Period::Month { .. })
                | (Self::Quarter, Period::Quarter { .. })
                | (Self::Year, Period::Year { .. })
        )
    }

    /// The period of this kind that ends with a month, if one does; none of what is no month.
    #[must_use]
    pub fn ending_in(self, month: Period) -> Option<Period> {
        let Period::Month { year, month: number } = month else { return None };
        let last_year = year.checked_sub(1);
        match (self, number) {
            (Self::Month, _) => Some(month),
            (Self::Quarter, 3) => Some(Period::Quarter { year: last_year?, quarter: 4 }),
            (Self::Quarter, 6 | 9 | 12) => Some(Period::Quarter { year, quarter: number / 3 - 1 }),
            (Self::Year, 3) => Some(Period::Year { year: last_year? }),
            (Self::Quarter | Self::Year, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of every month from 1990 on: what ends in it is of the kind, and ends on its last day.
    #[test]
    fn a_period_ends_in_the_month_that_it_is_said_to() {
        let mut month = Period::Month { year: 1990, month: 1 };
        let mut found = [0; 3];
        for _ in 0..240 {
            for (kind, count) in [PeriodKind::Month, PeriodKind::Quarter, PeriodKind::Year]
                .into_iter()
                .zip(&mut found)
            {
                if let Some(period) = kind.ending_in(month) {
                    assert!(kind.has(period));
                    assert_eq!(period.last_day(), month.last_day(), "{month} {period}");
                    *count += 1;
                }
                assert_eq!(kind.ending_in(Period::Year { year: 2026 }), None);
            }
            month = month.next();
        }
        assert_eq!(found, [240, 80, 20]);
    }
}

/// Which date puts a row into its period. Ages are taken at the same date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatedBy {
    /// A stock: every row describes the period's last day.
    LastDay,
    /// Activity: the date in this column of an extract. Rows of other periods are left out.
    Event(ColumnId),
}

/// A band of weeks waited.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeekBand {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// The least whole number of weeks.
    pub from: u32,
}

/// A band of codes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeBand {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// What source systems write for it. Compared without case.
    pub codes: Vec<String>,
}

/// A band of stays.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StayBand {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// The least whole number of minutes from arrival to departure.
    pub from: u32,
    /// Whether the person left before treatment.
    pub left: bool,
}

/// Why a code puts a row outside the dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// It has not taken place yet.
    NotYet,
    /// What became of it is not known.
    NotKnown,
    /// It is none of what the dataset counts.
    NotCounted,
}

/// A code of rows that are no rows of the dataset.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideCode {
    /// What source systems write. Compared without case.
    pub code: String,
    /// What it says.
    pub why: Outside,
}

/// How a field that rules look at is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A code: compared without case, spaces and full stops (`I63.4` is `I634`).
    Code,
    /// Yes or no, in any of the usual spellings; its codes are `yes` and `no`.
    YesNo,
    /// A whole number, also written `17.0`; one with another fraction is a reject.
    Number,
}

/// A field of an extract that rules look at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleField {
    /// The column of an extract, which an extract must have.
    pub column: ColumnId,
    /// Its name, for people.
    pub name: String,
    /// How it is read.
    pub kind: FieldKind,
    /// Whether it may be blank. Where it may not, a row in which it is is a reject.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blank: bool,
}

/// What a field must hold: any of these.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The field.
    pub column: ColumnId,
    /// One of these codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<String>,
    /// A code that starts with one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<String>,
    /// A code that is none of these. A blank is no code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<String>,
    /// A number of at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// A number of at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
    /// Nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blank: bool,
}

/// A band of rows for which all conditions hold, and none of an earlier band's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleBand {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// The conditions; only the last band has none and takes the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
}

/// Rows that are no rows of the dataset: those for which all conditions hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleOutside {
    /// The conditions.
    pub when: Vec<Condition>,
    /// What it says.
    pub why: Outside,
}

/// What the bands of an outcome are made of: a partition of the dataset's rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Partition {
    /// A wait in whole weeks, the shortest first.
    Weeks {
        /// The bands.
        bands: Vec<WeekBand>,
        /// The measure of an extract that keeps the weeks themselves.
        measure: ColumnId,
    },
    /// A code.
    Codes {
        /// The bands.
        bands: Vec<CodeBand>,
        /// Codes of rows that do not count.
        outside: Vec<OutsideCode>,
    },
    /// A stay in whole minutes, begun minutes counting as whole ones, and whether the person left before
    /// treatment.
    Stay {
        /// The bands: the same cuts for those who left and those who did not.
        bands: Vec<StayBand>,
        /// The measure of an extract that keeps the minutes themselves.
        measure: ColumnId,
    },
    /// Rules over several fields, the first that holds deciding; rows outside the dataset are told apart first.
    Rules {
        /// The fields.
        fields: Vec<RuleField>,
        /// The bands, in the order in which they are tried.
        bands: Vec<RuleBand>,
        /// Rows that do not count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outside: Vec<RuleOutside>,
    },
}

/// A union of bands that indicators may count.
///
/// Roll-ups of one family nest or lie apart, and a table holds those of one family only: two of one table that
/// overlapped otherwise could be subtracted into bands that nobody declared. What does not nest (how long a
/// stay was; how it ended) is two families of one outcome and not two outcomes. The bands that both are unions
/// of are then the leaves of one partition, on which a test of everything that was released can take the
/// families together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollup {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// Its bands.
    pub of: Vec<CategoryId>,
    /// Its family; those that name none are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<CategoryId>,
}

/// The outcome of a dataset: a partition of its rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Its level id.
    pub level: LevelId,
    /// The column of a snapshot that holds its band.
    pub column: ColumnId,
    /// Its name, for people.
    pub name: String,
    /// The partition.
    pub made_of: Partition,
    /// The unions that indicators count.
    pub rollups: Vec<Rollup>,
}

/// A whole number of each row that an extract may hold beside its codes, such as days in hospital. Where an extract has
/// the column, a row in which it is blank is a reject.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureColumn {
    /// The column of an extract.
    pub id: ColumnId,
    /// Its name, for people.
    pub name: String,
    /// Its unit, such as `days`.
    pub unit: String,
    /// The greatest number that is believed.
    pub most: u16,
}

/// A dataset: what a row is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// Its name, for people.
    pub name: String,
    /// What one row is.
    pub row: String,
    /// What is counted.
    pub unit: String,
    /// Whether a person may have several rows.
    pub person_rows: PersonRows,
    /// What its rows are drawn from, where other datasets' rows are drawn from the same: one event may stand in all
    /// datasets of a population, so that what is released of them is about the same people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<CategoryId>,
    /// The periods that it has.
    pub periods: PeriodKind,
    /// The date that puts a row into its period.
    pub dated_by: DatedBy,
    /// What a reader must know about double counting.
    pub caveat: String,
    /// Dimensions that its rows have, those of its groups among them once it is loaded. A file holds those that it can.
    pub dimensions: Vec<DimensionId>,
    /// Groups of further dimensions.
    #[serde(default, skip_serializing)]
    pub groups: Vec<DimensionId>,
    /// Numbers that an extract may hold beside the outcome's own.
    #[serde(default, rename = "measure", skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<MeasureColumn>,
    /// Levels that a question may be restricted to.
    pub scopes: Vec<LevelId>,
    /// Its outcome.
    pub outcome: Outcome,
}
