//! Division of areas into quantiles by rank: as many areas in each, or as many people in each.

use super::reason::NotComputable;

const QUANTILES: &str = "a division into quantiles";

/// The most areas that are divided; England has 33 755 lower layer super output areas.
pub const AREAS_MOST: usize = 100_000;

/// Which values quantile 1 holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The highest, as decile 1 of a deprivation score is the most deprived.
    Highest,
    /// The lowest.
    Lowest,
}

/// The places of the values in the order in which quantiles are filled, in runs of equal values.
fn runs(values: &[f64], first: First) -> Vec<Vec<usize>> {
    // Adding 0 makes one zero of two.
    let key = |at: usize| values[at] + 0.0;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| match first {
        First::Highest => key(b).total_cmp(&key(a)),
        First::Lowest => key(a).total_cmp(&key(b)),
    });
    order.chunk_by(|&a, &b| key(a) == key(b)).map(<[usize]>::to_vec).collect()
}

fn check(values: &[f64], quantiles: usize) -> Result<(), NotComputable> {
    if quantiles == 0 || values.len() < quantiles || values.len() > AREAS_MOST {
        let (least, most) = (quantiles.max(1), AREAS_MOST);
        return Err(NotComputable::Size { measure: QUANTILES, what: "areas", least, most });
    }
    values.iter().position(|value| !value.is_finite()).map_or(Ok(()), |at| {
        let (what, rule) = ("the value", "a finite number");
        Err(NotComputable::Number { what, group: at + 1, rule })
    })
}

/// The quantile of each area, from 1 to `quantiles`, with as many areas in each as can be:
/// `q = ⌊(k + 1) − ⌈((N + 1) − rank) / (N / k)⌉⌋`, where equal values all have the least of their ranks (OHID, Assigning
/// deprivation categories; `phe_quantile` of PHEindicatormethods). It is computed in whole numbers, without rounding.
///
/// # Errors
/// [`NotComputable::Size`] for more quantiles than areas, none, or more than [`AREAS_MOST`] areas;
/// [`NotComputable::Number`] for a value that is not finite.
pub fn quantiles(
    values: &[f64],
    quantiles: usize,
    first: First,
) -> Result<Vec<usize>, NotComputable> {
    check(values, quantiles)?;
    let (areas, mut before) = (values.len(), 0);
    let mut assigned = vec![0; areas];
    for run in runs(values, first) {
        let quantile = quantiles + 1 - ((areas - before) * quantiles).div_ceil(areas);
        for &at in &run {
            assigned[at] = quantile;
        }
        before += run.len();
    }
    Ok(assigned)
}

