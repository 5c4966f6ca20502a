//! What may be said of different people over several partners. Of the opened sums only empty buckets are counted, and
//! what is said is rounded and has an error; of few people nothing is said, and nothing beside a count that is withheld.

use serde::{Deserialize, Serialize};

use super::document::{CellText, ReleaseDocument};
use crate::model::LevelId;
use crate::plan::DistinctTable;
use crate::pool::{
    BUCKETS_OF_CATEGORY, BUCKETS_OF_TOTAL, Estimate, LEAST_EMPTY, PoolError, Totals, estimate,
    standard_error,
};

/// The fewest people that are spoken of.
pub const LEAST_PEOPLE: u64 = 100;
/// What estimates are multiples of, below a thousand as well as above.
pub const PEOPLE_BASE: u64 = 10;
/// How many standard errors an estimate is said to be off by at most: nineteen times of twenty it is less.
const ERRORS: f64 = 2.0;

/// An estimate of different people: a multiple of [`PEOPLE_BASE`], or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PeopleText {
    /// About so many.
    People(u64),
    /// None.
    State(NoPeople),
}

/// Why there is no estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoPeople {
    /// Of fewer than [`LEAST_PEOPLE`], or beside a count that is withheld.
    Withheld,
    /// Of more than there are buckets for.
    TooMany,
}

/// An estimate, and between which numbers the true one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeopleBounds {
    /// About so many.
    pub estimate: u64,
    /// Two standard errors and the rounding less.
    pub low: u64,
    /// As much more.
    pub high: u64,
}

/// The estimates of one breakdown: what is left of opened sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistinctPeople {
    by: Vec<LevelId>,
    people: Vec<PeopleText>,
}

impl DistinctPeople {
    /// From the opened sums of all of a table's vectors, which are wiped.
    ///
    /// # Errors
    /// [`PoolError::Length`] where they are not the sums of its vectors.
    #[expect(clippy::needless_pass_by_value, reason = "opened sums are used up")]
    pub fn of(table: &DistinctTable, opened: Vec<Totals>) -> Result<Self, PoolError> {
        let shape = table.shape();
        let a_group = shape.vectors_a_group();
        if opened.len() != shape.groups() * a_group {
            return Err(PoolError::Length);
        }
        let one = |row: &[Totals]| {
            let buckets: usize = row.iter().map(Totals::len).sum();
            if buckets != shape.buckets() as usize {
                return Err(PoolError::Length);
            }
            let empty = row.iter().flat_map(Totals::opened).filter(|sum| **sum == 0).count();
            Ok(said(u32::try_from(empty).unwrap_or(u32::MAX), shape.buckets()))
        };
        let people = opened.chunks(a_group).map(one).collect::<Result<_, _>>()?;
        Ok(Self { by: table.level().cloned().into_iter().collect(), people })
    }
}

/// What is said of so many empty buckets.
fn said(empty: u32, buckets: u32) -> PeopleText {
    match estimate(empty, buckets) {
        Estimate::Saturated => PeopleText::State(NoPeople::TooMany),
        Estimate::People(people) => match rounded(people) {
            people if people < LEAST_PEOPLE => PeopleText::State(NoPeople::Withheld),
            people => PeopleText::People(people),
        },
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate is at least 0 and below a million"
)]
fn rounded(people: f64) -> u64 {
    let base = PEOPLE_BASE as f64;
    // Down where fewer than the least would be rounded up to it.
    let rounded = (people / base).round() * base;
    if people < LEAST_PEOPLE as f64 { 0 } else { rounded as u64 }
}

/// An estimate with its bounds: the error is that of the rounded estimate, so that it says nothing more exact.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an estimate is at least 0 and below a million"
)]
fn bounds(people: u64, buckets: u32) -> PeopleBounds {
    let base = PEOPLE_BASE as f64;
    let off = ERRORS * standard_error(people as f64, buckets) + base / 2.0;
    let off = (off / base).ceil() as u64 * PEOPLE_BASE;
    PeopleBounds { estimate: people, low: people.saturating_sub(off), high: people + off }
}

/// The buckets behind each estimate of a release: everybody is last.
fn buckets(place: usize, of: usize) -> u32 {
    if place + 1 == of { BUCKETS_OF_TOTAL } else { BUCKETS_OF_CATEGORY }
}

