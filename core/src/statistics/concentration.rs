//! Concentration indices: how far a measure is concentrated among the less or the more deprived.
//!
//! Groups are given from the most to the least deprived. With `f_i` the population share and `r_i` the middle of the
//! group's range of ranks (0 the most, 1 the least deprived), values below 0 say that the measure is concentrated among
//! the more deprived, values above 0 among the less deprived (Kakwani, Wagstaff and van Doorslaer, Journal of
//! Econometrics 77, 1997, 87-103; the definitions are those of the package healthequal of the WHO).

use super::group::{Group, around, check_groups, finite, part, positive_mean};
use super::level::{Estimate, Limits};
use super::quantity::Quantity;
use super::reason::NotComputable;
use super::shares;

const ACI: &str = "the absolute concentration index";
const RCI: &str = "the relative concentration index";
const WAGSTAFF: &str = "Wagstaff's concentration index";
const ERREYGERS: &str = "Erreygers' concentration index";

/// `2 r_i − 1` of each group: the share of people before it less the share of people after it.
fn centred_ranks<N: Quantity>(groups: &[Group<N>]) -> Vec<N> {
    let last = groups.len().saturating_sub(1);
    let sides = around(groups);
    let rank = |(at, (group, (before, after))): (usize, (&Group<N>, &(N, N)))| {
        let zero = N::of(0.0);
        let below = if at == 0 { zero } else { part(*before, group.population + *after) };
        let above = if at == last { zero } else { part(*after, group.population + *before) };
        below - above
    };
    groups.iter().zip(&sides).enumerate().map(rank).collect()
}

/// The absolute concentration index, `2 Σ f_i (r_i − ½) y_i`, in the units of the values.
///
/// # Errors
/// Those of [`check_groups`].
pub fn absolute_concentration<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    check_groups(ACI, groups)?;
    // The coefficients add up to nothing, so any constant may be taken from the values: the middle of their mean leaves
    // the least for uncertain shares to multiply.
    let mean = N::weighted_mean(groups);
    let middle = N::of(f64::midpoint(mean.low(), mean.high()));
    let term = |(group, rank): (&Group<N>, N)| Group {
        value: rank * (group.value - middle),
        population: group.population,
    };
    let terms: Vec<_> = groups.iter().zip(centred_ranks(groups)).map(term).collect();
    finite(ACI, N::weighted_mean(&terms))
}

/// The relative concentration index, the absolute one over the mean; from −1 to 1, without unit.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Number`] for values that may be negative and
/// [`NotComputable::Undefined`] where the mean may be 0.
pub fn relative_concentration<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    let mean = positive_mean(RCI, groups)?;
    // Seen the other way it is the mean of the ranks, weighted by events, of which the exact extremes are known.
    let term = |(group, rank): (&Group<N>, N)| Group {
        value: rank,
        population: (group.value * group.population).max(N::of(0.0)),
    };
    let terms: Vec<_> = groups.iter().zip(centred_ranks(groups)).map(term).collect();
    finite(RCI, (absolute_concentration(groups)? / mean).meet(N::weighted_mean(&terms)))
}

fn check_fractions<N: Quantity>(groups: &[Group<N>]) -> Result<(), NotComputable> {
    let outside = |group: &Group<N>| group.value.low() < 0.0 || group.value.high() > 1.0;
    groups.iter().position(outside).map_or(Ok(()), |at| {
        let (what, rule) = ("the value", "a fraction from 0 to 1");
        Err(NotComputable::Number { what, group: at + 1, rule })
    })
}

