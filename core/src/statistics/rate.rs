//! Crude rates of a count over a population, and their limits, also where the count is only known between
//! bounds.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::check::above_zero;
use super::level::{Estimate, Level, Limits};
use super::reason::NotComputable;
use crate::model::Bounds;

/// Counts from here on have limits by Byar's approximation; smaller ones exact ones.
pub const BYAR_FROM: u64 = 10;

/// How the limits of a count are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountMethod {
    /// From the quantiles of the chi-squared distribution (Garwood 1936).
    Exact,
    /// Byar's approximation (Breslow and Day 1987).
    Byar,
}

impl CountMethod {
    /// The method for a count, as OHID chooses it.
    #[must_use]
    pub const fn of(count: u64) -> Self {
        if count < BYAR_FROM { Self::Exact } else { Self::Byar }
    }

    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Exact => "Exact",
            Self::Byar => "Byar's",
        }
    }
}

/// Two-sided 95 % limits of the expectation of a count: those of [`count_limits`].
#[must_use]
pub fn poisson_limits(count: u64) -> (f64, f64) {
    let limits = count_limits(count, Level::P95);
    (limits.lower, limits.upper)
}

/// Two-sided limits of the expectation of a count that is Poisson distributed, as OHID gives them
/// (PHEindicatormethods): exact (Garwood 1936) below [`BYAR_FROM`], `χ²⁻¹(tail; 2O)/2` and
/// `χ²⁻¹(1 − tail; 2O + 2)/2`; Byar's approximation from there on (Breslow and Day 1987). In events; any count.
#[must_use]
pub fn count_limits(count: u64, level: Level) -> Limits {
    match CountMethod::of(count) {
        CountMethod::Exact => {
            let (o, tail) = (real(count), level.tail());
            let lower = if count == 0 { 0.0 } else { half_chi_squared(tail, 2.0 * o) };
            Limits { lower, upper: half_chi_squared(1.0 - tail, 2.0 * o + 2.0) }
        }
        CountMethod::Byar => byar_limits(real(count), level),
    }
}

/// Byar's approximation to the limits of the expectation of a count (Breslow and Day 1987):
/// `O(1 − 1/(9O) − z/(3√O))³` and `(O + 1)(1 − 1/(9(O + 1)) + z/(3√(O + 1)))³`. In events; `o` above zero.
pub(super) fn byar_limits(o: f64, level: Level) -> Limits {
    let byar = |o: f64, z: f64| o * (1.0 - 1.0 / (9.0 * o) + z / (3.0 * o.sqrt())).powi(3);
    Limits { lower: byar(o, -level.z()), upper: byar(o + 1.0, level.z()) }
}

/// A crude rate, `o / population × per`, with limits at both levels: those of the count ([`count_limits`]), scaled.
///
/// `o` events among a `population` of persons (or person-years), expressed per so many of them.
///
/// # Errors
/// [`NotComputable::Number`] where `population` or `per` is not above zero or not finite;
/// [`NotComputable::Undefined`] where the rate is too great for a number.
pub fn rate(o: u64, population: f64, per: f64) -> Result<Estimate, NotComputable> {
    above_zero("the population", 1, population)?;
    above_zero("the number that a rate is per", 1, per)?;
    let scaled = |events: f64| events / population * per;
    Estimate::new("a rate", scaled(real(o)), |level| {
        let limits = count_limits(o, level);
        Ok(Limits { lower: scaled(limits.lower), upper: scaled(limits.upper) })
    })
}

/// Half of the quantile of a chi-squared distribution. The library's quantile is a bisection of few steps;
/// Newton's method on its distribution function, which is exact, brings it to the precision of the type.
fn half_chi_squared(probability: f64, freedom: f64) -> f64 {
    use statrs::distribution::Continuous;
    let Ok(distribution) = ChiSquared::new(freedom) else { return f64::NAN };
    let mut at = distribution.inverse_cdf(probability);
    for _ in 0..NEWTON_STEPS {
        let step = (distribution.cdf(at) - probability) / distribution.pdf(at);
        if !step.is_finite() || step.abs() <= at * f64::EPSILON {
            break;
        }
        at = (at - step).max(at / 2.0);
    }
    at / 2.0
}

/// More than are ever needed from a start that has four digits.
const NEWTON_STEPS: u32 = 20;

/// What can be said of a rate from the bounds of its count: its extremes, and the outermost limits. Without an
/// upper bound of the count there is no upper end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateBounds {
    /// The least that it can be.
    pub low: f64,
    /// The most that it can be, if anything bounds it.
    pub high: Option<f64>,
    /// The lowest lower 95 % limit of any of them.
    pub lower95: f64,
    /// The highest upper 95 % limit of any of them, if anything bounds it.
    pub upper95: Option<f64>,
}