/// The quantile of each area, from 1 to `quantiles`, with as many people in each as can be: the one that the middle of
/// the area's people falls into when all people are put in the order of their areas' values,
/// `q = ⌊k (before + own/2) / all⌋ + 1`. Areas of equal value are taken as one. A middle exactly between two quantiles
/// is in the later one.
///
/// # Errors
/// Those of [`quantiles`]; [`NotComputable::Number`] for an area without people, and [`NotComputable::Missing`] where
/// there is not one population for each value.
pub fn population_quantiles(
    values: &[f64],
    populations: &[u64],
    quantiles: usize,
    first: First,
) -> Result<Vec<usize>, NotComputable> {
    check(values, quantiles)?;
    if values.len() != populations.len() {
        return Err(NotComputable::Missing { group: values.len().min(populations.len()) + 1 });
    }
    if let Some(at) = populations.iter().position(|&people| people == 0) {
        let (what, rule) = ("the population", "above 0");
        return Err(NotComputable::Number { what, group: at + 1, rule });
    }
    let people = |run: &[usize]| run.iter().map(|&at| u128::from(populations[at])).sum::<u128>();
    let all: u128 = populations.iter().map(|&people| u128::from(people)).sum();
    let mut before = 0;
    let mut assigned = vec![0; values.len()];
    for run in runs(values, first) {
        let own = people(&run);
        let steps = (2 * before + own) * quantiles as u128 / (2 * all);
        let quantile = usize::try_from(steps).unwrap_or(quantiles).min(quantiles - 1) + 1;
        for &at in &run {
            assigned[at] = quantile;
        }
        before += own;
    }
    Ok(assigned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn areas_have_the_quantiles_of_an_independent_computation() {
        // Python, fractions.Fraction: rank by scipy.stats.rankdata(method="min"), then the formula.
        let scores = [31.2, 5.5, 5.5, 77.0, 12.1, 12.1, 12.1, 44.4, 9.0, 60.3, 2.2];
        let highest = quantiles(&scores, 5, First::Highest).expect("quantiles");
        assert_eq!(highest, HIGHEST);
        let lowest = quantiles(&scores, 5, First::Lowest).expect("quantiles");
        assert_eq!(lowest, LOWEST);
        let people = [1_500, 1_720, 1_300, 2_900, 1_650, 1_410, 1_333, 1_800, 1_777, 1_604, 1_999];
        let weighted =
            population_quantiles(&scores, &people, 4, First::Highest).expect("quantiles");
        assert_eq!(weighted, WEIGHTED);
    }

    const HIGHEST: [usize; 11] = [2, 4, 4, 1, 2, 2, 2, 1, 4, 1, 5];
    const LOWEST: [usize; 11] = [4, 1, 1, 5, 2, 2, 2, 4, 2, 5, 1];
    const WEIGHTED: [usize; 11] = [2, 4, 4, 1, 3, 3, 3, 2, 3, 1, 4];

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let refused = |values: &[f64], k| quantiles(values, k, First::Lowest).is_err();
        assert!(refused(&[1.0, 2.0], 3) && refused(&[], 1) && refused(&[1.0], 0));
        assert!(refused(&[1.0, f64::NAN], 2) && refused(&[f64::INFINITY, 1.0], 2));
        assert!(refused(&vec![0.0; AREAS_MOST + 1], 2));
        let weighted = |people: &[u64]| population_quantiles(&[1.0, 2.0], people, 2, First::Lowest);
        assert!(
            weighted(&[0, 1]).is_err() && weighted(&[1]).is_err() && weighted(&[1; 3]).is_err()
        );
        assert_eq!(weighted(&[u64::MAX, u64::MAX]), Ok(vec![1, 2]));
        assert_eq!(quantiles(&[0.0, -0.0], 2, First::Highest), Ok(vec![1, 1]));
    }

    proptest! {
        #[test]
        fn quantiles_are_in_order_and_of_equal_size_where_none_are_equal(
            scores in prop::collection::vec(-3_i32..40, 1..60), k in 1_usize..12, highest: bool,
        ) {
            let first = if highest { First::Highest } else { First::Lowest };
            let values: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
            let people: Vec<u64> = scores.iter().map(|&score| 1 + score.unsigned_abs() as u64 % 7).collect();
            if k > values.len() {
                prop_assert!(quantiles(&values, k, first).is_err());
                return Ok(());
            }
            let by_area = quantiles(&values, k, first).expect("quantiles");
            let by_people = population_quantiles(&values, &people, k, first).expect("quantiles");
            for assigned in [&by_area, &by_people] {
                for (a, one) in assigned.iter().enumerate() {
                    prop_assert!((1..=k).contains(one));
                    for (b, other) in assigned.iter().enumerate() {
                        let ahead = if highest { values[a] > values[b] } else { values[a] < values[b] };
                        prop_assert!(!ahead || one <= other);
                        prop_assert!(values[a] != values[b] || one == other);
                    }
                }
            }
            let mut distinct = scores.clone();
            distinct.sort_unstable();
            distinct.dedup();
            if distinct.len() == scores.len() {
                for quantile in 1..=k {
                    let held = by_area.iter().filter(|&&q| q == quantile).count();
                    prop_assert!(held == values.len() / k || held == values.len().div_ceil(k));
                }
            }
        }
    }
}