/// Wagstaff's normalised concentration index of fractions of people: `RCI / (1 − μ)`; from −1 to 1, without unit
/// (Wagstaff, Health Economics 14, 2005, 429-432).
///
/// # Errors
/// Those of [`relative_concentration`]; [`NotComputable::Number`] for values that are no fractions and
/// [`NotComputable::Undefined`] where the mean may be 1.
pub fn wagstaff<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    check_groups(WAGSTAFF, groups)?;
    check_fractions(groups)?;
    let mean = positive_mean(WAGSTAFF, groups)?;
    // Of fractions that do not have it, so that nothing is lost where nearly all have it.
    let rest: Vec<_> = groups
        .iter()
        .map(|group| Group { value: N::of(1.0) - group.value, population: group.population })
        .collect();
    let without = N::weighted_mean(&rest);
    if groups.iter().all(|group| group.value.high() >= 1.0) || without.low() <= 0.0 {
        return Err(NotComputable::Undefined { measure: WAGSTAFF, why: "the mean may be 1" });
    }
    let absolute = absolute_concentration(groups)?;
    let index = relative_concentration(groups)? / without;
    finite(WAGSTAFF, index.meet(absolute / mean / without))
}

/// Erreygers' corrected concentration index of fractions of people: `4 μ RCI`; from −1 to 1, without unit (Erreygers,
/// Journal of Health Economics 28, 2009, 504-515). It is defined, and 0, also where nobody has it.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Number`] for values that are no fractions.
pub fn erreygers<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    check_groups(ERREYGERS, groups)?;
    check_fractions(groups)?;
    finite(ERREYGERS, N::of(4.0) * absolute_concentration(groups)?)
}

/// Checked standard errors, one for each group, in the units of the values.
pub(super) fn check_errors(
    measure: &'static str,
    groups: usize,
    errors: &[f64],
) -> Result<(), NotComputable> {
    if errors.len() != groups {
        return Err(NotComputable::NoLimits { measure });
    }
    let wrong = |error: &f64| !(0.0..=super::group::SIZE_MOST).contains(error);
    errors.iter().position(wrong).map_or(Ok(()), |at| {
        let (what, rule) = ("the standard error", "from 0 to 10^12");
        Err(NotComputable::Number { what, group: at + 1, rule })
    })
}

/// A value with normal limits, `value ∓ z·se`.
pub(super) fn normal_limits(
    measure: &'static str,
    value: f64,
    error: f64,
) -> Result<Estimate, NotComputable> {
    Estimate::new(measure, value, |level| {
        let half = level.z() * error;
        Ok(Limits { lower: value - half, upper: value + half })
    })
}

/// The absolute concentration index with its limits from the standard errors of the groups' values, which are taken to
/// be independent, and the populations to be known: `se² = Σ (2 f_i (r_i − ½))² s_i²`, exact for a weighted sum.
///
/// # Errors
/// Those of [`absolute_concentration`]; [`NotComputable::NoLimits`] without an error for each group and
/// [`NotComputable::Number`] for one that is negative or no number.
pub fn absolute_concentration_estimate(
    groups: &[Group<f64>],
    errors: &[f64],
) -> Result<Estimate, NotComputable> {
    let value = absolute_concentration(groups)?;
    check_errors(ACI, groups.len(), errors)?;
    let parts = shares(groups)?.into_iter().zip(centred_ranks(groups)).zip(errors);
    let variance: f64 = parts.map(|((share, rank), error)| (share * rank * error).powi(2)).sum();
    normal_limits(ACI, value, variance.sqrt())
}

/// The relative concentration index with its limits from the standard errors of the groups' values, which are taken to
/// be independent, and the populations to be known: `se² = Σ f_i² s_i² (2 r_i − 1 − RCI)² / μ²`, the part of groups'
/// values in the variance of Kakwani, Wagstaff and van Doorslaer (1997) for grouped data.
///
/// # Errors
/// Those of [`relative_concentration`]; [`NotComputable::NoLimits`] without an error for each group and
/// [`NotComputable::Number`] for one that is negative or no number.
pub fn relative_concentration_estimate(
    groups: &[Group<f64>],
    errors: &[f64],
) -> Result<Estimate, NotComputable> {
    let value = relative_concentration(groups)?;
    check_errors(RCI, groups.len(), errors)?;
    let mean = f64::weighted_mean(groups);
    let parts = shares(groups)?.into_iter().zip(centred_ranks(groups)).zip(errors);
    let variance: f64 =
        parts.map(|((share, rank), error)| (share * error * (rank - value) / mean).powi(2)).sum();
    normal_limits(RCI, value, variance.sqrt())
}
