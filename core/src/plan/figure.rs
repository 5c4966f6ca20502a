//! The figure of a group that its two counts do not give.

use super::most;
use crate::catalogue::{Dataset, IndicatorKind};

/// A figure that groups have beside their counts, and what bounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Figure {
    /// The mean of a measure over the numerator's rows.
    Mean {
        /// What a row counts for at most.
        most: u16,
    },
    /// Percentiles of a measure over the numerator's rows.
    Quantile {
        /// Which, rising.
        at: Vec<u8>,
        /// The last unit that is counted by itself.
        last: u16,
        /// Whether begun units count as whole ones, so that unit 5 is whatever lies over 4 and up to 5. Where not,
        /// unit 5 is 5.
        begun: bool,
    },
    /// One sum over another.
    Ratio {
        /// Per so many of what is below the line.
        per: u32,
        /// What a row counts for at most above it.
        most: u16,
    },
}

impl Figure {
    /// That of an indicator, where its counts do not give it.
    #[must_use]
    pub fn of(kind: &IndicatorKind, dataset: &Dataset) -> Option<Self> {
        match kind {
            IndicatorKind::Proportion | IndicatorKind::Count | IndicatorKind::Rate { .. } => None,
            IndicatorKind::Mean { measure } => Some(Self::Mean { most: most(measure, dataset) }),
            IndicatorKind::Quantile { measure, at } => Some(Self::Quantile {
                at: at.clone(),
                last: most(measure, dataset),
                // The outcome's own measures, waits and stays, are counted up; others are what they say.
                begun: dataset.outcome.made_of.measure() == Some(measure),
            }),
            IndicatorKind::Ratio { of, per, .. } => {
                Some(Self::Ratio { per: *per, most: most(of, dataset) })
            }
        }
    }

    /// How many figures a group has: one for each percentile.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Quantile { at, .. } => at.len(),
            Self::Mean { .. } | Self::Ratio { .. } => 1,
        }
    }

    /// Which percentiles; none of a mean or a ratio.
    #[must_use]
    pub fn at(&self) -> &[u8] {
        match self {
            Self::Quantile { at, .. } => at,
            Self::Mean { .. } | Self::Ratio { .. } => &[],
        }
    }
}
