//! Differences and ratios of two values, with limits, and bounds of them where the values are only known between
//! bounds. The second of the two is always the one that is compared with.

use super::check::{above_zero, finite, from_zero};
use super::level::{Estimate, Level, Limits};
use super::number::{Number, Span};
use super::proportion::proportion_bounds;
use super::rate::real;
use super::reason::NotComputable;
use crate::model::Bounds;

/// A value with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    value: f64,
    error: f64,
}

impl Measured {
    /// A value and its standard error, in the same units. `group` (1 or 2) is how a refusal names it.
    ///
    /// # Errors
    /// [`NotComputable::Number`] where the value is not finite or the error negative.
    pub fn new(group: usize, value: f64, error: f64) -> Result<Self, NotComputable> {
        finite("the value", group, value)?;
        from_zero("the standard error", group, error)?;
        Ok(Self { value, error })
    }

    /// The proportion `x / n`, as a fraction, with `√(p(1 − p)/n)`.
    ///
    /// # Errors
    /// [`NotComputable::Number`] where a number is negative, `n` is zero, or one is not finite;
    /// [`NotComputable::Exceeds`] where `x` is greater than `n`; [`NotComputable::Undefined`] where none or all have
    /// the characteristic: the formula would give no error at all, and so claim certainty.
    pub fn proportion(group: usize, x: f64, n: f64) -> Result<Self, NotComputable> {
        above_zero("the denominator", group, n)?;
        from_zero("the numerator", group, x)?;
        if x > n {
            return Err(NotComputable::Exceeds { group });
        }
        if x == 0.0 || x >= n {
            let why = "none or all of a group have the characteristic";
            return Err(NotComputable::Undefined { measure: STANDARD_ERROR, why });
        }
        let p = x / n;
        Self::new(group, p, (p * ((n - x) / n) / n).sqrt())
    }

    /// The rate `o / population × per`, with the error `√o / population × per` of a Poisson count.
    ///
    /// # Errors
    /// [`NotComputable::Number`] where `population` or `per` is not above zero or not finite;
    /// [`NotComputable::Undefined`] without events: the formula would give no error at all.
    pub fn rate(group: usize, o: u64, population: f64, per: f64) -> Result<Self, NotComputable> {
        above_zero("the population", group, population)?;
        above_zero("the number that a rate is per", group, per)?;
        if o == 0 {
            let why = "a group has no events";
            return Err(NotComputable::Undefined { measure: STANDARD_ERROR, why });
        }
        Self::new(group, real(o) / population * per, real(o).sqrt() / population * per)
    }

