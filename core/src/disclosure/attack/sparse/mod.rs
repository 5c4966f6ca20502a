//! The test where the joint table is too large to be laid out: invented records stand for it.
//!
//! What sums give away is found by [`lines`]. Tables that fit every published figure are then searched for; where
//! two of them differ enough in a hidden count, it cannot be found out. There is no linear program here: a
//! hidden count for which no such tables are found leaves the release undecided.

mod index;
mod lines;
mod lots;
mod random;
mod search;
mod start;
mod tally;
#[cfg(test)]
mod tests;

use super::public::{MAX_BOUND, Merged, MergedCell};
use super::{Contradiction, Decision, Limits, Verdict, found_out};
use index::Index;
use lots::Lots;
use random::Random;
use search::Search;

/// Where the generator begins. Any number would do.
const SEED: u64 = 0x4556_454E_5355_4D31;
/// Rows in which the search begins. Where there are more people than this, several stand in one row.
const ROWS: u64 = 50_000;
/// Changes in which one table is sought from the table before it.
const CHANGES: u64 = 100;
/// Such attempts for a hidden cell.
const ATTEMPTS: u32 = 4;
/// The same for cells that are left, where a table that is found becomes the one to go on from.
const LAST_CHANGES: u64 = 500;
const LAST_ROUNDS: u32 = 6;

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
    let hidden: Vec<usize> = (0..cells.len()).filter(|c| cells[*c].hidden).collect();
    let known = |(low, high): (i64, i64)| found_out(low.unsigned_abs(), high.unsigned_abs());
    if hidden.iter().any(|c| known(bounds[*c])) {
        return Ok(decided(Verdict::Unsafe, 0));
    }
    if hidden.is_empty() {
        return Ok(decided(Verdict::Safe, 0));
    }
    let mut witnesses = Witnesses::new(&index, &bounds, limits);
    let safe = witnesses.begin() && witnesses.vary(hidden);
    let verdict = if safe { Verdict::Safe } else { Verdict::Undecided };
    Ok(decided(verdict, witnesses.search.steps()))
}

/// The cells in the order of their groups, everybody first, whether that was published or not.
fn ordered(merged: &Merged) -> Vec<MergedCell> {
    let mut cells = merged.cells.clone();
    if cells.iter().all(|c| c.at.iter().any(|group| *group != 0)) {
        let at = vec![0; merged.axes.len()];
        let high = i64::try_from(MAX_BOUND).unwrap_or(i64::MAX);
        cells.push(MergedCell { at, low: 0, high, hidden: false });
    }
    cells.sort_unstable_by(|a, b| a.at.cmp(&b.at));
    cells
}

/// Tables that fit, and what each cell was seen to be in them.
#[derive(Debug)]
struct Witnesses<'a> {
    bounds: &'a [(i64, i64)],
    search: Search<'a>,
    seen: Vec<(i64, i64)>,
}

impl<'a> Witnesses<'a> {
    /// Spreads as many records as there may be people.
    fn new(index: &'a Index, bounds: &'a [(i64, i64)], limits: &Limits) -> Self {
        let mut random = Random::new(SEED);
        let points: Vec<i64> = bounds.iter().map(|b| start::inside(*b)).collect();
        let rows = usize::try_from(limits.records.clamp(1, ROWS)).unwrap_or(usize::MAX);
        let rows = start::spread(index, &points, points[0], rows, &mut random);
        let mut lots = Lots::new(index, bounds);
        for (parts, weight) in rows.parts.iter().zip(&rows.weights) {
            lots.add(parts, *weight);
        }
        let search = Search::new(index, lots, random, limits.steps);
        Self { bounds, search, seen: Vec::new() }
    }

    /// Whether a first table was found.
    fn begin(&mut self) -> bool {
        let found = self.search.repair(u64::MAX);
        if found {
            self.search.lots.keep();
            self.seen = self.search.lots.tally.counts.iter().map(|n| (*n, *n)).collect();
            self.check();
        }
        found
    }

    /// Whether every hidden cell was seen to vary enough.
    fn vary(&mut self, hidden: Vec<usize>) -> bool {
        let mut open = hidden;
        open.sort_by_key(|c| (self.bounds[*c].1 - self.bounds[*c].0, *c));
        for cell in open.clone() {
            let mut up = self.room_above(cell);
            for _ in 0..ATTEMPTS {
                if self.varies(cell) || self.search.spent() {
                    break;
                }
                self.attempt(cell, up, CHANGES, &open);
                self.search.lots.back();
                up = !up;
            }
            debug_assert!(self.search.lots.tally.outside().is_empty(), "back where it was kept");
        }
        for _ in 0..LAST_ROUNDS {
            open.retain(|c| !self.varies(*c));
            for cell in open.clone() {
                for up in [true, false] {
                    if self.varies(cell) || self.search.spent() {
                        break;
                    }
                    if self.attempt(cell, up, LAST_CHANGES, &open) {
                        self.search.lots.keep();
                    } else {
                        self.search.lots.back();
                    }
                }
            }
        }
        open.iter().all(|c| self.varies(*c))
    }

    /// Whether a cell was seen to be two numbers that lie 2 apart, or 1 apart where it is surely 3 or more.
    fn varies(&self, cell: usize) -> bool {
        let (least, most) = self.seen[cell];
        most - least >= self.enough(cell)
    }

    fn enough(&self, cell: usize) -> i64 {
        if self.bounds[cell].0 >= 3 { 1 } else { 2 }
    }

    fn room_above(&self, cell: usize) -> bool {
        let (least, most) = self.seen[cell];
        self.bounds[cell].1 - most >= least - self.bounds[cell].0
    }

    /// Whether a table was found in which a cell is greater, or smaller, by enough than it was seen to be.
    fn attempt(&mut self, cell: usize, up: bool, changes: u64, open: &[usize]) -> bool {
        let (low, high) = self.bounds[cell];
        let (least, most) = self.seen[cell];
        let goal = if up {
            ((least + self.enough(cell)).min(high), high)
        } else {
            (low, (most - self.enough(cell)).max(low))
        };
        self.search.lots.tally.bound(cell, goal);
        let found = self.search.repair(changes);
        if found {
            self.check();
            for cell in open {
                let count = self.search.lots.tally.counts[*cell];
                let (least, most) = &mut self.seen[*cell];
                (*least, *most) = (count.min(*least), count.max(*most));
            }
        }
        self.search.lots.tally.bound(cell, (low, high));
        found
    }

    /// In debug builds every table that is believed is counted again, unless that takes long.
    fn check(&self) {
        #[cfg(any(test, debug_assertions))]
        if self.search.lots.len() * self.bounds.len() < 200_000 {
            assert!(self.search.lots.fits(self.bounds), "a witness is a table of people");
        }
    }
}
