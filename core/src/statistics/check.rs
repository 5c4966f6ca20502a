//! What the numbers of a statistic have to be, checked in one place.

use super::reason::NotComputable;

/// A number that is finite.
///
/// # Errors
/// [`NotComputable::Number`], naming the number and its group.
pub(super) fn finite(what: &'static str, group: usize, value: f64) -> Result<f64, NotComputable> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(NotComputable::Number { what, group, rule: "a number that is not infinite" })
    }
}

/// A number that is finite and not negative.
///
/// # Errors
/// [`NotComputable::Number`], naming the number and its group.
pub(super) fn from_zero(
    what: &'static str,
    group: usize,
    value: f64,
) -> Result<f64, NotComputable> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(NotComputable::Number { what, group, rule: "0 or more, and not infinite" })
    }
}

/// A number that is finite and above zero.
///
/// # Errors
/// [`NotComputable::Number`], naming the number and its group.
pub(super) fn above_zero(
    what: &'static str,
    group: usize,
    value: f64,
) -> Result<f64, NotComputable> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(NotComputable::Number { what, group, rule: "above 0, and not infinite" })
    }
}

/// A single result that is finite.
///
/// # Errors
/// [`NotComputable::Undefined`], naming the measure.
pub(super) fn result(measure: &'static str, value: f64) -> Result<f64, NotComputable> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(NotComputable::Undefined { measure, why: "a number of it is not finite" })
    }
}