    /// An estimate whose 95 % limits lie about evenly on both sides, with the error `(upper − lower) / 2z`.
    ///
    /// # Errors
    /// [`NotComputable::Number`] where the limits are not in order.
    pub fn estimated(group: usize, estimate: &Estimate) -> Result<Self, NotComputable> {
        let width = estimate.p95.upper - estimate.p95.lower;
        Self::new(group, estimate.value, width / (2.0 * Level::P95.z()))
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// Its standard error.
    #[must_use]
    pub const fn error(&self) -> f64 {
        self.error
    }
}

const STANDARD_ERROR: &str = "a standard error";
const DIFFERENCE: &str = "a difference";
const RATIO: &str = "a ratio";

/// The difference `y₁ − y₂`, with `d ∓ z√(se₁² + se₂²)` at both levels (the method of the WHO's healthequal). In the
/// units of the values.
///
/// # Errors
/// [`NotComputable::Undefined`] where the result is too great for a number.
pub fn difference(one: Measured, other: Measured) -> Result<Estimate, NotComputable> {
    let (value, error) = (one.value - other.value, one.error.hypot(other.error));
    Estimate::new(DIFFERENCE, value, |level| {
        let half = level.z() * error;
        Ok(Limits { lower: value - half, upper: value + half })
    })
}

/// The ratio `r = y₁ / y₂`, with `exp(ln r ∓ z·se)` at both levels, where `se = √((se₁² + r² se₂²)/y₂²)/r` (the method
/// of the WHO's healthequal). Of two proportions this is the relative likelihood, with
/// `se = √((1 − p₁)/x₁ + (1 − p₂)/x₂)`.
///
/// # Errors
/// [`NotComputable::Undefined`] where either value is not above zero, or the result is too great for a number.
pub fn ratio(one: Measured, other: Measured) -> Result<Estimate, NotComputable> {
    if one.value <= 0.0 || other.value <= 0.0 {
        let why = "both values have to be above 0";
        return Err(NotComputable::Undefined { measure: RATIO, why });
    }
    let value = one.value / other.value;
    // The formula above, with the square root's terms divided through.
    let error = (one.error / one.value).hypot(other.error / other.value);
    Estimate::new(RATIO, value, |level| {
        let factor = (level.z() * error).exp();
        Ok(Limits { lower: value / factor, upper: value * factor })
    })
}

/// The difference of two proportions, [`difference`] of [`Measured::proportion`] of `(x, n)` each.
///
/// # Errors
/// Those of both.
pub fn proportion_difference(
    one: (f64, f64),
    other: (f64, f64),
) -> Result<Estimate, NotComputable> {
    let (one, other) = two_proportions(one, other)?;
    difference(one, other)
}

/// How many times as likely the first group is to have the characteristic: [`ratio`] of [`Measured::proportion`] of
/// `(x, n)` each.
///
/// # Errors
/// Those of both.
pub fn relative_likelihood(one: (f64, f64), other: (f64, f64)) -> Result<Estimate, NotComputable> {
    let (one, other) = two_proportions(one, other)?;
    ratio(one, other)
}

fn two_proportions(
    one: (f64, f64),
    other: (f64, f64),
) -> Result<(Measured, Measured), NotComputable> {
    Ok((Measured::proportion(1, one.0, one.1)?, Measured::proportion(2, other.0, other.1)?))
}

/// The difference of two rates, [`difference`] of [`Measured::rate`] of `(events, population)` each.
///
/// # Errors
/// Those of both.
pub fn rate_difference(
    one: (u64, f64),
    other: (u64, f64),
    per: f64,
) -> Result<Estimate, NotComputable> {
    difference(Measured::rate(1, one.0, one.1, per)?, Measured::rate(2, other.0, other.1, per)?)
}

/// The ratio of two rates, [`ratio`] of [`Measured::rate`] of `(events, population)` each.
///
/// # Errors
/// Those of both.
pub fn rate_ratio(one: (u64, f64), other: (u64, f64)) -> Result<Estimate, NotComputable> {
    ratio(Measured::rate(1, one.0, one.1, 1.0)?, Measured::rate(2, other.0, other.1, 1.0)?)
}

/// Bounds of the difference of two values that are each only known between bounds.
///
/// # Errors
/// [`NotComputable::Number`] where an end is not finite or the ends are not in order; [`NotComputable::Undefined`]
/// where the result is too great for a number.
pub fn difference_bounds(one: Span, other: Span) -> Result<Span, NotComputable> {
    ordered(1, one)?;
    ordered(2, other)?;
    bounded(DIFFERENCE, one - other)
}

/// Bounds of the ratio of two values that are each only known between bounds.
///
/// # Errors
/// [`NotComputable::Number`] where an end is not finite or negative or the ends are not in order;
/// [`NotComputable::Undefined`] where the second may be zero, or the result is too great for a number.
pub fn ratio_bounds(one: Span, other: Span) -> Result<Span, NotComputable> {
    for (group, span) in [(1, one), (2, other)] {
        ordered(group, span)?;
        from_zero("the lower bound", group, span.low)?;
    }
    if other.low <= 0.0 {
        let why = "the group that is compared with may be at 0";
        return Err(NotComputable::Undefined { measure: RATIO, why });
    }
    let ratio = one / other;
    bounded(RATIO, Span { low: ratio.low.max(0.0), high: ratio.high })
}

/// Bounds of the gap between two proportions.
#[derive(Debug, Clone, PartialEq)]
pub struct GapBounds {
    /// Of the difference of the fractions, first minus second.
    pub difference: Span,
    /// Of their ratio, first by second.
    pub ratio: Result<Span, NotComputable>,
}

/// Bounds of the gap between two proportions, of each of which numerator and denominator, `(x, n)`, are only known
/// between bounds: of every pair of whole numbers within them with `x ≤ n` and `n ≥ 1`.
///
/// # Errors
/// [`NotComputable::Undefined`] where no such pair exists.
pub fn proportion_gap_bounds(
    one: (Bounds, Bounds),
    other: (Bounds, Bounds),
) -> Result<GapBounds, NotComputable> {
    let span = |(x, n): (Bounds, Bounds)| {
        let why = "no numbers of people agree with the bounds";
        proportion_bounds(x, n)
            .map(|share| Span { low: share.low, high: share.high })
            .ok_or(NotComputable::Undefined { measure: "a proportion", why })
    };
    let (one, other) = (span(one)?, span(other)?);
    let wide = difference_bounds(one, other)?;
    let difference = Span { low: wide.low.max(-1.0), high: wide.high.min(1.0) };
    Ok(GapBounds { difference, ratio: ratio_bounds(one, other) })
}

fn ordered(group: usize, span: Span) -> Result<(), NotComputable> {
    finite("the lower bound", group, span.low)?;
    finite("the upper bound", group, span.high)?;
    if span.low > span.high {
        let rule = "not below the lower one";
        return Err(NotComputable::Number { what: "the upper bound", group, rule });
    }
    Ok(())
}

fn bounded(measure: &'static str, span: Span) -> Result<Span, NotComputable> {
    if span.is_finite() {
        Ok(span)
    } else {
        Err(NotComputable::Undefined { measure, why: "a number of it is not finite" })
    }
}

#[cfg(test)]
mod tests;
