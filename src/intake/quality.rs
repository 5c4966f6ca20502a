//! What a load found, dimension by dimension. For the partner's own people: the counts are exact.

use evensum_core::model::{ColumnId, DatasetId, Date, DimensionId, ImdEdition, Period};
use serde::{Deserialize, Serialize};

/// How complete and timely an extract is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityReport {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period.
    pub period: Period,
    /// The date that the rows describe.
    pub census_date: Date,
    /// The day of the load.
    pub loaded_on: Date,
    /// Days from the census date to the load; negative where the period had not ended.
    pub lag_days: i64,
    /// The edition of the deprivation index.
    pub imd_edition: Option<ImdEdition>,
    /// Rows in the file.
    pub rows_read: u64,
    /// Rows that broke a rule, and are not in the snapshot.
    pub rows_rejected: u64,
    /// Different people among the rows that were kept.
    pub persons: u64,
    /// The shortest wait among them, in whole weeks.
    pub shortest_wait_weeks: u16,
    /// The longest.
    pub longest_wait_weeks: u16,
    /// Rejects by column and rule.
    pub rejects: Vec<RejectCount>,
    /// One entry for each dimension of the dataset.
    pub columns: Vec<ColumnQuality>,
    /// What else the loader should know.
    pub notes: Vec<String>,
}

/// How often a rule was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectCount {
    /// The column, or `row`.
    pub column: String,
    /// The rule.
    pub rule: String,
    /// How many rows.
    pub rows: u64,
}

/// How a dimension's values were found. The counts add up to the rows that were kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnQuality {
    /// The dimension.
    pub dimension: DimensionId,
    /// Its name, for people.
    pub name: String,
    /// The column of the snapshot.
    pub column: ColumnId,
    /// Whether the partner holds it at all.
    pub held: bool,
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Rows by what was found of one dimension.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// A known category.
    pub valid: u64,
    /// Asked, and declined.
    pub not_stated: u64,
    /// Coded as not known.
    pub not_known: u64,
    /// Nothing there.
    pub blank: u64,
    /// Something there that is no code.
    pub invalid: u64,
    /// A well-formed area that the reference table does not have.
    pub unmatched: u64,
    /// Cannot be said of the person: lives outside England.
    pub not_applicable: u64,
    /// Not collected.
    pub not_collected: u64,
}

/// What was found in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Valid,
    NotStated,
    NotKnown,
    Blank,
    Invalid,
    Unmatched,
    NotApplicable,
    NotCollected,
}

impl Counts {
    pub(super) const fn add(&mut self, seen: Seen) {
        let count = match seen {
            Seen::Valid => &mut self.valid,
            Seen::NotStated => &mut self.not_stated,
            Seen::NotKnown => &mut self.not_known,
            Seen::Blank => &mut self.blank,
            Seen::Invalid => &mut self.invalid,
            Seen::Unmatched => &mut self.unmatched,
            Seen::NotApplicable => &mut self.not_applicable,
            Seen::NotCollected => &mut self.not_collected,
        };
        *count += 1;
    }

    /// Counts in the order of [`QualityReport::HEADINGS`], after name and state.
    const fn in_order(&self) -> [u64; 8] {
        [
            self.valid,
            self.not_stated,
            self.not_known,
            self.blank,
            self.invalid,
            self.unmatched,
            self.not_applicable,
            self.not_collected,
        ]
    }
}

impl QualityReport {
    /// Headings of [`QualityReport::table`].
    pub const HEADINGS: [&str; 10] = [
        "Dimension",
        "Valid, %",
        "Valid",
        "Not stated",
        "Not known",
        "Blank",
        "Invalid",
        "Unmatched",
        "Not applicable",
        "Not collected",
    ];

    /// Rows that were kept.
    #[must_use]
    pub const fn rows_kept(&self) -> u64 {
        self.rows_read.saturating_sub(self.rows_rejected)
    }

    /// One row of text for each dimension, under [`QualityReport::HEADINGS`].
    #[must_use]
    pub fn table(&self) -> Vec<[String; 10]> {
        let kept = self.rows_kept();
        self.columns
            .iter()
            .map(|column| {
                let mut row: [String; 10] = Default::default();
                row[0].clone_from(&column.name);
                row[1] = per_mille(column.counts.valid, kept);
                for (cell, count) in row[2..].iter_mut().zip(column.counts.in_order()) {
                    *cell = count.to_string();
                }
                row
            })
            .collect()
    }
}

/// A share in per cent with one decimal, rounded down so that 100.0 means all.
fn per_mille(part: u64, whole: u64) -> String {
    match (u128::from(part) * 1000).checked_div(u128::from(whole)) {
        Some(share) => format!("{}.{}", share / 10, share % 10),
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(per_mille(999_999, 1_000_000), "99.9");
        assert_eq!(per_mille(5, 5), "100.0");
        assert_eq!(per_mille(0, 5), "0.0");
        assert_eq!(per_mille(0, 0), "–");
    }

    #[test]
    fn each_finding_has_its_own_count() {
        let all = [
            Seen::Valid,
            Seen::NotStated,
            Seen::NotKnown,
            Seen::Blank,
            Seen::Invalid,
            Seen::Unmatched,
            Seen::NotApplicable,
            Seen::NotCollected,
        ];
        for (i, seen) in all.into_iter().enumerate() {
            let mut counts = Counts::default();
            counts.add(seen);
            let order = counts.in_order();
            assert_eq!((order[i], order.iter().sum::<u64>()), (1, 1), "{seen:?}");
        }
    }
}
