//! The test where the joint table is too large to be laid out: invented records stand for it.
//!
//! What sums give away is found by [`lines`]. Tables that fit every published figure are then searched for; where
//! two of them differ enough in a hidden count, it cannot be found out ([`witnesses`]). There is no linear program
//! here: a hidden count for which no such tables are found leaves the release undecided.

mod fit;
mod index;
mod lines;
mod lots;
mod search;
mod start;
mod tally;
#[cfg(test)]
mod tests;
mod witnesses;

use super::public::{MAX_BOUND, Merged, MergedCell};
use super::{Contradiction, Decision, Hidden, Limits, Verdict};
use index::Index;
use witnesses::Witnesses;

/// The verdict on what is published, without laying out the joint table.
///
/// # Errors
/// [`Contradiction`] where sums show that the figures exclude each other.
pub(super) fn decide(merged: &Merged, limits: &Limits) -> Result<Decision, Contradiction> {
    let decided = |verdict, steps| Decision { verdict, steps, programs: 0, dense: false };
    if merged.cells.len() > limits.published {
        return Ok(decided(Verdict::Undecided, 0));
    }
    let cells = ordered(merged);
    let Some(index) = Index::of(&merged.axes, &cells) else {
        return Ok(decided(Verdict::Undecided, 0));
    };
    let bounds = lines::narrowed(&index, &cells)?;
    let hidden: Vec<usize> = (0..cells.len()).filter(|c| cells[*c].hidden.is_hidden()).collect();
    let known = |c: &usize| {
        let (low, high) = bounds[*c];
        let hidden = cells[*c].hidden;
        (hidden.is_published() && low > merged.most)
            || hidden.found_out(low.unsigned_abs(), high.unsigned_abs())
    };
    if hidden.iter().any(known) {
        return Ok(decided(Verdict::Unsafe, 0));
    }
    let settled = |c: &usize| cells[*c].hidden.is_settled(bounds[*c].0, bounds[*c].1);
    let hidden: Vec<usize> = hidden.into_iter().filter(|c| !settled(c)).collect();
    if hidden.is_empty() {
        return Ok(decided(Verdict::Safe, 0));
    }
    let mut witnesses = Witnesses::new(&index, &cells, &bounds, limits);
    let safe = witnesses.begin() && witnesses.vary(hidden);
    let verdict = if safe { Verdict::Safe } else { Verdict::Undecided };
    Ok(decided(verdict, witnesses.steps()))
}

/// Whether there are so many people that the search begins by fitting.
pub(super) fn fits_many(merged: &Merged) -> bool {
    merged.cells.iter().any(|cell| cell.low >= fit::FEW)
}

/// The cells in the order of their groups, everybody first, whether that was published or not.
fn ordered(merged: &Merged) -> Vec<MergedCell> {
    let mut cells = merged.cells.clone();
    if cells.iter().all(|c| c.at.iter().any(|group| *group != 0)) {
        let at = vec![0; merged.axes.len()];
        let high = i64::try_from(MAX_BOUND).unwrap_or(i64::MAX);
        cells.push(MergedCell { at, low: 0, high, hidden: Hidden::No });
    }
    cells.sort_unstable_by(|a, b| a.at.cmp(&b.at));
    cells
}