/// The estimates that a release of a sum carries: of a table by at most one level, one for each category, everybody
/// last. None where there are no estimates by that level.
pub(super) fn beside(
    document: &ReleaseDocument,
    estimates: &[DistinctPeople],
) -> Option<Vec<PeopleText>> {
    let (by, groups) = broken_down(document)?;
    let of = |by: &[LevelId]| {
        estimates.iter().find(|one| one.by.as_slice() == by).map(|one| &one.people)
    };
    let everybody = of(&[])?;
    let mut people = if by.is_empty() { Vec::new() } else { of(&by)?.clone() };
    people.extend(everybody);
    if people.len() != groups {
        return None;
    }
    for (group, text) in people.iter_mut().enumerate() {
        if !is_counted(document, group) {
            *text = PeopleText::State(NoPeople::Withheld);
        }
    }
    Some(people)
}

/// The level of a table of a sum that is by at most one and of nobody in particular, and its categories.
fn broken_down(document: &ReleaseDocument) -> Option<(Vec<LevelId>, usize)> {
    if document.pool.is_none() || document.question.scope.is_some() {
        return None;
    }
    match &document.axes[..] {
        [_outcome] => Some((Vec::new(), 1)),
        [axis, _outcome] => Some((vec![axis.level.clone()], axis.categories.len())),
        _ => None,
    }
}

/// Whether the count of all records of a category is shown.
fn is_counted(document: &ReleaseDocument, group: usize) -> bool {
    let outcome = document.axes.last().map_or(1, |axis| axis.categories.len());
    let all = (group + 1) * outcome - 1;
    matches!(document.cells.get(all), Some(CellText::Count(_)))
}

/// Whether the estimates of a release are ones that these rules make.
pub(super) fn possible(document: &ReleaseDocument) -> bool {
    let Some(people) = &document.distinct_people else { return true };
    let Some((_, groups)) = broken_down(document) else { return false };
    let one = |(group, text): (usize, &PeopleText)| match *text {
        PeopleText::State(_) => true,
        PeopleText::People(n) => {
            let most = match estimate(LEAST_EMPTY, buckets(group, groups)) {
                Estimate::People(most) => rounded(most),
                Estimate::Saturated => 0,
            };
            (LEAST_PEOPLE..=most).contains(&n)
                && n.is_multiple_of(PEOPLE_BASE)
                && is_counted(document, group)
        }
    };
    people.len() == groups && people.iter().enumerate().all(one)
}

impl ReleaseDocument {
    /// The estimates of different people, one for each category of the one level, everybody last; none where the
    /// release carries none.
    #[must_use]
    pub fn people(&self) -> Vec<Result<PeopleBounds, NoPeople>> {
        let all = self.distinct_people.as_deref().unwrap_or_default();
        let one = |(place, text): (usize, &PeopleText)| match *text {
            PeopleText::People(n) => Ok(bounds(n, buckets(place, all.len()))),
            PeopleText::State(state) => Err(state),
        };
        all.iter().enumerate().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buckets of which so many people leave so many empty.
    fn empty(people: f64, buckets: u32) -> u32 {
        (f64::from(buckets) * (-people / f64::from(buckets)).exp()).round() as u32
    }

    #[test]
    fn nothing_is_said_of_fewer_than_a_hundred_or_of_more_than_there_are_buckets_for() {
        for (people, text) in [
            (0.0, PeopleText::State(NoPeople::Withheld)),
            (96.0, PeopleText::State(NoPeople::Withheld)),
            (99.0, PeopleText::State(NoPeople::Withheld)),
            (104.0, PeopleText::People(100)),
            (106.0, PeopleText::People(110)),
            (996.0, PeopleText::People(1_000)),
            (17_300.0, PeopleText::State(NoPeople::TooMany)),
        ] {
            assert_eq!(said(empty(people, 4_096), 4_096), text, "{people}");
        }
        assert_eq!(said(empty(17_300.0, 16_384), 16_384), PeopleText::People(17_300));
        assert_eq!(said(0, 16_384), PeopleText::State(NoPeople::TooMany));
    }

    #[test]
    fn the_bounds_are_two_errors_and_the_rounding() {
        // 1.146 % of a thousand, twice, and 5.
        assert_eq!(bounds(1_000, 4_096), PeopleBounds { estimate: 1_000, low: 970, high: 1_030 });
        // 0.606 % of ten thousand, twice, and 5.
        let of = bounds(10_000, 16_384);
        assert_eq!(of, PeopleBounds { estimate: 10_000, low: 9_870, high: 10_130 });
        assert_eq!(bounds(100, 16_384), PeopleBounds { estimate: 100, low: 90, high: 110 });
    }
}
