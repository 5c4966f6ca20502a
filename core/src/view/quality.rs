//! What a partner's extract says of each dimension: for the partner's own people.

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
    /// Rows that are dated outside the period: left out, and nothing wrong with them.
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
