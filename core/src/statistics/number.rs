//! One formula, two arithmetics: numbers, and spans of numbers that are only known between bounds.
//!
//! A formula that is written for [`Number`] gives a value of `f64`s, and of [`Span`]s bounds that hold its value for
//! every choice of numbers within them (the inclusion property of interval arithmetic: Moore 1966). Bounds may be wider
//! than need be where a quantity stands in a formula more than once; they are never too narrow.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// What a formula of the statistics may do with its quantities.
pub trait Number:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// A known number.
    fn of(value: f64) -> Self;
    /// The natural logarithm.
    #[must_use]
    fn ln(self) -> Self;
    /// The exponential.
    #[must_use]
    fn exp(self) -> Self;
    /// The square root.
    #[must_use]
    fn sqrt(self) -> Self;
    /// The square.
    #[must_use]
    fn squared(self) -> Self;
    /// The absolute value.
    #[must_use]
    fn abs(self) -> Self;
    /// Whether no end of it is infinite or no number.
    fn is_finite(self) -> bool;
}

impl Number for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn ln(self) -> Self {
        Self::ln(self)
    }

    fn exp(self) -> Self {
        Self::exp(self)
    }

    fn sqrt(self) -> Self {
        Self::sqrt(self)
    }

    fn squared(self) -> Self {
        self * self
    }

    fn abs(self) -> Self {
        Self::abs(self)
    }

    fn is_finite(self) -> bool {
        Self::is_finite(self)
    }
}

/// All numbers from one to another, ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl Span {
    /// A known number.
    #[must_use]
    pub const fn exactly(value: f64) -> Self {
        Self { low: value, high: value }
    }

    /// From one number to another, whichever is the greater.
    #[must_use]
    pub fn between(one: f64, other: f64) -> Self {
        Self { low: one.min(other), high: one.max(other) }
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The number in its middle.
    #[must_use]
    pub fn middle(&self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    /// Both ends moved outwards by what rounding may have taken.
    fn outward(low: f64, high: f64) -> Self {
        if low.is_nan() || high.is_nan() {
            return Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
        }
        Self { low: low.next_down(), high: high.next_up() }
    }

    fn of_all(ends: [f64; 4]) -> Self {
        if ends.iter().any(|end| end.is_nan()) {
            return Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
        }
        let least = ends.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self::outward(least, most)
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::outward(self.low + other.low, self.high + other.high)
    }
}

impl Sub for Span {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self::outward(self.low - other.high, self.high - other.low)
    }
}

impl Neg for Span {
    type Output = Self;

    fn neg(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }
}

impl Mul for Span {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self::of_all([
            self.low * other.low,
            self.low * other.high,
            self.high * other.low,
            self.high * other.high,
        ])
    }
}

impl Div for Span {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        if other.holds(0.0) {
            return Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
        }
        Self::of_all([
            self.low / other.low,
            self.low / other.high,
            self.high / other.low,
            self.high / other.high,
        ])
    }
}

/// Rounding of a function of the standard library may be off by more than one step.
const FUNCTION_STEPS: u32 = 4;

fn rising(span: Span, f: impl Fn(f64) -> f64) -> Span {
    let mut ends = Span::outward(f(span.low), f(span.high));
    for _ in 1..FUNCTION_STEPS {
        ends = Span::outward(ends.low, ends.high);
    }
    ends
}

impl Number for Span {
    fn of(value: f64) -> Self {
        Self::exactly(value)
    }

    fn ln(self) -> Self {
        rising(self, f64::ln)
    }

    fn exp(self) -> Self {
        rising(self, f64::exp)
    }

    fn sqrt(self) -> Self {
        let root = rising(self, f64::sqrt);
        Self { low: root.low.max(0.0), high: root.high }
    }

    fn squared(self) -> Self {
        let size = self.abs();
        let square = Self::outward(size.low * size.low, size.high * size.high);
        Self { low: square.low.max(0.0), high: square.high }
    }

    fn abs(self) -> Self {
        if self.low >= 0.0 {
            self
        } else if self.high <= 0.0 {
            -self
        } else {
            Self { low: 0.0, high: self.high.max(-self.low) }
        }
    }

    fn is_finite(self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span() -> impl Strategy<Value = (Span, f64)> {
        (-1e3..1e3_f64, 0.0..1e3_f64, 0.0..=1.0_f64).prop_map(|(low, width, part)| {
            let span = Span { low, high: low + width };
            (span, (low + part * width).clamp(span.low, span.high))
        })
    }

    proptest! {
        #[test]
        fn a_result_holds_that_of_every_number_within((a, x) in span(), (b, y) in span()) {
            prop_assert!((a + b).holds(x + y) && (a - b).holds(x - y) && (a * b).holds(x * y));
            prop_assert!((-a).holds(-x) && a.abs().holds(x.abs()) && a.squared().holds(x * x));
            prop_assert!(y == 0.0 || (a / b).holds(x / y));
            prop_assert!(Number::exp(a * Span::exactly(0.1)).holds((x * 0.1).exp()));
            prop_assert!(a.low <= 0.0 || (Number::ln(a).holds(x.ln()) && Number::sqrt(a).holds(x.sqrt())));
        }
    }

    #[test]
    fn what_is_not_defined_is_not_narrow() {
        let through = Span { low: -1.0, high: 1.0 };
        assert!(!(Span::exactly(1.0) / through).is_finite());
        assert!(!Number::ln(through).is_finite());
        assert!(!(Span { low: 0.0, high: f64::INFINITY } * Span::exactly(0.0)).is_finite());
    }
}
