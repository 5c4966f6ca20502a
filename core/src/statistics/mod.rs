//! Statistics of released figures. Each function names its formula, its domain and its units.

mod proportion;
mod rate;

pub use proportion::{ProportionBounds, Z95, proportion_bounds, wilson};
pub use rate::{BYAR_FROM, RateBounds, poisson_limits, rate_bounds};
