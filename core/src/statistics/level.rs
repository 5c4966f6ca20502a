//! Confidence levels, limits, and a value with its limits.

use super::reason::NotComputable;

/// The two levels at which public health limits are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 95 %.
    P95,
    /// 99.8 %.
    P998,
}

impl Level {
    /// Both.
    pub const ALL: [Self; 2] = [Self::P95, Self::P998];

    /// The standard normal quantile of two-sided limits at this level.
    #[must_use]
    pub const fn z(self) -> f64 {
        match self {
            Self::P95 => 1.959_963_984_540_054,
            Self::P998 => 3.090_232_306_167_813,
        }
    }

    /// What lies outside the limits on one side.
    #[must_use]
    pub const fn tail(self) -> f64 {
        match self {
            Self::P95 => 0.025,
            Self::P998 => 0.001,
        }
    }
}

/// A lower and an upper limit, in the units of the value that they belong to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The lower.
    pub lower: f64,
    /// The upper.
    pub upper: f64,
}

/// A value with its limits at both levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its 95 % limits.
    pub p95: Limits,
    /// Its 99.8 % limits.
    pub p998: Limits,
}

impl Estimate {
    /// A value with limits made for each level.
    ///
    /// # Errors
    /// [`NotComputable::Undefined`] where any of the numbers is not finite, and whatever `limits` gives.
    pub fn new(
        measure: &'static str,
        value: f64,
        mut limits: impl FnMut(Level) -> Result<Limits, NotComputable>,
    ) -> Result<Self, NotComputable> {
        let (p95, p998) = (limits(Level::P95)?, limits(Level::P998)?);
        let all = [value, p95.lower, p95.upper, p998.lower, p998.upper];
        if all.iter().all(|number| number.is_finite()) {
            Ok(Self { value, p95, p998 })
        } else {
            Err(NotComputable::Undefined { measure, why: "a number of it is not finite" })
        }
    }

    /// The limits at a level.
    #[must_use]
    pub const fn at(&self, level: Level) -> Limits {
        match level {
            Level::P95 => self.p95,
            Level::P998 => self.p998,
        }
    }
}
