//! Statistics of released figures. Each function names its formula, its domain and its units.

mod level;
mod number;
mod proportion;
mod rate;
mod reason;

pub use level::{Estimate, Level, Limits};
pub use number::{Number, Span};
pub use proportion::{ProportionBounds, Z95, proportion_bounds, wilson};
pub use rate::{BYAR_FROM, RateBounds, poisson_limits, rate_bounds};
pub use reason::NotComputable;
