//! Statistics of released figures. Each function names its formula, its domain and its units.

mod level;
mod number;
mod proportion;
mod rate;
mod reason;

mod bands;
mod better;
mod concentration;
mod disproportion;
mod funnel;
mod group;
mod impact;
#[cfg(test)]
mod inequality_tests;
mod quantile;
mod quantity;
mod spc;

pub use level::{Estimate, Level, Limits};
pub use number::{Number, Span};
pub use proportion::{ProportionBounds, Z95, proportion_bounds, wilson};
pub use rate::{BYAR_FROM, RateBounds, poisson_limits, rate_bounds};
pub use reason::NotComputable;

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
pub use funnel::{
    FUNNEL_POINTS, FunnelLimits, FunnelOf, FunnelPlace, funnel_axis, funnel_baseline,
    funnel_limits, funnel_lines, funnel_place,
};
pub use group::{GROUPS_LEAST, GROUPS_MOST, Group, check_groups, mean, shares};
pub use impact::{Reference, attributable_fraction, attributable_risk, events_avoided};
pub use quantile::{AREAS_MOST, First, population_quantiles, quantiles};
pub use quantity::Quantity;
pub use spc::{
    Assurance, Causes, ControlChart, ControlPoint, Direction, FEW_POINTS, PERIODS_MOST, PointKind,
    Segment, Variation, control_chart,
};
