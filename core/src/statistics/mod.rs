//! Statistics of released figures. Each function names its formula, its domain and its units.

mod bands;
mod better;
mod check;
mod concentration;
mod disproportion;
mod draw;
mod dsr;
mod funnel;
mod gap;
mod group;
mod impact;
mod indirect;
#[cfg(test)]
mod inequality_tests;
mod level;
mod mean;
mod number;
mod proportion;
mod quantile;
mod quantity;
mod rate;
mod reason;
mod slope;
mod spc;
mod who_slope;

pub use bands::{BAND_MOST, BandBounds, BandValue, MEDIAN, percentile, percentile_bounds};
pub use better::Better;
pub use concentration::{
    absolute_concentration, absolute_concentration_estimate, erreygers, relative_concentration,
    relative_concentration_estimate, wagstaff,
};
pub use disproportion::{
    Weighting, between_group_deviation, between_group_variance, between_group_variance_estimate,
    coefficient_of_variation, index_of_disparity, mean_difference_from, mean_difference_from_best,
    mean_difference_from_mean, mean_log_deviation, mean_log_deviation_estimate, theil,
    theil_estimate,
};
pub use dsr::{
    DsrSums, ESP2013, Frequency, LEAST_EVENTS, RepeatStratum, Stratum, dsr, dsr_of_repeats,
    dsr_of_sums, esp2013_weights,
};
pub use funnel::{
    FUNNEL_POINTS, FunnelLimits, FunnelOf, FunnelPlace, funnel_axis, funnel_baseline,
    funnel_limits, funnel_lines, funnel_place,
};
pub use gap::{
    GapBounds, Measured, difference, difference_bounds, proportion_difference,
    proportion_gap_bounds, rate_difference, rate_ratio, ratio, ratio_bounds, relative_likelihood,
};
pub use group::{GROUPS_LEAST, GROUPS_MOST, Group, check_groups, group_mean, shares};
pub use impact::{Reference, attributable_fraction, attributable_risk, events_avoided};
pub use indirect::{ReferenceStratum, expected, indirect_rate, indirect_ratio};
pub use level::{Estimate, Level, Limits};
pub use mean::{Moments, mean};
pub use number::{Number, Span};
pub use proportion::{ProportionBounds, Z95, proportion, proportion_bounds, wilson, wilson_at};
pub use quantile::{AREAS_MOST, First, population_quantiles, quantiles};
pub use quantity::Quantity;
pub use rate::{
    BYAR_FROM, CountMethod, RateBounds, count_limits, poisson_limits, rate, rate_bounds,
};
pub use reason::NotComputable;
pub use slope::{
    LEAST_QUANTILES, LEAST_REPETITIONS, MOST_QUANTILES, MOST_REPETITIONS, Quantile, QuantileSpan,
    REPETITIONS, Slope, SlopeMethod, SlopePoint, SlopeSpan, Transform, ValueType, slope,
    slope_bounds, slope_point,
};
pub use spc::{
    Assurance, Causes, ControlChart, ControlPoint, Direction, FEW_POINTS, PERIODS_MOST, PointKind,
    Segment, Variation, control_chart,
};
pub use who_slope::{LEAST_WHO_GROUPS, MOST_WHO_GROUPS, Share, WhoSlope, WhoWeights, who_slope};
