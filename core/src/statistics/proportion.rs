//! Proportions and their Wilson score limits, also where numerator and denominator are only known
//! between bounds.

use super::check::{above_zero, from_zero};
use super::level::{Estimate, Level, Limits};
use super::reason::NotComputable;
use crate::model::Bounds;

/// The 97.5 % point of the standard normal distribution: two-sided 95 % limits.
pub const Z95: f64 = Level::P95.z();

/// Two-sided 95 % Wilson score limits of `x` out of `n`, as fractions: those of [`wilson_at`].
#[must_use]
pub fn wilson(x: f64, n: f64) -> Option<(f64, f64)> {
    wilson_at(x, n, Level::P95).map(|limits| (limits.lower, limits.upper))
}

/// Wilson score limits of `x` out of `n`, as fractions: `(2x + z² ∓ z√(z² + 4x(1 − x/n))) / 2(n + z²)`
/// (Wilson 1927; the method of PHEindicatormethods). `None` where `n` is not positive and finite or `x` is not
/// between 0 and `n`.
#[must_use]
pub fn wilson_at(x: f64, n: f64, level: Level) -> Option<Limits> {
    if !(n > 0.0 && n.is_finite() && (0.0..=n).contains(&x)) {
        return None;
    }
    let z = level.z();
    let z2 = z * z;
    // Halved above and below the line, so that no term outgrows the type.
    let root = z * (z2 / 4.0 + x * (1.0 - x / n)).sqrt();
    let (centre, scale) = (x + z2 / 2.0, n + z2);
    // At the ends the formula gives 0 and 1, but for rounding.
    let lower = if x == 0.0 { 0.0 } else { ((centre - root) / scale).max(0.0) };
    let upper = if x >= n { 1.0 } else { ((centre + root) / scale).min(1.0) };
    Some(Limits { lower, upper })
}

/// A proportion `x / n`, as a fraction, with Wilson score limits at both levels.
///
/// `x` is how many of the `n` persons (or other units) have the characteristic; both may be fractional (weighted).
///
/// # Errors
/// [`NotComputable::Number`] where `x` is negative or `n` is not above zero, or either is not finite;
/// [`NotComputable::Exceeds`] where `x` is greater than `n`.
pub fn proportion(x: f64, n: f64) -> Result<Estimate, NotComputable> {
    above_zero("the denominator", 1, n)?;
    from_zero("the numerator", 1, x)?;
    if x > n {
        return Err(NotComputable::Exceeds { group: 1 });
    }
    Estimate::new("a proportion", x / n, |level| {
        let why = "its limits have no finite value";
        wilson_at(x, n, level).ok_or(NotComputable::Undefined { measure: "a proportion", why })
    })
}

/// What can be said of a proportion from bounds: its extremes, and the outermost Wilson limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProportionBounds {
    /// The least that it can be.
    pub low: f64,
    /// The most that it can be.
    pub high: f64,
    /// The lowest lower 95 % limit of any of them.
    pub lower95: f64,
    /// The highest upper 95 % limit of any of them.
    pub upper95: f64,
}

/// Extremes of `x / n`, and the outermost Wilson limits, over all whole numbers within the bounds with
/// `x ≤ n` and `n ≥ 1`. `None` where no such pair exists. Without an upper bound of `n` the least is 0;
/// without one of `x`, or with `n` possibly as small as `x`, the most is 1.
#[must_use]
pub fn proportion_bounds(x: Bounds, n: Bounds) -> Option<ProportionBounds> {
    let least = n.low.max(1).max(x.low);
    if n.high.is_some_and(|high| high < least) || x.high.is_some_and(|high| high < x.low) {
        return None;
    }
    // Both the fraction and its limits rise with x and fall with n, so the extremes lie at the corners.
    let (low, lower95) = match n.high {
        Some(high) => (share(x.low, high), wilson(real(x.low), real(high))?.0),
        None => (0.0, 0.0),
    };
    let (high, upper95) = match x.high {
        Some(top) if top < least => (share(top, least), wilson(real(top), real(least))?.1),
        _ => (1.0, 1.0),
    };
    Some(ProportionBounds { low, high, lower95, upper95 })
}

#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
fn real(n: u64) -> f64 {
    n as f64
}

