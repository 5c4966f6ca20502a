//! How unequal the values of groups are that have no order: variance, disparity, and mean differences.
//!
//! Formulas and standard errors are those of the package healthequal of the WHO (Schlotheuber and Hosseinpoor,
//! International Journal of Environmental Research and Public Health 19, 2022, 3697; Ahn and others, JCO Clinical Cancer
//! Informatics 2, 2018, 1-19). `f_i` is the population share of a group, `y_i` its value, `μ = Σ f_i y_i`.
//! Where a value is 0 that a logarithm is taken of, nothing is put in its place.

use super::better::Better;
use super::concentration::{check_errors, normal_limits};
use super::group::{Group, check_groups, finite, positive_mean, shares};
use super::level::Estimate;
use super::quantity::Quantity;
use super::reason::NotComputable;

const BGV: &str = "the between-group variance";
const BGSD: &str = "the between-group standard deviation";
const COV: &str = "the coefficient of variation";
const THEIL: &str = "the Theil index";
const MLD: &str = "the mean log deviation";
const IDIS: &str = "the index of disparity";
const MDM: &str = "the mean difference from the mean";
const MDB: &str = "the mean difference from the best group";
const MDR: &str = "the mean difference from the reference group";

/// What each group counts for in a mean over groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// Each group the same.
    Equal,
    /// Each group by the people in it.
    Population,
}

/// The mean over groups of what `of` makes of each.
fn average<N: Quantity>(groups: &[Group<N>], weighting: Weighting, of: impl Fn(usize) -> N) -> N {
    let one = N::of(1.0);
    let weight = |group: &Group<N>| match weighting {
        Weighting::Equal => one,
        Weighting::Population => group.population,
    };
    let term = |(at, group): (usize, &Group<N>)| Group { value: of(at), population: weight(group) };
    let terms: Vec<_> = groups.iter().enumerate().map(term).collect();
    N::weighted_mean(&terms)
}

/// The between-group variance, `Σ f_i (y_i − μ)²`, in the square of the units of the values.
///
/// # Errors
/// Those of [`check_groups`].
pub fn between_group_variance<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    check_groups(BGV, groups)?;
    let by_deviation =
        average(groups, Weighting::Population, |at| N::deviation(groups, at).squared());
    // The same from any other middle, less the square of what lies between: where values are only known between
    // bounds it has the lower most.
    let mean = N::weighted_mean(groups);
    let middle = N::of(f64::midpoint(mean.low(), mean.high()));
    let from_middle =
        average(groups, Weighting::Population, |at| (groups[at].value - middle).squared());
    let variance = by_deviation.meet(from_middle - (mean - middle).squared());
    finite(BGV, variance.max(N::of(0.0)))
}

/// The between-group variance with normal limits from the standard errors of the groups' values:
/// `se² = 4 Σ f²s²(y − μ)² + 2((Σ f²s²)² − Σ f⁴s⁴ + Σ f²(1 − f)²s⁴)` (Ahn and others 2018). The limits are approximate,
/// and the lower one may be below 0.
///
/// # Errors
/// Those of [`between_group_variance`]; [`NotComputable::NoLimits`] without an error for each group and
/// [`NotComputable::Number`] for one that is negative or no number.
pub fn between_group_variance_estimate(
    groups: &[Group<f64>],
    errors: &[f64],
) -> Result<Estimate, NotComputable> {
    let value = between_group_variance(groups)?;
    check_errors(BGV, groups.len(), errors)?;
    let mean = f64::weighted_mean(groups);
    let (mut squares, mut second, mut fourth, mut rest) = (0.0, 0.0, 0.0, 0.0);
    for ((group, share), error) in groups.iter().zip(shares(groups)?).zip(errors) {
        let part = (share * error).powi(2);
        squares += part * (group.value - mean).powi(2);
        second += part;
        fourth += part * part;
        rest += part * ((1.0 - share) * error).powi(2);
    }
    let variance = 4.0 * squares + 2.0 * (second * second - fourth + rest);
    normal_limits(BGV, value, variance.max(0.0).sqrt())
}

/// The between-group standard deviation, the square root of the variance, in the units of the values.
///
/// # Errors
/// Those of [`check_groups`].
pub fn between_group_deviation<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    finite(BGSD, between_group_variance(groups)?.sqrt())
}

/// The coefficient of variation, `100 √BGV / μ`, in per cent of the mean.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Number`] for values that may be negative and
/// [`NotComputable::Undefined`] where the mean may be 0.
pub fn coefficient_of_variation<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    let mean = positive_mean(COV, groups)?;
    let over_mean = between_group_deviation(groups)? / mean;
    let relative = average(groups, Weighting::Population, |at| {
        (N::relative(groups, at) - N::of(1.0)).squared()
    });
    finite(COV, N::of(100.0) * over_mean.meet(relative.max(N::of(0.0)).sqrt()))
}

/// The Theil index times 1000, `1000 Σ f_i (y_i/μ) ln(y_i/μ)`, without unit. A value of 0 adds nothing, as in the limit.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Number`] for values that may be negative and
/// [`NotComputable::Undefined`] where the mean may be 0.
pub fn theil<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    positive_mean(THEIL, groups)?;
    let index = average(groups, Weighting::Population, |at| N::relative(groups, at).theil_term());
    finite(THEIL, N::of(1000.0) * index.max(N::of(0.0)))
}

