//! What a partner's extract says of each dimension: for the partner's own people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{ColumnId, DatasetId, Date, DimensionId, ImdEdition, Period};

/// Completeness of one dimension, in rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DimensionQuality {
    /// The dimension.
    pub dimension: DimensionId,
    /// Its name.
    pub name: String,
    /// Whether the extract has the column.
    pub held: bool,
    /// Rows with a usable value.
    pub valid: u64,
    /// Asked, and declined.
    pub not_stated: u64,
    /// Coded as not known.
    pub not_known: u64,
    /// Empty, or a token that means empty.
    pub blank: u64,
    /// A value that the catalogue does not have.
    pub invalid: u64,
    /// Well formed, but not in the reference data.
    pub unmatched: u64,
    /// Coded as not collected.
    pub not_collected: u64,
    /// Cannot be said of the person.
    pub not_applicable: u64,
    /// Among all of these: rows whose code was read in another spelling, such as in lower case or with noughts before it.
    #[serde(default)]
    pub respelt: u64,
}

/// The report on one load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityReport {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period.
    pub period: Period,
    /// The date that the extract describes.
    pub as_of: Date,
    /// The day of the load.
    pub loaded: Date,
    /// The edition of the deprivation index.
    pub imd_edition: Option<ImdEdition>,
    /// Rows read.
    pub rows_read: u64,
    /// Rows taken.
    pub rows_taken: u64,
    /// Rows that break a rule.
    pub rows_rejected: u64,
    /// Rows that are dated outside the period, or none of what the dataset counts: left out, and nothing wrong with
    /// them.
    #[serde(default)]
    pub rows_outside: u64,
    /// Rows that were left out on purpose, before any rule was asked.
    #[serde(default)]
    pub left_out: LeftOut,
    /// Different people among the rows that were taken.
    pub persons: u64,
    /// The measures of those rows.
    #[serde(default)]
    pub measures: Vec<MeasureRange>,
    /// Rejects by column and rule.
    pub rejects: Vec<RejectCount>,
    /// Pseudo-postcodes by kind, where there are any: they stand for no place.
    #[serde(default)]
    pub pseudo_postcodes: Vec<PseudoPostcodes>,
    /// Each dimension of the dataset.
    pub dimensions: Vec<DimensionQuality>,
    /// What else the loader should know.
    pub notes: Vec<String>,
    /// The latest date of a row that was taken; none where the dataset describes the period's last day.
    #[serde(default)]
    pub last_event: Option<Date>,
    /// Rows of the file by the month of their date, those outside the period too; none where rows have no date
    /// of their own.
    #[serde(default)]
    pub months: Vec<MonthRows>,
    /// Rows that another one repeats in person, date and every code: counted, and kept. None in a report of
    /// an older program.
    #[serde(default)]
    pub duplicates: Option<u64>,
    /// Dates that cannot be, by column and rule. Some of these rows are among the rejects.
    #[serde(default)]
    pub impossible: Vec<RejectCount>,
    /// Which census the small areas are of, where the extract has areas.
    #[serde(default)]
    pub areas: Option<AreaMix>,
    /// Completeness by provider or site, where the extract holds one.
    #[serde(default)]
    pub sites: Option<Sites>,
}

/// The rows of one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthRows {
    /// The month.
    pub month: Period,
    /// Rows of the file that are dated in it.
    pub rows: u64,
    /// Whether it lies in the period that was loaded.
    pub inside: bool,
}

/// The small areas of an extract, by the census that they are of. Most codes are the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaMix {
    /// The census year of the areas that the edition is published on.
    pub vintage: u16,
    /// Rows whose area the edition has.
    pub of_edition: u64,
    /// Rows whose area only the other census has; none where its table is not imported.
    pub of_other: Option<u64>,
    /// Rows whose area is in no table that is imported.
    pub of_neither: u64,
    /// Rows with an area of Wales, Scotland, Northern Ireland or the islands.
    pub outside_england: u64,
}

/// Completeness by organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sites {
    /// The dimension that says which organisation.
    pub by: DimensionId,
    /// The organisations with the most rows, the largest first.
    pub lines: Vec<SiteLine>,
    /// All others together.
    pub others: Option<SiteLine>,
    /// How many others there are.
    pub other_sites: u64,
}

/// The completeness of one organisation's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteLine {
    /// Its code.
    pub site: String,
    /// Its rows.
    pub rows: u64,
    /// Rows with a usable value, by dimension.
    pub usable: BTreeMap<DimensionId, u64>,
    /// Rows of which a dimension cannot be said, such as those of people who live outside England; dimensions
    /// without such rows are left out.
    #[serde(default)]
    pub not_applicable: BTreeMap<DimensionId, u64>,
}

/// Rows that were left out on purpose, and what the partner declares of opt-outs. The numbers are exact and stay
/// with the partner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Rows of people who objected or opted out.
    pub objections: u64,
    /// Rows with a legally restricted code.
    pub restricted: u64,
    /// Why rows with such codes were kept, where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted_kept: Option<String>,
    /// The position on the National Data Opt-Out; none where nobody declared it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_out: Option<OptOut>,
}

impl LeftOut {
    /// All rows that were left out.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.objections + self.restricted
    }
}

/// What a partner declares of the National Data Opt-Out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptOut {
    /// Whether it was applied.
    pub national: NationalOptOut,
    /// Why or how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether the National Data Opt-Out was applied to an extract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NationalOptOut {
    /// People who opted out are not in it.
    Applied,
    /// They are in it.
    NotApplied,
    /// It does not apply, as where nothing but anonymous figures leaves the controller.
    NotRequired,
}

/// From where to where a measure runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureRange {
    /// The measure, such as `weeks_waited`.
    pub measure: ColumnId,
    /// The least.
    pub least: u16,
    /// The greatest.
    pub most: u16,
}

/// How often a rule was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectCount {
    /// The column, or `row`.
    pub column: String,
    /// The rule.
    pub rule: String,
    /// How many rows.
    pub rows: u64,
}

/// How often a kind of pseudo-postcode occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PseudoPostcodes {
    /// The kind, for people.
    pub kind: String,
    /// How many rows.
    pub rows: u64,
}
