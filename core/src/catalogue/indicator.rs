//! The shapes of the catalogue's TOML: indicators.

use serde::{Deserialize, Serialize};

use crate::model::{CategoryId, ColumnId, DatasetId, Date, DimensionId, IndicatorId};

/// Whom a rate is per.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// People who live in the area.
    Resident,
    /// People who are registered with its general practices.
    Registered,
}

/// A range of ages in whole years, both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ages {
    /// The youngest.
    pub from: u32,
    /// The oldest, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
}

/// How an indicator's figure is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndicatorKind {
    /// Numerator over denominator, both counted.
    Proportion,
    /// The numerator alone; the denominator is what it is a part of.
    Count,
    /// The numerator over a population that is published elsewhere.
    Rate {
        /// Per so many people.
        per: u32,
        /// Which people.
        population: Population,
        /// Whether it is directly standardised to the European Standard Population 2013.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        standardised: bool,
        /// The ages that the population is counted of; all where none are named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ages: Option<Ages>,
    },
    /// The mean of a measure over the numerator's rows.
    Mean {
        /// The measure: the outcome's own, or one of the dataset's.
        measure: ColumnId,
    },
    /// Percentiles of a measure over the numerator's rows, from bands of one unit.
    Quantile {
        /// The measure: the outcome's own, or one of the dataset's.
        measure: ColumnId,
        /// Which, such as 50 for the median.
        at: Vec<u8>,
    },
    /// One summed measure over another, over the numerator's rows.
    Ratio {
        /// The measure above the line.
        of: ColumnId,
        /// The measure below it.
        over: ColumnId,
        /// Per so many of it.
        per: u32,
    },
}

impl IndicatorKind {
    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Proportion => "proportion",
            Self::Count => "count",
            Self::Rate { .. } => "rate",
            Self::Mean { .. } => "mean",
            Self::Quantile { .. } => "quantile",
            Self::Ratio { .. } => "ratio",
        }
    }

    /// Whether its figure is the share of the numerator in the denominator.
    #[must_use]
    pub const fn is_share(&self) -> bool {
        matches!(self, Self::Proportion)
    }

    /// The percentiles that it has, where it has such.
    #[must_use]
    pub fn percentiles(&self) -> &[u8] {
        match self {
            Self::Quantile { at, .. } => at,
            _ => &[],
        }
    }

    /// The measures whose sums or bands the figure needs.
    #[must_use]
    pub fn measures(&self) -> Vec<&ColumnId> {
        match self {
            Self::Proportion | Self::Count | Self::Rate { .. } => Vec::new(),
            Self::Mean { measure } | Self::Quantile { measure, .. } => vec![measure],
            Self::Ratio { of, over, .. } => vec![of, over],
        }
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// A lower figure is better.
    LowerIsBetter,
    /// A higher figure is better.
    HigherIsBetter,
    /// Neither: it describes.
    Neutral,
}

/// What an indicator is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// Who is reached, and when.
    Access,
    /// How it was.
    Experience,
    /// What came of it.
    Outcome,
    /// The people who work there.
    Workforce,
}

/// The five strategic priorities of NHS England for tackling health inequalities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Restore services inclusively.
    RestoreInclusively,
    /// Mitigate digital exclusion.
    DigitalExclusion,
    /// Complete and timely datasets.
    Datasets,
    /// Accelerate prevention.
    Prevention,
    /// Leadership and accountability.
    Leadership,
}

/// A target, with the dates for which it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// First day.
    pub from: Date,
    /// Last day, where it is over or was set for a date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// The figure in the indicator's unit, as a decimal such as `92` or `4.5`.
    pub value: String,
    /// Who set it.
    pub source: String,
    /// Whether it is not confirmed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
}

/// An indicator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// Its id, whose meaning never changes.
    pub id: IndicatorId,
    /// Counts up when its definition changes.
    pub version: u32,
    /// Its name, for people.
    pub name: String,
    /// The dataset that it is made from.
    pub dataset: DatasetId,
    /// How its figure is made.
    pub kind: IndicatorKind,
    /// What it says of those above the line, as a verb: `wait over 52 weeks`.
    pub phrase: String,
    /// The unit of its figure.
    pub unit: String,
    /// What is counted below the line, where that is not every row of the dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<String>,
    /// The roll-up that is counted above the line.
    pub numerator: CategoryId,
    /// The roll-up, or `all`, that is counted below it.
    pub denominator: CategoryId,
    /// Which way is better.
    pub polarity: Polarity,
    /// What it is about.
    pub domain: Domain,
    /// The strategic priority that it serves.
    pub priority: Priority,
    /// Who holds the records.
    pub held_by: String,
    /// Dimensions that it may be broken down by; all of its dataset where none are named.
    #[serde(default)]
    pub breakdowns: Vec<DimensionId>,
    /// Packs that it belongs to.
    pub packs: Vec<String>,
    /// Whether the target is that there be none. A true nought in the row of everybody is then shown as it is, where
    /// enough is counted below the line: declared before any record is read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zero_target: bool,
    /// Targets, the earliest first.
    #[serde(default, rename = "target", skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Where the definition comes from.
    pub source: String,
    /// What of the definition is not confirmed, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisional: Option<String>,
    /// What a reader must know.
    pub caveats: Vec<String>,
}
