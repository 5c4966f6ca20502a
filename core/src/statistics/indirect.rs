//! Indirectly standardised ratios (SMR) and rates.

use super::check::{above_zero, from_zero, result};
use super::level::{Estimate, Limits};
use super::rate::{count_limits, real};
use super::reason::NotComputable;

/// A stratum (an age band) as the reference population has it, with the population that is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReferenceStratum {
    /// Events in the reference population.
    pub reference_events: f64,
    /// Persons (or person-years) of the reference population.
    pub reference_population: f64,
    /// Persons (or person-years) of the population that is compared.
    pub population: f64,
}

/// Events that there would be at the rates of the reference population: `E = Σ (ref x / ref n) · n`. It adds up
/// across strata and nodes.
///
/// # Errors
/// [`NotComputable::TooFewGroups`] without strata; [`NotComputable::Number`] where a reference population is not
/// above zero, or another number is negative or not finite; [`NotComputable::Undefined`] where the sum is too great
/// for a number.
pub fn expected(strata: &[ReferenceStratum]) -> Result<f64, NotComputable> {
    const MEASURE: &str = "an expected count";
    if strata.is_empty() {
        return Err(NotComputable::TooFewGroups { measure: MEASURE, least: 1 });
    }
    let mut sum = 0.0;
    for (at, stratum) in strata.iter().enumerate() {
        let group = at + 1;
        let below = above_zero("the reference population", group, stratum.reference_population)?;
        let above = from_zero("the reference count", group, stratum.reference_events)?;
        sum += above / below * from_zero("the population", group, stratum.population)?;
    }
    result(MEASURE, sum)
}

/// The standardised ratio `O/E × per` (per 1, or 100 for an SMR of 100 at par), with the limits of the count divided
/// by `E` ([`count_limits`]; the method of PHEindicatormethods).
///
/// # Errors
/// [`NotComputable::Number`] where `expected` or `per` is not above zero or not finite; [`NotComputable::Undefined`]
/// where the ratio is too great for a number.
pub fn indirect_ratio(observed: u64, expected: f64, per: f64) -> Result<Estimate, NotComputable> {
    above_zero("the expected count", 1, expected)?;
    above_zero("the number that a ratio is per", 1, per)?;
    scaled_count("an indirectly standardised ratio", observed, |events| events / expected * per)
}

/// The indirectly standardised rate `O/E × reference rate`, in the units of `reference_rate` (such as per 100 000),
/// with the limits of the count scaled alike.
///
/// # Errors
/// [`NotComputable::Number`] where `expected` or `reference_rate` is not above zero or not finite;
/// [`NotComputable::Undefined`] where the rate is too great for a number.
pub fn indirect_rate(
    observed: u64,
    expected: f64,
    reference_rate: f64,
) -> Result<Estimate, NotComputable> {
    above_zero("the expected count", 1, expected)?;
    above_zero("the reference rate", 1, reference_rate)?;
    let scale = |events: f64| events / expected * reference_rate;
    scaled_count("an indirectly standardised rate", observed, scale)
}

fn scaled_count(
    measure: &'static str,
    observed: u64,
    scale: impl Fn(f64) -> f64,
) -> Result<Estimate, NotComputable> {
    Estimate::new(measure, scale(real(observed)), |level| {
        let limits = count_limits(observed, level);
        Ok(Limits { lower: scale(limits.lower), upper: scale(limits.upper) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRATA: [ReferenceStratum; 3] = [
        ReferenceStratum {
            reference_events: 412.0,
            reference_population: 51_233.0,
            population: 1_204.0,
        },
        ReferenceStratum {
            reference_events: 1_310.0,
            reference_population: 40_110.0,
            population: 977.0,
        },
        ReferenceStratum {
            reference_events: 2_903.0,
            reference_population: 17_021.0,
            population: 311.0,
        },
    ];

    /// Computed with SciPy 1.17 (`chi2.ppf` for the count of 7, Byar's formula for that of 104).
    #[test]
    fn ratios_and_rates_are_those_of_an_independent_computation() {
        let e = expected(&STRATA).expect("a count");
        assert!((e - 94.63349795815158).abs() <= 1e-9 * e, "{e}");
        for (observed, want) in [
            (
                7,
                [
                    7.396957896553196,
                    2.9739607139582023,
                    15.240560343738235,
                    1.6065519009675895,
                    20.73914398056304,
                ],
            ),
            (
                104,
                [
                    109.89766017736176,
                    89.79240496105233,
                    133.16060243063166,
                    79.56233236210048,
                    147.46572050512,
                ],
            ),
        ] {
            let ratio = indirect_ratio(observed, e, 100.0).expect("a ratio");
            let rate = indirect_rate(observed, e, 4_269.4).expect("a rate");
            let got =
                [ratio.value, ratio.p95.lower, ratio.p95.upper, ratio.p998.lower, ratio.p998.upper];
            for (got, want) in got.into_iter().zip(want) {
                assert!((got - want).abs() <= 1e-9 * want, "{observed}: {got} {want}");
            }
            assert!((rate.p998.upper - want[4] * 42.694).abs() <= 1e-9 * rate.p998.upper);
        }
    }

    #[test]
    fn nothing_expected_is_no_ratio() {
        assert!(expected(&[]).is_err());
        for e in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(indirect_ratio(3, e, 100.0).is_err() && indirect_rate(3, e, 10.0).is_err());
        }
        assert!(
            indirect_ratio(0, 4.0, 1.0).is_ok_and(|none| none.value == 0.0 && none.p95.upper > 0.0)
        );
    }
}
