//! Statistics of released figures. Each function names its formula, its domain and its units.

mod proportion;

pub use proportion::{ProportionBounds, proportion_bounds, wilson};