fn share(x: u64, n: u64) -> f64 {
    real(x) / real(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wilson_equals_the_published_examples() {
        // Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
        for (x, n, low, high) in [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ] {
            let (l, h) = wilson(x, n).expect("defined");
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{x}/{n}: {l} {h}");
        }
        assert!(wilson(11.0, 10.0).is_none() && wilson(0.0, 0.0).is_none());
    }

    /// Computed with SciPy 1.17: `binomtest(x, n).proportion_ci(level, 'wilson')`.
    const WILSON: [(f64, f64, [f64; 4]); 8] = [
        (0.0, 20.0, [0.0, 0.16112515805281935, 0.0, 0.32317041462405505]),
        (
            1.0,
            29.0,
            [0.006113214292762667, 0.17175521879320282, 0.0030160013587169354, 0.2965864580364214],
        ),
        (
            15.0,
            148.0,
            [0.06238639953073629, 0.16048724172330803, 0.047383680506572295, 0.2036455309019902],
        ),
        (
            81.0,
            263.0,
            [0.2552885198782742, 0.36620957698280004, 0.22803574024200476, 0.40138942190936955],
        ),
        (148.0, 148.0, [0.9747008567322155, 1.0, 0.9393870907757012, 1.0]),
        (
            3.0,
            10.0,
            [0.10779126740630102, 0.6032218525388546, 0.06284501550629434, 0.7325465446750905],
        ),
        (
            123456.0,
            1000000.0,
            [0.12281269653142284, 0.12410219641400437, 0.12244303176871432, 0.12447615980335533],
        ),
        (
            1.0,
            1000000000.0,
            [
                1.765245549569633e-10,
                5.664934243297439e-09,
                8.724257780545273e-11,
                1.1462293017985085e-08,
            ],
        ),
    ];

    #[test]
    fn limits_at_both_levels_are_those_of_an_independent_computation() {
        for (x, n, [l95, u95, l998, u998]) in WILSON {
            let made = proportion(x, n).expect("defined");
            for (got, want) in [
                (made.value, x / n),
                (made.p95.lower, l95),
                (made.p95.upper, u95),
                (made.p998.lower, l998),
                (made.p998.upper, u998),
            ] {
                assert!((got - want).abs() <= 1e-9 * want, "{x}/{n}: {got} {want}");
            }
        }
    }

    #[test]
    fn more_above_the_line_than_below_it_is_an_error() {
        assert_eq!(proportion(11.0, 10.0), Err(NotComputable::Exceeds { group: 1 }));
        for (x, n) in
            [(-1.0, 10.0), (0.0, 0.0), (1.0, -3.0), (f64::NAN, 10.0), (1.0, f64::INFINITY)]
        {
            assert!(matches!(proportion(x, n), Err(NotComputable::Number { .. })), "{x}/{n}");
        }
    }

    proptest! {
        #[test]
        fn corners_are_the_extremes(xl in 0_u64..12, xw in 0_u64..12, nl in 0_u64..15, nw in 0_u64..15) {
            let (x, n) = (Bounds { low: xl, high: Some(xl + xw) }, Bounds { low: nl, high: Some(nl + nw) });
            let mut seen: Option<ProportionBounds> = None;
            for a in xl..=xl + xw {
                for b in nl.max(1)..=nl + nw {
                    if a > b { continue; }
                    let (l, u) = wilson(a as f64, b as f64).expect("defined");
                    let p = a as f64 / b as f64;
                    let s = seen.get_or_insert(ProportionBounds { low: p, high: p, lower95: l, upper95: u });
                    *s = ProportionBounds { low: s.low.min(p), high: s.high.max(p), lower95: s.lower95.min(l), upper95: s.upper95.max(u) };
                }
            }
            match (seen, proportion_bounds(x, n)) {
                (None, None) => {}
                (Some(a), Some(b)) => {
                    for (l, r) in [(a.low, b.low), (a.high, b.high), (a.lower95, b.lower95), (a.upper95, b.upper95)] {
                        prop_assert!((l - r).abs() < 1e-12, "{a:?} {b:?}");
                    }
                }
                (a, b) => prop_assert!(false, "{a:?} {b:?}"),
            }
        }
    }

    #[test]
    fn open_bounds_give_the_whole_range() {
        let open = Bounds { low: 0, high: None };
        let p = proportion_bounds(open, open).expect("defined");
        assert_eq!((p.low, p.high, p.lower95, p.upper95), (0.0, 1.0, 0.0, 1.0));
        assert!(proportion_bounds(Bounds::exactly(0), Bounds::exactly(0)).is_none());
    }
}
