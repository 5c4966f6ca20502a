//! Groups of a population with a value each, their shares of it, and their mean.

use super::number::Number;
use super::quantity::Quantity;
use super::reason::NotComputable;

/// A group of people with the value of a measure. Number or span, the value is in the units of the measure, and the
/// population in people (or any weight in proportion to them).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group<N> {
    /// The value of the measure for the group.
    pub value: N,
    /// How many people are in the group.
    pub population: N,
}

/// The least groups between which there is inequality.
pub const GROUPS_LEAST: usize = 2;

/// The most groups that a measure is computed for.
pub const GROUPS_MOST: usize = 1_000;

/// The greatest value, and the greatest population of a group, that a measure is computed for.
pub(super) const SIZE_MOST: f64 = 1e12;

/// The smallest population of a group, for weights that are shares.
pub(super) const POPULATION_LEAST: f64 = 1e-12;

/// Whether groups are as a measure needs them: [`GROUPS_LEAST`] to [`GROUPS_MOST`] of them, values that are numbers of
/// at most 10^12 either side of 0, populations from 10^-12 (they may be shares) to 10^12.
///
/// # Errors
/// [`NotComputable::TooFewGroups`], [`NotComputable::TooManyGroups`], [`NotComputable::Number`].
pub fn check_groups<N: Quantity>(
    measure: &'static str,
    groups: &[Group<N>],
) -> Result<(), NotComputable> {
    if groups.len() < GROUPS_LEAST {
        return Err(NotComputable::TooFewGroups { measure, least: GROUPS_LEAST });
    }
    if groups.len() > GROUPS_MOST {
        return Err(NotComputable::TooManyGroups { measure, most: GROUPS_MOST });
    }
    for (at, group) in groups.iter().enumerate() {
        let (value, people) = (group.value, group.population);
        let wrong = |what, rule| Err(NotComputable::Number { what, group: at + 1, rule });
        if !(-SIZE_MOST <= value.low() && value.low() <= value.high() && value.high() <= SIZE_MOST)
        {
            return wrong("the value", "a number of at most 10^12 either side of 0");
        }
        let ordered = people.low() <= people.high() && people.high() <= SIZE_MOST;
        if !(people.low() >= POPULATION_LEAST && ordered) {
            return wrong("the population", "above 0, and at most 10^12");
        }
    }
    Ok(())
}

/// The mean of groups for a measure that is relative to it: values from 0 on, and a mean that is above 0 whatever the
/// values are within their bounds.
///
/// # Errors
/// Those of [`check_groups`]; [`NotComputable::Number`] for a value that may be negative, and
/// [`NotComputable::Undefined`] where the mean may be 0.
pub(super) fn positive_mean<N: Quantity>(
    measure: &'static str,
    groups: &[Group<N>],
) -> Result<N, NotComputable> {
    check_groups(measure, groups)?;
    if let Some(at) = groups.iter().position(|group| group.value.low() < 0.0) {
        let (what, rule) = ("the value", "0 or more");
        return Err(NotComputable::Number { what, group: at + 1, rule });
    }
    if groups.iter().all(|group| group.value.low() <= 0.0) {
        return Err(NotComputable::Undefined { measure, why: "the mean may be 0" });
    }
    let mean = N::weighted_mean(groups);
    if mean.low() > 0.0 {
        Ok(mean)
    } else {
        Err(NotComputable::Undefined { measure, why: "the mean is too near to 0" })
    }
}

/// A result, if it is finite.
pub(super) fn finite<N: Number>(measure: &'static str, value: N) -> Result<N, NotComputable> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(NotComputable::Undefined { measure, why: "a number of it is not finite" })
    }
}

/// One part over itself and the rest, so that each stands once in the formula and bounds are as narrow as they can be.
pub(super) fn part<N: Quantity>(one: N, rest: N) -> N {
    N::of(1.0) / (N::of(1.0) + rest / one)
}

/// For each group, all people in groups before it and all in groups after it.
pub(super) fn around<N: Quantity>(groups: &[Group<N>]) -> Vec<(N, N)> {
    let mut sides = vec![(N::of(0.0), N::of(0.0)); groups.len()];
    for at in 1..groups.len() {
        sides[at].0 = sides[at - 1].0 + groups[at - 1].population;
        let from_end = groups.len() - 1 - at;
        sides[from_end].1 = sides[from_end + 1].1 + groups[from_end + 1].population;
    }
    sides
}

/// The share of each group in the population: `n_i / Σn`, as fractions, in the order of the groups.
///
/// # Errors
/// Those of [`check_groups`].
pub fn shares<N: Quantity>(groups: &[Group<N>]) -> Result<Vec<N>, NotComputable> {
    const MEASURE: &str = "the share of a group in the population";
    check_groups(MEASURE, groups)?;
    let sides = around(groups);
    let share = |(group, (before, after)): (&Group<N>, &(N, N))| {
        finite(MEASURE, part(group.population, *before + *after))
    };
    groups.iter().zip(&sides).map(share).collect()
}

/// The mean of the groups, weighted by population: `Σ n_i y_i / Σ n_i`, in the units of the values. Of spans it gives
/// the exact extremes.
///
/// # Errors
/// Those of [`check_groups`].
pub fn group_mean<N: Quantity>(groups: &[Group<N>]) -> Result<N, NotComputable> {
    const MEASURE: &str = "the mean of the groups";
    check_groups(MEASURE, groups)?;
    finite(MEASURE, N::weighted_mean(groups))
}