/// The Theil index times 1000 with normal limits from the standard errors of the groups' values:
/// `se = 1000 √Σ f²s²(1 + ln r − Σ f r (1 + ln r))² / μ`, with r the value over the mean (Ahn and others 2018).
///
/// # Errors
/// Those of [`theil`]; [`NotComputable::Undefined`] where a value is 0; [`NotComputable::NoLimits`] without an error for
/// each group and [`NotComputable::Number`] for one that is negative or no number.
pub fn theil_estimate(groups: &[Group<f64>], errors: &[f64]) -> Result<Estimate, NotComputable> {
    let value = theil(groups)?;
    check_errors(THEIL, groups.len(), errors)?;
    no_zero(THEIL, groups)?;
    let (mean, shares) = (f64::weighted_mean(groups), shares(groups)?);
    let slope = |group: &Group<f64>| 1.0 + (group.value / mean).ln();
    let parts = || groups.iter().zip(&shares);
    let middle: f64 = parts().map(|(group, share)| share * group.value / mean * slope(group)).sum();
    let variance: f64 = parts()
        .zip(errors)
        .map(|((group, share), error)| (share * error / mean * (slope(group) - middle)).powi(2))
        .sum();
    normal_limits(THEIL, value, 1000.0 * variance.sqrt())
}

fn no_zero<N: Quantity>(measure: &'static str, groups: &[Group<N>]) -> Result<(), NotComputable> {
    if groups.iter().any(|group| group.value.low() <= 0.0) {
        let why = "the value of a group may be 0, which has no logarithm";
        return Err(NotComputable::Undefined { measure, why });
    }
    Ok(())
}

/// The mean log deviation times 1000, `−1000 Σ f_i ln(y_i/μ)`, without unit.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Number`] for values that may be negative and
/// [`NotComputable::Undefined`] where one of them may be 0.
pub fn mean_log_deviation<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    positive_mean(MLD, groups)?;
    no_zero(MLD, groups)?;
    let index = average(groups, Weighting::Population, |at| N::relative(groups, at).log_term());
    finite(MLD, N::of(1000.0) * index.max(N::of(0.0)))
}

/// The mean log deviation times 1000 with normal limits from the standard errors of the groups' values:
/// `se = 1000 √Σ f²s²(1 − μ/y)² / μ` (Ahn and others 2018; healthequal leaves out the factor 1000 of the index).
///
/// # Errors
/// Those of [`mean_log_deviation`]; [`NotComputable::NoLimits`] without an error for each group and
/// [`NotComputable::Number`] for one that is negative or no number.
pub fn mean_log_deviation_estimate(
    groups: &[Group<f64>],
    errors: &[f64],
) -> Result<Estimate, NotComputable> {
    let value = mean_log_deviation(groups)?;
    check_errors(MLD, groups.len(), errors)?;
    let mean = f64::weighted_mean(groups);
    let variance: f64 = groups
        .iter()
        .zip(shares(groups)?)
        .zip(errors)
        .map(|((group, share), error)| (share * error / mean * (1.0 - mean / group.value)).powi(2))
        .sum();
    normal_limits(MLD, value, 1000.0 * variance.sqrt())
}

/// The index of disparity: the mean of `100 |y_i − μ| / μ`, in per cent of the mean.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Number`] for values that may be negative and
/// [`NotComputable::Undefined`] where the mean may be 0.
pub fn index_of_disparity<N: Quantity>(
    groups: &[Group<N>],
    weighting: Weighting,
) -> Result<N, NotComputable> {
    positive_mean(IDIS, groups)?;
    let index = average(groups, weighting, |at| (N::relative(groups, at) - N::of(1.0)).abs());
    finite(IDIS, N::of(100.0) * index.max(N::of(0.0)))
}

/// The mean difference from the mean: the mean of `|y_i − μ|`, in the units of the values.
///
/// # Errors
/// Those of [`check_groups`].
pub fn mean_difference_from_mean<N: Quantity>(
    groups: &[Group<N>],
    weighting: Weighting,
) -> Result<N, NotComputable> {
    check_groups(MDM, groups)?;
    let difference = average(groups, weighting, |at| N::deviation(groups, at).abs());
    finite(MDM, difference.max(N::of(0.0)))
}

/// The mean difference from the best group: the mean of `|y_i − y_best|` over all groups, the best with 0 among them,
/// in the units of the values.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Undefined`] where neither way is better.
pub fn mean_difference_from_best<N: Quantity>(
    groups: &[Group<N>],
    better: Better,
    weighting: Weighting,
) -> Result<N, NotComputable> {
    check_groups(MDB, groups)?;
    let turned = |at: usize| match better {
        Better::Lower => -groups[at].value,
        Better::Higher | Better::Neither => groups[at].value,
    };
    if better == Better::Neither {
        let why = "neither higher nor lower is better, so no group is the best";
        return Err(NotComputable::Undefined { measure: MDB, why });
    }
    let difference = average(groups, weighting, |at| {
        let others = (0..groups.len()).filter(|&other| other != at);
        let ahead = others.map(|other| turned(other) - turned(at));
        ahead.fold(N::of(0.0), Quantity::max)
    });
    finite(MDB, difference.max(N::of(0.0)))
}

/// The mean difference from a reference group, numbered from 0: the mean of `|y_i − y_ref|` over all groups, the
/// reference with 0 among them, in the units of the values.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Missing`] where there is no such group.
pub fn mean_difference_from<N: Quantity>(
    groups: &[Group<N>],
    reference: usize,
    weighting: Weighting,
) -> Result<N, NotComputable> {
    check_groups(MDR, groups)?;
    let base = groups.get(reference).ok_or(NotComputable::Missing { group: reference + 1 })?.value;
    let difference = average(groups, weighting, |at| {
        if at == reference { N::of(0.0) } else { (groups[at].value - base).abs() }
    });
    finite(MDR, difference.max(N::of(0.0)))
}
