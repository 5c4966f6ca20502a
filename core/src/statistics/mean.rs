//! The mean of a quantity from pieces that add up across nodes.

use statrs::distribution::{Continuous, ContinuousCDF, StudentsT};

use super::check::{finite, from_zero};
use super::level::{Estimate, Level, Limits};
use super::rate::real;
use super::reason::NotComputable;

/// What is added up to make a mean and its spread.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// How many values.
    pub count: u64,
    /// Their sum, in the units of the values.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
}

impl Moments {
    /// The pieces of both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }
}

/// Of the sum of squares, what rounding may have taken: beyond it the pieces contradict each other.
const ROUNDING: f64 = 1e-9;

/// The mean `Σx/k`, with Student's limits `x̄ ∓ t(1 − α/2, k − 1)·s/√k` at both levels, where
/// `s² = (Σx² − (Σx)²/k)/(k − 1)` (the method of PHEindicatormethods). In the units of the values.
///
/// # Errors
/// [`NotComputable::TooFewGroups`] with fewer than two values; [`NotComputable::Number`] where a sum is not finite
/// or the squares add up to less than the values allow; [`NotComputable::Undefined`] where a result is too great
/// for a number.
pub fn mean(of: Moments) -> Result<Estimate, NotComputable> {
    const MEASURE: &str = "a mean with limits";
    if of.count < 2 {
        return Err(NotComputable::TooFewGroups { measure: MEASURE, least: 2 });
    }
    finite("the sum", 1, of.sum)?;
    from_zero("the sum of squares", 1, of.squares)?;
    let (k, freedom) = (real(of.count), real(of.count - 1));
    let mean = of.sum / k;
    let spread = of.squares - mean * of.sum;
    if spread < -ROUNDING * of.squares {
        let rule = "the square of the sum, divided by how many there are, or more";
        return Err(NotComputable::Number { what: "the sum of squares", group: 1, rule });
    }
    let error = (spread.max(0.0) / freedom / k).sqrt();
    Estimate::new(MEASURE, mean, |level| {
        let half = student(level, freedom)? * error;
        Ok(Limits { lower: mean - half, upper: mean + half })
    })
}

/// From here on the expansion below is exact to the precision of the type; up to here the library's distribution
/// function is.
const EXPAND_FROM: f64 = 1_000.0;

/// More than are ever needed from a start that has a few digits.
const NEWTON_STEPS: u32 = 40;

/// The upper quantile of Student's distribution at which a level's two-sided limits lie.
///
/// The library's quantile is refined by Newton's method on its distribution function, in the lower tail, where that
/// has all its digits. With many degrees of freedom: the expansion in powers of their inverse (Fisher and Cornish
/// 1960; Abramowitz and Stegun 26.7.5).
fn student(level: Level, freedom: f64) -> Result<f64, NotComputable> {
    if freedom >= EXPAND_FROM {
        return Ok(expanded(level.z(), freedom));
    }
    let why = "Student's distribution has no quantile there";
    let undefined = NotComputable::Undefined { measure: "a mean with limits", why };
    let Ok(distribution) = StudentsT::new(0.0, 1.0, freedom) else { return Err(undefined) };
    let tail = level.tail();
    let mut at = -distribution.inverse_cdf(tail);
    for _ in 0..NEWTON_STEPS {
        let step = (distribution.cdf(-at) - tail) / distribution.pdf(-at);
        if !step.is_finite() || step.abs() <= at * f64::EPSILON {
            break;
        }
        at = (at + step).clamp(at / 2.0, at * 2.0);
    }
    if at.is_finite() { Ok(at) } else { Err(undefined) }
}

fn expanded(z: f64, freedom: f64) -> f64 {
    let square = z * z;
    let terms = [
        z,
        z * (square + 1.0) / 4.0,
        z * ((5.0 * square + 16.0) * square + 3.0) / 96.0,
        z * (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0,
        z * ((((79.0 * square + 776.0) * square + 1_482.0) * square - 1_920.0) * square - 945.0)
            / 92_160.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| sum / freedom + term)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with SciPy 1.17: `t.ppf(0.975, df)` and `t.isf(0.001, df)`.
    const STUDENT: [(u32, f64, f64); 14] = [
        (1, 12.706204736174705, 318.30883898555044),
        (2, 4.302652729749464, 22.327124770119873),
        (3, 3.1824463052837086, 10.214531852407385),
        (4, 2.7764451051977943, 7.1731822197823085),
        (5, 2.5705818356363155, 5.893429531356009),
        (9, 2.2621571627982053, 4.296805662729919),
        (10, 2.2281388519862753, 4.143700494046589),
        (29, 2.045229642132704, 3.396240288356803),
        (100, 1.983971518523552, 3.173739493738783),
        (365, 1.9664845963767883, 3.112709987058168),
        (999, 1.9623414611334498, 3.0984103617533125),
        (1000, 1.9623390808264085, 3.0984021639129233),
        (5000, 1.9604385517065075, 3.0918631199609825),
        (1000000, 1.9599663568141072, 3.09024045631652),
    ];

    #[test]
    fn quantiles_are_those_of_an_independent_computation() {
        for (freedom, p95, p998) in STUDENT {
            for (level, want) in [(Level::P95, p95), (Level::P998, p998)] {
                let got = student(level, f64::from(freedom)).expect("defined");
                assert!((got - want).abs() <= 1e-11 * want, "{freedom} {level:?}: {got} {want}");
            }
        }
    }

    #[test]
    fn both_ways_to_the_quantile_agree_where_they_meet() {
        for level in Level::ALL {
            let below = student(level, EXPAND_FROM - 1.0).expect("defined");
            assert!((below / expanded(level.z(), EXPAND_FROM - 1.0) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_mean_from_its_pieces_is_that_of_the_values() {
        // The values 30, 40, 50 and 60, in two pieces; limits with SciPy's t.interval.
        let one = Moments { count: 2, sum: 70.0, squares: 2_500.0 };
        let other = Moments { count: 2, sum: 110.0, squares: 6_100.0 };
        let made = mean(one.with(other)).expect("a mean");
        for (got, want) in [
            (made.value, 45.0),
            (made.p95.lower, 24.457397432394792),
            (made.p95.upper, 65.5426025676052),
            (made.p998.lower, -20.934519589464983),
            (made.p998.upper, 110.93451958946498),
        ] {
            assert!((got - want).abs() <= 1e-9 * want.abs(), "{got} {want}");
        }
    }

    #[test]
    fn values_that_are_all_the_same_have_no_spread_and_contradictions_are_errors() {
        let same = mean(Moments { count: 3, sum: 0.3, squares: 0.03 }).expect("a mean");
        assert!((same.p998.upper - same.p998.lower).abs() < 1e-6);
        assert!(mean(Moments { count: 3, sum: 30.0, squares: 299.0 }).is_err());
        assert!(mean(Moments { count: 1, sum: 30.0, squares: 900.0 }).is_err());
        assert!(mean(Moments { count: 2, sum: f64::NAN, squares: 900.0 }).is_err());
        assert!(mean(Moments { count: 2, sum: 1e300, squares: 1e300 }).is_err());
    }
}
