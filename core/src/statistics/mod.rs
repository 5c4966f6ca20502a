//! Statistics of released figures. Each function names its formula, its domain and its units.

#[cfg(test)]
#[path = "tests/any_numbers.rs"]
mod any_numbers;
mod check;
mod draw;
mod dsr;
mod gap;
mod indirect;
mod level;
mod mean;
mod number;
mod proportion;
mod rate;
mod reason;
mod slope;
mod who_slope;

pub use dsr::{
    DsrSums, ESP2013, Frequency, LEAST_EVENTS, RepeatStratum, Stratum, dsr, dsr_of_repeats,
    dsr_of_sums, esp2013_weights,
};
pub use gap::{
    GapBounds, Measured, difference, difference_bounds, proportion_difference,
    proportion_gap_bounds, rate_difference, rate_ratio, ratio, ratio_bounds, relative_likelihood,
};
pub use indirect::{ReferenceStratum, expected, indirect_rate, indirect_ratio};
pub use level::{Estimate, Level, Limits};
pub use mean::{Moments, mean};
pub use number::{Number, Span};
pub use proportion::{ProportionBounds, Z95, proportion, proportion_bounds, wilson, wilson_at};
pub use rate::{
    BYAR_FROM, CountMethod, RateBounds, count_limits, poisson_limits, rate, rate_bounds,
};
pub use reason::NotComputable;
pub use slope::{
    LEAST_QUANTILES, LEAST_REPETITIONS, MOST_QUANTILES, MOST_REPETITIONS, Quantile, QuantileSpan,
    REPETITIONS, Slope, SlopeMethod, SlopePoint, SlopeSpan, Transform, ValueType, slope,
    slope_bounds, slope_point,
};
pub use who_slope::{LEAST_WHO_GROUPS, MOST_WHO_GROUPS, Share, WhoSlope, WhoWeights, who_slope};
