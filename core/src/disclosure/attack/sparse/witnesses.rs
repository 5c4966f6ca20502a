//! Tables that fit everything that is published, and how far hidden counts differ between them.

use super::super::Limits;
use super::super::public::MergedCell;
use super::super::random::Random;
use super::fit;
use super::index::Index;
use super::lots::Lots;
use super::search::Search;
use super::start;

/// Where the generator begins. Any number would do.
const SEED: u64 = 0x4556_454E_5355_4D31;
/// Rows in which the search begins. Where there are more people than this, several stand in one row.
const ROWS: u64 = 5_000;
/// Rounds of single changes, and how many are tried for a cell.
const STROLLS: u32 = 12;
const STROLL_TRIES: usize = 8;
/// Changes in which one table is sought from the table before it, and such attempts for a hidden cell.
const CHANGES: u64 = 100;
const ATTEMPTS: u32 = 4;
/// The same for cells that are left, where a table that is found becomes the one to go on from.
const LAST_CHANGES: u64 = 500;
const LAST_ROUNDS: u32 = 6;

/// Tables that fit, and what each cell was seen to be in them.
#[derive(Debug)]
pub(super) struct Witnesses<'a> {
    cells: &'a [MergedCell],
    bounds: &'a [(i64, i64)],
    search: Search<'a>,
    seen: Vec<(i64, i64)>,
}

impl<'a> Witnesses<'a> {
    /// Spreads as many records as there may be people. Cell 0 is everybody.
    pub(super) fn new(
        index: &'a Index,
        cells: &'a [MergedCell],
        bounds: &'a [(i64, i64)],
        limits: &Limits,
    ) -> Self {
        let mut random = Random::new(SEED);
        let rows = fit::fitted(index, bounds).unwrap_or_else(|| {
            let points: Vec<i64> = bounds.iter().map(|b| start::inside(*b)).collect();
            let rows = usize::try_from(limits.records.clamp(1, ROWS)).unwrap_or(usize::MAX);
            start::spread(index, &points, points[0], rows, &mut random)
        });
        let mut lots = Lots::new(index, bounds);
        for (parts, weight) in rows.parts.iter().zip(&rows.weights) {
            lots.add(parts, *weight);
        }
        let search = Search::new(index, lots, random, limits.steps);
        Self { cells, bounds, search, seen: Vec::new() }
    }

    /// Steps of the search so far.
    pub(super) const fn steps(&self) -> u64 {
        self.search.steps()
    }

    /// Whether a first table was found.
    pub(super) fn begin(&mut self) -> bool {
        let found = self.search.repair(u64::MAX);
        if found {
            self.search.lots.keep();
            let count = |cell| self.search.lots.tally.count(cell);
            self.seen = (0..self.bounds.len()).map(|c| (count(c), count(c))).collect();
            self.check();
        }
        found
    }

    /// Whether every hidden cell was seen to vary enough, after a first table was found.
    pub(super) fn vary(&mut self, mut open: Vec<usize>) -> bool {
        open.sort_by_key(|c| (self.bounds[*c].1 - self.bounds[*c].0, *c));
        self.stroll(&mut open);
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

    /// Goes from table to table by single changes for as long as that settles many cells.
    fn stroll(&mut self, open: &mut Vec<usize>) {
        for _ in 0..STROLLS {
            for cell in open.iter().copied() {
                if self.varies(cell) || self.search.spent() {
                    continue;
                }
                let (least, most) = self.seen[cell];
                let count = self.search.lots.tally.count(cell);
                let up = if least == most { self.room_above(cell) } else { count > least };
                let enough = self.enough(cell);
                let by = if up { least + enough - count } else { most - enough - count };
                let moved = [by, by.signum()]
                    .into_iter()
                    .any(|by| self.search.stroll(cell, by, STROLL_TRIES));
                if moved {
                    self.search.lots.keep();
                    self.check();
                    for touched in 0..self.search.touched.len() {
                        self.see(self.search.touched[touched]);
                    }
                }
            }
            let before = open.len();
            open.retain(|c| !self.varies(*c));
            if open.len() * 10 > before * 9 {
                break;
            }
        }
    }

    /// Takes down what a cell is in the table at hand, which fits.
    fn see(&mut self, cell: usize) {
        let count = self.search.lots.tally.count(cell);
        let (least, most) = &mut self.seen[cell];
        (*least, *most) = (count.min(*least), count.max(*most));
    }

    /// Whether a cell was seen to be two numbers that lie far enough apart.
    fn varies(&self, cell: usize) -> bool {
        let (least, most) = self.seen[cell];
        most - least >= self.enough(cell)
    }

    fn enough(&self, cell: usize) -> i64 {
        self.cells[cell].hidden.apart(self.seen[cell].0, self.bounds[cell].0)
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
            open.iter().for_each(|c| self.see(*c));
        }
        self.search.lots.tally.bound(cell, (low, high));
        found
    }

    /// In debug builds every table that is believed is counted again, unless that takes long.
    fn check(&self) {
        #[cfg(test)]
        if self.search.lots.len() * self.bounds.len() < 50_000 {
            assert!(self.search.lots.fits(self.bounds), "a witness is a table of people");
        }
    }
}