/// The crude rate of a count per so many of a population, with its limits (limit of the count / population × per).
/// `None` where nobody is in the population, or the bounds hold no count.
#[must_use]
pub fn rate_bounds(count: Bounds, population: u64, per: u32) -> Option<RateBounds> {
    if population == 0 || count.high.is_some_and(|high| high < count.low) {
        return None;
    }
    let scaled = |events: f64| events / real(population) * f64::from(per);
    // A count and both of its limits rise together, so the extremes lie at the ends.
    Some(RateBounds {
        low: scaled(real(count.low)),
        high: count.high.map(|high| scaled(real(high))),
        lower95: scaled(poisson_limits(count.low).0),
        upper95: count.high.map(|high| scaled(poisson_limits(high).1)),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
pub(super) fn real(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Computed with SciPy 1.17: `chi2.ppf` below 10, Byar's formula from 10 on.
    const LIMITS: [(u64, f64, f64); 12] = [
        (0, 0.0, 3.6888794541139354),
        (1, 0.025317807984289876, 5.571643390938898),
        (2, 0.24220927854396496, 7.22468766772396),
        (3, 0.6186721228956014, 8.767273069742323),
        (5, 1.6234863901184207, 11.66833207932267),
        (7, 2.8143630515198654, 14.422675361702376),
        (9, 4.115373097378334, 17.084803451419166),
        (10, 4.787449913967563, 18.391458605756473),
        (11, 5.483690198449974, 19.68323711614639),
        (25, 16.174265921657202, 36.90645069218536),
        (100, 81.36210549052788, 121.6279375792065),
        (12345, 12128.180767458693, 12564.722341331742),
    ];

    #[test]
    fn limits_are_those_of_an_independent_computation() {
        for (count, lower, upper) in LIMITS {
            let (l, u) = poisson_limits(count);
            assert!((l - lower).abs() <= 1e-9 * lower.max(1.0), "{count}: {l} {lower}");
            assert!((u - upper).abs() <= 1e-9 * upper, "{count}: {u} {upper}");
        }
    }

    /// Computed with SciPy 1.17 at the 99.8 % level, in the same way.
    const WIDER: [(u64, f64, f64); 10] = [
        (0, 0.0, 6.907755278982137),
        (1, 0.001000500333583534, 9.233413476451586),
        (2, 0.045402017769489544, 11.228872242412661),
        (5, 0.7393717319178323, 16.454745203680105),
        (9, 2.452424404363775, 22.657373309062933),
        (10, 2.916318374695686, 24.19372492788055),
        (25, 12.30445928640525, 44.67478017757808),
        (100, 71.90369187259837, 134.94362176226318),
        (12345, 12004.4964605369, 12692.217084633961),
        (1000000000, 999902281.123967, 1000097725.5757725),
    ];

    #[test]
    fn wider_limits_are_those_of_an_independent_computation() {
        for (count, lower, upper) in WIDER {
            let made = count_limits(count, Level::P998);
            assert!((made.lower - lower).abs() <= 1e-9 * lower, "{count}: {made:?} {lower}");
            assert!((made.upper - upper).abs() <= 1e-9 * upper, "{count}: {made:?} {upper}");
        }
    }

    #[test]
    fn a_rate_is_the_count_and_its_limits_scaled() {
        let made = rate(7, 3_500.0, 100_000.0).expect("a rate");
        assert!((made.value - 200.0).abs() < 1e-12);
        assert!((made.p95.lower - 2.8143630515198654 / 0.035).abs() < 1e-9);
        assert!((made.p95.upper - 14.422675361702376 / 0.035).abs() < 1e-9);
        assert!(made.p998.lower < made.p95.lower && made.p95.upper < made.p998.upper);
        for (population, per) in
            [(0.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, 0.0), (1.0, f64::INFINITY)]
        {
            assert!(matches!(rate(7, population, per), Err(NotComputable::Number { .. })));
        }
        assert!(matches!(rate(7, 1e-300, 1e300), Err(NotComputable::Undefined { .. })));
        assert_eq!((CountMethod::of(9).label(), CountMethod::of(10).label()), ("Exact", "Byar's"));
    }

    /// Garwood's table (Biometrika 28, 1936, 437-442), two-sided 95 %.
    #[test]
    fn small_counts_have_the_limits_of_the_published_table() {
        for (count, lower, upper) in [
            (0, 0.0, 3.69),
            (1, 0.0253, 5.57),
            (2, 0.242, 7.22),
            (5, 1.62, 11.67),
            (9, 4.12, 17.08),
        ] {
            let (l, u) = poisson_limits(count);
            assert!((l - lower).abs() < 6e-3 && (u - upper).abs() < 6e-3, "{count}: {l} {u}");
        }
    }

    #[test]
    fn limits_rise_with_the_count_also_where_the_method_changes() {
        for count in 0..2_000 {
            let (a, b) = (poisson_limits(count), poisson_limits(count + 1));
            assert!(a.0 < b.0 && a.1 < b.1 && a.0 <= real(count) && real(count) < a.1, "{count}");
        }
    }

    #[test]
    fn a_count_without_an_upper_bound_has_no_upper_rate_and_nobody_has_none() {
        let open = rate_bounds(Bounds { low: 5, high: None }, 1_000, 100_000).expect("a rate");
        assert_eq!((open.low, open.high, open.upper95), (500.0, None, None));
        assert!(rate_bounds(Bounds::exactly(5), 0, 100_000).is_none());
        assert!(rate_bounds(Bounds { low: 5, high: Some(4) }, 10, 1).is_none());
    }

    proptest! {
        #[test]
        fn ends_are_the_extremes(low in 0_u64..40, more in 0_u64..40, people in 1_u64..100_000) {
            let known = rate_bounds(Bounds { low, high: Some(low + more) }, people, 1_000).expect("a rate");
            let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
            let (mut lower, mut upper) = (f64::INFINITY, 0.0_f64);
            for count in low..=low + more {
                let rate = count as f64 * 1_000.0 / people as f64;
                let (l, u) = poisson_limits(count);
                (least, most) = (least.min(rate), most.max(rate));
                lower = lower.min(l * 1_000.0 / people as f64);
                upper = upper.max(u * 1_000.0 / people as f64);
            }
            for (a, b) in [
                (known.low, least), (known.high.expect("bounded"), most),
                (known.lower95, lower), (known.upper95.expect("bounded"), upper),
            ] {
                prop_assert!((a - b).abs() <= 1e-9 * b.max(1.0), "{} {}", a, b);
            }
        }
    }
}
