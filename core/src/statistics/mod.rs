//! Statistics of released figures. Each function names its formula, its domain and its units.

mod proportion;

pub use proportion::{ProportionBounds, Z95, proportion_bounds, wilson};
